"""A Hugging Face directory becomes an integer model: the files as they lie on disk, in one piece and in shards."""
import json
import random
import struct
import subprocess

from framework import BIN, expect_equal, main

DIM, FFN, HEADS, KV_HEADS, LAYERS = 32, 64, 4, 2, 2


def byte_alphabet():
    """GPT-2's printable characters of the bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(0x100 + i) for i, b in enumerate(others)}}


def shapes():
    yield "model.embed_tokens.weight", (257, DIM)
    yield "model.norm.weight", (DIM,)
    kv = DIM // HEADS * KV_HEADS
    for layer in range(LAYERS):
        for name, shape in (("input_layernorm", (DIM,)), ("self_attn.q_proj", (DIM, DIM)),
                            ("self_attn.k_proj", (kv, DIM)), ("self_attn.v_proj", (kv, DIM)),
                            ("self_attn.o_proj", (DIM, DIM)), ("post_attention_layernorm", (DIM,)),
                            ("mlp.gate_proj", (FFN, DIM)), ("mlp.up_proj", (FFN, DIM)), ("mlp.down_proj", (DIM, FFN))):
            yield f"model.layers.{layer}.{name}.weight", shape


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += struct.pack(f"<{len(values)}f", *values)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_model(directory):
    """Everything but the weights, which are returned."""
    directory.mkdir()
    rng = random.Random(5)
    tensors = {}
    for name, shape in shapes():
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        tensors[name] = (shape, [rng.uniform(-0.3, 0.3) + (1 if len(shape) == 1 else 0) for _ in range(count)])
    config = {"model_type": "llama", "vocab_size": 257, "hidden_size": DIM, "intermediate_size": FFN,
              "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
              "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "eos_token_id": 256, "tie_word_embeddings": True}
    tokenizer = {"model": {"type": "BPE", "vocab": {c: b for b, c in byte_alphabet().items()}, "merges": []},
                 "added_tokens": [{"id": 256, "content": "<|endoftext|>", "special": True}],
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
    return tensors


def convert(source, target):
    return subprocess.run([BIN / "dai-model", "convert", source, target], capture_output=True, text=True, check=False)


def directory_becomes_a_model(network):
    whole, shards = network.directory / "whole", network.directory / "shards"
    tensors = write_model(whole)
    write_safetensors(whole / "model.safetensors", tensors)
    done = convert(whole, network.directory / "whole.gguf")
    expect_equal(done.stderr.replace("converting: 4 of 4 parts\n", ""), "")

    write_model(shards)
    half = {name: tensor for name, tensor in tensors.items() if "layers.0" in name}
    rest = {name: tensor for name, tensor in tensors.items() if name not in half}
    write_safetensors(shards / "model-1.safetensors", half)
    write_safetensors(shards / "model-2.safetensors", rest)
    index = {name: f"model-{1 if name in half else 2}.safetensors" for name in tensors}
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    convert(shards, network.directory / "shards.gguf")
    expect_equal((network.directory / "shards.gguf").read_bytes(), (network.directory / "whole.gguf").read_bytes())


def what_is_wrong_is_named(network):
    source = network.directory / "spoiled"
    tensors = write_model(source)
    done = convert(source, network.directory / "out.gguf")
    expect_equal((done.returncode, "model.safetensors" in done.stderr), (1, True))
    del tensors["model.norm.weight"]
    write_safetensors(source / "model.safetensors", tensors)
    done = convert(source, network.directory / "out.gguf")
    expect_equal((done.returncode, "output_norm.weight: missing" in done.stderr), (1, True))
    (source / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../model.safetensors"}}')
    done = convert(source, network.directory / "out.gguf")
    expect_equal((done.returncode, "index.weight_map[x]: bad value" in done.stderr), (1, True))
    expect_equal((network.directory / "out.gguf").exists(), False)


if __name__ == "__main__":
    main(directory_becomes_a_model, what_is_wrong_is_named)
