#include <benchmark/benchmark.h>

#include "inference/kernels.h"
#include "inference/product.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// What this core could do at best, and products beside it: compare figures of one run only.
namespace daidd::inference {
namespace {

#if defined(__x86_64__)
#define DAIDD_DP(r) "vpdpbusd %%zmm31, %%zmm30, %%zmm" #r "\n"

/// AVX-512 VNNI with everything in registers: 64 multiply-adds an instruction.
[[gnu::target("avx512f,avx512vnni")]] void vnni_peak(benchmark::State& state) {
    if (!is_supported(Backend::kAvx512)) return state.SkipWithError("this processor has no AVX-512 VNNI");
    constexpr uint64_t kTurns = 1 << 20, kProducts = 12;
    for (auto _ : state) {
        uint64_t turns = kTurns;
        asm volatile("1:\n" DAIDD_DP(0) DAIDD_DP(1) DAIDD_DP(2) DAIDD_DP(3) DAIDD_DP(4) DAIDD_DP(5)
                         DAIDD_DP(6) DAIDD_DP(7) DAIDD_DP(8) DAIDD_DP(9) DAIDD_DP(10)
                             DAIDD_DP(11) "dec %0\n jnz 1b\n"
                     : "+r"(turns)
                     :
                     : "cc", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9",
                       "zmm10", "zmm11", "zmm30", "zmm31");
    }
    state.counters["multiply-adds/s"] =
        benchmark::Counter(double(state.iterations()) * kTurns * kProducts * 64, benchmark::Counter::kIsRate);
}
BENCHMARK(vnni_peak)->Unit(benchmark::kMillisecond);
#endif

/// A product on one backend, whichever is the best one.
void product(benchmark::State& state, Backend backend) {
    if (!is_supported(backend)) return state.SkipWithError("this processor lacks the backend");
    const Product p{uint32_t(state.range(0)), uint32_t(state.range(1)), uint32_t(state.range(2)),
                    uint32_t(state.range(3))};
    BigVector<int32_t> y(size_t{p.codes.rows} * p.linear.n);
    Scratch scratch;
    for (auto _ : state) {
        kernels_of(backend).linear(p.linear, &p.packed, p.codes, 0, p.packed.blocks, 14, y.data(), scratch);
        benchmark::DoNotOptimize(y.data());
    }
    p.count(state);
}
BENCHMARK_CAPTURE(product, avx2, Backend::kAvx2)->Apply(shapes);
BENCHMARK_CAPTURE(product, avxvnni, Backend::kAvxVnni)->Apply(shapes);
BENCHMARK_CAPTURE(product, avx512, Backend::kAvx512)->Apply(shapes);
BENCHMARK_CAPTURE(product, amx, Backend::kAmx)->Apply(shapes);

/// A matrix of 256 MiB, more than the second-level cache of any core holds.
constexpr uint32_t kWide = 16'384;

struct Wide {
    std::vector<int8_t> weights = std::vector<int8_t>(size_t{kWide} * kWide, 3);
    std::vector<uint16_t> mw = std::vector<uint16_t>(kWide, 600);
    std::vector<uint8_t> ew = std::vector<uint8_t>(kWide, 20);
    Linear linear{.name = "", .n = kWide, .k = kWide, .weights = weights, .mw = mw, .ew = ew, .bias = {}};
    PackedLinear packed = pack_linear(linear);
};
const Wide& wide() {
    static const Wide matrix;
    return matrix;
}

#if defined(__x86_64__)
/// Reads the packed weights once, from as many places at a time, and adds them up.
[[gnu::target("avx512f,avx512bw")]] void stream(benchmark::State& state) {
    if (!is_supported(Backend::kAvx512)) return state.SkipWithError("this processor has no AVX-512");
    const int8_t* weights = wide().packed.weights.get();
    const size_t bytes = size_t{kWide} * kWide, places = size_t(state.range(0)), apart = bytes / places;
    constexpr size_t kAhead = 2048, kLine = 64, kLines = 4;
    for (auto _ : state) {
        __m512i sums[kLines] = {};
        for (size_t at = 0; at < apart; at += kLines * kLine) {
            for (size_t place = 0; place < places; ++place) {
                const int8_t* const from = weights + place * apart + at;
#pragma GCC unroll 4
                for (size_t i = 0; i < kLines; ++i) {
                    sums[i] = _mm512_add_epi8(sums[i], _mm512_loadu_si512(from + i * kLine));
                    _mm_prefetch(from + i * kLine + kAhead, _MM_HINT_T0);
                }
            }
        }
        benchmark::DoNotOptimize(_mm512_reduce_add_epi32(sums[0] + sums[1] + sums[2] + sums[3]));
    }
    state.SetBytesProcessed(state.iterations() * int64_t(bytes));
}
BENCHMARK(stream)->ArgName("places")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);
#endif

/// One row of codes with weights that come from memory: what a decoded token waits for.
void single_row(benchmark::State& state) {
    CodeRows codes;
    codes.resize(1, kWide, uint32_t(state.range(0)));
    std::fill(codes.codes.begin(), codes.codes.end(), int8_t{5});
    codes.factors[0] = {8000, 40};
    BigVector<int32_t> y(kWide);
    Scratch scratch;
    for (auto _ : state) {
        kernels_of(best_backend())
            .linear(wide().linear, &wide().packed, codes, 0, wide().packed.blocks, 14, y.data(), scratch);
        benchmark::DoNotOptimize(y.data());
    }
    state.SetBytesProcessed(state.iterations() * int64_t{kWide} * kWide);
}
BENCHMARK(single_row)->ArgName("planes")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daidd::inference
