#!/usr/bin/env python3
"""Makes quantized.json: blocks of GGUF's quantised types and what they hold, in units of 2^-24 (whole numbers).

  make_quantized.py > quantized.json

A block is one long number here and a code a range of its bits, so nothing is shared with the importer but the layout.
Every value is compared with the reference of the package gguf (0.17.1), which rounds to binary32."""
import json
import random
import sys
from fractions import Fraction

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Halves at the edges: zero, the least and the greatest subnormal, the least normal, one.
EDGES = [0x8000, 0x0001, 0x83FF, 0x0400, 0xBC00]


def half(bits):
    """In units of 2^-24."""
    exponent, fraction = bits >> 10 & 31, bits & 1023
    assert exponent < 31
    size = fraction if exponent == 0 else (fraction + 1024) << (exponent - 1)
    return -size if bits & 0x8000 else size


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


class Block:
    """Bit 0 is the lowest of the first byte."""

    def __init__(self, data):
        self.number = int.from_bytes(data, "little")

    def bits(self, byte, bit, count):
        return self.number >> (8 * byte + bit) & ((1 << count) - 1)

    def half(self, byte):
        return half(self.bits(byte, 0, 16))


# Where a code's bits lie: element -> (byte, bit).
def small(e, base):
    return base + e % 16, e // 16 * 4


def low_nibble(e, base):
    return base + e // 64 * 32 + e % 32, e // 32 % 2 * 4


def pair(e, base):
    return base + e // 128 * 32 + e % 32, e // 32 % 4 * 2


def single(e, base):
    return base + e % 32, e // 32


def six_bits(block, group):
    """Scale and minimum of a group of Q4_K and Q5_K, whose twelve bytes begin at 4."""
    if group < 4:
        return block.bits(4 + group, 0, 6), block.bits(8 + group, 0, 6)
    return (block.bits(8 + group, 0, 4) + (block.bits(group, 6, 2) << 4),
            block.bits(8 + group, 4, 4) + (block.bits(4 + group, 6, 2) << 4))


def q3_scale(block, group):
    low = block.bits(96 + group % 8, group // 8 * 4, 4)
    return low + (block.bits(104 + group % 4, group // 4 * 2, 2) << 4) - 32


def q4_k(block, e):
    scale, minimum = six_bits(block, e // 32)
    return block.half(0) * scale * block.bits(*low_nibble(e, 16), 4) - block.half(2) * minimum


def q5_k(block, e):
    scale, minimum = six_bits(block, e // 32)
    code = block.bits(*low_nibble(e, 48), 4) + (block.bits(*single(e, 16), 1) << 4)
    return block.half(0) * scale * code - block.half(2) * minimum


def q6_k(block, e):
    low = block.bits(e // 128 * 64 + e % 64, e // 64 % 2 * 4, 4)
    code = low + (block.bits(*pair(e, 128), 2) << 4) - 32
    return block.half(208) * signed(block.bits(192 + e // 16, 0, 8), 8) * code


# type -> (bytes of a block, where its halves are, value of an element)
TYPES = {
    "Q4_0": (18, [0], lambda b, e: b.half(0) * (b.bits(*small(e, 2), 4) - 8)),
    "Q4_1": (20, [0, 2], lambda b, e: b.half(0) * b.bits(*small(e, 4), 4) + b.half(2)),
    "Q5_0": (22, [0], lambda b, e: b.half(0) * (b.bits(*small(e, 6), 4) + (b.bits(2, e, 1) << 4) - 16)),
    "Q5_1": (24, [0, 2], lambda b, e: b.half(0) * (b.bits(*small(e, 8), 4) + (b.bits(4, e, 1) << 4)) + b.half(2)),
    "Q8_0": (34, [0], lambda b, e: b.half(0) * signed(b.bits(2 + e, 0, 8), 8)),
    "Q2_K": (84, [80, 82], lambda b, e: (b.half(80) * b.bits(e // 16, 0, 4) * b.bits(*pair(e, 16), 2)
                                         - b.half(82) * b.bits(e // 16, 4, 4))),
    "Q3_K": (110, [108], lambda b, e: (b.half(108) * q3_scale(b, e // 16) *
                                       (b.bits(*pair(e, 32), 2) + (b.bits(*single(e, 0), 1) << 2) - 4))),
    "Q4_K": (144, [0, 2], q4_k),
    "Q5_K": (176, [0, 2], q5_k),
    "Q6_K": (210, [208], q6_k),
}


def blocks_of(name, rng):
    """Random codes with random scales, then with scales at the edges; uniform bytes with the greatest scales."""
    size, halves, _ = TYPES[name]

    def with_halves(data, values):
        data = bytearray(data)
        for at, value in zip(halves, values):
            data[at:at + 2] = value.to_bytes(2, "little")
        return bytes(data)

    for _ in range(2):
        yield with_halves(rng.randbytes(size), [rng.randrange(0x2000, 0x3000) for _ in halves])
    for i, edge in enumerate(EDGES):
        yield with_halves(rng.randbytes(size), [edge, EDGES[(i + 2) % len(EDGES)]])
    for fill in (b"\x00", b"\xff", b"\x80", b"\x7f"):
        yield with_halves(fill * size, [0x7BFF, 0xFBFF])


def check(name, data, values):
    """A product of three and a sum of two, each rounded to 24 bits, are off by less than 2^-21 of the largest."""
    with numpy.errstate(all="raise"):
        reference = dequantize(numpy.frombuffer(data, dtype=numpy.uint8), GGMLQuantizationType[name])
    assert len(reference) == len(values)
    largest = max(map(abs, values))
    for found, expected in zip(reference, values):
        assert abs(Fraction(float(found)) * 2**24 - expected) * 2**21 <= largest, (name, found, expected)


def main():
    rng = random.Random(17)
    lines = []
    for name, (size, _, value) in TYPES.items():
        elements, size_there = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
        assert size == size_there
        for data in blocks_of(name, rng):
            values = [value(Block(data), e) for e in range(elements)]
            assert max(map(abs, values)) < 2**52
            check(name, data, values)
            lines.append(json.dumps({"type": name, "block": data.hex(), "values": values}, separators=(",", ":")))
    sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
