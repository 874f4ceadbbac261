#include "crypto/blake2s.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "crypto/blake2s_avx2.h"
#include "crypto/blake2s_avx512.h"

namespace daidd::crypto {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read from memory as they lie");

constexpr std::array<uint32_t, 8> kIv = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr size_t kRounds = 10;
constexpr size_t kPersonalSize = 8;
constexpr size_t kLanesAvx2 = 8;
constexpr size_t kLanesAvx512 = 16;

// RFC 7693, section 2.7.
constexpr uint8_t kSigma[kRounds][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

inline void mix(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d, uint32_t x, uint32_t y) {
    a = a + b + x;
    d = std::rotr(d ^ a, 16);
    c = c + d;
    b = std::rotr(b ^ c, 12);
    a = a + b + y;
    d = std::rotr(d ^ a, 8);
    c = c + d;
    b = std::rotr(b ^ c, 7);
}

}  // namespace

Blake2s::Blake2s(std::string_view personal, const Hash256* key) : state_{kIv} {
    assert(personal.size() <= kPersonalSize);
    std::array<uint8_t, kPersonalSize> padded{};
    std::ranges::copy(personal, padded.begin());
    std::array<uint32_t, 2> words;
    std::memcpy(words.data(), padded.data(), kPersonalSize);
    // The parameter block: digest 32 bytes, key 0 or 32, fanout 1, depth 1, no salt, personalisation last.
    state_[0] ^= 0x0101'0020u | (key != nullptr ? 32u << 8 : 0u);
    state_[6] ^= words[0];
    state_[7] ^= words[1];
    if (key != nullptr) {
        std::ranges::copy(*key, buffer_.begin());
        buffered_ = kBlockSize;
    }
}

void Blake2s::compress(const uint8_t* block, bool last) {
    uint32_t m[16];
    std::memcpy(m, block, sizeof(m));
    uint32_t v[16];
    std::copy_n(state_.begin(), 8, v);
    std::copy_n(kIv.begin(), 8, v + 8);
    v[12] ^= uint32_t(total_);
    v[13] ^= uint32_t(total_ >> 32);
    if (last) v[14] = ~v[14];
    for (const auto& s : kSigma) {
        mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
        mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
        mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
        mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
        mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
        mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
        mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
        mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
    }
    for (size_t i = 0; i < 8; ++i) state_[i] ^= v[i] ^ v[i + 8];
}

void Blake2s::flush_buffer() {
    total_ += kBlockSize;
    compress(buffer_.data(), false);
    buffered_ = 0;
}

void Blake2s::update(ByteView bytes) {
    // The last block is compressed differently, so a full buffer waits until more bytes are seen.
    while (!bytes.empty()) {
        if (buffered_ == kBlockSize) flush_buffer();
        if (buffered_ == 0) {
            for (; bytes.size() > kBlockSize; bytes = bytes.subspan(kBlockSize)) {
                total_ += kBlockSize;
                compress(bytes.data(), false);
            }
        }
        const size_t take = std::min(bytes.size(), kBlockSize - buffered_);
        std::copy_n(bytes.begin(), take, buffer_.begin() + ptrdiff_t(buffered_));
        buffered_ += take;
        bytes = bytes.subspan(take);
    }
}

Hash256 Blake2s::finish() {
    total_ += buffered_;
    std::fill(buffer_.begin() + ptrdiff_t(buffered_), buffer_.end(), uint8_t{0});
    compress(buffer_.data(), true);
    Hash256 digest;
    std::memcpy(digest.data(), state_.data(), digest.size());
    return digest;
}

size_t Blake2s::lanes_max() {
    static const size_t most = [] {
        // All that the flags of *_avx512.cpp let the compiler use.
        const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vnni");
        if (avx512) return kLanesAvx512;
        return __builtin_cpu_supports("avx2") ? kLanesAvx2 : 1;
    }();
    return most;
}

void Blake2s::finish_rows(ByteView rows, size_t row_size, std::span<Hash256> out, size_t lanes) const {
    assert(row_size > 0 && rows.size() == out.size() * row_size);
    assert(total_ == 0 && (buffered_ == 0 || buffered_ == kBlockSize));
    assert(lanes == 1 || lanes == kLanesAvx2 || lanes == kLanesAvx512);
    Blake2s start = *this;
    if (start.buffered_ == kBlockSize) start.flush_buffer();

    // Below this the idle lanes cost more than the others save.
    constexpr size_t kRowsWorthIt = 3;
    size_t done = 0;
    while (lanes > 1 && out.size() - done >= kRowsWorthIt) {
        const size_t left = out.size() - done;
        const size_t width = left > kLanesAvx2 ? lanes : kLanesAvx2, count = std::min(left, width);
        const uint8_t* inputs[kLanesAvx512];
        uint8_t* outputs[kLanesAvx512];
        Hash256 unused;
        for (size_t lane = 0; lane < width; ++lane) {
            inputs[lane] = rows.data() + (lane < count ? done + lane : done) * row_size;
            outputs[lane] = lane < count ? out[done + lane].data() : unused.data();
        }
        auto* finish = width == kLanesAvx512 ? blake2s_finish_16_avx512 : blake2s_finish_8_avx2;
        finish(start.state_.data(), start.total_, inputs, row_size, outputs);
        done += count;
    }
    for (; done < out.size(); ++done) {
        Blake2s one = start;
        one.update(rows.subspan(done * row_size, row_size));
        out[done] = one.finish();
    }
}

}  // namespace daidd::crypto
