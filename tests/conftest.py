"""Rule sets that tests make are remembered for the run alone; what else is installed here does not join them."""

import gc

import pytest

from vramledger import cli

gc.set_threshold(10_000)  # what is made of rules lasts: to look for garbage among it more often takes time


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VRAMLEDGER_CACHE", str(tmp_path_factory.getbasetemp().parent / "vramledger-cache"))
        patch.setenv("VRAMLEDGER_PACKAGES", "off")
        patch.setenv("HF_HUB_OFFLINE", "1")  # read when the hub's package is imported, which only commands do
        yield


@pytest.fixture
def run(capsys):
    """Runs a command: its exit code, its answer, its problems, and never a traceback."""

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return call
