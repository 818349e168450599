"""Checkpoints for tests, written with the packages that write real ones; their numbers are zeros."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

import gguf
import numpy as np
from safetensors import TensorSpec, safe_open, serialize_file

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]  # by name: torch's word for the format, the shape

BITS = {
    "bool": 8,
    "uint8": 8,
    "int8": 8,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "float8_e8m0fnu": 8,
    "float8_e4m3fnuz": 8,
    "float8_e5m2fnuz": 8,
    "int16": 16,
    "uint16": 16,
    "float16": 16,
    "bfloat16": 16,
    "int32": 32,
    "uint32": 32,
    "float32": 32,
    "int64": 64,
    "uint64": 64,
    "float64": 64,
    "complex64": 64,
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "vocab_size": 512,
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 512,
    "tie_word_embeddings": False,
}
LINEAR = {
    "self_attn.q_proj": (256, 256),
    "self_attn.k_proj": (128, 256),
    "self_attn.v_proj": (128, 256),
    "self_attn.o_proj": (256, 256),
    "mlp.gate_proj": (512, 256),
    "mlp.up_proj": (512, 256),
    "mlp.down_proj": (256, 512),
}
NORMS = ("input_layernorm", "post_attention_layernorm")


def size(shapes: Shapes) -> int:
    """The bytes of tensors."""
    return sum(BITS[dtype] // 8 * prod(shape) for dtype, shape in shapes.values())


def count(shapes: Shapes) -> int:
    """The elements of tensors."""
    return sum(prod(shape) for _, shape in shapes.values())


def write(path: Path, shapes: Shapes) -> Path:
    """A safetensors file of the library's own."""
    zeros = np.zeros(max([8, *(BITS[dtype] // 8 * prod(shape) for dtype, shape in shapes.values())]), np.uint8)
    specs = {
        name: TensorSpec(
            dtype=dtype, shape=list(shape), data_ptr=zeros.ctypes.data, data_len=BITS[dtype] // 8 * prod(shape)
        )
        for name, (dtype, shape) in shapes.items()
    }
    serialize_file(specs, str(path), {"format": "pt"})
    return path


def read_back(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What the library finds in a file."""
    with safe_open(str(path), "np") as file:
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()}


def llama(layers: int = 2, head: bool = True) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a small Llama."""
    found = {"model.embed_tokens.weight": (512, 256), "model.norm.weight": (256,)}
    for layer in range(layers):
        before = f"model.layers.{layer}"
        found |= {f"{before}.{name}.weight": shape for name, shape in LINEAR.items()}
        found |= {f"{before}.{name}.weight": (256,) for name in NORMS}
    if head:
        found["lm_head.weight"] = (512, 256)
    return {name: ("bfloat16", shape) for name, shape in found.items()}


def sharded(folder: Path, shapes: Shapes, files: int = 3) -> Path:
    """A folder of several files with their index."""
    names = list(shapes)
    where = {
        name: f"model-{at * files // len(names) + 1:05}-of-{files:05}.safetensors" for at, name in enumerate(names)
    }
    for file in set(where.values()):
        write(folder / file, {name: shapes[name] for name in names if where[name] == file})
    index = {"metadata": {"total_size": size(shapes)}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def configured(folder: Path, **fields: object) -> Path:
    """A folder with a config.json."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **fields}), encoding="utf-8")
    return folder


def write_gguf(path: Path, tensors: Shapes, part: int = 1, parts: int = 1) -> int:
    """A GGUF file of the gguf package, with tensors of ggml types; their bytes. A first part has the keys."""
    writer = gguf.GGUFWriter(path, "llama")
    if part == 1:
        settings = {"block_count": 2, "embedding_length": 256, "feed_forward_length": 512, "context_length": 2048}
        for name, value in {**settings, "attention.head_count": 4, "attention.head_count_kv": 2}.items():
            writer.add_uint32(f"llama.{name}", value)
        writer.add_token_list([f"token {number}" for number in range(512)])
        writer.add_array("llama.some_numbers", [1, 2, 3])
        writer.add_bool("llama.some_flag", val=True)
        writer.add_float32("llama.rope.freq_base", 10000.0)
    if parts > 1:
        writer.add_uint16("split.no", part - 1)
        writer.add_uint16("split.count", parts)
    total = 0
    for name, (word, shape) in tensors.items():
        sort = gguf.GGMLQuantizationType[word]
        elements, block = gguf.GGML_QUANT_SIZES[sort]
        data = np.zeros((*shape[:-1], shape[-1] // elements * block), np.uint8)
        writer.add_tensor(name, data, raw_dtype=sort)
        total += data.nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return total


def llama_gguf(quantized: str = "Q4_K") -> dict[str, tuple[str, tuple[int, ...]]]:
    """The same small Llama as a GGUF file has it."""
    words = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
    words |= {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}
    found: dict[str, tuple[str, tuple[int, ...]]] = {
        "token_embd.weight": (quantized, (512, 256)),
        "output_norm.weight": ("F32", (256,)),
        "output.weight": ("Q6_K", (512, 256)),
    }
    for layer in range(2):
        for name, shape in LINEAR.items():
            found[f"blk.{layer}.{words[name.partition('.')[2]]}.weight"] = (quantized, shape)
        for name in ("attn_norm", "ffn_norm"):
            found[f"blk.{layer}.{name}.weight"] = ("F32", (256,))
    return found
