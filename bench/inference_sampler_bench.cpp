#include <benchmark/benchmark.h>

#include "inference/logprob.h"
#include "inference/sampler.h"

namespace daidd::inference {
namespace {

constexpr uint32_t kFx = 14;

/// As a model's are: a bell of a few nats with some tokens far above it.
std::vector<int32_t> logits_of(size_t vocabulary) {
    std::vector<int32_t> logits(vocabulary);
    uint64_t state = 1;
    for (size_t i = 0; i < vocabulary; ++i) {
        int32_t sum = 0;
        for (int k = 0; k < 4; ++k) {
            state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
            sum += int32_t(state >> 48);
        }
        logits[i] = sum + (i % 4001 == 0 ? 100'000 : 0);
    }
    return logits;
}

void next_token(benchmark::State& state, const SamplerOptions& options) {
    const auto logits = logits_of(size_t(state.range(0)));
    const std::vector<uint32_t> prompt(64, 7);
    Sampler sampler{options, uint32_t(logits.size()), kFx, 0, prompt};
    for (auto _ : state) benchmark::DoNotOptimize(sampler.next(logits));
}

const SamplerOptions kWarm{.sampling = {.inverse_temperature = 1 << 16}};
const SamplerOptions kMinP{.sampling = {.inverse_temperature = 1 << 16, .min_p_gap = 3 << 16}};
const SamplerOptions kTopK{.sampling = {.inverse_temperature = 1 << 16}, .top_k = 40};
const SamplerOptions kTopP{.sampling = {.inverse_temperature = 1 << 16}, .top_p = 62'259};
const SamplerOptions kAll{.sampling = {.inverse_temperature = 1 << 16, .min_p_gap = 3 << 16},
                          .biases = {{7, 1 << 16}},
                          .repeat_penalty = 72'090,
                          .frequency_penalty = 1 << 14,
                          .top_k = 40,
                          .top_p = 62'259};

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(49'152)->Arg(262'144)->Unit(benchmark::kMicrosecond);
}
BENCHMARK_CAPTURE(next_token, greedy, SamplerOptions{})->Apply(sizes);
BENCHMARK_CAPTURE(next_token, temperature, kWarm)->Apply(sizes);
BENCHMARK_CAPTURE(next_token, min_p, kMinP)->Apply(sizes);
BENCHMARK_CAPTURE(next_token, top_k_40, kTopK)->Apply(sizes);
BENCHMARK_CAPTURE(next_token, top_p, kTopP)->Apply(sizes);
BENCHMARK_CAPTURE(next_token, everything, kAll)->Apply(sizes);

void logprobs(benchmark::State& state) {
    const auto logits = logits_of(size_t(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(find_logprobs(logits, 3, kTopLogprobsMax, kFx));
}
BENCHMARK(logprobs)->Apply(sizes);

}  // namespace
}  // namespace daidd::inference
