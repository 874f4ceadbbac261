#!/usr/bin/env python3
"""Makes state_tree.json: roots of the compact sparse Merkle tree, and the bytes of the records under it.

Written from the rules alone (doc/protocol.md, "Jobs, receipts, settlement and the state root"): a leaf's key is
SHA256(type ‖ id), a leaf SHA256(00 ‖ key ‖ SHA256(value)), a node SHA256(01 ‖ left ‖ right), nothing is zeros, and a
subtree with one leaf is that leaf. Every root is computed from the whole set; nothing is updated.

  make_state_tree.py > state_tree.json
"""
import hashlib
import json
import struct
import sys

ZEROS = bytes(32)
JOB, RECEIPT, TREASURY = 1, 2, 3


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def bit(key, depth):
    return int.from_bytes(key, "big") >> (255 - depth) & 1


def root_of(leaves, depth=0):
    """`leaves`: key -> leaf, all of them in one subtree at `depth`."""
    if not leaves:
        return ZEROS
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    sides = [{key: leaf for key, leaf in leaves.items() if bit(key, depth) == side} for side in (0, 1)]
    return sha256(b"\x01", root_of(sides[0], depth + 1), root_of(sides[1], depth + 1))


def record_root(records):
    leaves = {}
    for kind, record_id, value in records:
        key = sha256(bytes([kind]), record_id)
        leaves[key] = sha256(b"\x00", key, sha256(value))
    return root_of(leaves)


def number(value):
    return sha256(struct.pack("<I", value))


def neighbours(bits):
    """Two job ids whose keys agree in at least `bits` bits."""
    seen = {}
    for i in range(1 << 16):
        prefix = int.from_bytes(sha256(bytes([JOB]), number(i)), "big") >> (256 - bits)
        if prefix in seen:
            return number(seen[prefix]), number(i)
        seen[prefix] = i
    raise ValueError(bits)


def compact_size(value):
    assert value < 0xfd
    return bytes([value])


def tokens(values):
    return compact_size(len(values)) + struct.pack(f"<{len(values)}I", *values)


def job_record(f):
    return (f["model"] + f["adapter"] + struct.pack("<BI", f["kind"], f["answer_tokens_max"])
            + struct.pack("<IIQ", f["temperature"], f["min_p"], f["seed"]) + f["worker"] + f["refund"]
            + struct.pack("<I", f["deadline"]) + tokens(f["prompt"])
            + struct.pack("<qIB", f["escrow"], f["height"], f["status"]) + f["receipt"])


def receipt_record(f):
    return (f["job"] + f["worker"] + tokens(f["answer"]) + compact_size(len(f["result"])) + f["result"] + f["signature"]
            + struct.pack("<qIB", f["bond"], f["height"], f["settled"])
            + struct.pack("<qqq", f["cost"], f["worker_share"], f["treasury_share"]) + f["tokens_root"])


def treasury_record(f):
    return struct.pack("<qqq", f["balance"], f["from_subsidy"], f["from_fees"])


JOB_FIELDS = {
    "model": number(1), "adapter": ZEROS, "kind": 0, "answer_tokens_max": 64, "temperature": 0xb333, "min_p": 0xccc,
    "seed": 0x0123456789abcdef, "worker": ZEROS, "refund": number(2), "deadline": 1000, "prompt": [1, 255, 65536],
    "escrow": 84096000 * 10**8, "height": 900, "status": 1, "receipt": number(3),
}
RECEIPT_FIELDS = {
    "job": number(4), "worker": number(5), "answer": [7, 2**32 - 1], "result": b"", "signature": number(6) + number(7),
    "bond": 10**8, "height": 902, "settled": 0, "cost": 2300, "worker_share": 2070, "treasury_share": 230,
    "tokens_root": number(8),
}
RESULT_FIELDS = {**RECEIPT_FIELDS, "answer": [], "result": struct.pack("<QQ", 123456789, 41)}
TREASURY_FIELDS = {"balance": 1200000230, "from_subsidy": 1200000000, "from_fees": 230}


def record_cases():
    a, b = neighbours(24)
    yield "empty", []
    yield "one", [(JOB, number(1), b"value")]
    yield "empty_value", [(JOB, number(1), b"")]
    yield "two", [(JOB, number(1), b"value"), (JOB, number(2), b"value")]
    yield "one_id_of_three_types", [(kind, number(1), b"value") for kind in (JOB, RECEIPT, TREASURY)]
    yield "neighbours", [(JOB, a, b"a"), (JOB, b, b"b")]
    yield "neighbours_and_others", [(JOB, a, b"a"), (JOB, b, b"b")] + [(RECEIPT, number(i), b"c") for i in range(8)]
    yield "many", [(1 + i % 2, number(i), number(1000 + i)) for i in range(64)]
    yield "real", [(JOB, number(4), job_record(JOB_FIELDS)), (RECEIPT, number(3), receipt_record(RECEIPT_FIELDS)),
                   (TREASURY, ZEROS, treasury_record(TREASURY_FIELDS))]
    share = 2 * 12 * 10**8
    yield "two_empty_blocks", [(TREASURY, ZEROS, struct.pack("<qqq", share, share, 0))]


def leaf_cases():
    """Keys that no hash gives: every depth a tree can have."""
    one, last, high = bytes(31) + b"\x01", bytes(31) + b"\x02", b"\x80" + bytes(31)
    yield "first_bit", [ZEROS, high]
    yield "last_bit", [ZEROS, one]
    yield "last_two_bits", [ZEROS, one, last]
    yield "last_bit_twice", [ZEROS, one, high, high[:31] + b"\x01"]
    yield "byte_borders", [(1 << (255 - depth)).to_bytes(32, "big") for depth in (0, 6, 7, 8, 9, 247, 248, 254, 255)]
    yield "ladder", [(2**256 - (1 << depth)).to_bytes(32, "big") for depth in range(256)]


def shown(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: shown(field) for name, field in value.items()}
    return value


def main():
    records = [{"name": name, "root": record_root(case).hex(),
                "records": [{"type": kind, "id": i.hex(), "value": value.hex()} for kind, i, value in case]}
               for name, case in record_cases()]
    leaves = []
    for name, keys in leaf_cases():
        case = {key: sha256(b"leaf", key) for key in keys}
        leaves.append({"name": name, "root": root_of(case).hex(),
                       "leaves": [{"key": key.hex(), "leaf": leaf.hex()} for key, leaf in case.items()]})
    encodings = {"job": (JOB_FIELDS, job_record), "receipt": (RECEIPT_FIELDS, receipt_record),
                 "receipt_with_a_result": (RESULT_FIELDS, receipt_record), "treasury": (TREASURY_FIELDS, treasury_record)}
    json.dump({"records": records, "leaves": leaves,
               "encodings": {name: {"fields": shown(fields), "bytes": encode(fields).hex()}
                             for name, (fields, encode) in encodings.items()}}, sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main()
