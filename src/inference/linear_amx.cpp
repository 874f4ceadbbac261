#if defined(__x86_64__)
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/output_lines.h"
#include "inference/outputs_avx512.h"
#include "inference/tiles_amx.h"

namespace daidd::inference {

namespace amx {

namespace {

using avx512::OutputBlock;

/// So few rows of codes wait for the weights whatever multiplies them.
constexpr uint32_t kRowsMin = 8;
constexpr uint32_t kBlocksAtOnce = 2;
static_assert(kPackColumns == kTileRows && kPackDepth == 4);

/// Codes as left operands: for each 16 rows, high plane before low, tiles along the depth. What does not
/// exist is zero, so it does not matter which weights it meets.
void pack(const CodeRows& codes, uint32_t tiles_deep, int8_t* out) {
    const uint32_t bands = (codes.rows + kTileRows - 1) / kTileRows;
    const size_t plane_bytes = tiles_deep * kTileBytes;
    for (uint32_t band = 0; band < bands; ++band) {
        for (uint32_t p = 0; p < codes.planes; ++p, out += plane_bytes) {
            for (uint32_t r = 0; r < kTileRows; ++r) {
                const uint32_t row = band * kTileRows + r;
                const int8_t* from = row < codes.rows ? codes.plane(row, p).data() : nullptr;
                for (uint32_t t = 0; t < tiles_deep; ++t) {
                    int8_t* to = out + t * kTileBytes + size_t{r} * kTileDepth;
                    const uint32_t begin = t * kTileDepth;
                    const uint32_t count = from == nullptr ? 0 : std::min(kTileDepth, codes.width - begin);
                    if (count > 0) std::memcpy(to, from + begin, count);
                    std::memset(to + count, 0, kTileDepth - count);
                }
            }
        }
    }
}

struct Sums {
    alignas(64) int32_t at[2][kBlocksAtOnce][kTileRows][kPackColumns];
};

/// Two bands of rows (or the planes of one) with two blocks of weights.
void multiply(const int8_t* codes, size_t band_bytes, const int8_t* weights, size_t block_bytes,
              uint32_t tiles_deep, OutputLines outputs, Sums& sums) {
    zero<0>(), zero<1>(), zero<2>(), zero<3>();
    for (uint32_t t = 0; t < tiles_deep; ++t, codes += kTileBytes, weights += kTileBytes) {
        outputs.bring<kBlocksAtOnce>();
        load<4>(codes, kTileDepth);
        load<6>(weights, kTileDepth);
        load<7>(weights + block_bytes, kTileDepth);
        add_products<0, 4, 6>();
        add_products<1, 4, 7>();
        load<5>(codes + band_bytes, kTileDepth);
        add_products<2, 5, 6>();
        add_products<3, 5, 7>();
    }
    store<0>(sums.at[0][0], sizeof sums.at[0][0][0]);
    store<1>(sums.at[0][1], sizeof sums.at[0][0][0]);
    store<2>(sums.at[1][0], sizeof sums.at[0][0][0]);
    store<3>(sums.at[1][1], sizeof sums.at[0][0][0]);
}

/// One band with two blocks.
void multiply_one(const int8_t* codes, const int8_t* weights, size_t block_bytes, uint32_t tiles_deep,
                  Sums& sums) {
    zero<0>(), zero<1>();
    for (uint32_t t = 0; t < tiles_deep; ++t, codes += kTileBytes, weights += kTileBytes) {
        load<4>(codes, kTileDepth);
        load<6>(weights, kTileDepth);
        load<7>(weights + block_bytes, kTileDepth);
        add_products<0, 4, 6>();
        add_products<1, 4, 7>();
    }
    store<0>(sums.at[0][0], sizeof sums.at[0][0][0]);
    store<1>(sums.at[0][1], sizeof sums.at[0][0][0]);
}

/// A product, and what its loops share.
class BandProduct {
public:
    BandProduct(const Linear& linear, const PackedLinear& packed, const CodeRows& codes, uint32_t fx,
                int32_t* y, Scratch& scratch)
        : linear_{linear},
          packed_{packed},
          codes_{codes},
          fx_{fx},
          tiles_deep_{(packed.depth + kTileDepth - 1) / kTileDepth},
          bands_{(codes.rows + kTileRows - 1) / kTileRows * codes.planes},
          band_bytes_{tiles_deep_ * kTileBytes},
          block_bytes_{size_t{kPackColumns} * packed.depth},
          narrow_{are_narrow(packed, codes, avx512::heaviest_row)},
          y_{y} {
        auto* const cells =
            reinterpret_cast<int8_t*>(scratch.take_lines(bands_ * band_bytes_ / sizeof(Scratch::Line)));
        pack(codes, tiles_deep_, cells);
        cells_ = cells;
    }

