"""Every problem code has a page; what the page calls bad gives just that problem, what it calls good gives none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

import test_bad_scenarios
import test_bad_specs
import vramledger
from faults import stable
from vramledger.codes import Code
from vramledger.evaluation.ledger import HEADLINES
from vramledger.inputs.checks import run_scenario
from vramledger.problems import Problems
from vramledger.rules.open import opened

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "problems"
BAD = ROOT / "tests" / "cases" / "bad"
CODES: tuple[str, ...] = get_args(Code)
WARNED = (
    "later-stage",
    "magic-number",
    "needless-silence",
    "never-applies",
    "no-reason",
    "no-source",
    "unsaid",
    "unused",
)
# its fault is another package's, which a page cannot install
TOLD = ("broken-package",)
# what the commands on the pages and in the cases run; nothing else is on their path, and so no Graphviz
PROGRAMS = ("awk", "head", "iconv", "mkdir", "sed", "seq", "sh")

# a spec file of cases/bad/lint: the finding of lint that it is about
LINTED = {code.replace("-", "_"): code for code in WARNED}
# a script of cases/bad/commands: the code of the problem that it ends with
TYPED = {
    "bad_name": "bad-name",
    "broken_header": "broken-header",
    "broken_package": "broken-package",
    "cannot_resume": "cannot-resume",
    "cannot_serve": "cannot-serve",
    "file_exists": "file-exists",
    "file_too_large": "file-too-large",
    "no_graphviz": "no-graphviz",
    "not_installed": "not-installed",
    "not_a_result": "not-a-result",
    "not_connected": "not-connected",
    "set_syntax": "set-syntax",
    "shards": "shards",
    "unwritable_file": "unwritable-file",
}

_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)
_BLOCK = re.compile(r"^```([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROBLEM = re.compile(r"^(?:(\S.*?): )?(error|warning): ([a-z0-9-]+): ", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: what it is, and its text."""

    info: str
    text: str


