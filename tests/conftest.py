"""Rule sets that tests make are remembered for the run alone; what else is installed here does not join them."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VRAMLEDGER_CACHE", str(tmp_path_factory.getbasetemp().parent / "vramledger-cache"))
        patch.setenv("VRAMLEDGER_PACKAGES", "off")
        yield
