"""Writes hashes.json beside itself: answers of independent implementations (Python's hashlib, OpenSSL through
`cryptography`) and, first in each list, the examples printed in the standards, which are checked here too."""
import hashlib, json, pathlib
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

KEY = bytes(range(32))


def message(size):
    return bytes((7 * i + size) % 256 for i in range(size))


def blake2s(tag, data, key=b""):
    digest = hashlib.blake2s(data, key=key, person=tag.encode().ljust(8, b"\0")).hexdigest()
    return {"tag": tag, "message": data.hex(), "key": key.hex(), "digest": digest}


def chacha(key, nonce, size):
    stream = Cipher(algorithms.ChaCha20(key, bytes(4) + nonce), None).encryptor().update(bytes(size))
    return {"seed": key.hex(), "nonce": nonce.hex(), "stream": stream.hex()}


sha = [{"message": b.hex(), "digest": hashlib.sha256(b).hexdigest()} for b in (
    b"abc", b"", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", *map(message, (55, 56, 63, 64, 65, 1000)))]
assert sha[0]["digest"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
blake = [blake2s("", b"abc")] + [blake2s(tag, message(size), key) for tag in ("", "leaf", "12345678")
                                 for key in (b"", KEY) for size in (0, 1, 63, 64, 65, 127, 128, 129, 200)]
assert blake[0]["digest"] == "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"  # RFC 7693, B
streams = [chacha(bytes(32), bytes(12), 64), chacha(bytes(31) + b"\1", bytes(12), 128),
           chacha(bytes(32), bytes(11) + b"\2", 64), chacha(KEY, b"123456789012", 1000)]
assert streams[0]["stream"].startswith("76b8e0ada0f13d90405d6ae55386bd28")  # RFC 8439, A.1, 1
assert streams[1]["stream"][128:].startswith("3aeb5224ecf849929b9d828db1ced4dd")  # RFC 8439, A.1, 2
assert streams[2]["stream"].startswith("c2c64d378cd536374ae204b9ef933fcd")  # RFC 8439, A.1, 5

pathlib.Path(__file__).with_name("hashes.json").write_text(json.dumps(
    {"source": "make_hashes.py: FIPS 180-4, RFC 7693, RFC 8439, hashlib, OpenSSL",
     "sha256": sha, "blake2s": blake, "chacha20": streams}, indent=1) + "\n")
