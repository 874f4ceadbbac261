#include <algorithm>
#include <bit>
#include <cassert>

#include "crypto/hash.h"

namespace daidd::crypto {

namespace {

void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}

}  // namespace

/// RFC 8439, section 2.3, by itself: Crypto++ is not there for this architecture.
void xof(std::string_view tag, const Hash256& seed, std::span<uint8_t> out) {
    assert(tag.size() <= 12);
    std::array<uint8_t, 64> input{'e', 'x', 'p', 'a', 'n', 'd', ' ', '3',
                                  '2', '-', 'b', 'y', 't', 'e', ' ', 'k'};
    std::ranges::copy(seed, input.begin() + 16);
    std::ranges::copy(tag, input.begin() + 52);
    std::array<uint32_t, 16> start{};
    for (size_t i = 0; i < input.size(); ++i) start[i / 4] |= uint32_t{input[i]} << (i % 4 * 8);
    for (size_t at = 0; at < out.size(); at += 64, ++start[12]) {
        auto x = start;
        for (int round = 0; round < 10; ++round) {
            for (size_t i = 0; i < 4; ++i) quarter_round(x[i], x[4 + i], x[8 + i], x[12 + i]);
            for (size_t i = 0; i < 4; ++i) {
                quarter_round(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
            }
        }
        for (size_t i = 0; i < std::min<size_t>(64, out.size() - at); ++i) {
            out[at + i] = uint8_t((x[i / 4] + start[i / 4]) >> (i % 4 * 8));
        }
    }
}

}  // namespace daidd::crypto
