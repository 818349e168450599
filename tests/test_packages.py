"""Specs that an installed package brings: built, installed and used as a stranger would, and never executed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from vramledger.rules.packages import packages

ROOT = Path(__file__).parent.parent
RULES = """\
optimizer: theirs
says: What a package brings.
states:
  a:
    bits: 8
assumed: true
reason: It is a test.
"""
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "their-rules"
version = "1.0"

[project.entry-points."vramledger.specs"]
theirs = "VALUE"

[tool.hatch.build.targets.wheel]
packages = ["their_rules"]
"""


def built(base, value="their_rules:specs", rules=RULES):
    """A package with a folder of specs, built as a wheel and installed into a folder."""
    source = base / "source"
    specs = source / "their_rules" / "specs"
    specs.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PROJECT.replace("VALUE", value), encoding="utf-8")
    (source / "their_rules" / "__init__.py").write_text("raise SystemExit('it ran')\n", encoding="utf-8")
    (specs / "theirs.yaml").write_text(rules, encoding="utf-8")
    wheels, target = base / "wheels", base / "installed"
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", wheels, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.iterdir()
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(install, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return built(tmp_path_factory.mktemp("package"))


@pytest.fixture
def run():
    def call(target, *arguments, **environment):
        known = {name: value for name, value in os.environ.items() if name != "VRAMLEDGER_PACKAGES"}
        path = os.pathsep.join([str(ROOT / "engine"), str(target)])
        done = subprocess.run(
            [sys.executable, "-m", "vramledger", *arguments],
            env={**known, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "it ran" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return call


def test_an_installed_package_joins_the_bundled_specs(installed, run, tmp_path):
    asked = ("estimate", "llama-3-8b", "--optimizer", "theirs", "--json")
    for _ in range(2):  # without and with what the first run remembered
        code, out, err = run(installed, *asked, VRAMLEDGER_CACHE=str(tmp_path))
        answer = json.loads(out)
        assert (code, err) == (0, "")
        assert answer["quantities"]["optimizer.bytes"] == answer["quantities"]["parameters.count"]
    code, out, _ = run(installed, "show", "theirs")
    assert (code, "their_rules/specs/theirs.yaml:" in out) == (0, True)


def test_the_stamp_tells_that_a_package_was_there(installed, run):
    stamps = [
        json.loads(run(installed, "estimate", "llama-3-8b", "--json", **more)[1])["stamp"]
        for more in ({}, {"VRAMLEDGER_PACKAGES": "off"})
    ]
    assert stamps[0]["rules"] != stamps[1]["rules"]


def test_packages_can_be_left_out(installed, run):
    code, _, err = run(installed, "estimate", "llama-3-8b", "--optimizer", "theirs", VRAMLEDGER_PACKAGES="off")
    assert (code, "no optimizer is called theirs" in err) == (2, True)


def test_lint_and_a_fault_in_a_package(tmp_path, run):
    target = built(tmp_path, rules=RULES.replace("bits: 8", "bits: 8 +"))
    code, _, err = run(target, "lint")
    assert (code, "their_rules/specs/theirs.yaml:5:" in err, "formula-syntax" in err) == (2, True, True)


def test_a_folder_that_is_not_there(tmp_path, run):
    target = built(tmp_path, value="their_rules:rules")
    code, out, err = run(target, "estimate", "llama-3-8b")
    assert (code, out) == (2, "")
    assert "broken-package: the package their-rules brings specs as their_rules:rules, and there is no such" in err


def test_the_package_itself_may_be_the_folder(tmp_path, run):
    target = built(tmp_path, value="their_rules")
    assert run(target, "show", "theirs")[0] == 0


def test_where_no_package_is_installed_nothing_is_imported_for_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delenv("VRAMLEDGER_PACKAGES", raising=False)
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    assert packages() == ([], [])
    assert "importlib.metadata" not in sys.modules


def test_packages_are_found_on_a_path_with_odd_entries(monkeypatch, tmp_path):
    (tmp_path / "odd.dist-info").mkdir()
    (tmp_path / "odd.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe" + dedent("[x]").encode())
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "nothing"), str(tmp_path / "odd.dist-info")])
    monkeypatch.delenv("VRAMLEDGER_PACKAGES", raising=False)
    assert packages() == ([], [])
