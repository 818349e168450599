"""The wheel works when it is installed alone, from another folder."""

import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_specs_and_schemas_lie_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("specs", "schemas"):
        here = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"vramledger/{name}" for name in here} <= set(names)
    assert "vramledger/language/formula.lark" in names
    assert not [name for name in names if name.startswith("tests")]


def test_it_runs_installed_alone(wheel, tmp_path):
    place = tmp_path / "env"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True, capture_output=True)
    libraries = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # what it depends on is lent by this environment, so that the test needs no network
    Path(libraries, "lent.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["VRAMLEDGER_CACHE"] = str(tmp_path / "cache")
    for _ in range(2):  # without and with what the first run remembered
        command = [place / "bin" / "vramledger", "estimate", "llama-3-8b", "--hardware", "h200"]
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "16,060,522,496" in done.stdout
    checked = "import sys; from vramledger.rules.open import open_rules; open_rules(); print('yaml' in sys.modules)"
    off = {**environment, "VRAMLEDGER_CACHE": "off"}  # its specs were checked when it was built, and are not read anew
    done = subprocess.run([python, "-c", checked], cwd=elsewhere, env=off, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
    where = subprocess.run(
        [python, "-c", "import vramledger; print(vramledger.__file__)"], cwd=elsewhere, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(place) in where.stdout
