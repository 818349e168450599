"""Random damage to texts of spec files and scenarios: in their bytes, their lines and their words."""

from __future__ import annotations

import re
from random import Random

SPLICES = (
    "", "null", "[]", "{}", "[a, b]", "{a: 1}", "0", "-1", "1e9", "0.5", "true", "no", "x", "4 B", "1 .. 2",
    "9**9**9",
    "parameters.bytes", "sum(t.bytes for t in tensors)", "modules", "config", "config.x", "w.shape[-1]", "a b",
    "(", "{",
    "'", '"', "|", ">", "- ", ": ", "#", "*a", "&a", "!!int", "\t", "\x00", "é", "name", "first(t for t in tensors)",
    "not_applicable('no')", "'a' in model.tensors", "per: t in tensors", "overrides: true", "remove: true",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d]\w*|\d[\d_.]*|[ \t]+|\n|[^\w\s]")


def damaged(text: str, random: Random, other: str = "") -> str:
    """A text with some of its bytes, lines or words changed, lost, doubled or swapped, also for those of another."""
    for _ in range(random.randint(1, 3)):
        text = random.choice((in_lines, in_lines, in_words, in_bytes))(text, random, other or text)
    return text


def in_lines(text: str, random: Random, other: str = "") -> str:
    """A line lost, doubled, moved, indented, with another value, or one of another text."""
    lines, others = text.split("\n"), (other or text).split("\n")
    at, far = random.randrange(len(lines)), random.randrange(len(lines))
    line, strange = lines[at], random.choice(others)
    match random.randrange(10):
        case 0:
            del lines[at : at + random.randint(1, 3)]
        case 1:
            lines.insert(at, line)
        case 2:
            lines[at], lines[far] = lines[far], line
        case 3:
            lines[at] = f"  {line}" if random.random() < 0.5 else line.removeprefix("  ")
        case 4:
            spot = random.randint(0, len(line))
            lines[at] = line[:spot] + random.choice(SPLICES) + line[spot + random.randint(0, 3) :]
        case 5 | 6:
            key, colon, _ = line.partition(": ")
            lines[at] = f"{key}: {random.choice(SPLICES)}" if colon else line
        case 7:
            key, _, _ = line.partition(":")
            _, _, value = strange.partition(":")
            lines[at] = f"{key}:{value}"
        case 8:
            lines[at] = strange
        case _:
            start = random.randrange(len(others))
            lines[at:at] = others[start : start + random.randint(1, 8)]
    return "\n".join(lines)


def in_words(text: str, random: Random, other: str = "") -> str:
    """A word, a number, a sign or a blank changed for another one, lost, doubled, or swapped with one further on."""
    words, others = _WORD.findall(text) or [""], _WORD.findall(other or text) or [""]
    at, far = random.randrange(len(words)), random.randrange(len(words))
    match random.randrange(4):
        case 0:
            words[at] = random.choice(others)
        case 1:
            words[at] = ""
        case 2:
            words[at] *= 2
        case _:
            words[at], words[far] = words[far], words[at]
    return "".join(words)


def in_bytes(text: str, random: Random, other: str = "") -> str:
    """Some bytes changed, lost or doubled; what is then no UTF-8 stays so until it is written."""
    content = bytearray(text.encode("utf-8", "surrogateescape"))
    at = random.randrange(len(content) + 1)
    match random.randrange(4):
        case 0:
            content[at:at] = bytes(random.choices(range(256), k=random.randint(1, 4)))
        case 1:
            del content[at : at + random.randint(1, 20)]
        case 2:
            content[at : at + 1] = bytes([random.choice(b"\x00\t\r\n \"'#&*:>|[]{}\x7f\xc3\xff")])
        case _:
            content[at:at] = content[at : at + random.randint(1, 40)]
    return content.decode("utf-8", "surrogateescape")
