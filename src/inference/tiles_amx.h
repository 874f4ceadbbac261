#pragma once

#include <cstddef>
#include <cstdint>

// Tile registers of AMX-INT8 (Intel's Architecture Instruction Set Extensions reference, chapter 3). Only
// *_amx.cpp include this. The compiler's own functions are not used: those of g++ 12 say neither that a
// configuration has 64 bytes nor that a load reads memory, and then stores before them get lost.
namespace daidd::inference::amx {

inline constexpr uint32_t kTileRows = 16;
inline constexpr uint32_t kTileDepth = 64;  // int8 columns of the left operand
inline constexpr size_t kTileBytes = size_t{kTileRows} * kTileDepth;

/// Until the end of the scope: tiles 0 to 3 are sums, 4 and 5 left operands of `depth` columns, 6 and 7 right
/// operands of as many rows, four to a line. Requires a multiple of 4, at most 64.
class TileConfiguration {
public:
    explicit TileConfiguration(uint32_t depth) {
        const auto left_bytes = uint16_t(depth);
        const auto right_rows = uint8_t(depth / 4);
        struct alignas(64) {
            uint8_t palette = 1, start_row = 0, reserved[14] = {};
            uint16_t row_bytes[16];
            uint8_t rows[16];
        } const all{.row_bytes = {64, 64, 64, 64, left_bytes, left_bytes, 64, 64},
                    .rows = {16, 16, 16, 16, 16, 16, right_rows, right_rows}};
        static_assert(sizeof all == 64);
        asm volatile("ldtilecfg %0" : : "m"(all));
    }
    ~TileConfiguration() { asm volatile("tilerelease"); }
    TileConfiguration(const TileConfiguration&) = delete;
    TileConfiguration& operator=(const TileConfiguration&) = delete;
};

template <int T>
inline void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
}
/// 16 rows of 64 bytes, `stride` apart.
template <int T>
inline void load(const void* from, size_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
}
template <int T>
inline void store(void* to, size_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(T) : "memory");
}
/// Sums[r][c] += Σ over t < 64 of Left[r][t] · Right[t / 4][4c + t mod 4], all signed.
template <int Sums, int Left, int Right>
inline void add_products() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Left), "i"(Right));
}
/// The same with unsigned numbers on the right.
template <int Sums, int Left, int Right>
inline void add_unsigned_products() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Left), "i"(Right));
}

}  // namespace daidd::inference::amx
