#pragma once

#include <benchmark/benchmark.h>

#include "inference/kernels.h"

namespace daidd::inference {

/// Pseudo-random bytes, each the sum of four numbers of so many bits less their mean: most are small, as of a
/// model. All alike they would take less power, and so less time.
inline void fill(std::span<int8_t> bytes, uint32_t bits) {
    const uint32_t mask = (1u << bits) - 1;
    uint32_t x = 1;
    for (int8_t& byte : bytes) {
        x = x * 1'664'525 + 1'013'904'223;
        int32_t sum = -2 * int32_t(mask);
        for (uint32_t i = 0; i < 4; ++i) sum += int32_t(x >> (8 * i) & mask);
        byte = int8_t(sum);
    }
}

/// Codes and weights of a shape.
struct Product {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    Linear linear;
    CodeRows codes;
    PackedLinear packed;

    Product(uint32_t n, uint32_t k, uint32_t rows, uint32_t planes)
        : weights(size_t{n} * k), mw(n, 600), ew(n, 20) {
        fill(weights, 6);
        linear = {.name = "", .n = n, .k = k, .weights = weights, .mw = mw, .ew = ew, .bias = {}};
        codes.resize(rows, k, planes);
        fill(codes.codes, 5);
        std::fill(codes.factors.begin(), codes.factors.end(), Scale{8000, 40});
        packed = pack_linear(linear);
    }
    void count(benchmark::State& state) const {
        state.counters["multiply-adds/s"] =
            benchmark::Counter(double(state.iterations()) * codes.rows * codes.planes * linear.n * linear.k,
                               benchmark::Counter::kIsRate);
    }
};

inline void shapes(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"n", "k", "rows", "planes"})->Unit(benchmark::kMicrosecond);
    bench->Args({3072, 576, 64, 1})->Args({3072, 576, 512, 2})->Args({576, 1536, 512, 2});
    bench->Args({1024, 4096, 512, 1});
}

}  // namespace daidd::inference
