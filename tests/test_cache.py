"""What was checked is remembered by content; whatever is odd about the memory counts as absent."""

import json
import shutil

import pytest

from vramledger.rules import cache, files
from vramledger.rules import open as opening
from vramledger.rules.files import Said, gather, signed
from vramledger.rules.open import open_rules

OPTIMIZER = "optimizer: ours\nsays: One.\nstates:\n  m: {}\nassumed: true\nreason: A test.\n"


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A place where what is bundled is remembered."""
    folder = tmp_path_factory.mktemp("bundled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder))
        opening._bases.clear()
        open_rules()
    return folder


@pytest.fixture
def place(tmp_path, bundled, monkeypatch):
    shutil.copytree(bundled, tmp_path / "cache")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    opening._bases.clear()
    return tmp_path / "cache"


@pytest.fixture
def specs(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "ours.yaml").write_text(OPTIMIZER, encoding="utf-8")
    return folder


def states(ruleset):
    return [fill.name for _, fill in ruleset.entry("optimizer", "ours").fills]


def test_the_same_files_are_read_from_memory(place, specs, monkeypatch):
    first = open_rules([specs])
    assert len(list(place.glob("*.jsonl"))) == 2  # what is bundled, and that with ours
    monkeypatch.setattr("vramledger.rules.open.load", lambda *_: pytest.fail("read again"))
    second = open_rules([specs])
    assert (states(second), second.digest) == (states(first), first.digest)
    assert second.names("optimizer") == first.names("optimizer")


def test_a_change_of_one_letter_is_seen(place, specs):
    open_rules([specs])
    (specs / "ours.yaml").write_text(OPTIMIZER.replace("  m: {}", "  v: {}"), encoding="utf-8")
    assert states(open_rules([specs])) == ["v"]
    assert len(list(place.glob("*.jsonl"))) == 3


@pytest.mark.parametrize("odd", ["", "[]", '{"files": 3}', "\x00"])
def test_an_odd_memory_counts_as_absent(place, specs, odd):
    open_rules([specs])
    files = list(place.glob("*.jsonl"))
    for file in files:
        file.write_text(odd, encoding="utf-8")
    opening._bases.clear()
    assert states(open_rules([specs])) == ["m"]
    assert all(json.loads(file.read_text(encoding="utf-8").partition("\n")[0])["files"] for file in files)


def test_faulty_rules_are_not_remembered(place, specs):
    (specs / "ours.yaml").write_text("optimizer: ours\nstates: 3\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(Exception, match="wrong-shape"):
            open_rules([specs])
    assert len(list(place.glob("*.jsonl"))) == 1  # what is bundled


def test_a_place_that_cannot_be_written_is_no_fault(tmp_path, specs, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv(cache.VARIABLE, str(blocked))
    assert states(open_rules([specs])) == ["m"]


def test_what_a_users_files_join_is_as_if_it_were_read_with_them(place, specs, monkeypatch):
    joined = open_rules([specs])
    _, alone, problems = opening.load([file._replace(user=False) for file in gather([specs])[0]], "alone")
    assert not problems
    for kind in alone.kinds:
        assert joined.names(kind) == alone.names(kind)
        assert joined.aliases(kind) == alone.aliases(kind)
    assert joined.stages == alone.stages
    assert [rule.name for rule in joined.rules] == [rule.name for rule in alone.rules]
    assert [table.name for table in joined.tables] == [table.name for table in alone.tables]


def test_only_the_latest_are_kept(place, specs, monkeypatch):
    monkeypatch.setattr(cache, "MOST_KEPT", 2)
    for name in "abc":
        (specs / "ours.yaml").write_text(OPTIMIZER.replace("m: {}", f"{name}: {{}}"), encoding="utf-8")
        open_rules([specs])
    assert len(list(place.glob("*.jsonl"))) == 2


def test_hashes_are_known_of_files_that_did_not_change(place, specs, monkeypatch):
    def known():
        return cache.seen(str(specs), signed(str(specs)))

    cache.see(str(specs), signed(str(specs)), Said("hash", ["of one"]))
    assert known() is None  # so new that it may change without another time
    monkeypatch.setattr(cache, "_OLD", 0)
    cache.see(str(specs), signed(str(specs)), Said("hash", ["of one"]))
    assert known() == Said("hash", ["of one"])
    (specs / "ours.yaml").write_text(OPTIMIZER.replace("m: {}", "v: {}"), encoding="utf-8")
    assert known() is None


def test_the_bundled_files_are_not_looked_at_for_every_answer(monkeypatch):
    looked = []
    monkeypatch.setattr(files, "signed", lambda base: looked.append(base) or ())
    monkeypatch.setattr(files, "_looked_at", {})
    own = ["mine"]
    for _ in range(3):
        files.signature(own)
    assert (len(looked), looked.count("mine")) == (4, 3)
    monkeypatch.setattr(files, "_SECOND", -1.0)
    files.signature(own)
    assert (len(looked), looked.count("mine")) == (6, 4)
