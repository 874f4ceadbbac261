"""What GGUF tensors hold beside plain floats: blocks of codes with their scales, as float32 (numpy)."""
import numpy as np


def halves(blocks, at, count=1):
    return blocks[:, at:at + 2 * count].copy().view(np.float16).astype(np.float32)


def q4_0(blocks):
    codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).astype(np.float32) - 8
    return codes * halves(blocks, 0)


def q4_1(blocks):
    codes = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], 1)
    return codes * halves(blocks, 0) + halves(blocks, 2)


def q5_0(blocks):
    fifth = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    codes = np.concatenate([blocks[:, 6:] & 15, blocks[:, 6:] >> 4], 1) | fifth << 4
    return (codes.astype(np.float32) - 16) * halves(blocks, 0)


def q8_0(blocks):
    return blocks[:, 2:].view(np.int8) * halves(blocks, 0)


def six_bit_scales(packed):
    """Eight scales and eight minimums of six bits in twelve bytes."""
    scales = np.concatenate([packed[:, :4] & 63, packed[:, 8:] & 15 | packed[:, :4] >> 6 << 4], 1)
    lows = np.concatenate([packed[:, 4:8] & 63, packed[:, 8:] >> 4 | packed[:, 4:8] >> 6 << 4], 1)
    return scales.astype(np.float32), lows.astype(np.float32)


def k_codes(blocks, codes):
    """codes: (blocks, 8, 32)."""
    scales, lows = six_bit_scales(blocks[:, 4:16])
    scales, lows = scales * halves(blocks, 0), lows * halves(blocks, 2)
    return (codes * scales[..., None] - lows[..., None]).reshape(len(blocks), 256)


def nibble_pairs(packed):
    """32 low nibbles, then the 32 high ones of the same bytes, and so on: (blocks, 8, 32)."""
    packed = packed.reshape(-1, 4, 1, 32)
    return np.concatenate([packed & 15, packed >> 4], 2).reshape(-1, 8, 32)


def q4_k(blocks):
    return k_codes(blocks, nibble_pairs(blocks[:, 16:]))


def q5_k(blocks):
    fifth = blocks[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[None, :, None] & 1
    return k_codes(blocks, nibble_pairs(blocks[:, 48:]) | fifth << 4)


def q6_k(blocks):
    low, high = blocks[:, :128].reshape(-1, 2, 2, 32), blocks[:, 128:192].reshape(-1, 2, 1, 32)
    nibbles = np.concatenate([low & 15, low >> 4], 2)
    codes = nibbles | (high >> (2 * np.arange(4, dtype=np.uint8))[None, None, :, None] & 3) << 4
    scales = blocks[:, 192:208].view(np.int8).astype(np.float32) * halves(blocks, 208)
    return ((codes.reshape(-1, 16, 16).astype(np.float32) - 32) * scales[..., None]).reshape(-1, 256)


def bf16(blocks):
    return (blocks.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


# By the type's number in the file: elements and bytes of a block, and what reads them.
FORMATS = {0: (1, 4, lambda blocks: blocks.view(np.float32)),
           1: (1, 2, lambda blocks: blocks.view(np.float16).astype(np.float32)),
           2: (32, 18, q4_0), 3: (32, 20, q4_1), 6: (32, 22, q5_0), 8: (32, 34, q8_0),
           12: (256, 144, q4_k), 13: (256, 176, q5_k), 14: (256, 210, q6_k), 30: (1, 2, bf16)}


def dequantised(raw, kind, count):
    """The first `count` values of `raw`."""
    elements, size, read = FORMATS[kind]
    blocks = raw[:count // elements * size].reshape(-1, size)
    return np.ascontiguousarray(read(blocks), np.float32).reshape(-1)
