#!/usr/bin/env python3
"""Writes src/inference/tables.cpp: the literal tables of the integer model (doc/numerics.md).

60 decimal digits, no binary floating point and no libm, so every machine writes the same file.
Run: contrib/make_tables.py > src/inference/tables.cpp"""
from decimal import ROUND_HALF_UP, Decimal, getcontext, localcontext

getcontext().prec = 60
ONE = Decimal(1)
LN2 = Decimal(2).ln()


def near(x):
    """The nearest integer, halves away from zero (none occurs but at exact integers)."""
    return int(x.to_integral_value(ROUND_HALF_UP))


def arctan_inverse(n):
    term, total, k = ONE / n, Decimal(0), 0
    while abs(term) > Decimal(10) ** -58:
        total += term / (2 * k + 1) * (-1) ** k
        term /= n * n
        k += 1
    return total


PI = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))


def sine(x):
    term, total, k = x, Decimal(0), 1
    while abs(term) > Decimal(10) ** -58:
        total += term
        term *= -x * x / ((k + 1) * (k + 2))
        k += 2
    return total


def gumbel(u):
    return -(-u.ln()).ln()


def gumbel_side(low):
    """At x = 2^(o-1) (1 + i/16) / 2^33, o = 1..32, i = 0..15, and at 1/2: -ln(-ln x) or -ln(-ln(1 - x))."""
    points = [Decimal(2) ** (octave - 1) * (16 + i) / 16 / Decimal(2) ** 33 for octave in range(1, 33) for i in range(16)]
    points.append(ONE / 2)
    return [near(65536 * gumbel(x if low else 1 - x)) for x in points]


def gelu_gate(x):
    """gelu(x) / x, with the hyperbolic tangent: (1 + tanh(t)) / 2 = 1 / (1 + e^(-2t)), t = sqrt(2/pi) (x + 0.044715 x^3)."""
    t = (2 / PI).sqrt() * (x + Decimal("0.044715") * x**3)
    return 1 / (1 + (-2 * t).exp())


def normal(x):
    """gelu(x) / x without an approximation: the normal distribution, (1 + erf(x / sqrt(2))) / 2. Its series alternates
    with terms up to e^(x^2 / 2)."""
    with localcontext() as context:
        context.prec = 60 + int(x * x / 4)
        z = x / Decimal(2).sqrt()
        term, total, k = z, Decimal(0), 0
        while abs(term) > Decimal(10) ** -58:
            total += term / (2 * k + 1)
            k += 1
            term *= -z * z / k
        return (1 + 2 / PI.sqrt() * total) / 2


TABLES = [
    ("kExp2", [near(2**30 * (-LN2 * i / 256).exp()) for i in range(257)]),
    ("kSigmoid", [near(2**19 / (1 + (-Decimal(i) / 64).exp())) for i in range(1026)]),
    ("kQuarterSine", [near(2**30 * sine(2 * PI * i / 4096)) for i in range(1025)]),
    ("kGumbelLow", gumbel_side(True)),
    ("kGumbelHigh", gumbel_side(False)),
    ("kGeluTanh", [near(2**19 * gelu_gate(Decimal(i) / 64)) for i in range(1026)]),
    ("kGeluErf", [near(2**19 * normal(Decimal(i) / 64)) for i in range(1026)]),
]

print("// Written by contrib/make_tables.py; do not edit.")
print('#include "inference/tables.h"\n\nnamespace daidd::inference {\n\n// clang-format off')
for name, values in TABLES:
    print(f"extern const std::array<int32_t, {len(values)}> {name} = {{")
    line = "   "
    for value in values:
        if len(line) + len(str(value)) + 2 > 110:
            print(line)
            line = "   "
        line += f" {value},"
    print(line + "\n};")
print("// clang-format on\n\n}  // namespace daidd::inference")
