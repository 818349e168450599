"""Estimators that answer without a model hub: full fine-tuning of Llama-3-8B in bf16 with AdamW, on one device.

Each has formulas of its own, so the answers differ; what one answer costs is compared.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

LLAMA: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
}


@dataclass(frozen=True, slots=True)
class Estimator:
    """What answers in bytes for a batch size and a sequence length; `table`, if it has one, for columns of both."""

    name: str
    version: str
    one: Callable[[int, int], Any]
    table: Callable[[Mapping[str, Any]], Any] | None = None


def estimators() -> Iterator[tuple[str, Callable[[], Estimator]]]:
    """Each estimator but ours by what pip calls it."""
    yield "vramcalc", vramcalc
    yield "llm-analysis", llm_analysis
    yield "hf-mem", hf_mem


def ours() -> list[Estimator]:
    """Ours with all bundled rules, which answer in more detail; once with the rules open before, once opening them."""
    import pyarrow as pa

    from vramledger.api import evaluate, evaluate_table, evaluate_with
    from vramledger.rules.open import open_rules
    from vramledger.version import ENGINE

    rules = open_rules()
    model = {"model": {"architecture": "llama", **LLAMA}}

    def said(batch: int, sequence: int) -> dict[str, Any]:
        return {**model, "batch": {"size": batch, "sequence_length": sequence}}

    def one(batch: int, sequence: int) -> Any:
        return evaluate_with(rules, said(batch, sequence))["total.bytes"]

    def anew(batch: int, sequence: int) -> Any:
        return evaluate(said(batch, sequence))["total.bytes"]

    def table(columns: Mapping[str, Any]) -> Any:
        given = pa.table({"batch.size": columns["batch"], "batch.sequence_length": columns["sequence"]})
        answers = evaluate_table(given, model, select=["total.bytes"])
        assert answers["problem"].null_count == answers.num_rows, answers["problem"].drop_null()[0]
        return np.stack([answers[f"total.bytes.{end}"].to_numpy() for end in ("low", "high")], axis=1)

    return [
        Estimator("vramledger", ENGINE, one, table),
        Estimator("  evaluate(), which opens the rules", ENGINE, anew),
    ]


def vramcalc() -> Estimator:
    """Its total, without what the process takes beside its tensors."""
    from vramcalc import estimate

    config = {"model_type": "llama", **LLAMA}

    def one(batch: int, sequence: int) -> int:
        found = estimate(config, mode="train", precision="pure", batch=batch, seq_len=sequence)
        return int(found.total)

    return Estimator("vramcalc", version("vramcalc"), one)


def llm_analysis() -> Estimator:
    """Its training analysis, memory and time in one, for a device so large that all fits: it asserts that."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("__name__").setLevel(logging.CRITICAL)  # so its logger is called
    from llm_analysis.analysis import LLMAnalysis
    from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig

    model = ModelConfig(
        name="llama-3-8b",
        num_layers=LLAMA["num_hidden_layers"],
        n_head=LLAMA["num_attention_heads"],
        hidden_dim=LLAMA["hidden_size"],
        vocab_size=LLAMA["vocab_size"],
        num_key_value_heads=LLAMA["num_key_value_heads"],
        ffn_embed_dim=LLAMA["intermediate_size"],
        expansion_ratio=LLAMA["intermediate_size"] / LLAMA["hidden_size"],
        max_seq_len=2**30,
        model_type="llama",
    )
    large = GPUConfig("large", 10**9, 3350, 450, 8e-6, 989)
    analysis = LLMAnalysis(model, large, DtypeConfig())

    def one(batch: int, sequence: int) -> int:
        found = analysis.training(
            batch_size_per_gpu=batch,
            gradient_accumulation_steps=1,
            seq_len=sequence,
            mlp_gated_linear_units=True,
        )
        return int(found["(weight+op_state+grad+act)_memory_per_gpu"])

    return Estimator("llm-analysis", version("llm-analysis"), one)


def hf_mem() -> Estimator:
    """Says why it cannot be asked: `hf_mem.run` takes nothing but the name of a repository."""
    raise RuntimeError("reads weights and configuration from a repository of the Hugging Face Hub, no local ones")
