"""A small Llama as a GGUF file: random weights from a fixed seed, and a vocabulary of the 256 bytes."""
import math
import random
import struct

U32, I32, F32, TEXT, ARRAY = 4, 5, 6, 8, 9
ALIGNMENT = 32
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
DIM, FFN, HEADS, KV_HEADS, HEAD_DIM, LAYERS, CONTEXT = 32, 64, 4, 2, 8, 2, 256


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def field(key, kind, value):
    """A number or a text; of an array `value` is (element kind, list)."""
    if kind == ARRAY:
        element, values = value
        body = struct.pack("<IQ", element, len(values)) + b"".join(scalar(element, v) for v in values)
    else:
        body = scalar(kind, value)
    return text(key) + struct.pack("<I", kind) + body


def scalar(kind, value):
    return text(value) if kind == TEXT else struct.pack({U32: "<I", I32: "<i", F32: "<f"}[kind], value)


def byte_alphabet():
    """How GPT-2 writes each byte: printable ones as they are, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 0x100 + others.index(byte)) for byte in range(256)]


def default_fields(tokens):
    return {
        "general.architecture": (TEXT, "llama"),
        "general.name": (TEXT, "Small"),
        "llama.block_count": (U32, LAYERS),
        "llama.embedding_length": (U32, DIM),
        "llama.feed_forward_length": (U32, FFN),
        "llama.attention.head_count": (U32, HEADS),
        "llama.attention.head_count_kv": (U32, KV_HEADS),
        "llama.context_length": (U32, CONTEXT),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.rope.freq_base": (F32, 10_000.0),
        "tokenizer.ggml.model": (TEXT, "gpt2"),
        "tokenizer.ggml.pre": (TEXT, "smollm"),
        "tokenizer.ggml.tokens": (ARRAY, (TEXT, tokens)),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [3 if t in SPECIALS else 1 for t in tokens])),
        "tokenizer.ggml.merges": (ARRAY, (TEXT, [])),
        "tokenizer.ggml.eos_token_id": (U32, tokens.index("<|im_end|>")),
    }


def default_shapes(vocabulary):
    """(columns, rows) of each tensor; a norm has no rows. The head is the embedding."""
    layer = {"attn_norm": (DIM,), "attn_q": (DIM, HEADS * HEAD_DIM), "attn_k": (DIM, KV_HEADS * HEAD_DIM),
             "attn_v": (DIM, KV_HEADS * HEAD_DIM), "attn_output": (HEADS * HEAD_DIM, DIM), "ffn_norm": (DIM,),
             "ffn_gate": (DIM, FFN), "ffn_up": (DIM, FFN), "ffn_down": (FFN, DIM)}
    shapes = {f"blk.{l}.{name}.weight": shape for l in range(LAYERS) for name, shape in layer.items()}
    return {**shapes, "output_norm.weight": (DIM,), "token_embd.weight": (DIM, vocabulary)}


def small_gguf(*, seed=1, tokens=None, fields=None, values=None, without=()):
    """The file's bytes. `fields` and `values` replace or add a field or single weights: {tensor: {index: value}}."""
    tokens = tokens or byte_alphabet() + SPECIALS
    numbers = random.Random(seed)
    metadata = {**default_fields(tokens), **(fields or {})}
    tensors = {}
    for name, shape in default_shapes(len(tokens)).items():
        size = math.prod(shape)
        spread = 0 if len(shape) == 1 else math.sqrt(3 / shape[0])
        weights = [numbers.uniform(-spread, spread) if spread else 1.0 for _ in range(size)]
        for index, value in (values or {}).get(name, {}).items():
            weights[index] = value
        if name not in without:
            tensors[name] = (shape, struct.pack(f"<{size}f", *weights))
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    out += b"".join(field(key, *entry) for key, entry in metadata.items())
    data = b""
    for name, (shape, weights) in tensors.items():
        data += bytes(-len(data) % ALIGNMENT)
        out += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += weights
    return out + bytes(-len(out) % ALIGNMENT) + data
