#!/usr/bin/env python3
"""The integer model once more, in plain Python: writes test/vectors/inference/NAME.json for the name given.

It shares no code with src/inference, only doc/numerics.md (and the tables' generator), so that a slip in either
shows. Needs: pip install cryptography. Run, with toy, families or encoders as NAME:
contrib/make_inference_vectors.py NAME > test/vectors/inference/NAME.json"""
import contextlib
import hashlib
import io
import json
import pathlib
import runpy
import sys
from math import isqrt
from struct import pack, unpack

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

with contextlib.redirect_stdout(io.StringIO()):
    TABLE_PROGRAM = runpy.run_path(str(pathlib.Path(__file__).with_name("make_tables.py")))
TABLES = dict(TABLE_PROGRAM["TABLES"])
QUARTER = TABLES["kQuarterSine"]
SINE = [QUARTER[i] for i in range(1025)] + [QUARTER[1024 - i] for i in range(1, 1025)]
SINE += [-s for s in SINE[1:]]  # 4097 entries of a whole turn
EXP2 = TABLES["kExp2"]
MOST = 2**31 - 1


def H(tag, *parts, key=b""):
    return hashlib.blake2s(b"".join(parts), key=key, person=tag.encode().ljust(8, b"\0")).digest()


def XOF(tag, seed, n):
    nonce = bytes(4) + tag.encode().ljust(12, b"\0")
    return Cipher(algorithms.ChaCha20(seed, nonce), None).encryptor().update(bytes(n))


def merkle(level):
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [H("node", *p) if len(p) == 2 else p[0] for p in pairs]
    return level[0]


def blocks(seq, n):
    return [seq[i:i + n] for i in range(0, len(seq), n)]


def rsh(v, s):
    return 0 if s > 62 else (v + (1 << s >> 1)) >> s if s > 0 else v << -s


def sat(v):
    return max(-MOST, min(MOST, v))


