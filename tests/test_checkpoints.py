"""Checkpoints as models: files that the real packages write, exactly; faulty ones, with a clear problem."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
from fractions import Fraction
from math import prod
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

import checkpoints
import vramledger
from checkpoints import BITS, LINEAR, configured, count, llama, llama_gguf, read_back, sharded, size, write, write_gguf
from vramledger.cli import main
from vramledger.inputs.gguf import read_gguf
from vramledger.inputs.safetensors import read_safetensors
from vramledger.inputs.tensors import LONGEST_HEADER, Layout
from vramledger.problems import Problem, Problems

LAYOUTS = {"F32": Layout(1, 4), "F16": Layout(1, 2), "U8": Layout(1, 1), "F4": Layout(2, 1), "Q4_K": Layout(256, 144)}
TYPES = {"0": "F32", "1": "F16", "12": "Q4_K"}


def answer(form: str, path: object, **scenario: object) -> vramledger.Ledger:
    return vramledger.evaluate({"model": {form: str(path)}, "task": "inference", **scenario})


def faults(form: str, path: object) -> Problems:
    with pytest.raises(Problems) as raised:
        answer(form, path)
    return raised.value


def owners(ledger: vramledger.Ledger) -> dict[str, str]:
    """The module of each tensor that belongs to one, by the tensor's name."""
    return {row["named"]: row["of"] for row in ledger.table("tensors") if isinstance(row["of"], str)}


# --- what files hold -------------------------------------------------------------------------------


def test_every_format_that_safetensors_writes_is_read_exactly(tmp_path):
    shapes = {f"tensor.{dtype}": (dtype, (3, 4)) for dtype in BITS}
    shapes |= {"scalar": ("float32", ()), "empty": ("float16", (0, 7)), "deep": ("int8", (2, 1, 3, 1, 2))}
    path = write(tmp_path / "all.safetensors", shapes)
    ledger = answer("safetensors", path)
    found = {row["name"]: (row["dtype"], row["shape"]) for row in ledger.facts.records["checkpoint"]["tensors"]}
    assert found == read_back(path)
    assert ledger["parameters.count"] == count(shapes)
    assert ledger["parameters.bytes"] == size(shapes)


@pytest.mark.parametrize(("dtype", "shape", "taken"), [("F4", [2, 4], 4), ("F6_E2M3", [4], 3), ("F6_E3M2", [2, 4], 6)])
def test_formats_of_less_than_a_byte_are_read_as_the_library_reads_them(dtype, shape, taken, tmp_path):
    path = tmp_path / "packed.safetensors"
    path.write_bytes(headed({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, taken]}}, bytes(taken)))
    assert read_back(path) == {"w": (dtype, tuple(shape))}
    ledger = answer("safetensors", path)
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (prod(shape), taken)


# of Q8_1, which no file holds, the package's table has the scales in 32 bits and ggml in 16
SORTS = [sort for sort in gguf.GGML_QUANT_SIZES if sort.name != "Q8_1"]


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_every_type_of_gguf_is_read_exactly(sort, tmp_path):
    elements, block = gguf.GGML_QUANT_SIZES[sort]
    total = write_gguf(tmp_path / "one.gguf", {"blk.0.w.weight": (sort.name, (3, 2 * elements))})
    ledger = answer("gguf", tmp_path / "one.gguf")
    assert total == 6 * block
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (6 * elements, total)
    (row,) = ledger.facts.records["checkpoint"]["tensors"]
    assert (row["dtype"], row["bits"]) == (sort.name, Fraction(8 * block, elements))


def test_metadata_of_gguf_are_read_and_long_lists_counted(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, llama_gguf())
    found = read_gguf(path, TYPES | {"14": "Q6_K"}, LAYOUTS | {"Q6_K": Layout(256, 210)}).fields
    real = gguf.GGUFReader(path)
    assert found["tokenizer.ggml.tokens"] == {"length": len(real.fields["tokenizer.ggml.tokens"].data)}
    for name in ("general.architecture", "llama.block_count", "llama.some_numbers", "llama.some_flag"):
        assert found[name] == real.fields[name].contents()
    assert found["llama.rope.freq_base"] == 10000.0


def test_big_endian_gguf_is_read_too(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "big.gguf", "llama", endianess=gguf.GGUFEndian.BIG)
    writer.add_block_count(7)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert read_gguf(tmp_path / "big.gguf", TYPES, LAYOUTS).fields["llama.block_count"] == 7


# --- folders ----------------------------------------------------------------------------------------


