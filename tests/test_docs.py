"""The documents say what is so: commands print what stands below them, examples work."""

import re
from pathlib import Path

import pytest

from vramledger.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ vramledger ([^\n]*)\n(.+?)```", README, re.DOTALL)


def test_the_readme_shows_output():
    assert len(SHOWN) >= 2


@pytest.mark.parametrize(
    ("command", "output"), [s for s in SHOWN if not s[1].startswith(("$", "```"))], ids=lambda s: s[:30]
)
def test_readme_prints_what_stands_there(command, output, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    main(command.split())
    found = capsys.readouterr().out

    def without_hash(text):
        return re.sub(r"rules [0-9a-f]{12}", "rules ...", text).strip()

    assert without_hash(found) == without_hash(output)


def test_readme_optimizer_is_the_one_that_lies_there():
    assert (ROOT / "examples" / "one-and-a-half.yaml").read_text(encoding="utf-8") in README


def test_an_optimizer_in_five_minutes(tmp_path, capsys):
    block = re.search(r"```yaml\n(.*?)\n   ```", CONTRIBUTING, re.DOTALL)
    (tmp_path / "two-moments.yaml").write_text(re.sub(r"(?m)^ {3}", "", block[1]), encoding="utf-8")
    specs = ["--specs", str(tmp_path)]
    assert main(["test", *specs, "-k", "two-moments"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert main(["lint", *specs]) == 0
    assert main(["estimate", "llama-3-8b", "--optimizer", "two-moments", *specs]) == 0
    explain = ["explain", "llama-3-8b", "optimizer.bytes", "--optimizer", "two-moments", "--row", "q_proj", *specs]
    assert main(explain) == 0
    assert "q_proj / weight / exp_avg" in capsys.readouterr().out
