#!/usr/bin/env python3
"""Makes rope.json: floor(base^(-2j/head_dim) / 2pi * 2^64), with decimal and integer arithmetic alone.

  make_rope.py > rope.json
"""
import json
import sys
from decimal import Decimal, getcontext

DIGITS = 200
# (base, head_dim): both ends of each, what known models have, and sizes that are no power of two.
CASES = [(2, 2), (2, 256), (3, 6), (10_000, 64), (10_000, 80), (10_000, 128), (100_000, 64), (500_000, 64),
         (1_000_000, 128), (4_294_967_295, 2), (4_294_967_295, 256)]


def arctan_of_inverse(n, scale):
    """scale * arctan(1/n): the series in integers."""
    term = total = scale // n
    k = 1
    while term:
        term //= n * n
        k += 2
        total += (-1) ** (k // 2) * (term // k)
    return total


def two_pi():
    """Machin's formula, with ten digits that are thrown away."""
    scale = 10 ** (DIGITS + 10)
    return Decimal(8 * (4 * arctan_of_inverse(5, scale) - arctan_of_inverse(239, scale))) / scale


def constants(base, head_dim):
    result = []
    for j in range(head_dim // 2):
        turns = Decimal(base) ** (Decimal(-2 * j) / head_dim) / two_pi() * 2 ** 64
        below = int(turns)
        # Far from a whole number, so the error of the last digits cannot reach the result.
        assert Decimal(10) ** -20 < turns - below < 1 - Decimal(10) ** -20
        result.append(below)
    return result


def main():
    getcontext().prec = DIGITS
    lines = (json.dumps({"base": base, "head_dim": head_dim, "constants": constants(base, head_dim)})
             for base, head_dim in CASES)
    sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
