#!/usr/bin/env python3
"""The model that the integer one is measured against: a Llama forward pass in float32 straight from the GGUF file,
with numpy alone. Slow and plain on purpose.

  float_reference.py perplexity MODEL.gguf TOKENS.json [--window 512]   {"tokens", "nll", "perplexity"}
  float_reference.py greedy MODEL.gguf PROMPTS.json [--count 8]         [[token, …], …]

TOKENS.json is a list of token ids, PROMPTS.json a list of such lists.
"""
import argparse
import json
import struct

import numpy as np

F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf:
    """fields: metadata by key; tensor(name): its values as float32, shape (rows, columns)."""

    def __init__(self, path):
        self.data = np.fromfile(path, np.uint8)
        self.at = 0
        magic, version, tensors, fields = self.unpack("4sIQQ")
        assert magic == b"GGUF" and version in (2, 3)
        self.fields = {}
        for _ in range(fields):
            key = self.text()
            self.fields[key] = self.value(self.unpack("I")[0])
        self.places = {}
        for _ in range(tensors):
            name = self.text()
            dims = self.unpack("Q" * self.unpack("I")[0])
            self.places[name] = (dims, *self.unpack("IQ"))
        alignment = self.fields.get("general.alignment", 32)
        self.start = -(-self.at // alignment) * alignment

    def unpack(self, layout):
        layout = "<" + layout
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def text(self):
        size = self.unpack("Q")[0]
        self.at += size
        return self.data[self.at - size:self.at].tobytes().decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            element, count = self.unpack("IQ")
            if element in NUMBERS:
                return list(self.unpack(str(count) + NUMBERS[element]))
            return [self.value(element) for _ in range(count)]
        return self.unpack(NUMBERS[kind])[0]

    def tensor(self, name):
        dims, kind, offset = self.places[name]
        count = int(np.prod(dims))
        raw = self.data[self.start + offset:]
        if kind == F32:
            values = raw[:4 * count].view(np.float32)
        elif kind == F16:
            values = raw[:2 * count].view(np.float16).astype(np.float32)
        elif kind == Q8_0:
            blocks = raw[:count // 32 * 34].reshape(-1, 34)
            scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
            values = (blocks[:, 2:].view(np.int8) * scale).astype(np.float32)
        elif kind == Q4_1:
            blocks = raw[:count // 32 * 20].reshape(-1, 20)
            scale, low = blocks[:, :4].copy().view(np.float16).astype(np.float32).T
            nibbles = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], 1)
            values = (nibbles * scale[:, None] + low[:, None]).astype(np.float32)
        else:
            raise ValueError(f"{name}: tensor type {kind}")
        return values.reshape(dims[::-1])


class Model:
    def __init__(self, path):
        gguf = Gguf(path)
        architecture = gguf.fields["general.architecture"]
        field = lambda key, *default: gguf.fields.get(f"{architecture}.{key}", *default)
        self.layers = field("block_count")
        self.heads = field("attention.head_count")
        self.kv_heads = field("attention.head_count_kv", self.heads)
        self.epsilon = np.float32(field("attention.layer_norm_rms_epsilon"))
        self.w = {name: gguf.tensor(name) for name in gguf.places}
        self.head_dim = self.w["blk.0.attn_q.weight"].shape[0] // self.heads
        self.theta = field("rope.freq_base", 10000.0)
        self.context = field("context_length")

    def norm(self, x, gain):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * gain

    def rope(self, x, first):
        angle = (np.arange(first, first + len(x))[:, None] *
                 self.theta ** (-np.arange(0, self.head_dim, 2) / self.head_dim)[None])
        cos, sin = (f(angle).astype(np.float32)[:, None] for f in (np.cos, np.sin))
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    def forward(self, tokens, cache):
        """Logits of the new tokens; cache is a list that this extends (empty at first)."""
        n, first = len(tokens), cache[0][0].shape[0] if cache else 0
        cache[:] = cache or [[np.empty((0, self.kv_heads, self.head_dim), np.float32)] * 2
                             for _ in range(self.layers)]
        mask = np.triu(np.full((n, first + n), -np.inf, np.float32), first + 1)
        x = self.w["token_embd.weight"][tokens]
        for layer in range(self.layers):
            w = lambda name: self.w[f"blk.{layer}.{name}.weight"]
            h = self.norm(x, w("attn_norm"))
            q = self.rope((h @ w("attn_q").T).reshape(n, self.heads, -1), first)
            k = self.rope((h @ w("attn_k").T).reshape(n, self.kv_heads, -1), first)
            v = (h @ w("attn_v").T).reshape(n, self.kv_heads, -1)
            cache[layer] = [np.concatenate(pair) for pair in zip(cache[layer], (k, v))]
            k, v = (np.repeat(t, self.heads // self.kv_heads, 1) for t in cache[layer])
            scores = np.einsum("nhd,mhd->hnm", q, k) / np.float32(np.sqrt(self.head_dim)) + mask
            p = np.exp(scores - scores.max(-1, keepdims=True))
            out = np.einsum("hnm,mhd->nhd", p / p.sum(-1, keepdims=True), v)
            x = x + out.reshape(n, -1) @ w("attn_output").T
            h = self.norm(x, w("ffn_norm"))
            gate = h @ w("ffn_gate").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ w("ffn_up").T)) @ w("ffn_down").T
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return self.norm(x, self.w["output_norm.weight"]) @ head.T


def perplexity(model, tokens, window):
    """Each window is predicted from its own beginning; what does not fill a window is dropped."""
    total, count = 0.0, 0
    for at in range(0, len(tokens) - window + 1, window):
        part = tokens[at:at + window]
        logits = model.forward(part, [])[:-1].astype(np.float64)
        top = logits.max(-1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(-1)) + top[:, 0]
        total += float((log_sum - logits[np.arange(window - 1), part[1:]]).sum())
        count += window - 1
    return {"tokens": count, "nll": total / count, "perplexity": float(np.exp(total / count))}


def greedy(model, prompt, count):
    cache, tokens, answer = [], list(prompt), []
    while len(answer) < count:
        answer.append(int(model.forward(tokens, cache)[-1].argmax()))
        tokens = [answer[-1]]
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["perplexity", "greedy"])
    parser.add_argument("model")
    parser.add_argument("tokens")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--count", type=int, default=8)
    args = parser.parse_args()
    model = Model(args.model)
    with open(args.tokens, encoding="utf-8") as file:
        tokens = json.load(file)
    if args.what == "perplexity":
        print(json.dumps(perplexity(model, tokens, args.window)))
    else:
        print(json.dumps([greedy(model, prompt, args.count) for prompt in tokens]))


if __name__ == "__main__":
    main()