def sections(page: Path) -> dict[str, list[Block]]:
    """The blocks of a page by the heading they stand under."""
    _, *parts = _SECTION.split(page.read_text(encoding="utf-8"))
    return {
        title: [Block(*found) for found in _BLOCK.findall(text)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def reported(text: str) -> list[str]:
    """The codes of the problems in a text, but for warnings about the bundled specs."""
    found = _PROBLEM.findall(text)
    return [code for place, severity, code in found if severity == "error" or not place.startswith("specs/")]


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """A folder with `vramledger` and the few programs that pages lean on."""
    folder = tmp_path_factory.mktemp("bin")
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    for name, arguments in (("vramledger", " -m vramledger"), ("python3", "")):
        wrapper = folder / name
        wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', encoding="utf-8")
        wrapper.chmod(0o755)
    return str(folder)


@pytest.fixture
def shell(path, tmp_path):
    """Runs a line of sh in the test's folder: its exit code and what it prints, problems included."""

    def run(line):
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "engine"), "NO_COLOR": "1", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    return run


@pytest.fixture
def given(shell, tmp_path, monkeypatch):
    """Lays out the files of a section, evaluates or runs what stands there: the codes of its problems, in order."""

    def codes_of(blocks):
        monkeypatch.chdir(tmp_path)
        lay_out(blocks)
        commands = [block.text for block in blocks if block.info == "console"]
        return [code for text in commands for code in typed(text, shell)] if commands else evaluated()

    return codes_of


def lay_out(blocks: list[Block]) -> None:
    """Writes the files of a section into the working folder."""
    for number, block in enumerate(blocks, 1):
        if block.info == "yaml spec":
            Path("rules").mkdir(exist_ok=True)
            Path("rules", f"{number}.yaml").write_text(block.text, encoding="utf-8")
        elif block.info == "yaml scenario":
            Path("scenario.yaml").write_text(block.text, encoding="utf-8")
        elif block.info == "json config":
            Path("config.json").write_text(block.text, encoding="utf-8")
        else:
            assert block.info == "console", block.info


def typed(text: str, shell) -> Iterator[str]:
    """Runs the commands of a console block; what each prints begins with the lines below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        code, printed = shell(line)
        assert stable("\n".join(printed.splitlines()[: len(shown)])) == stable("\n".join(shown))
        found = reported(printed)
        assert (code == 2) == bool(found), printed
        yield from found


def evaluated() -> list[str]:
    """The codes of what is wrong with the rules, or with any headline of the scenario."""
    specs = ["rules"] if Path("rules").exists() else []
    scenario = Path("scenario.yaml")
    try:
        ruleset = opened(specs)
        if scenario.exists():
            ledger = vramledger.evaluate(scenario, specs=specs)
            assert [ledger[name] for name in HEADLINES]
            assert ledger.components or ledger.warnings
            for result in run_scenario(ruleset, scenario):
                if isinstance(result, Problems):
                    raise result
                assert result.passed, result
    except Problems as faults:
        return [found.code for found in faults.problems]
    return []


def linted(run, folder: str = "rules") -> list[str]:
    """The findings of `vramledger lint` in a folder or file."""
    _, out, err = run("lint", "--specs", folder)
    assert re.search(r"^\d+ errors, \d+ warnings$", out, re.MULTILINE)
    return reported(err + out)


def test_each_code_has_a_page_and_each_page_a_code():
    assert sorted(page.name for page in PAGES.iterdir()) == sorted(f"{code}.md" for code in CODES)


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(problems/([a-z0-9-]+)\.md\)", index)) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_it_means_and_shows_both_ways(code):
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert re.match(rf"# {code}\n\n\S[^#`]", text)
    assert 10 <= text.count("\n") <= 35
    assert max(map(len, text.splitlines())) <= 120
    shown = sections(PAGES / f"{code}.md")
    assert list(shown) == ["Bad", "Good"]
    assert all(shown.values())
    linked = re.findall(r"\]\(([a-z0-9-]+)\.md\)", text)
    assert {*linked} <= {*CODES} - {code}


@pytest.mark.parametrize("code", [code for code in CODES if code not in (*WARNED, *TOLD)])
def test_what_is_bad_gives_that_problem(code, given):
    found = given(sections(PAGES / f"{code}.md")["Bad"])
    assert found[:1] == [code]


@pytest.mark.parametrize("code", WARNED)
def test_what_is_doubtful_gives_that_warning(code, given, run):
    assert given(sections(PAGES / f"{code}.md")["Bad"]) == []
    assert {*linted(run)} == {code}


@pytest.mark.parametrize("code", [code for code in CODES if code not in TOLD])
def test_what_is_good_gives_no_problem_and_no_warning(code, given, run):
    assert given(sections(PAGES / f"{code}.md")["Good"]) == []
    if Path("rules").exists():
        assert linted(run) == []


@pytest.mark.parametrize("name", LINTED)
def test_lint_tells_what_is_doubtful(name, snapshot, monkeypatch, shell, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.yaml").write_bytes((BAD / "lint" / f"{name}.yaml").read_bytes())
    _, printed = shell(f"vramledger lint --specs {name}.yaml")
    assert ({*reported(printed)}, stable(printed)) == ({LINTED[name]}, snapshot)


@pytest.mark.parametrize("name", TYPED)
def test_a_command_tells_what_is_wrong(name, snapshot, shell, tmp_path):
    code, printed = shell((BAD / "commands" / f"{name}.sh").read_text(encoding="utf-8"))
    assert (code, reported(printed), stable(printed, tmp_path)) == (2, [TYPED[name]], snapshot)


def test_every_case_is_tested():
    assert {path.stem for path in (BAD / "lint").iterdir()} == {*LINTED}
    assert {path.stem for path in (BAD / "commands").iterdir()} == {*TYPED}


def cases() -> Iterator[tuple[str, str, str]]:
    """Every case of the corpus: the code it begins with, the test's file, the name of its snapshot."""
    specs, scenarios = test_bad_specs, test_bad_scenarios
    tables = (
        (specs, "test_loading_tells_what_is_wrong", specs.LOADED),
        (specs, "test_evaluating_tells_what_is_wrong", {name: code for name, (_, code) in specs.EVALUATED.items()}),
        (specs, "test_content_that_is_no_text_or_too_much", {name: code for name, (_, code) in specs.MADE.items()}),
        (scenarios, "test_a_faulty_scenario_tells_what_is_wrong", scenarios.FAULTY),
        (scenarios, "test_an_incomplete_scenario_tells_what_is_missing", scenarios.INCOMPLETE),
        (
            scenarios,
            "test_a_faulty_config_tells_what_is_wrong",
            {name: code for name, (_, code) in scenarios.CONFIGS.items()},
        ),
        (sys.modules[__name__], "test_lint_tells_what_is_doubtful", LINTED),
        (sys.modules[__name__], "test_a_command_tells_what_is_wrong", TYPED),
    )
    for module, test, table in tables:
        for name, code in table.items():
            yield code.split()[0], Path(module.__file__).stem, f"{test}[{name}]"


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_a_case_with_its_snapshot(code):
    held = [(file, name) for found, file, name in cases() if found == code]
    assert held
    for file, name in held:
        snapshots = (ROOT / "tests" / "__snapshots__" / f"{file}.ambr").read_text(encoding="utf-8")
        assert f"\n# name: {name}\n" in snapshots


def test_the_wheel_carries_the_pages():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["force-include"]["docs/problems"] == "vramledger/docs/problems"
    assert "docs" in build["sdist"]["include"]