def test_a_sharded_folder_is_its_files_with_the_architecture(tmp_path):
    shapes = llama()
    sharded(configured(tmp_path / "model"), shapes)
    ledger = answer("safetensors", tmp_path / "model")
    named = answer("huggingface", tmp_path / "model")
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (count(shapes), size(shapes))
    for quantity in ("parameters.count", "parameters.bytes", "kv_cache.bytes", "layers.count", "head.count"):
        assert ledger[quantity] == named[quantity]
    assert ledger.warnings == named.warnings
    assert ledger["precision.name"] == "stored"
    assert ledger["precision.compute"] == "bf16"
    index = answer("safetensors", tmp_path / "model" / "model.safetensors.index.json")
    assert index["parameters.bytes"] == size(shapes)


def test_a_folder_without_index_is_all_its_files(tmp_path):
    sharded(configured(tmp_path / "model"), llama())
    (tmp_path / "model" / "model.safetensors.index.json").unlink()
    assert answer("safetensors", tmp_path / "model")["parameters.bytes"] == size(llama())
    (tmp_path / "model" / "model-00002-of-00003.safetensors").unlink()
    (found,) = faults("safetensors", tmp_path / "model").problems
    assert found.code == "shards"
    assert "model-00002-of-00003.safetensors" in found.message


def test_a_tied_head_in_the_files_is_told(tmp_path):
    folder = configured(tmp_path / "model", tie_word_embeddings=True)
    write(folder / "model.safetensors", llama(head=False))
    assert answer("safetensors", folder).warnings == []
    write(folder / "model.safetensors", llama())
    ledger = answer("safetensors", folder)
    assert ledger["parameters.count"] == count(llama())
    assert [text for text in ledger.warnings if "tied" in text]


def test_what_the_files_lack_or_have_beside_is_told_in_a_line_each(tmp_path):
    shapes = llama(layers=3)
    shapes = {name: said for name, said in shapes.items() if "norm" not in name}
    shapes |= {
        f"model.layers.{layer}.extra.{number}.weight": ("bfloat16", (3,)) for layer in range(3) for number in (0, 1)
    }
    shapes["model.embed_tokens.weight"] = ("bfloat16", (512, 128))
    folder = configured(tmp_path / "model")
    write(folder / "model.safetensors", shapes)
    ledger = answer("safetensors", folder)
    assert ledger["parameters.count"] == count(shapes)
    missing, sizes, further, layers = ledger.warnings
    assert "no tensors of input_layernorm, post_attention_layernorm, norm," in missing
    assert "embed_tokens" in sizes
    assert "model.layers.*.extra.*.weight" in further
    assert "number 2" in layers
    compared = {row["name"]: (row["expected"], row["found"]) for row in ledger.table("compared")}
    assert compared["embed_tokens"] == (512 * 256, 512 * 128)
    assert compared["norm"] == (256, 0)


def test_an_encoder_of_images_is_counted_apart(tmp_path):
    shapes = llama() | {
        f"vision_tower.vision_model.encoder.layers.{layer}.self_attn.q_proj.weight": ("bfloat16", (64, 64))
        for layer in range(4)
    }
    folder = configured(tmp_path / "model")
    write(folder / "model.safetensors", shapes)
    ledger = answer("safetensors", folder)
    assert ledger["parameters.bytes"] == size(shapes)
    shares = {row["name"]: row["count"] for row in ledger.table("shares")}
    assert shares["vision"] == 4 * 64 * 64
    assert owners(ledger).keys() == {name.replace(".0.", ".*.").replace(".1.", ".*.") for name in llama()}


SAVED = [json.loads(line) for line in (Path(__file__).parent / "data" / "checkpoints.jsonl").read_text().splitlines()]
COUNTS = ("parameters.count", "head.count", "layers.count", "experts.count", "embedding.count", "kv_cache.bytes")
# the correction of the routers is in the file, and no parameter; norms in a layer's blocks differ in a number alone
BESIDE, MIXED = {"deepseek_v3": 24}, ("t5",)


