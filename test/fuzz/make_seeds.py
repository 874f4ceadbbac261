#!/usr/bin/env python3
"""make_seeds.py DIRECTORY: replaces it by seeds of fuzz targets, DIRECTORY/NAME_fuzz/*, from what other tests read.
The targets that are not here begin with an honest input of their own, or with nothing."""
import json
import pathlib
import shutil
import struct
import sys

TEST = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEST / "functional"))
sys.dont_write_bytecode = True

from small_gguf import small_gguf


def transactions():
    """A byte that says that a transaction follows, then BIP341's: without witnesses, and signed."""
    bip341 = json.loads((TEST / "vectors/crypto/bip341.json").read_text())
    for case in bip341["keyPathSpending"]:
        for raw in (case["given"]["rawUnsignedTx"], case["auxiliary"]["fullySignedTx"]):
            yield b"\x01" + bytes.fromhex(raw)


def indices():
    """A byte that says that an index follows, then that of the vectors."""
    vectors = json.loads((TEST / "vectors/vector_index.json").read_text())
    out = b"\x00" + bytes.fromhex(vectors["model"]) + struct.pack("<IQ", vectors["width"], len(vectors["rows"]))
    for row in sorted(vectors["rows"], key=lambda row: row["id"]):
        vector = row["vector"]
        out += struct.pack("<Q", row["id"]) + bytes.fromhex(row["text"])
        out += struct.pack(f"<{vectors['width']}bBB", *vector["codes"], vector["mantissa"], vector["exponent"])
    yield out


SEEDS = {"gguf_fuzz": lambda: [small_gguf()], "transaction_fuzz": transactions, "vector_index_fuzz": indices}

target = pathlib.Path(sys.argv[1])
shutil.rmtree(target, ignore_errors=True)
for name, make in SEEDS.items():
    (target / name).mkdir(parents=True)
    for i, seed in enumerate(make()):
        (target / name / str(i)).write_bytes(seed)
