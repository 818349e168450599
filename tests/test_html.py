"""What a notebook shows: well-formed, escaped, and the same figures as the text."""

from __future__ import annotations

from html.parser import HTMLParser

import vramledger


class Reader(HTMLParser):
    """Collects text and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_a_ledger():
    ledger = vramledger.evaluate({"model": "llama-3-8b", "hardware": "rtx-4090", "task": "inference"})
    found = read(ledger._repr_html_())
    assert {"table", "thead", "td"} <= set(found.seen)
    assert "16,060,522,496" in found.text
    assert any("rtx-4090" in part for part in found.text)


def test_a_derivation_unfolds_and_says_what_the_text_says():
    derivation = vramledger.evaluate({"model": "llama-3-8b"}).derivation("optimizer.bytes")
    found = read(derivation._repr_html_())
    steps = [line.lstrip("│├└─ ") for line in str(derivation).splitlines()]
    assert "".join("".join(found.text).split()) == "".join("".join(steps).split())
    assert found.seen.count("details") > 20


def test_what_users_write_is_escaped(tmp_path):
    nasty = tmp_path / "nasty.yaml"
    nasty.write_text(
        "stage: ours\nsays: Ours.\nrules:\n  overhead.bytes:\n    says: It.\n    overrides: true\n"
        "    formula: 1 B if 1 < 2 else 2 B\nwarnings:\n  ours:\n    says: <script>alert(1)</script> & more\n",
        encoding="utf-8",
    )
    ledger = vramledger.evaluate({"model": {"parameters": 1000}}, specs=[nasty])
    for html in (ledger._repr_html_(), ledger.derivation("overhead.bytes")._repr_html_()):
        assert "script" not in read(html).seen
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in ledger._repr_html_()