@pytest.mark.parametrize("saved", SAVED, ids=lambda saved: saved["id"])
def test_what_transformers_saves_is_matched_to_its_architecture(saved, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(saved["config"]), encoding="utf-8")
    shapes = {name: ("bfloat16", tuple(shape)) for name, shape in saved["tensors"].items()}
    write(tmp_path / "model.safetensors", shapes)
    ledger, named = answer("safetensors", tmp_path), answer("huggingface", tmp_path, precision="bf16")
    more = BESIDE.get(saved["id"], 0)
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (count(shapes), size(shapes))
    assert [ledger[name] for name in COUNTS] == [
        named[name] + (more if name in ("parameters.count", "layers.count") else 0) for name in COUNTS
    ]
    assert (ledger.warnings == named.warnings) == (saved["id"] not in MIXED)
    if not more:
        assert ledger.table("shares") == named.table("shares")


# --- quantized folders, as the libraries write them -----------------------------------------------------


def linears(layers: int = 2):
    return [(f"model.layers.{n}.{name}", shape) for n in range(layers) for name, shape in LINEAR.items()]


def without_linears() -> dict[str, tuple[str, tuple[int, ...]]]:
    names = {f"{name}.weight" for name, _ in linears()}
    return {name: said for name, said in llama().items() if name not in names}


