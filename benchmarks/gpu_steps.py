"""The real steps of measure_gpu.py: a scenario as torch, transformers and peft run it on a CUDA device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "bf16-mixed": torch.float32}
OPTIMIZERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad}
IMPLEMENTATIONS: dict[str, dict[str, bool]] = {
    "foreach": {"foreach": True},
    "for-loop": {"foreach": False},
    "fused": {"fused": True},
}
SMALL_RATE = 1e-6  # weights hardly change, and memory does not depend on it


def run(scenario: dict[str, Any], steps: int, device: str = "cuda") -> None:
    """A scenario's steps, from the model that lies on the device on; the peaks are left in torch's counters."""
    model = made(scenario, device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if scenario.get("task") == "inference":
        serve(model, device, **scenario["serving"])
    else:
        train(model, scenario, steps, device)
    if device == "cuda":
        torch.cuda.synchronize()


def made(scenario: dict[str, Any], device: str) -> nn.Module:
    """The model on the device, with its adapter."""
    fields = dict(scenario["model"])
    precision = scenario.get("precision", "bf16")
    attention = scenario.get("attention", "sdpa")
    config = AutoConfig.for_model(fields.pop("architecture"), **fields)
    with torch.device(device):
        model: nn.Module = AutoModelForCausalLM.from_config(
            config, dtype=DTYPES[precision], attn_implementation=attention
        )
    if scenario.get("checkpointing") == "full":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.config.use_cache = False
    adapter = scenario.get("adapter")
    if adapter:
        from peft import LoraConfig, get_peft_model

        targets = adapter["targets"]
        lora = LoraConfig(r=adapter["rank"], target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM")
        model = get_peft_model(model, lora, autocast_adapter_dtype=False)
    return model


def train(model: nn.Module, scenario: dict[str, Any], steps: int, device: str) -> None:
    """Optimizer steps, each of as many micro-batches as are accumulated."""
    model.train()
    batch = scenario["batch"]
    ids = torch.randint(0, model.config.vocab_size, (batch["size"], batch["sequence_length"]), device=device)
    optimizer = optimizer_of([p for p in model.parameters() if p.requires_grad], scenario.get("optimizer", "adamw"))
    mixed = str(scenario.get("precision", "bf16")).endswith("-mixed")
    for _ in range(steps):
        for _ in range(batch.get("accumulation", 1)):
            with torch.autocast(device, torch.bfloat16, enabled=mixed):
                out = model(input_ids=ids, labels=ids, use_cache=False)
            out.loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def optimizer_of(parameters: list[nn.Parameter], asked: str | dict[str, Any]) -> torch.optim.Optimizer:
    """torch's optimizer of that name and implementation."""
    says = asked if isinstance(asked, dict) else {"name": asked}
    how = IMPLEMENTATIONS[says.get("implementation", "foreach")]
    return OPTIMIZERS[says["name"]](parameters, lr=SMALL_RATE, **how)


def serve(model: nn.Module, device: str, sequences: int, prompt: int, generated: int) -> None:
    """Prompts are read, and answers of one length generated."""
    model.eval()
    ids = torch.randint(0, model.config.vocab_size, (sequences, prompt), device=device)
    with torch.no_grad():
        model.generate(ids, max_new_tokens=generated, min_new_tokens=generated, do_sample=False, pad_token_id=0)