class Toy:
    def __init__(self, vocabulary, layers, dim, ffn, heads, kv_heads, head_dim, context, fx=14, bias=False, gains=False,
                 planes=1, seed=bytes(32), head_norms=False, post_norms=False, geglu=False, local_rope=False, window=0,
                 global_every=0):
        self.dims = (vocabulary, layers, dim, ffn, heads, kv_heads, head_dim, context)
        self.vocabulary, self.layers, self.dim, self.ffn, self.heads, self.kv, self.hd, self.context = self.dims
        self.fx, self.planes, self.seed = fx, planes, seed
        self.epsilon = 4**fx // 100_000
        self.rope = [0x28BE60DB9391054A >> (24 * j // head_dim) for j in range(head_dim // 2)]
        self.local_rope = [0x28BE60DB9391054A >> (12 * j // head_dim) for j in range(head_dim // 2)] if local_rope else []
        self.head_norms, self.post_norms, self.geglu, self.window = head_norms, post_norms, geglu, window
        self.late_tables = ["kGeluTanh"] if geglu else []
        self.local = [window > 0 and (global_every == 0 or (l + 1) % global_every > 0) for l in range(layers)]
        codes = [int(abs(c) / 2) * (1 if c >= 0 else -1) for c in self.stream("E", "h", 2, vocabulary * dim)]
        self.embedding = blocks(codes, dim)
        self.embedding_scale = [(m, 23) for m in self.mantissas("ES", vocabulary)]
        self.linears, self.norms = [], []
        qkv = (heads + 2 * kv_heads) * head_dim
        for _ in range(layers):
            self.norm(gains)
            self.linear(qkv, dim, bias)
            if head_norms:
                self.norm(True, 2 * head_dim)
            self.linear(dim, heads * head_dim, False)
            if post_norms:
                self.norm(True)
            self.norm(gains)
            self.linear(2 * ffn, dim, False)
            self.linear(dim, ffn, False)
            if post_norms:
                self.norm(True)
        self.norm(gains)
        self.linear(vocabulary, dim, False)

    def stream(self, name, kind, size, count):
        return unpack(f"<{count}{kind}", XOF("toy " + name, self.seed, size * count))

    def mantissas(self, name, rows):
        return [512 + m % 512 for m in self.stream(name, "H", 2, rows)]

    def linear(self, n, k, bias):
        i = len(self.linears)
        ew = max(8, min(30, 16 + (k - 1).bit_length() // 2))
        biases = [b >> (31 - self.fx) for b in self.stream(f"B{i}", "i", 4, n)] if bias else None
        weights = blocks(self.stream(f"W{i}", "b", 1, n * k), k)
        self.linears.append((weights, [(m, ew) for m in self.mantissas(f"S{i}", n)], biases))

    def norm(self, gains, width=None):
        numbers = self.stream(f"G{len(self.norms)}", "i", 4, width or self.dim)
        self.norms.append([2**14 + (g & (2**14 - 1)) for g in numbers] if gains else None)

    # ---- the graph: (kind, a, b, linear, norm, planes); 0xffff and 0 where there is none ----
    def graph(self):
        none, ops = 0xFFFF, []

        def add(kind, a=none, b=none, linear=none, norm=none, planes=0):
            ops.append(pack("<BHHHHB", kind, a, b, linear, norm, planes))
            return len(ops) - 1

        norms = iter(range(len(self.norms)))
        post = lambda a: add(9, a, norm=next(norms)) if self.post_norms else a
        x = add(0)
        for l, local in enumerate(self.local):
            qkv = add(3, add(1, x, norm=next(norms), planes=self.planes), linear=4 * l)
            if self.head_norms:
                qkv = add(10, qkv, norm=next(norms))
            heads = add(12 if local and self.local_rope else 4, qkv)
            o = add(3, add(2, add(13 if local else 5, heads), planes=self.planes), linear=4 * l + 1)
            x = add(6, x, post(o))
            act = add(11 if self.geglu else 7,
                      add(3, add(1, x, norm=next(norms), planes=self.planes), linear=4 * l + 2))
            x = add(6, x, post(add(3, add(2, act, planes=2), linear=4 * l + 3)))
        add(8, add(1, x, norm=next(norms), planes=2), linear=4 * self.layers)
        assert len(ops) < 253
        return bytes([len(ops)]) + b"".join(ops)

    # ---- commitments ----
    def constants_root(self):
        facts = pack("<8IIQ", *self.dims, self.fx, self.epsilon) + pack(f"<{len(self.rope)}Q", *self.rope) + self.graph()
        if self.window:
            facts += pack("<I", self.window)
        facts += pack(f"<{len(self.local_rope)}Q", *self.local_rope)
        tables = [*EXP2, *TABLES["kSigmoid"], *SINE, *TABLES["kGumbelLow"], *TABLES["kGumbelHigh"]]
        for name in self.late_tables:
            tables += TABLES[name]
        leaves = [H("const", facts), H("const", pack(f"<{len(tables)}i", *tables))]
        leaves.append(merkle([H("emb", pack(f"<{self.dim}h", *codes), pack("<HB", *scale))
                              for codes, scale in zip(self.embedding, self.embedding_scale)]))
        for _, scales, biases in self.linears:
            leaves.append(merkle([H("scale", pack("<HB", *s), pack("<i", biases[r]) if biases else b"")
                                  for r, s in enumerate(scales)]))
        return merkle(leaves + [H("gain", pack("<i", 0), pack(f"<{len(g or [])}i", *(g or []))) for g in self.norms])

    def manifest(self, P, tensors, operands):
        shapes = b"".join(pack("<II", len(w[0]), len(w)) for w, _, _ in self.linears)
        ops = b"".join(pack("<HHB", *o) for o in operands)
        return (pack("<IIHHH", P, self.vocabulary, tensors, len(self.linears), len(operands)) + shapes + ops
                + self.constants_root())

    def root(self, manifest):
        leaves = [H("manifest", manifest)]
        for weights, _, _ in self.linears:  # depths here are one slice
            leaves.append(merkle([merkle([H("wleaf", pack(f"{len(w)}b", *w)) for w in g]) for g in blocks(weights, 16)]))
        return merkle(leaves)

    # ---- operations ----
    def quant(self, x, Q):
        amax = max(map(abs, x))
        t = -(-(max(1, amax) << 24) // Q)
        b = t.bit_length() - 8
        ms = -(-t // 2**b)
        if ms == 256:
            ms, b = 128, b + 1
        codes = [(v * (2**38 // ms) + 2**(b + 13)) >> (b + 14) for v in x]
        assert all(abs(c) <= Q for c in codes)
        e = 24 + self.fx - b
        index = next(i for i, v in enumerate(x) if abs(v) == amax)
        return codes, (ms, e), pack("<BhI", ms, e, index) if amax else None

    def rows(self, codes, tail):
        return pack(f"{len(codes)}b", *codes) + tail if tail else bytes(len(codes) + 7)

    def operand(self, x, planes, linear, norm, trace):
        """Quantises x (through a norm), traces it, multiplies."""
        y = x
        if norm is not None and self.norms[norm] is not None:
            y = [sat(rsh(v * g, 15)) for v, g in zip(x, self.norms[norm])]
        codes, (m, e), tail = self.quant(y, 63 if planes == 1 else 8127)
        if planes == 1:
            self.operands.append((len(trace), linear, 0))
            trace.append([self.rows(codes, tail)])
        else:
            high = [(c + 64) >> 7 for c in codes]
            self.operands += [(len(trace), linear, 1), (len(trace) + 1, linear, 2)]
            trace.append([self.rows(high, tail)])
            trace.append([self.rows([c - 128 * h for c, h in zip(codes, high)], tail)])
        if norm is not None:
            sh, j, r = self.mean_root(x)
            m, e = ((m << 36) + (r >> 1)) // r, 36 + (e - self.fx) + sh - j
        weights, scales, biases = self.linears[linear]
        return [sat(rsh(sum(map(int.__mul__, codes, w)) * m * mw, e + ew - self.fx) + (biases[i] if biases else 0))
                for i, (w, (mw, ew)) in enumerate(zip(weights, scales))]

    def mean_root(self, x):
        sh = max(0, max(map(abs, x)).bit_length() - 24)
        V = max(1, sum((v >> sh)**2 for v in x) // len(x) + (self.epsilon >> 2 * sh))
        j = (62 - V.bit_length()) >> 1
        return sh, j, isqrt(V << 2 * j)

    def normed(self, x, gains):
        sh, j, r = self.mean_root(x)
        m = (2**60 + (r >> 1)) // r
        return [sat(rsh(rsh(v * m, 38 - j + sh) * g, 37 - self.fx)) for v, g in zip(x, gains)]

    def sine(self, phase):
        i, f = phase % 2**64 >> 52, phase >> 36 & 0xFFFF
        return SINE[i] + (((SINE[i + 1] - SINE[i]) * f + 32768) >> 16)

    def rotate(self, v, position, rope):
        out = []
        for j, F in enumerate(rope):
            a, b, s, c = v[2 * j], v[2 * j + 1], self.sine(position * F), self.sine(position * F + 2**62)
            out += [sat((a * c - b * s + 2**29) >> 30), sat((a * s + b * c + 2**29) >> 30)]
        return out

    def attend(self, q, keys, values):
        (qc, (mq, eq)) = q
        s = [rsh(sum(map(int.__mul__, qc, kc)) * mq * mk, eq + ek - 16) for kc, (mk, ek) in keys]
        p = []
        for d in (max(s) - v for v in s):
            i, f = d >> 8 & 255, d & 255
            p.append(0 if d >> 16 >= 31 else rsh(EXP2[i] - (((EXP2[i] - EXP2[i + 1]) * f + 128) >> 8), d >> 16))
        E, L = min(ev for _, (_, ev) in values), sum(p)
        P = [rsh(pu * mv, ev - E) for pu, (_, (mv, ev)) in zip(p, values)]
        b = max(0, max(P).bit_length() - 14)
        w = [min(16383, rsh(v, b)) for v in P]
        acc = [sum(wu * vc[i] for wu, (vc, _) in zip(w, values)) for i in range(self.hd)]
        lam = L.bit_length()
        inverse = 2**55 // (L >> lam - 32 if lam > 32 else L << 32 - lam)
        return [sat(rsh(a * inverse, 23 + lam - b + E - self.fx)) for a in acc]

    def gate(self, g):
        T = TABLES[(self.late_tables or ["kSigmoid"])[0]]
        a = abs(g) << (16 - self.fx)
        i, f = a >> 10, a & 1023
        s = 65536 if a >= 16 << 16 else (T[i] + (((T[i + 1] - T[i]) * f + 512) >> 10) + 4) >> 3
        return 65536 - s if g < 0 else s

    def step(self, token, position, cache):
        """One token: its trace rows tensor by tensor, and its logits."""
        trace, self.operands = [], []
        (mw, ew), hd = self.embedding_scale[token], self.hd
        x = [sat(rsh(c * mw, ew - self.fx)) for c in self.embedding[token]]
        norms = iter(range(len(self.norms)))

        def residual(row):
            trace.append([pack(f"<{len(row)}i", *row)])
            return row

        def add(y):
            if self.post_norms:
                y = self.normed(residual(y), self.norms[next(norms)])
            return residual([sat(a + b) for a, b in zip(x, y)])

        residual(x)
        for l, local in enumerate(self.local):
            qkv = self.operand(x, self.planes, 4 * l, next(norms), trace)
            heads = blocks(qkv, hd)
            if self.head_norms:
                residual(qkv)
                gains = self.norms[next(norms)]
                for h in range(self.heads + self.kv):
                    heads[h] = self.normed(heads[h], gains[:hd] if h < self.heads else gains[hd:])
            rope = self.local_rope if local and self.local_rope else self.rope
            turned = [self.rotate(h, position, rope) for h in heads[:self.heads + self.kv]] + heads[self.heads + self.kv:]
            coded = [self.quant(h, 127) for h in turned]
            q, k, v = coded[:self.heads], coded[self.heads:-self.kv], coded[-self.kv:]
            trace += [[self.rows(c, tail) for c, _, tail in part] for part in (q, k, v)]
            for h in range(self.kv):
                cache.setdefault((l, h), ([], []))
                cache[l, h][0].append(k[h][:2])
                cache[l, h][1].append(v[h][:2])
            o = []
            for h in range(self.heads):
                seen = [part[-self.window if local else 0:] for part in cache[l, h // (self.heads // self.kv)]]
                o += self.attend(q[h][:2], *seen)
            x = add(self.operand(o, self.planes, 4 * l + 1, None, trace))
            y = self.operand(x, self.planes, 4 * l + 2, next(norms), trace)
            act = [sat(rsh(rsh(g * self.gate(g), 16) * u, self.fx)) for g, u in zip(y[:self.ffn], y[self.ffn:])]
            x = add(self.operand(act, 2, 4 * l + 3, None, trace))
        return trace, self.operand(x, 2, 4 * self.layers, next(norms), trace)


class Encoder(Toy):
    """BERT's shape: every matrix is two linears, the second one what rounding left."""

    def __init__(self, vocabulary, layers, dim, ffn, heads, head_dim, context, fx, seed):
        super().__init__(vocabulary, 0, dim, ffn, heads, heads, head_dim, context, fx, seed=seed)
        self.layers, self.late_tables = layers, ["kGeluErf"]
        self.dims = (vocabulary, layers, dim, ffn, heads, heads, head_dim, context)
        self.rope = [0] * (head_dim // 2)
        self.linears, self.norms = [], []
        self.linear(context, dim, False)
        self.layer_norm()
        for _ in range(layers):
            for n, k in ((3 * heads * head_dim, dim), (dim, heads * head_dim), (ffn, dim), (dim, ffn)):
                self.linear(n, k, True)
                self.linear(n, k, False)
            self.layer_norm()
            self.layer_norm()

    def layer_norm(self):
        self.norm(True, 2 * self.dim)
        self.norms[-1][self.dim:] = [b - 3 * 2**13 for b in self.norms[-1][self.dim:]]

    def graph(self):
        none, ops = 0xFFFF, []

        def add(kind, a=none, b=none, linear=none, norm=none, planes=0):
            ops.append(pack("<BHHHHB", kind, a, b, linear, norm, planes))
            return len(ops) - 1

        linears, norms = iter(range(len(self.linears))), iter(range(len(self.norms)))

        def pair(a):
            codes = add(2, a, planes=2)
            return add(6, add(3, codes, linear=next(linears)), add(3, codes, linear=next(linears)))

        x = add(15, add(14, add(0), linear=next(linears)), norm=next(norms))
        for _ in range(self.layers):
            x = add(15, add(6, x, pair(add(16, add(4, pair(x))))), norm=next(norms))
            x = add(15, add(6, x, pair(add(17, pair(x)))), norm=next(norms))
        add(18, x)
        assert len(ops) < 253
        return bytes([len(ops)]) + b"".join(ops)

    def pair(self, x, linear, trace):
        first = len(trace)
        a = self.operand(x, 2, linear, None, trace)
        b = self.operand(x, 2, linear + 1, None, trace[:first])
        return self.residual([sat(u + v) for u, v in zip(a, b)], trace)

    def residual(self, row, trace):
        trace.append([pack(f"<{len(row)}i", *row)])
        return row

    def layer_normed(self, x, norm):
        n, gains = len(x), self.norms[norm]
        mean = (2 * sum(x) + n) // (2 * n)
        y = self.normed([sat(v - mean) for v in x], gains[:n])
        return [sat(v + sat(rsh(b, 15 - self.fx))) for v, b in zip(y, gains[n:])]

    def run(self, tokens):
        """Trace rows of every token, tensor by tensor, and the embedding of all."""
        traces, hd = [[] for _ in tokens], self.hd
        self.operands, xs = [], []
        for position, (token, trace) in enumerate(zip(tokens, traces)):
            (mw, ew), (weights, scales, _) = self.embedding_scale[token], self.linears[0]
            x = self.residual([sat(rsh(c * mw, ew - self.fx)) for c in self.embedding[token]], trace)
            mp, ep = scales[position]
            moved = [sat(v + sat(rsh(c * mp, ep - self.fx))) for v, c in zip(x, weights[position])]
            xs.append(self.layer_normed(self.residual(moved, trace), 0))
        for l in range(self.layers):
            coded = []
            for x, trace in zip(xs, traces):
                self.operands = [o for o in self.operands if o[1] < 8 * l + 1]  # of one token
                coded.append([self.quant(h, 127) for h in blocks(self.pair(x, 8 * l + 1, trace), hd)])
                for part in blocks(coded[-1], self.heads):
                    trace.append([self.rows(c, tail) for c, _, tail in part])
            column = lambda i: [c[i][:2] for c in coded]
            rows = []
            for x, trace, code in zip(xs, traces, coded):
                self.operands = [o for o in self.operands if o[1] < 8 * l + 3]
                o = []
                for h in range(self.heads):
                    o += self.attend(code[h][:2], column(self.heads + h), column(2 * self.heads + h))
                y = self.pair(o, 8 * l + 3, trace)
                x = self.layer_normed(self.residual([sat(a + b) for a, b in zip(x, y)], trace), 2 * l + 1)
                act = [rsh(v * self.gate(v), 16) for v in self.pair(x, 8 * l + 5, trace)]
                y = self.pair(act, 8 * l + 7, trace)
                rows.append(self.layer_normed(self.residual([sat(a + b) for a, b in zip(x, y)], trace), 2 * l + 2))
            xs = rows
        return traces, self.direction([sum(column) for column in zip(*xs)])

    def direction(self, x):
        shift = 24 - max(map(abs, x)).bit_length()
        scaled = [abs(v) << shift if shift >= 0 else abs(v) >> -shift for v in x]
        j = (62 - sum(v * v for v in scaled).bit_length()) >> 1
        r = isqrt(sum(v * v for v in scaled) << 2 * j)
        return [(((v << 30 + j) + (r >> 1)) // r) * (1 if x[i] >= 0 else -1) for i, v in enumerate(scaled)]


def encoder_vector(name, count, **shape):
    toy, unit = Encoder(**shape), H("toy", name.encode())
    tokens = [w % toy.vocabulary for w in unpack(f"<{count}I", XOF("start", unit, 4 * count))]
    rows, embedding = toy.run(tokens)
    manifest = toy.manifest(32, len(rows[0]), toy.operands)
    return dict(name=name, seed=toy.seed.hex(), dimensions=toy.dims, fx=toy.fx, tokens=tokens,
                constants_root=manifest[-32:].hex(), manifest=manifest.hex(), model_root=toy.root(manifest).hex(),
                trace=[H("trace", *(row for token in tensor for row in token)).hex() for tensor in zip(*rows)],
                embedding=embedding)


def vector(name, P, **shape):
    toy, cache, unit = Toy(**shape), {}, H("toy", name.encode())
    tokens = [w % toy.vocabulary for w in unpack(f"<{P}I", XOF("start", unit, 4 * P))]
    rows, logits = zip(*(toy.step(token, i, cache) for i, token in enumerate(tokens)))
    leaf = lambda heads: merkle([H("leaf", row, key=unit) for row in heads])
    op_roots = [merkle([merkle([leaf(heads) for heads in g]) for g in blocks(tensor, 16)]) for tensor in zip(*rows)]
    manifest = toy.manifest(P, len(op_roots), toy.operands)
    made = dict(name=name, seed=toy.seed.hex(), dimensions=toy.dims, fx=toy.fx, bias=shape.get("bias", False),
                gains=shape.get("gains", False), planes=toy.planes, unit=unit.hex(), tokens=tokens,
                constants_root=manifest[-32:].hex(), manifest=manifest.hex(), model_root=toy.root(manifest).hex(),
                op_roots=[r.hex() for r in op_roots], trace_root=merkle(op_roots).hex(), last_logits=logits[-1][:16],
                greedy=[max(range(len(l)), key=lambda i: (l[i], -i)) for l in logits])
    variant = {key: shape[key] for key in VARIANT if key in shape}
    return made | {"variant": variant} if variant else made


VARIANT = ("head_norms", "post_norms", "geglu", "local_rope", "window", "global_every")
regtest = dict(vocabulary=272, layers=2, dim=64, ffn=128, heads=4, kv_heads=2, head_dim=16, context=4096)
odd = dict(vocabulary=275, layers=3, dim=52, ffn=91, heads=6, kv_heads=3, head_dim=10, context=300, fx=16, bias=True,
           gains=True, planes=2, seed=bytes([7]) + bytes(31))
small = dict(vocabulary=275, layers=3, dim=48, ffn=80, heads=4, kv_heads=2, head_dim=16, context=300)
gemma = dict(head_norms=True, post_norms=True, geglu=True, local_rope=True, window=7, global_every=3)
VECTORS = {
    "toy": [("regtest", regtest), ("odd", odd)],
    "families": [("windowed", small | dict(window=5)),
                 ("head norms", small | dict(head_norms=True, bias=True, seed=bytes([1]) + bytes(31))),
                 ("gemma", small | gemma | dict(gains=True, planes=2, seed=bytes([2]) + bytes(31))),
                 ("odd gemma", odd | gemma | dict(window=31, global_every=2))],
}
ENCODERS = [("even", 32, dict(vocabulary=272, layers=2, dim=64, ffn=128, heads=4, head_dim=16, context=40, fx=16,
                              seed=bytes([3]) + bytes(31))),
            ("odd", 19, dict(vocabulary=275, layers=3, dim=60, ffn=91, heads=6, head_dim=10, context=19, fx=14,
                             seed=bytes([4]) + bytes(31))),
            ("paged", 70, dict(vocabulary=50, layers=1, dim=24, ffn=40, heads=3, head_dim=8, context=80, fx=15,
                               seed=bytes([5]) + bytes(31)))]
if sys.argv[1] == "encoders":
    made = [encoder_vector(name, count, **shape) for name, count, shape in ENCODERS]
else:
    made = [vector(name, 32, **shape) for name, shape in VECTORS[sys.argv[1]]]
print(json.dumps(made, indent=1))