def gptq():
    found = without_linears()
    for name, (rows, cols) in linears():
        found[f"{name}.qweight"] = ("int32", (cols // 8, rows))
        found[f"{name}.qzeros"] = ("int32", (cols // 128, rows // 8))
        found[f"{name}.scales"] = ("float16", (cols // 128, rows))
        found[f"{name}.g_idx"] = ("int32", (cols,))
    return found, {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}


def awq():
    found = without_linears()
    for name, (rows, cols) in linears():
        found[f"{name}.qweight"] = ("int32", (cols, rows // 8))
        found[f"{name}.qzeros"] = ("int32", (cols // 128, rows // 8))
        found[f"{name}.scales"] = ("float16", (cols // 128, rows))
    return found, {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}


def bnb():
    found = without_linears()
    for name, (rows, cols) in linears():
        found[f"{name}.weight"] = ("uint8", (rows * cols // 2, 1))
        found[f"{name}.weight.absmax"] = ("uint8", (rows * cols // 64,))
        found[f"{name}.weight.quant_map"] = ("float32", (16,))
        found[f"{name}.weight.nested_absmax"] = ("float32", (rows * cols // 64 // 256,))
        found[f"{name}.weight.nested_quant_map"] = ("float32", (256,))
        found[f"{name}.weight.quant_state.bitsandbytes__nf4"] = ("uint8", (93,))
    return found, {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}


def fp8():
    found = without_linears()
    for name, (rows, cols) in linears():
        found[f"{name}.weight"] = ("float8_e4m3fn", (rows, cols))
        found[f"{name}.weight_scale_inv"] = ("float32", (-(-rows // 128), cols // 128))
    return found, {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}


@pytest.mark.parametrize("make", [gptq, awq, bnb, fp8], ids=lambda make: make.__name__)
def test_a_quantized_folder_is_counted_as_its_files(make, tmp_path):
    shapes, config = make()
    folder = sharded(configured(tmp_path / "model", quantization_config=config), shapes)
    ledger = answer("safetensors", folder)
    assert ledger["parameters.bytes"] == size(shapes)
    assert ledger["parameters.count"] == count(shapes)
    assert {row["of"] for row in ledger.table("tensors")} == {row["name"] for row in ledger.table("compared")}
    packed = [text for text in ledger.warnings if "packed" in text]
    assert len(packed) == (0 if make is fp8 else 1)
    assert all(f"{count(llama()):,} parameters" in text for text in packed)
    assert ledger["kv_cache.bytes"] == answer("huggingface", folder, precision="bf16")["kv_cache.bytes"]
    cast = answer("safetensors", folder, precision="fp32")
    plain = sum(2 * prod(shape) for dtype, shape in without_linears().values())
    assert cast["parameters.bytes"] == size(shapes) + plain  # what is packed stays, with its scales


def test_mxfp4_experts_are_matched(tmp_path):
    fields = {
        "model_type": "gpt_oss",
        "architectures": ["GptOssForCausalLM"],
        "hidden_size": 64,
        "head_dim": 16,
        "intermediate_size": 96,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 128,
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]},
    }
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("bfloat16", (512, 64)),
        "model.norm.weight": ("bfloat16", (64,)),
        "lm_head.weight": ("bfloat16", (512, 64)),
    }
    for layer in range(2):
        before = f"model.layers.{layer}"
        for name, rows, cols in (("q_proj", 64, 64), ("k_proj", 32, 64), ("v_proj", 32, 64), ("o_proj", 64, 64)):
            shapes[f"{before}.self_attn.{name}.weight"] = ("bfloat16", (rows, cols))
            shapes[f"{before}.self_attn.{name}.bias"] = ("bfloat16", (rows,))
        shapes[f"{before}.self_attn.sinks"] = ("bfloat16", (4,))
        for name in checkpoints.NORMS:
            shapes[f"{before}.{name}.weight"] = ("bfloat16", (64,))
        shapes[f"{before}.mlp.router.weight"] = ("bfloat16", (4, 64))
        shapes[f"{before}.mlp.router.bias"] = ("bfloat16", (4,))
        for name, rows, cols in (("gate_up_proj", 192, 64), ("down_proj", 64, 96)):
            shapes[f"{before}.mlp.experts.{name}_blocks"] = ("uint8", (4, rows, cols // 32, 16))
            shapes[f"{before}.mlp.experts.{name}_scales"] = ("uint8", (4, rows, cols // 32))
            shapes[f"{before}.mlp.experts.{name}_bias"] = ("bfloat16", (4, rows))
    folder = configured(tmp_path / "model", **fields)
    write(folder / "model.safetensors", shapes)
    ledger = answer("safetensors", folder)
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (count(shapes), size(shapes))
    (packed,) = ledger.warnings
    assert "packed in whole numbers, experts.gate_up_proj, experts.down_proj;" in packed


def test_experts_that_loading_stacks_are_matched(tmp_path):
    shapes = {name: said for name, said in llama().items() if ".mlp." not in name}
    for layer in range(2):
        shapes[f"model.layers.{layer}.mlp.gate.weight"] = ("bfloat16", (4, 256))
        for expert in range(4):
            for name, shape in (("gate_proj", (64, 256)), ("up_proj", (64, 256)), ("down_proj", (256, 64))):
                shapes[f"model.layers.{layer}.mlp.experts.{expert}.{name}.weight"] = ("bfloat16", shape)
    fields = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "head_dim": 64}
    folder = configured(tmp_path / "model", model_type="qwen3_moe", **fields)
    write(folder / "model.safetensors", shapes)
    ledger = answer("safetensors", folder)
    assert ledger["parameters.count"] == count(shapes)
    assert ledger["experts.count"] == 2 * 4 * 3 * 64 * 256
    assert ledger["active.count"] == count(shapes) - ledger["experts.count"] // 2
    assert [text for text in ledger.warnings if "no tensors" not in text] == []
    assert "q_norm, k_norm" in ledger.warnings[0]  # which the files above have not


# --- precisions, training, other entries -----------------------------------------------------------------


def test_a_named_precision_casts_as_loading_does(tmp_path):
    shapes = {"a.weight": ("float32", (4, 8)), "b.weight": ("bfloat16", (8,)), "c.mask": ("bool", (5,))}
    path = write(tmp_path / "mixed.safetensors", shapes)
    assert answer("safetensors", path)["parameters.bytes"] == 128 + 16 + 5
    assert answer("safetensors", path, precision="fp16")["parameters.bytes"] == 64 + 16 + 5
    assert answer("safetensors", path, precision="fp32")["parameters.bytes"] == 128 + 32 + 5


@pytest.mark.parametrize("field", ["dtype", "torch_dtype"])
def test_a_configuration_of_another_format_is_told(field, tmp_path):
    folder = configured(tmp_path / "model", **{"dtype": None, field: "float16"})
    write(folder / "model.safetensors", {name: ("float32", shape) for name, (_, shape) in llama().items()})
    ledger = answer("safetensors", folder)
    assert ledger["parameters.bytes"] == 4 * count(llama())
    assert ledger["precision.compute"] == "fp16"
    (told,) = ledger.warnings
    assert "says float16" in told


def test_a_checkpoint_is_trained_and_adapted_as_its_model_is(tmp_path):
    folder = configured(tmp_path / "model")
    write(folder / "model.safetensors", llama())
    for more in ({}, {"adapter": "lora"}, {"adapter": "lora", "quantization": "nf4"}, {"optimizer": "adafactor"}):
        asked = {"task": "training", "precision": "bf16", **more}
        mine = vramledger.evaluate({"model": {"safetensors": str(folder)}, **asked})
        model = vramledger.evaluate({"model": {"huggingface": str(folder)}, **asked})
        for quantity in ("total.bytes", "optimizer.bytes", "gradients.bytes", "trainable.count", "parameters.bytes"):
            assert mine[quantity] == model[quantity], (more, quantity)


def test_a_model_by_name_with_files_of_its_own(tmp_path):
    path = write(tmp_path / "model.safetensors", llama())
    ledger = vramledger.evaluate(
        {"model": {"name": "llama-3-8b", "safetensors": str(path)}, "task": "inference", "serving.sequences": 1}
    )
    assert ledger["parameters.bytes"] == size(llama())
    assert ledger["model.layers"] == 32
    assert any("other numbers of elements" in text for text in ledger.warnings)


def test_a_gguf_file_is_a_model(tmp_path):
    total = write_gguf(tmp_path / "model.gguf", llama_gguf())
    ledger = answer("gguf", tmp_path / "model.gguf")
    assert ledger["model.architecture"] == "llama"
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (count(llama()), total)
    assert (ledger["model.layers"], ledger["model.vocab"], ledger["model.kv_heads"]) == (2, 512, 2)
    assert ledger["kv_cache.bytes"] == 2 * 2 * 2048 * 2 * 64 * 2  # fp16, whatever the weights are
    assert ledger.warnings == []
    assert len(owners(ledger)) == 12


def test_the_command_line_takes_files_and_folders(tmp_path, capsys):
    write_gguf(tmp_path / "model.gguf", llama_gguf())
    folder = sharded(configured(tmp_path / "model"), llama())
    single = write(tmp_path / "one.safetensors", llama())
    for given_path in (folder, single, tmp_path / "model.gguf", folder / "model.safetensors.index.json"):
        assert main(["estimate", str(given_path), "--task", "inference", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["quantities"]["parameters.count"] == count(llama())
    assert main(["estimate", str(configured(tmp_path / "bare")), "--task", "inference"]) == 0
    assert "precision bf16" in capsys.readouterr().out


# --- files that are faulty -----------------------------------------------------------------------------------


def headed(tensors: object, data: bytes = b"", length: int | None = None) -> bytes:
    header = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
FAULTY = {
    "nothing": (b"", "0 bytes"),
    "few bytes": (b"\1\0\0", "3 bytes"),
    "a length beyond the file": (headed({"a": ONE}, bytes(8), 5000), "said to take 5000 bytes"),
    "a giant length": (headed(b"", b"", 2**63), "more than 100000000"),
    "no JSON": (headed(b"{" + b"x" * 40), "expected a name"),
    "a list": (headed(b"[1, 2]"), "expected {"),
    "an unclosed header": (headed(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'), "expected , in"),
    "text after the header": (headed(b"{} x", b""), "after its end"),
    "no UTF-8": (headed(b'{"\xff": 1}'), "not UTF-8"),
    "deep": (headed(b'{"a": {"x": ' + b"[" * 3000 + b"}"), "no JSON"),
    "a shape of many numbers": (headed({"a": {**ONE, "shape": [1] * 65}}, bytes(8)), "no list of whole numbers"),
    "a negative shape": (headed({"a": {**ONE, "shape": [-2]}}, bytes(8)), "no list of whole numbers"),
    "a shape that overflows": (headed({"a": {**ONE, "shape": [2**40, 2**40]}}, bytes(8)), "more than 2^63"),
    "another size": (headed({"a": {**ONE, "shape": [3]}}, bytes(8)), "takes 12 bytes"),
    "an unknown format": (headed({"a": {**ONE, "dtype": "F9"}}, bytes(8)), "unknown format, 'F9'"),
    "no offsets": (headed({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)), "has no data_offsets"),
    "offsets backwards": (headed({"a": {**ONE, "data_offsets": [8, 0]}}, bytes(8)), "no begin and end"),
    "a number": (headed({"a": 3}, bytes(8)), "has no fields"),
    "tensors that overlap": (
        headed({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, bytes(12)),
        "begins at byte 4 of the data, inside a",
    ),
    "a hole": (headed({"a": ONE, "b": {**ONE, "data_offsets": [12, 20]}}, bytes(20)), "byte 8 is no tensor's"),
    "cut data": (headed({"a": ONE}, bytes(7)), "ends at byte"),
    "more data": (headed({"a": ONE}, bytes(9)), "goes on to byte"),
    "a name that stands twice": (
        headed(b'{"a":' + json.dumps(ONE).encode() + b',"a":' + json.dumps(ONE).encode() + b"}", bytes(8)),
        "stands twice",
    ),
    "metadata that are no texts": (headed({"__metadata__": {"a": 1}}), "expected a name"),
    "a GGUF file": (b"GGUF" + bytes(40), "more than 100000000"),
    "half a sign": (headed(rb'{"\ud800": 1}'), "does not end as JSON has it"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_safetensors_file_has_a_clear_problem(name, tmp_path):
    content, message = FAULTY[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    (found,) = faults("safetensors", path).problems
    assert found.code == "broken-header"
    assert message in found.message
    assert found.labels[0].place.path == path.as_posix()
    with pytest.raises(SafetensorError) if name != "a name that stands twice" else safe_open(str(path), "np"):
        safe_open(str(path), "np").__enter__()


def packed(sign: str, *numbers: int) -> bytes:
    return struct.pack(f"<{sign}", *numbers)


def text(found: bytes) -> bytes:
    return packed("Q", len(found)) + found


def ggufed(keys: list[bytes], tensors: list[bytes] = (), data: bytes = b"", version: int = 3) -> bytes:
    head = b"GGUF" + packed("IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def tensor(name: bytes, shape: tuple[int, ...], sort: int, offset: int) -> bytes:
    return text(name) + packed("I", len(shape)) + packed(f"{len(shape)}Q", *shape) + packed("IQ", sort, offset)


def test_a_type_that_the_package_does_not_know_yet_is_read(tmp_path):
    """llama.cpp numbers Q2_0 as 42; 64 weights in 18 bytes."""
    (tmp_path / "new.gguf").write_bytes(ggufed([], [tensor(b"w", (128, 3), 42, 0)], bytes(3 * 36 + 20)))
    ledger = answer("gguf", tmp_path / "new.gguf")
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (384, 108)


KEY = text(b"a.b") + packed("II", 4, 7)
FAULTY_GGUF = {
    "nothing": (b"", "it begins with b''"),
    "another file": (b"GGML" + bytes(40), "it begins with b'GGML'"),
    "version 1": (b"GGUF" + packed("III", 1, 0, 0), "GGUF version 1"),
    "version 9": (b"GGUF" + packed("IQQ", 9, 0, 0), "GGUF version 9"),
    "cut within the counts": (b"GGUF" + packed("IQ", 3, 0), "within its header"),
    "counts beyond the file": (b"GGUF" + packed("IQQ", 3, 2**60, 0), "tensors, more than"),
    "more keys than room": (b"GGUF" + packed("IQQ", 3, 0, 90_000) + bytes(100), "room for"),
    "a long key": (ggufed([packed("Q", 2**62) + bytes(20)]), "a key of 4611686018427387904 bytes"),
    "a key twice": (ggufed([KEY, KEY]), "stands twice"),
    "an unknown sort of value": (ggufed([text(b"a") + packed("I", 99) + bytes(8)]), "unknown type 99"),
    "a flag of two": (ggufed([text(b"a") + packed("IB", 7, 2) + bytes(8)]), "written as 2"),
    "a long text": (ggufed([text(b"a") + packed("IQ", 8, 2**63)]), "room for"),
    "a long list": (ggufed([text(b"a") + packed("IIQ", 9, 4, 2**61)]), "room for"),
    "a long list of texts": (ggufed([text(b"a") + packed("IIQ", 9, 8, 2**61)]), "room for"),
    "a text in a list that is too long": (ggufed([text(b"a") + packed("IIQQ", 9, 8, 1, 2**50)]), "room for"),
    "a list of lists": (ggufed([text(b"a") + packed("IIQ", 9, 9, 1) + bytes(40)]), "unknown type 9"),
    "alignment zero": (ggufed([text(b"general.alignment") + packed("II", 4, 0)]), "general.alignment is 0"),
    "alignment a text": (ggufed([text(b"general.alignment") + packed("I", 8) + text(b"x")]), "general.alignment is"),
    "many dimensions": (ggufed([], [tensor(b"w", (1,) * 9, 0, 0)]), "9 dimensions"),
    "an unknown type": (ggufed([], [tensor(b"w", (4,), 77, 0)], bytes(32)), "unknown type, 77"),
    "no whole block": (ggufed([], [tensor(b"w", (100,), 12, 0)], bytes(200)), "no whole number of Q4_K blocks"),
    "a shape that overflows": (ggufed([], [tensor(b"w", (2**62, 2**62), 0, 0)], bytes(32)), "more than 2^63"),
    "an offset that is not aligned": (ggufed([], [tensor(b"w", (4,), 0, 5)], bytes(32)), "which 32 does not divide"),
    "data that is cut": (ggufed([], [tensor(b"w", (64,), 0, 0)], bytes(32)), "ends at byte"),
    "an offset beyond the file": (ggufed([], [tensor(b"w", (4,), 0, 2**62)], bytes(32)), "ends at byte"),
    "tensors that overlap": (
        ggufed([], [tensor(b"v", (16,), 0, 0), tensor(b"w", (4,), 0, 32)], bytes(64)),
        "inside v, which ends at 64",
    ),
    "a name that stands twice": (
        ggufed([], [tensor(b"w", (4,), 0, 0), tensor(b"w", (4,), 0, 32)], bytes(64)),
        "stands twice",
    ),
    "a name that is no text": (ggufed([], [tensor(b"\xff", (4,), 0, 0)], bytes(32)), "not UTF-8"),
}


@pytest.mark.parametrize("name", FAULTY_GGUF)
def test_a_faulty_gguf_file_has_a_clear_problem(name, tmp_path):
    content, message = FAULTY_GGUF[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    (found,) = faults("gguf", path).problems
    assert found.code == "broken-header"
    assert message in found.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said | {"weight_map": {"a": "../a.safetensors"}}, "expected files beside it"),
        (lambda said: said | {"weight_map": {"a": 3}}, "no weight_map"),
        (lambda said: {"metadata": {}}, "no weight_map"),
        (
            lambda said: said | {"weight_map": {**said["weight_map"], "b": "model-00001-of-00003.safetensors"}},
            "b in model-",
        ),
        (lambda said: {"weight_map": {k: v for k, v in said["weight_map"].items() if "k_proj" not in k}}, "not so in"),
        (
            lambda said: {"weight_map": dict.fromkeys(said["weight_map"], "model-00009-of-00003.safetensors")},
            "not there",
        ),
    ],
)
def test_an_index_that_its_files_do_not_bear_out_is_told(change, message, tmp_path):
    folder = sharded(configured(tmp_path / "model"), llama())
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps(change(json.loads(index.read_text()))), encoding="utf-8")
    (found,) = faults("safetensors", folder).problems
    assert found.code in ("shards", "json-shape")
    assert message in found.message


def test_a_tensor_in_two_files_is_told(tmp_path):
    write(tmp_path / "a.safetensors", {"w": ("float32", (2,))})
    write(tmp_path / "b.safetensors", {"w": ("float32", (2,))})
    (found,) = faults("safetensors", tmp_path).problems
    assert "tensor w stands in two files" in found.message


def test_two_checkpoints_are_one_too_many(tmp_path):
    path = write(tmp_path / "a.safetensors", {"w": ("float32", (2,))})
    write_gguf(tmp_path / "b.gguf", llama_gguf())
    with pytest.raises(Problems, match="second file"):
        vramledger.evaluate({"model": {"safetensors": str(path), "gguf": str(tmp_path / "b.gguf")}})


@pytest.mark.parametrize("form", ["safetensors", "gguf"])
def test_what_is_no_file_is_told(form, tmp_path):
    (tmp_path / "empty").mkdir()
    for given_path in (tmp_path / "nowhere", tmp_path / "empty", "/dev/zero", "a\0b", "x" * 5000):
        assert faults(form, given_path).problems[0].code == "unreadable-file"


def test_a_split_gguf_is_all_its_parts(tmp_path):
    tensors = llama_gguf()
    paths = [tmp_path / f"model-0000{part}-of-00002.gguf" for part in (1, 2)]
    halves = [{name: tensors[name] for name in list(tensors)[part::2]} for part in (0, 1)]
    total = sum(write_gguf(path, half, part, 2) for part, (path, half) in enumerate(zip(paths, halves, strict=True), 1))
    for path in paths:
        ledger = answer("gguf", path)
        assert (ledger["parameters.bytes"], ledger["parameters.count"]) == (total, count(llama()))
        assert ledger.warnings == []
    paths[0].unlink()
    assert faults("gguf", paths[1]).problems[0].code == "shards"


# --- limits ----------------------------------------------------------------------------------------------------


def test_nothing_is_read_beyond_the_header(tmp_path, monkeypatch):
    size_of_data = 2**40
    path = tmp_path / "huge.safetensors"
    header = headed({"a": {"dtype": "U8", "shape": [size_of_data], "data_offsets": [0, size_of_data]}})
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(len(header) + size_of_data)
    asked: list[int] = []
    from vramledger.inputs.tensors import Opened

    read = Opened.read
    monkeypatch.setattr(Opened, "read", lambda self, count: asked.append(count) or read(self, count))
    tracemalloc.start()
    assert answer("safetensors", path)["parameters.bytes"] == size_of_data
    assert sum(asked) == len(header)
    content = ggufed([KEY], [tensor(b"w", (2**38,), 0, 0)])
    other = tmp_path / "huge.gguf"
    other.write_bytes(content)
    with other.open("r+b") as file:
        file.truncate(len(content) + size_of_data)
    asked.clear()
    found = read_gguf(other, TYPES, LAYOUTS)
    assert not isinstance(found, Problem)
    assert sum(asked) <= len(content) + 65536
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("many", [4_000_001, LONGEST_HEADER])
def test_a_list_that_never_ends_is_left_alone(many, tmp_path):
    path = tmp_path / "long.gguf"
    path.write_bytes(b"GGUF" + packed("IQQ", 3, 0, 1) + text(b"a") + packed("IIQ", 9, 8, many))
    with path.open("r+b") as file:
        file.truncate(2**40)
    found = read_gguf(path, TYPES, LAYOUTS)
    assert isinstance(found, Problem)
    assert "texts" in found.message or "room for" in found.message


def test_a_header_of_real_size_is_read_at_once(tmp_path):
    path = tmp_path / "vocabulary.gguf"
    tokens = b"".join(text(b"token %d" % number) for number in range(400_000))
    keys = [text(b"tokenizer.ggml.tokens") + packed("IIQ", 9, 8, 400_000) + tokens]
    tensors = [tensor(b"blk.%d.w" % number, (8,), 0, 32 * number) for number in range(291)]
    path.write_bytes(ggufed(keys, tensors, bytes(32 * 291)))
    begin = time.process_time()
    found = read_gguf(path, TYPES, LAYOUTS)
    assert time.process_time() - begin < 1  # a tenth of it is usual
    assert len(found.tensors) == 291


# --- random damage -----------------------------------------------------------------------------------------------

GOOD = (
    headed({"a.0.w": ONE, "b": {"dtype": "F16", "shape": [2, 2], "data_offsets": [8, 16]}}, bytes(16)),
    headed({"__metadata__": {"format": "pt"}, "model.layers.0.mlp.up_proj.weight": ONE}, bytes(8)),
    ggufed(
        [
            text(b"general.architecture") + packed("I", 8) + text(b"llama"),
            KEY,
            text(b"t") + packed("IIQ", 9, 8, 2) + text(b"x") + text(b"y"),
            text(b"n") + packed("IIQII", 9, 4, 2, 1, 2),
        ],
        [tensor(b"blk.0.attn_q.weight", (256, 2), 12, 0), tensor(b"v", (4,), 0, 288)],
        bytes(320),
    ),
)
damage = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["set", "drop", "insert", "cut"]), st.binary(max_size=9)), max_size=4
)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(content=st.sampled_from(GOOD), changes=damage)
def test_damaged_headers_are_read_or_told(content, changes, tmp_path_factory):
    for place, how, some in changes:
        at = place % (len(content) + 1)
        content = {
            "set": content[:at] + some + content[at + len(some) :],
            "drop": content[:at] + content[at + 1 + len(some) :],
            "insert": content[:at] + some + content[at:],
            "cut": content[:at],
        }[how]
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = folder / "file"
    path.write_bytes(content)
    sound = read_safetensors(path, LAYOUTS)
    try:
        with safe_open(str(path), "np") as file:
            kept = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, UnicodeError):
        kept = None
    if not isinstance(sound, Problem):
        assert kept == {found.name: found.shape for found in sound.tensors}
    else:
        str(sound)
    other = read_gguf(path, TYPES, LAYOUTS)
    assert isinstance(other, Problem) or all(found.begin + found.bytes <= len(content) for found in other.tensors)


shapes_of = st.lists(st.integers(0, 5), max_size=4).map(tuple)
kinds_of = st.sampled_from(["float32", "float16", "uint8"])
names_of = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    tensors=st.dictionaries(
        names_of, st.tuples(st.sampled_from(["float32", "float16", "uint8"]), shapes_of), max_size=5
    )
)
def test_what_the_library_writes_is_read_back(tensors, tmp_path_factory):
    tensors.pop("__metadata__", None)
    path = write(tmp_path_factory.getbasetemp() / "written.safetensors", tensors)
    found = read_safetensors(path, LAYOUTS)
    assert not isinstance(found, Problem)
    assert {one.name: (one.dtype, one.shape) for one in found.tensors} == read_back(path)
    ledger = answer("safetensors", path)
    assert (ledger["parameters.count"], ledger["parameters.bytes"]) == (count(tensors), size(tensors))
