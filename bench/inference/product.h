#pragma once

#include <benchmark/benchmark.h>

#include "inference/kernels.h"

namespace daidd::inference {

/// Codes and weights of a shape; what the numbers are does not matter.
struct Product {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    Linear linear;
    CodeRows codes;
    PackedLinear packed;

    Product(uint32_t n, uint32_t k, uint32_t rows, uint32_t planes)
        : weights(size_t{n} * k, 3), mw(n, 600), ew(n, 20) {
        linear = {.name = "", .n = n, .k = k, .weights = weights, .mw = mw, .ew = ew, .bias = {}};
        codes.resize(rows, k, planes);
        std::fill(codes.codes.begin(), codes.codes.end(), int8_t{5});
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
