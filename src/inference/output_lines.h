#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::inference {

/// Lines of outputs that will be written soon, column by column of a matrix, brought near a few at a time
/// while products are made. Written without that, they would come from afar all at once, and what is read
/// meanwhile would wait: the first-level cache awaits few lines at a time.
class OutputLines {
public:
    OutputLines() = default;
    /// From `first` on a line each of `rows` rows, `stride` outputs apart, in so many turns.
    OutputLines(int32_t* first, size_t stride, uint32_t rows, uint32_t turns)
        : at_{first}, stride_{stride}, left_{rows}, a_turn_{turns == 0 ? 0 : (rows + turns - 1) / turns} {}

    /// Those of one turn, and of each row so many lines side by side.
    template <uint32_t kLines = 1>
    void bring() {
        for (uint32_t i = 0; i < a_turn_; ++i) bring_row<kLines>();
    }

    /// One row's, whatever a turn is.
    template <uint32_t kLines>
    void bring_row() {
        constexpr int kWrites = 1, kNearest = 3;
        constexpr size_t kLine = 16;
        if (left_ == 0) return;
#pragma GCC unroll 2
        for (size_t l = 0; l < kLines; ++l) __builtin_prefetch(at_ + l * kLine, kWrites, kNearest);
        at_ += stride_;
        --left_;
    }

private:
    int32_t* at_ = nullptr;
    size_t stride_ = 0;
    uint32_t left_ = 0, a_turn_ = 0;
};

}  // namespace daidd::inference
