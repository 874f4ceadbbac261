#!/usr/bin/env python3
"""Writes vector_index.json: embeddings, an index and searches by doc/numerics.md, in Python's own integers and
without code of the engine.

Usage: python3 test/vectors/make_vector_index.py > test/vectors/vector_index.json"""
import hashlib
import json
import math
import random
import struct

WIDTH = 13
ROWS = 21
MODEL = bytes(range(32))


def hash_of(tag, data):
    return hashlib.blake2s(data, person=tag.encode().ljust(8, b"\0")).digest()


def merkle(level):
    while len(level) > 1:
        pairs = [hash_of("node", level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2:]
    return level[0]


def unit_row(x):
    shift = 24 - max(abs(v) for v in x).bit_length()
    scaled = [abs(v) << shift if shift >= 0 else abs(v) >> -shift for v in x]
    squares = sum(v * v for v in scaled)
    j = (62 - squares.bit_length()) // 2
    root = math.isqrt(squares << 2 * j)
    return [(1 if v >= 0 else -1) * (((s << 30 + j) + root // 2) // root) for v, s in zip(x, scaled)]


def quantise(y):
    t = -(-(max(abs(v) for v in y) << 24) // 127)
    b = t.bit_length() - 8
    mantissa = -(-t // 2**b)
    if mantissa == 256:
        mantissa, b = 128, b + 1
    reciprocal = 2**38 // mantissa
    codes = [(v * reciprocal + 2 ** (b + 13)) >> b + 14 for v in y]
    return {"codes": codes, "mantissa": mantissa, "exponent": 40 - b}


def row_bytes(row):
    vector = row["vector"]
    return (struct.pack("<Q", row["id"]) + bytes.fromhex(row["text"]) +
            struct.pack(f"{WIDTH}bBB", *vector["codes"], vector["mantissa"], vector["exponent"]))


def search(rows, query, k):
    hits = []
    for row in rows:
        vector = row["vector"]
        dot = sum(a * b for a, b in zip(query["codes"], vector["codes"]))
        hits.append({"id": row["id"], "score": dot * vector["mantissa"] * 2 ** (7 - vector["exponent"])})
    return sorted(hits, key=lambda hit: (-hit["score"], hit["id"]))[:k]


def main():
    numbers = random.Random(21)
    sources = [[numbers.randint(-(2**bits), 2**bits) for _ in range(WIDTH)]
               for bits in numbers.choices(range(1, 31), k=ROWS)]
    sources[4] = sources[7] = sources[2]  # ties
    vectors = [quantise(unit_row(x)) for x in sources]
    rows = [{"id": 5 * i % ROWS * 1000003, "text": hashlib.sha256(bytes([i])).hexdigest(), "vector": vector}
            for i, vector in enumerate(vectors)]
    ordered = sorted(rows, key=lambda row: row["id"])
    rows_root = merkle([hash_of("vrow", row_bytes(row)) for row in ordered])
    searches = [{"query": quantise(unit_row(sources[i])), "k": k, "hits": search(rows, vectors[i], k)}
                for i, k in ((2, 4), (0, 1), (9, ROWS + 1))]
    print(json.dumps({
        "width": WIDTH,
        "model": MODEL.hex(),
        "units": [{"x": x, "unit": unit_row(x)} for x in sources[:3]],
        "sources": sources,
        "rows": rows,
        "root": hash_of("vindex", MODEL + struct.pack("<IQ", WIDTH, ROWS) + rows_root).hex(),
        "searches": searches,
    }))


main()
