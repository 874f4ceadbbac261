#include "device/warp_fold.h"

#include <gtest/gtest.h>

#include <array>

#include "device/checker.h"
#include "inference/noised.h"

namespace daidd::device {
namespace {

using namespace inference;

/// Byte i of the 4-byte registers of one lane, as a number.
int32_t signed_byte(uint32_t word, uint32_t i) { return int8_t(word >> (8 * i)); }
int32_t unsigned_byte(uint32_t word, uint32_t i) { return uint8_t(word >> (8 * i)); }

/// 32 lanes in step. Products follow the PTX ISA's sections on the fragments of mma.m8n8k16 and mma.m16n8k32
/// with operands .u8 and .s8, element by element: from a lane's element to its row and column.
template <bool has_mma16>
struct SimulatedWarp {
    static constexpr bool kHasMma16 = has_mma16;
    template <class T>
    using Lane = std::array<T, 32>;

    template <class T>
    static T& at(Lane<T>& values, uint32_t lane) {
        return values[lane];
    }
    template <class Work>
    void each(const Work& work) {
        for (uint32_t lane = 0; lane < 32; ++lane) work(lane);
    }
    void xor_lanes(Lane<uint32_t>& value, uint32_t mask) {
        const Lane<uint32_t> before = value;
        for (uint32_t lane = 0; lane < 32; ++lane) value[lane] = before[lane] ^ before[lane ^ mask];
    }
    void mma8(Lane<int32_t> (&c)[2], const Lane<uint32_t>& a, const Lane<uint32_t>& b) {
        int32_t left[8][16], right[16][8];
        for (uint32_t lane = 0; lane < 32; ++lane) {
            const uint32_t group = lane >> 2, in_group = lane % 4;
            for (uint32_t i = 0; i < 4; ++i) {
                left[group][in_group * 4 + i] = unsigned_byte(a[lane], i);
                right[in_group * 4 + i][group] = signed_byte(b[lane], i);
            }
        }
        for (uint32_t lane = 0; lane < 32; ++lane) {
            for (uint32_t i = 0; i < 2; ++i) {
                for (uint32_t t = 0; t < 16; ++t)
                    c[i][lane] += left[lane >> 2][t] * right[t][lane % 4 * 2 + i];
            }
        }
    }
    void mma16(Lane<int32_t> (&top)[2], Lane<int32_t> (&bottom)[2], const Lane<uint32_t> (&a)[4],
               const Lane<uint32_t> (&b)[2]) {
        int32_t left[16][32], right[32][8];
        for (uint32_t lane = 0; lane < 32; ++lane) {
            const uint32_t group = lane >> 2, in_group = lane % 4;
            for (uint32_t i = 0; i < 16; ++i) {
                const uint32_t row = i < 4 || (i >= 8 && i < 12) ? group : group + 8;
                const uint32_t column = in_group * 4 + (i & 3) + (i >= 8 ? 16 : 0);
                left[row][column] = unsigned_byte(a[i / 4][lane], i % 4);
            }
            for (uint32_t i = 0; i < 8; ++i) {
                right[in_group * 4 + (i & 3) + (i >= 4 ? 16 : 0)][group] = signed_byte(b[i / 4][lane], i % 4);
            }
        }
        for (uint32_t lane = 0; lane < 32; ++lane) {
            for (uint32_t i = 0; i < 4; ++i) {
                const uint32_t row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (i & 1);
                int32_t& sum = (i < 2 ? top : bottom)[i % 2][lane];
                for (uint32_t t = 0; t < 32; ++t) sum += left[row][t] * right[t][column];
            }
        }
    }
};

template <class Warp>
void expect_same_folds() {
    Draw draw{9};
    for (int round = 0; round < 60; ++round) {
        const auto r = uint32_t(8 * draw.in(1, 16)), k = r * uint32_t(draw.in(1, 5));
        const uint32_t stride = k + 4 * uint32_t(draw.in(0, 3));
        std::vector<uint8_t> rows(size_t{kTile} * k);
        std::vector<int8_t> weights(size_t{kTile} * stride);
        // A fragment's depth that a step does not fill must not reach into the next step.
        const bool is_extreme = round % 4 == 0;
        for (uint8_t& x : rows) x = uint8_t(is_extreme ? 255 : draw.in(0, 255));
        for (size_t i = 0; i < weights.size(); ++i) {
            weights[i] = int8_t(is_extreme && i >= stride ? -128 : draw.in(-128, 127));
        }
        std::vector<uint32_t> expected(k / r), words(k / r);
        noised_tile(Backend::kScalar, rows, weights, stride, k, r, expected);
        const auto words_of = [](const auto& bytes) {
            std::vector<uint32_t> out(bytes.size() / 4);
            std::memcpy(out.data(), bytes.data(), bytes.size());
            return out;
        };
        const auto row_words = words_of(rows), weight_words = words_of(weights);
        WarpFold<Warp>{Warp{}}.run(
            {row_words.data(), weight_words.data(), words.data(), stride / 4, k / 4, r / 4});
        ASSERT_EQ(words, expected) << "k " << k << " r " << r << " round " << round;
    }
}

TEST(WarpFold, IsTheScalarFoldByM8N8K16) { expect_same_folds<SimulatedWarp<false>>(); }
TEST(WarpFold, IsTheScalarFoldByM16N8K32) { expect_same_folds<SimulatedWarp<true>>(); }

}  // namespace
}  // namespace daidd::device
