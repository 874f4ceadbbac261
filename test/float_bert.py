#!/usr/bin/env python3
"""What the integer encoder is measured against: BERT in float32 straight from a safetensors file, with numpy alone.

  float_bert.py DIRECTORY TOKENS.json      [[a number an element], …], each of length 1

DIRECTORY holds config.json and model.safetensors; TOKENS.json is a list of lists of token ids, each a whole text."""
import json
import math
import pathlib
import struct
import sys

import numpy as np


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data, np.float32, (end - begin) // 4, 8 + size + begin)
            tensors[name] = values.reshape(entry["shape"])
    return tensors


class Bert:
    def __init__(self, directory):
        self.config = json.loads((directory / "config.json").read_text())
        self.w = read_safetensors(directory / "model.safetensors")
        self.erf = np.vectorize(math.erf, otypes=[np.float32])

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / deviation * self.w[name + ".weight"] + self.w[name + ".bias"]

    def embed(self, tokens):
        n, heads = len(tokens), self.config["num_attention_heads"]
        w = lambda name: self.w[f"embeddings.{name}_embeddings.weight"]
        x = self.norm(w("word")[tokens] + w("position")[:n] + w("token_type")[0], "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{layer}."
            q, k, v = (self.linear(x, f"{at}attention.self.{part}").reshape(n, heads, -1)
                       for part in ("query", "key", "value"))
            scores = np.einsum("nhd,mhd->hnm", q, k) / np.float32(math.sqrt(q.shape[-1]))
            p = np.exp(scores - scores.max(-1, keepdims=True))
            out = np.einsum("hnm,mhd->nhd", p / p.sum(-1, keepdims=True), v).reshape(n, -1)
            x = self.norm(x + self.linear(out, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            h = self.linear(x, at + "intermediate.dense")
            h = h * (1 + self.erf(h / math.sqrt(2))) / 2
            x = self.norm(x + self.linear(h, at + "output.dense"), at + "output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def main():
    model = Bert(pathlib.Path(sys.argv[1]))
    texts = json.loads(pathlib.Path(sys.argv[2]).read_text())
    print(json.dumps([model.embed(tokens).tolist() for tokens in texts]))


if __name__ == "__main__":
    main()
