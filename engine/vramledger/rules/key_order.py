"""The order of keys in spec files and scenarios; it is that of the bundled ones."""

from __future__ import annotations

# The order of keys, where "..." stands for all others in the author's own; a document's first key names its kind.
ORDER = {
    "document": "order says ... fields blocks facts tables rules warnings "
    "source assumed reason silence examples sweep expect",
    "rule": "says overrides type unit per when ... formula cases otherwise source assumed reason silence examples",
    "case": "when formula says ...",
    "table": "says silence overrides ... columns fill",
    "row": "name says ... source assumed reason silence",
    "declaration": "says type unit entry one_of integer minimum below optional default missing lever ... "
    "source assumed reason silence",
    "block": "says ... table each when record unfolds around fields",
    "warning": "when says ... source assumed reason silence",
    "example": "says given expect tolerance ...",
    "source": "title url section ...",
}
# What stands below a key: one of a sort, or with * one or more by name or in a list.
_CONTENT = {
    "document": {
        "fields": "*declaration",
        "blocks": "*block",
        "facts": "*declaration",
        "tables": "*table",
        "rules": "*rule",
        "warnings": "*warning",
    },
    "rule": {"cases": "*case"},
    "table": {"columns": "*declaration", "fill": "*row"},
}
_EVERYWHERE = {"source": "source", "examples": "*example"}


def below(sort: str, key: str, listed: bool = False) -> str:
    """What sort of thing stands below a key of a sort of thing."""
    if listed or sort.startswith("*"):
        return sort.removeprefix("*")
    return _CONTENT.get(sort, {}).get(key) or _EVERYWHERE.get(key, "") if sort else ""


def ordered(sort: str, keys: list[str]) -> list[int]:
    """The positions of keys in the order that they shall have."""
    words = ORDER.get(sort, "...").split()
    rank = {word: place for place, word in enumerate(words)}
    others = rank["..."]

    def place(position: int) -> int:
        key = keys[position]
        if sort == "document" and position == 0:
            return -1
        # a field that cites for another stands with the source
        return rank.get("source" if sort == "document" and key.endswith("_source") else key, others)

    return sorted(range(len(keys)), key=place)
