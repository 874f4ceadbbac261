#!/usr/bin/env python3
"""The model that the integer one is measured against: the forward pass of a Llama, Qwen 2, Qwen 3, Mistral or Gemma 3
in float32 straight from the GGUF file, with numpy alone. Slow and plain on purpose.

  float_reference.py perplexity MODEL.gguf TOKENS.json [--window 512]   {"tokens", "nll", "perplexity"}
  float_reference.py compare MODEL.gguf TOKENS.json [--fx N] [--window 512] <LOGITS   the same and "kl", "gaps"
  float_reference.py follow MODEL.gguf ANSWERS.json                     [{"equal", "gap"}, …]

TOKENS.json is a list of token ids, ANSWERS.json a list of pairs of such lists, prompt and answer. LOGITS are another
model's, a row for each predicted token: int32 with N fraction bits, as `dai-model eval -logits` writes them, or
float32. A gap is how much less likely this model takes the other's token than its own first choice, in nats.
"""
import argparse
import json
import struct
import sys

import numpy as np

from quant_blocks import dequantised

ROWS_AT_ONCE = 64
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
        return dequantised(self.data[self.start + offset:], kind, count).reshape(dims[::-1])


class Model:
    def __init__(self, path):
        gguf = Gguf(path)
        architecture = gguf.fields["general.architecture"]
        assert architecture in ("llama", "mistral", "qwen2", "qwen3", "gemma3"), architecture
        self.is_gemma = architecture == "gemma3"
        # Converters store the rotary pairs of these two side by side, those of the others half a head apart.
        self.neighbours = architecture in ("llama", "mistral")
        field = lambda key, *default: gguf.fields.get(f"{architecture}.{key}", *default)
        self.layers = field("block_count")
        self.heads = field("attention.head_count")
        self.kv_heads = field("attention.head_count_kv", self.heads)
        self.epsilon = np.float32(field("attention.layer_norm_rms_epsilon"))
        self.w = {name: gguf.tensor(name) for name in gguf.places}
        self.head_dim = self.w["blk.0.attn_q.weight"].shape[0] // self.heads
        self.window = field("attention.sliding_window", 0)
        self.theta = field("rope.freq_base", 10000.0)
        self.context = field("context_length")

    def is_local(self, layer):
        """Gemma 3: five layers that see a window, with rotary base 10,000, then one that sees everything."""
        return self.window > 0 and not (self.is_gemma and layer % 6 == 5)

    def norm(self, x, gain):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * gain

    def rope(self, x, first, theta):
        angle = (np.arange(first, first + len(x))[:, None] *
                 theta ** (-np.arange(0, self.head_dim, 2) / self.head_dim)[None])
        cos, sin = (f(angle).astype(np.float32)[:, None] for f in (np.cos, np.sin))
        if not self.neighbours:
            a, b = np.split(x, 2, -1)
            return np.concatenate([a * cos - b * sin, a * sin + b * cos], -1)
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    def heads_of(self, h, layer, name):
        """q, k or v of all heads, through the norm that some families have."""
        y = h @ self.w[f"blk.{layer}.attn_{name}.weight"].T + self.w.get(f"blk.{layer}.attn_{name}.bias", 0)
        y = y.reshape(len(h), -1, self.head_dim)
        gain = self.w.get(f"blk.{layer}.attn_{name}_norm.weight")
        return y if gain is None else self.norm(y, gain)

    def attention(self, h, layer, cache):
        n, first = len(h), len(cache[layer][0])
        local = self.is_local(layer)
        theta = 10000.0 if self.is_gemma and local else self.theta
        q = self.rope(self.heads_of(h, layer, "q"), first, theta)
        k = self.rope(self.heads_of(h, layer, "k"), first, theta)
        cache[layer] = [np.concatenate(pair) for pair in zip(cache[layer], (k, self.heads_of(h, layer, "v")))]
        distance = np.arange(first, first + n)[:, None] - np.arange(first + n)[None]
        unseen = (distance < 0) | (local & (distance >= self.window))
        k, v = (np.repeat(t, self.heads // self.kv_heads, 1) for t in cache[layer])
        scores = np.einsum("nhd,mhd->hnm", q, k, optimize=True) / np.float32(np.sqrt(self.head_dim))
        scores[:, unseen] = -np.inf
        p = np.exp(scores - scores.max(-1, keepdims=True))
        out = np.einsum("hnm,mhd->nhd", p / p.sum(-1, keepdims=True), v, optimize=True)
        return out.reshape(n, -1) @ self.w[f"blk.{layer}.attn_output.weight"].T

    def activated(self, gate):
        if not self.is_gemma:
            return gate / (1 + np.exp(-gate))
        return gate / 2 * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (gate + np.float32(0.044715) * gate**3)))

    def residuals(self, tokens, cache):
        """The last residual rows of the new tokens; cache is a list that this extends (empty at first)."""
        cache[:] = cache or [[np.empty((0, self.kv_heads, self.head_dim), np.float32)] * 2
                             for _ in range(self.layers)]
        x = self.w["token_embd.weight"][tokens]
        if self.is_gemma:
            x = x * np.float32(np.sqrt(x.shape[-1]))
        for layer in range(self.layers):
            w = lambda name: self.w[f"blk.{layer}.{name}.weight"]
            after = lambda y, name: self.norm(y, w(name)) if self.is_gemma else y
            x = x + after(self.attention(self.norm(x, w("attn_norm")), layer, cache), "post_attention_norm")
            h = self.norm(x, w("ffn_norm"))
            y = (self.activated(h @ w("ffn_gate").T) * (h @ w("ffn_up").T)) @ w("ffn_down").T
            x = x + after(y, "post_ffw_norm")
        return x

    def logits(self, residuals):
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return self.norm(residuals, self.w["output_norm.weight"]) @ head.T


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