    void make(uint32_t block_begin, uint32_t block_end) {
        // A pair of bands at least, and the planes of a band together.
        const auto near_bands = uint32_t(std::max<size_t>(2, avx512::kNearBytes / band_bytes_ / 2 * 2));
        for (uint32_t near = 0; near < bands_; near += near_bands) {
            const uint32_t near_end = std::min(bands_, near + near_bands);
            for (uint32_t block = block_begin; block < block_end; block += kBlocksAtOnce) {
                make_blocks(block, std::min(kBlocksAtOnce, block_end - block), near, near_end);
            }
        }
    }

private:
    void make_blocks(uint32_t block, uint32_t blocks, uint32_t near, uint32_t near_end) {
        const OutputBlock outputs[] = {{linear_, packed_, block, fx_, narrow_},
                                       {linear_, packed_, block + blocks - 1, fx_, narrow_}};
        const int8_t* const weights = packed_.weights.get() + block * block_bytes_;
        const size_t to_second = blocks == 1 ? 0 : block_bytes_;
        for (uint32_t band = near; band < near_end; band += 2) {
            const bool both = band + 1 < near_end;
            const int8_t* const from = cells_ + band * band_bytes_;
            const uint32_t row = (codes_.planes == 2 ? band / 2 : band) * kTileRows;
            const uint32_t rows =
                std::min(codes_.planes == 2 || !both ? kTileRows : 2 * kTileRows, codes_.rows - row);
            if (both) {
                int32_t* const to = y_ + size_t{row} * linear_.n + outputs[0].column();
                const OutputLines lines{to, linear_.n, rows, tiles_deep_};
                multiply(from, band_bytes_, weights, to_second, tiles_deep_, lines, sums_);
            } else {
                multiply_one(from, weights, to_second, tiles_deep_, sums_);
            }
            put(outputs, blocks, row, rows);
        }
    }

    /// Of one band, its planes or two. Inlined into the loops over tiles, what rows share would not stay in
    /// registers.
    __attribute__((noinline)) void put(const OutputBlock (&outputs)[2], uint32_t blocks, uint32_t row,
                                       uint32_t rows) {
        for (uint32_t i = 0; rows > 0; ++i) {
            const uint32_t here = std::min(rows, kTileRows);
            const avx512::SumRows sums{sums_.at[i][0][0], codes_.planes == 2 ? sums_.at[1][0][0] : nullptr,
                                       kPackColumns, size_t{kTileRows} * kPackColumns};
            const Scale* const factors = &codes_.factors[row];
            int32_t* const y = y_ + size_t{row} * linear_.n + outputs[0].column();
            if (blocks == 2) {
                OutputBlock::put(outputs, here, factors, sums, shifts_, y);
            } else {
                outputs[0].put(here, factors, sums, shifts_, y);
            }
            row += here, rows -= here;
        }
    }

    const Linear& linear_;
    const PackedLinear& packed_;
    const CodeRows& codes_;
    const uint32_t fx_, tiles_deep_, bands_;
    const size_t band_bytes_, block_bytes_;
    const bool narrow_;
    int32_t* const y_;
    const int8_t* cells_;
    Sums sums_;
    avx512::RowShifts shifts_;
};

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    if (codes.rows * codes.planes < kRowsMin) {
        avx512::linear(linear, packed, codes, block_begin, block_end, fx, y, scratch);
        return;
    }
    BandProduct product{linear, *packed, codes, fx, y, scratch};
    const TileConfiguration tiles{kTileDepth};
    product.make(block_begin, block_end);
}

Kernels with_tiles() {
    Kernels kernels = kAvx512Kernels;
    kernels.linear = linear;
    return kernels;
}

}  // namespace

}  // namespace amx

const Kernels kAmxKernels = amx::with_tiles();

}  // namespace daidd::inference
#endif
