#include "import/dequantize_blocks.h"

#include "import/dequantize.h"

namespace daidd::import {

namespace {

double half_at(const uint8_t* p) { return half_to_double(uint16_t(p[0] | p[1] << 8)); }

/// Low nibbles are the first 16 elements, high nibbles the others.
int nibble(const uint8_t* codes, size_t e) { return e < 16 ? codes[e] & 15 : codes[e - 16] >> 4; }

/// Bit e of four little-endian bytes, as the fifth bit of a code.
int fifth_bit(const uint8_t* bits, size_t e) { return (bits[e / 8] >> (e % 8) & 1) << 4; }

/// Scale and minimum of a group of 32: six bits each. Groups 0 … 3 have a byte each for both; the others'
/// low nibbles share a byte, their high bits are the two that the first groups left free.
struct GroupScale {
    int scale, minimum;
};
GroupScale group_scale(const uint8_t* packed, size_t group) {
    if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
    const int low = packed[group + 4];
    return {(low & 15) | packed[group - 4] >> 6 << 4, low >> 4 | packed[group] >> 6 << 4};
}

/// The nibble of element e of a super-block: each 32 bytes hold 32 elements low and the next 32 high.
int super_nibble(const uint8_t* codes, size_t e) {
    return codes[e / 64 * 32 + e % 32] >> (e % 64 / 32 * 4) & 15;
}

/// Two bits of element e of a super-block: each 32 bytes hold four times 32 elements, the lowest bits first.
int super_pair(const uint8_t* codes, size_t e) {
    return codes[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3;
}

}  // namespace

void read_q4_0(const uint8_t* block, double* out) {
    const double scale = half_at(block);
    for (size_t e = 0; e < kSmallBlock; ++e) out[e] = scale * (nibble(block + 2, e) - 8);
}

void read_q4_1(const uint8_t* block, double* out) {
    const double scale = half_at(block), minimum = half_at(block + 2);
    for (size_t e = 0; e < kSmallBlock; ++e) out[e] = scale * nibble(block + 4, e) + minimum;
}

void read_q5_0(const uint8_t* block, double* out) {
    const double scale = half_at(block);
    for (size_t e = 0; e < kSmallBlock; ++e) {
        out[e] = scale * ((nibble(block + 6, e) | fifth_bit(block + 2, e)) - 16);
    }
}

void read_q5_1(const uint8_t* block, double* out) {
    const double scale = half_at(block), minimum = half_at(block + 2);
    for (size_t e = 0; e < kSmallBlock; ++e) {
        out[e] = scale * (nibble(block + 8, e) | fifth_bit(block + 4, e)) + minimum;
    }
}

void read_q8_0(const uint8_t* block, double* out) {
    const double scale = half_at(block);
    for (size_t e = 0; e < kSmallBlock; ++e) out[e] = scale * int8_t(block[2 + e]);
}

void read_q2_k(const uint8_t* block, double* out) {
    const uint8_t* codes = block + 16;
    const double scale = half_at(block + 80), minimum = half_at(block + 82);
    for (size_t e = 0; e < kSuperBlock; ++e) {
        const int group = block[e / 16];
        out[e] = scale * (group & 15) * super_pair(codes, e) - minimum * (group >> 4);
    }
}

void read_q3_k(const uint8_t* block, double* out) {
    const uint8_t* high = block;
    const uint8_t* codes = block + 32;
    const uint8_t* scales = block + 96;
    const double scale = half_at(block + 108);
    for (size_t e = 0; e < kSuperBlock; ++e) {
        const size_t group = e / 16;
        const int low_bits = scales[group % 8] >> (group / 8 * 4) & 15;
        const int high_bits = scales[8 + group % 4] >> (group / 4 * 2) & 3;
        const int code = super_pair(codes, e) | (high[e % 32] >> (e / 32) & 1) << 2;
        out[e] = scale * ((low_bits | high_bits << 4) - 32) * (code - 4);
    }
}

void read_q4_k(const uint8_t* block, double* out) {
    const double scale = half_at(block), minimum = half_at(block + 2);
    for (size_t e = 0; e < kSuperBlock; ++e) {
        const auto group = group_scale(block + 4, e / 32);
        out[e] = scale * group.scale * super_nibble(block + 16, e) - minimum * group.minimum;
    }
}

void read_q5_k(const uint8_t* block, double* out) {
    const double scale = half_at(block), minimum = half_at(block + 2);
    const uint8_t* high = block + 16;
    for (size_t e = 0; e < kSuperBlock; ++e) {
        const auto group = group_scale(block + 4, e / 32);
        const int code = super_nibble(block + 48, e) | (high[e % 32] >> (e / 32) & 1) << 4;
        out[e] = scale * group.scale * code - minimum * group.minimum;
    }
}

void read_q6_k(const uint8_t* block, double* out) {
    const uint8_t* low = block;
    const uint8_t* high = block + 128;
    const uint8_t* scales = block + 192;
    const double scale = half_at(block + 208);
    for (size_t e = 0; e < kSuperBlock; ++e) {
        // 64 bytes hold 64 elements low and the next 64 high.
        const int low_bits = low[e / 128 * 64 + e % 64] >> (e % 128 / 64 * 4) & 15;
        const int code = low_bits | super_pair(high, e) << 4;
        out[e] = scale * int8_t(scales[e / 16]) * (code - 32);
    }
}

}  // namespace daidd::import