class Comparison:
    """Of this model with another, position by position. kl: the mean Kullback-Leibler divergence of this model's
    distribution from the other's, nats. gaps: one for each position where the two have different top tokens."""

    def __init__(self, rows, fx):
        self.rows = rows
        self.unit = 0.5 ** (fx or 0)
        self.kind = np.dtype("<f4" if fx is None else "<i4")
        self.divergence, self.gaps, self.count = 0.0, [], 0

    def add(self, logs):
        """This model's log probabilities, a row a position."""
        data = self.rows.read(logs.size * self.kind.itemsize)
        others = log_softmax(np.frombuffer(data, self.kind).reshape(logs.shape) * self.unit)
        self.divergence += float((np.exp(logs) * (logs - others)).sum())
        self.count += len(logs)
        gaps = logs.max(-1) - logs[np.arange(len(logs)), others.argmax(-1)]
        self.gaps += gaps[logs.argmax(-1) != others.argmax(-1)].tolist()

    def result(self):
        assert not self.rows.read(1), "more logits than positions"
        return {"kl": self.divergence / self.count, "gaps": self.gaps}


def perplexity(model, tokens, window, comparison=None):
    """Each window is predicted from its own beginning; what does not fill a window is dropped."""
    total, count = 0.0, 0
    for at in range(0, len(tokens) - window + 1, window):
        part = tokens[at:at + window]
        rows = model.residuals(part, [])[:-1]
        # A few rows at a time: of a vocabulary of 262,144 all of them fill a gigabyte.
        for first in range(0, window - 1, ROWS_AT_ONCE):
            logs = log_softmax(model.logits(rows[first:first + ROWS_AT_ONCE]))
            wanted = part[first + 1:first + 1 + len(logs)]
            total -= float(logs[np.arange(len(logs)), wanted].sum())
            if comparison:
                comparison.add(logs)
        count += window - 1
    result = {"tokens": count, "nll": total / count, "perplexity": float(np.exp(total / count))}
    return result | comparison.result() if comparison else result


def follow(model, prompt, answer):
    """How many tokens of the answer are this model's own choices, and the gap of the first that is not (0: all are)."""
    cache, tokens = [], prompt
    for equal, token in enumerate(answer):
        logs = log_softmax(model.logits(model.residuals(tokens, cache)[-1]))
        if token != logs.argmax():
            return {"equal": equal, "gap": float(logs.max() - logs[token])}
        tokens = [token]
    return {"equal": len(answer), "gap": 0.0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["perplexity", "compare", "follow"])
    parser.add_argument("model")
    parser.add_argument("tokens")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--fx", type=int)
    args = parser.parse_args()
    model = Model(args.model)
    with open(args.tokens, encoding="utf-8") as file:
        tokens = json.load(file)
    if args.what == "follow":
        print(json.dumps([follow(model, prompt, answer) for prompt, answer in tokens]))
    else:
        comparison = Comparison(sys.stdin.buffer, args.fx) if args.what == "compare" else None
        print(json.dumps(perplexity(model, tokens, args.window, comparison)))


if __name__ == "__main__":
    main()
