"""Completion in a shell: the scripts, what a shell is told through its own protocol, and a bash that completes."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vramledger import cli
from vramledger.rules.open import opened
from vramledger.rules.overlay import base_declarations

ROOT = Path(__file__).parents[1]
START = (sys.executable, "-c", "from vramledger.cli import script; script()")
BREAKS = " \t\n\"'><=;|&(:"  # what bash parts words at
OPTIMIZER = "optimizer: my-own\nsays: Mine.\nextends: adamw\nassumed: true\nreason: A test.\n"


@pytest.fixture(scope="module")
def rules():
    return opened()


@pytest.fixture
def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "NO_COLOR": "1"}


@pytest.fixture
def complete(environment, tmp_path):
    """What a shell is offered at the end of a line, or at a place in it."""

    def ask(line, point=None, shell="bash", **more):
        asked = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\013",
            "_ARGCOMPLETE_SHELL": shell,
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_COMP_WORDBREAKS": BREAKS,
            "COMP_LINE": line,
            "COMP_POINT": str(len(line) if point is None else point),
            "COMP_TYPE": "9",
            **more,
        }
        # the answer is read from file descriptor 8, as the scripts of argcomplete do
        command = ["sh", "-c", 'exec "$@" 8>&1 1>/dev/null 2>/dev/null', "sh", *START]
        done = subprocess.run(
            command, env={**environment, **asked}, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
        )
        return [word for word in done.stdout.split(more.get("_ARGCOMPLETE_IFS", "\013")) if word]

    return ask


def test_commands(complete):
    assert complete("vramledger ") == list(cli.COMMANDS)
    assert complete("vramledger es") == ["estimate"]
    assert complete("vramledger nothing") == []
    assert complete("vramledger --") == ["--help", "--version"]
    assert complete("vramledger estimate llama-3-8b --optimizer adamw", len("vramledger es")) == ["estimate"]


def test_options(complete):
    assert complete("vramledger estimate llama-3-8b --opt") == ["--optimizer"]
    assert {"--optimizer", "--hardware", "--set", "--task", "--specs", "--json"} <= {
        *complete("vramledger estimate --")
    }
    assert complete("vramledger list --l") == ["--like"]
    assert not [word for word in complete("vramledger estimate ") if word.startswith("-")], "until one is begun"


def test_models_and_files_for_a_scenario(complete, rules, tmp_path):
    (tmp_path / "runs").mkdir()
    for name in ("one.yaml", "notes.txt", "runs/two.yaml", "runs/config.json", ".hidden.yaml"):
        (tmp_path / name).touch()
    assert complete("vramledger estimate ") == [*rules.names("model"), "one.yaml", "runs/"]
    assert complete("vramledger estimate llama-3-8") == ["llama-3-8b"]
    assert complete("vramledger estimate meta-llama/Meta-Llama-3-8B-") == ["meta-llama/Meta-Llama-3-8B-Instruct"]
    assert complete("vramledger estimate runs/") == ["runs/config.json", "runs/two.yaml"]
    assert complete("vramledger estimate .h") == [".hidden.yaml"]
    assert complete("vramledger fmt ") == ["one.yaml", "runs/"]
    assert complete("vramledger lint --specs ") == ["runs/"]
    assert complete("vramledger estimate nowhere/") == []


def test_a_file_whose_name_a_shell_would_part(complete, tmp_path):
    (tmp_path / "my runs").mkdir()
    (tmp_path / "my runs" / "a'b.yaml").touch()
    assert complete("vramledger test my") == ["my\\ runs/"]
    assert complete("vramledger test my\\ runs/") == ["my\\ runs/a\\'b.yaml"]
    assert complete('vramledger test "my runs/a') == ["my runs/a'b.yaml"]


@pytest.mark.parametrize("kind", ["adapter", "convention", "hardware", "optimizer", "precision", "quantization"])
def test_entries_of_each_kind(kind, complete, rules):
    names = rules.names(kind)
    assert names
    assert complete(f"vramledger estimate llama-3-8b --{kind} ") == names
    begun = names[0][:2]
    found = complete(f"vramledger estimate --{kind}={begun}")
    assert [name for name in found if name in names] == [name for name in names if name.startswith(begun)]


def test_facts(complete):
    assert complete("vramledger estimate --task ") == ["training", "inference"]
    assert complete("vramledger estimate --set batch.s") == ["batch.size=", "batch.sequence_length="]
    assert complete("vramledger estimate --set opti")[0] == "optimizer="
    assert complete("vramledger estimate --set task=") == ["training", "inference"]
    assert complete("vramledger estimate --set optimizer=adalo") == ["adalomo"]
    assert complete("vramledger estimate --set optimizer.state_precision=fp1") == ["fp16", "fp16-master", "fp16-mixed"]
    assert complete("vramledger estimate --set checkpointing.reentrant=") == ["true", "false"]
    assert complete("vramledger estimate --set batch.size=") == []


def test_quantities_and_kinds(complete, rules):
    assert complete("vramledger explain llama-3-8b optimizer.b") == ["optimizer.bytes"]
    assert {*complete("vramledger explain llama-3-8b ")} == {*base_declarations(rules)}
    assert complete("vramledger explain llama-3-8b optimizer.bytes ") == []
    assert complete("vramledger show adalom") == ["adalomo"]
    assert complete("vramledger list opt") == ["optimizer"]
    assert complete("vramledger completion ") == ["bash", "zsh", "fish"]


def test_names_of_the_users_own_rules(complete, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yaml").write_text(OPTIMIZER, encoding="utf-8")
    assert complete("vramledger estimate llama-3-8b --optimizer my") == []
    assert complete("vramledger estimate llama-3-8b --specs mine --optimizer my") == ["my-own"]


def test_faulty_rules_leave_the_options(complete, tmp_path):
    (tmp_path / "faulty.yaml").write_text("optimizer: [\n", encoding="utf-8")
    for specs in ("faulty.yaml", "nowhere"):
        assert complete(f"vramledger estimate --specs {specs} --js") == ["--json"]
        assert complete(f"vramledger estimate --specs {specs} --model lla") == []
        assert complete(f"vramledger list --specs {specs} ") == []


def test_shells_that_show_what_a_name_is(complete, rules):
    says = " ".join(rules.entry("optimizer", "adalomo").says.split())  # of two lines in its file
    assert complete("vramledger estimate --optimizer adalo", shell="zsh") == [f"adalomo:{says}"]
    fish = {"_ARGCOMPLETE_DFS": "\t", "_ARGCOMPLETE_IFS": "\n"}
    assert complete("vramledger estimate --optimizer adalo", shell="fish", **fish) == [f"adalomo\t{says}"]


def test_nothing_of_it_is_imported_where_nobody_asks(environment):
    code = "import sys; from vramledger.cli import main; main(['list']); print('argcomplete' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert found.stdout.splitlines()[-1] == "False"


# --- scripts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell, capsys, tmp_path):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "complete" in script
    assert "vramledger" in script
    assert cli.main(["completion", shell, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"shell": shell, "script": script}
    found = shutil.which(shell)
    if found is not None:
        (tmp_path / "script").write_text(script, encoding="utf-8")
        subprocess.run([found, "-n", str(tmp_path / "script")], check=True)


def test_a_shell_without_a_script(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["completion", "csh"])
    assert stop.value.code == 2
    assert "bash" in capsys.readouterr().err


class Terminal:
    """A bash at a terminal, with `vramledger` on its path and the script read."""

    def __init__(self, bash, folder, environment):
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        wrapper = bin_folder / "vramledger"
        wrapper.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -c "from vramledger.cli import script; script()" "$@"\n',
            encoding="utf-8",
        )
        wrapper.chmod(0o755)
        own = {**environment, "PATH": f"{bin_folder}:{environment['PATH']}", "PS1": "> ", "TERM": "dumb"}
        own |= {"INPUTRC": os.devnull, "HISTFILE": os.devnull}
        self.screen, child = pty.openpty()
        command = [bash, "--norc", "--noprofile", "-i"]
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env=own, cwd=folder, start_new_session=True
        )
        os.close(child)
        self.seen = ""
        self.type('eval "$(vramledger completion bash)"; echo rea""dy\n', "ready")

    def type(self, keys, wanted):
        """Types keys and waits until a text is on the screen after them."""
        self.seen = ""
        os.write(self.screen, keys.encode())
        end = time.monotonic() + 60
        while wanted not in self.seen and time.monotonic() < end:
            if select.select([self.screen], [], [], 1)[0]:
                self.seen += os.read(self.screen, 65536).decode(errors="replace")
        assert wanted in self.seen, self.seen

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.screen)


@pytest.fixture
def terminal(environment, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    (tmp_path / "folder with blanks").mkdir()
    (tmp_path / "folder with blanks" / "scenario.yaml").touch()
    found = Terminal(bash, tmp_path, environment)
    yield found
    found.close()


def test_a_bash_completes(terminal):
    """Keys are typed, the tabulator last; the echo is what bash made of them, the blank after a whole word included."""
    terminal.type("vramledger est\t", "vramledger estimate ")
    terminal.type("--optimizer adalo\t", "--optimizer adalomo ")
    terminal.type("--set optimizer.sta\t", "--set optimizer.state_precision=")
    terminal.type("fp32\t", "fp32 ")
    terminal.type("--hardware=rtx-a6\t", "--hardware=rtx-a6000 ")
    terminal.type("fol\t", "folder\\ with\\ blanks/")
    terminal.type("sc\t", "scenario.yaml ")
