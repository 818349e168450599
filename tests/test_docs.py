"""The documents say what is so: commands print what stands below them, examples work."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vramledger.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
# blocks of one command and what it prints
SHOWN = [re.fullmatch(r"\$ vramledger ([^\n]*)\n(.+)", block, re.DOTALL) for block in BLOCKS if block.count("$ ") == 1]
SHOWN = [found.groups() for found in SHOWN if found]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands(text):
    """The lines of console blocks that are typed, without their remarks, as lists of words."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [shlex.split(line, comments=True) for line in re.findall(r"^ *\$ (.*)$", "".join(blocks), re.MULTILINE)]


def run(words):
    """The exit code of a command line; a pattern stands for the files that it matches."""
    program, *arguments = [
        one for word in words for one in (map(str, sorted(Path().glob(word))) if "*" in word else [word])
    ]
    if program == "make":
        return 0 if all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in arguments) else 2
    assert program == "vramledger"
    return main(arguments)


def without_hash(text):
    return re.sub(r"rules [0-9a-f]{12}", "rules ...", text).strip()


def test_the_readme_shows_output():
    assert len(SHOWN) >= 2


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=lambda s: s[:30])
def test_readme_prints_what_stands_there(command, output, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    main(shlex.split(command))
    found = capsys.readouterr().out

    assert without_hash(found) == without_hash(output)


@pytest.mark.parametrize(
    ("head", "example", "commands"),
    [("A quantization", "threes", ["test", "sweep"]), ("A device", "workshop-32gb", ["estimate"])],
)
def test_the_guide_prints_what_stands_there(head, example, commands, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    section = CONTRIBUTING.partition(f"\n## {head}")[2].partition("\n## ")[0]
    assert (ROOT / "examples" / f"{example}.yaml").read_text(encoding="utf-8") in section
    shown = re.findall(r"\$ vramledger ([^\n]*)\n(.*?)(?=\$ |```)", section, re.DOTALL)
    assert [command.split()[0] for command, _ in shown] == commands
    for command, output in shown:
        main(shlex.split(command))
        assert without_hash(capsys.readouterr().out) == without_hash(output)


def test_readme_optimizer_is_the_one_that_lies_there():
    assert (ROOT / "examples" / "one-and-a-half.yaml").read_text(encoding="utf-8") in README


def test_the_page_on_many_rows_runs(tmp_path):
    """Its lines, one after the other in a folder of their own."""
    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    start = f'vramledger() {{ "{sys.executable}" -m vramledger "$@"; }}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    for line in lines:
        done = subprocess.run(
            ["sh", "-c", f"{start}\n{line}"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
        assert "Traceback" not in done.stderr
    assert len(lines) > 8
    assert len(list((tmp_path / "grid").glob("part-*.parquet"))) == 5


@pytest.mark.parametrize(
    "words",
    [words for words in commands(README) if words[1:] not in [shlex.split(command) for command, _ in SHOWN]],
    ids=" ".join,
)
def test_the_readme_runs(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert run(words) == 0


def test_an_optimizer_in_five_minutes(tmp_path, capsys, monkeypatch):
    """The commands of CONTRIBUTING, one after the other in an empty folder."""
    monkeypatch.chdir(tmp_path)
    guide = CONTRIBUTING.partition("\n## A quantization")[0]
    block = re.search(r"```yaml\n(.*?)\n   ```", guide, re.DOTALL)
    typed = commands(guide)
    assert [words[1] for words in typed] == ["new", "test", "lint", "estimate", "explain"]
    printed = []
    for words in typed:
        assert run(words) == 0, words
        printed.append(capsys.readouterr().out)
        if words[1] == "new":
            written = Path("rules", "two-moments.yaml")
            assert "optimizer: two-moments\n" in written.read_text(encoding="utf-8")
            written.write_text(re.sub(r"(?m)^ {3}", "", block[1]), encoding="utf-8")
    new, test, lint, _, explain = printed
    assert "1 passed, 0 failed" in test
    assert "0 errors, 0 warnings" in lint
    assert "q_proj / weight / exp_avg" in explain
    # what `new` says to run next is what the guide says
    assert [line.partition("--specs")[0] for line in new.splitlines() if line.startswith("$")] == [
        f"$ {shlex.join(words)}".partition("--specs")[0] for words in typed[1:4]
    ]


def test_a_mix_of_ggml_types(tmp_path, capsys, monkeypatch):
    """The mix of CONTRIBUTING in a folder, and what its command prints."""
    guide = CONTRIBUTING.partition("## A mix of ggml types")[2].partition("\n## ")[0]
    (tmp_path / "rules").mkdir()
    written = re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)[1]
    (tmp_path / "rules" / "values-in-f16.yaml").write_text(written, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["test", "--specs", "rules", "-k", "values-in-f16"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    command, shown = re.search(r"```console\n\$ vramledger ([^\n]*)\n(.+?)```", guide, re.DOTALL).groups()
    assert main(command.split()) == 0
    assert capsys.readouterr().out.strip() == shown.strip()
