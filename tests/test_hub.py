"""Models by the id of their repository on the Hugging Face hub, from its cache alone."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import vramledger
from vramledger.inputs.hub import is_repository

CONFIG = Path(__file__).parent / "data" / "configs" / "llama-3-8b.json"
ID = "someone/a-llama"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as huggingface_hub lays it out, and no network."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--someone--a-llama"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text(CONFIG.read_text(encoding="utf-8"))
    return tmp_path


def test_a_repository_is_read_from_the_cache(hub: Path) -> None:
    ledger = vramledger.evaluate({"model": {"huggingface": ID}})
    assert ledger["parameters.count"] == 8030261248
    assert "8030261248" in json.dumps(ledger.derivation("parameters.count").to_dict())


def test_a_repository_that_is_not_there_says_so(hub: Path, run: Any) -> None:
    code, _, err = run("estimate", "--set", "model.huggingface=someone/another")
    assert code == 2
    assert "unreadable-file" in err
    assert "the Hugging Face hub gives no config.json of someone/another" in err


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    whole = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("huggingface_hub"):
            raise ImportError(name)
        return whole(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    code, _, err = run("estimate", "--set", f"model.huggingface={ID}")
    assert code == 2
    assert "pip install 'vramledger[hub]'" in err


@pytest.mark.parametrize(
    "text", ["llama", "./a", "../a", "/a/b", "a/b/c", "a b/c", "", "configs/llama.json", "runs/a.yaml"]
)
def test_other_texts_are_paths(text: str) -> None:
    assert not is_repository(text)
    assert is_repository("meta-llama/Llama-3.1-8B@main")
