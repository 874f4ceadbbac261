#include <benchmark/benchmark.h>

#include "crypto/hash.h"
#include "inference/forward.h"
#include "inference/kernels.h"
#include "inference/manifest.h"
#include "inference/mined.h"
#include "inference/noised.h"
#include "inference/product.h"
#include "inference/toy.h"

namespace daidd::inference {
namespace {

// The shape of SmolLM2-135M with pseudo-random numbers: speed does not depend on what they are.
const Model& smol_shape() {
    static const Model model = [] {
        ToyShape shape;
        shape.dimensions = {.vocabulary = 49'152,
                            .layers = 30,
                            .dim = 576,
                            .ffn = 1536,
                            .heads = 9,
                            .kv_heads = 3,
                            .head_dim = 64,
                            .context = 8192};
        return *Model::build(make_toy(shape));
    }();
    return model;
}

std::vector<uint32_t> tokens_of(size_t count) {
    std::vector<uint32_t> tokens(count);
    for (size_t i = 0; i < count; ++i) tokens[i] = uint32_t(i * 2'654'435'761u % 49'152);
    return tokens;
}

void tokens_per_second(benchmark::State& state, size_t tokens) {
    state.counters["tokens/s"] =
        benchmark::Counter(double(state.iterations() * tokens), benchmark::Counter::kIsRate);
}

void prefill(benchmark::State& state) {
    const auto count = size_t(state.range(0));
    const auto tokens = tokens_of(count);
    Sequence sequence{smol_shape(), uint32_t(count)};
    for (auto _ : state) {
        sequence.truncate(0);
        benchmark::DoNotOptimize(
            forward(smol_shape(), best_backend(), sequence, tokens, {.threads = unsigned(state.range(1))}));
    }
    tokens_per_second(state, count);
}
BENCHMARK(prefill)
    ->Args({128, 1})
    ->Args({128, 2})
    ->Args({1024, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void decode(benchmark::State& state) {
    const auto before = uint32_t(state.range(0));
    Sequence sequence{smol_shape(), before + 1};
    benchmark::DoNotOptimize(
        forward(smol_shape(), best_backend(), sequence, tokens_of(before), {.logits = Logits::kNone}));
    const auto token = tokens_of(1);
    for (auto _ : state) {
        sequence.truncate(before);
        benchmark::DoNotOptimize(
            forward(smol_shape(), best_backend(), sequence, token, {.threads = unsigned(state.range(1))}));
    }
    tokens_per_second(state, 1);
}
BENCHMARK(decode)
    ->Args({128, 1})
    ->Args({128, 2})
    ->Args({1024, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// So many sequences, each one token, after 128 positions.
void decode_batch(benchmark::State& state) {
    const uint32_t before = 128;
    Sequence first{smol_shape(), before + 1};
    benchmark::DoNotOptimize(
        forward(smol_shape(), best_backend(), first, tokens_of(before), {.logits = Logits::kNone}));
    std::vector<Sequence> sequences;
    for (int64_t i = 0; i < state.range(0); ++i) sequences.push_back(first.copy());
    const auto token = tokens_of(1);
    std::vector<BatchItem> items;
    for (Sequence& sequence : sequences) items.push_back({&sequence, token});
    for (auto _ : state) {
        for (Sequence& sequence : sequences) sequence.truncate(before);
        benchmark::DoNotOptimize(
            forward_batch(smol_shape(), best_backend(), items, unsigned(state.range(1))));
    }
    tokens_per_second(state, sequences.size());
}
BENCHMARK(decode_batch)
    ->Args({1, 1})
    ->Args({4, 1})
    ->Args({16, 1})
    ->Args({16, 2})
    ->Args({64, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// One query head over so many positions, in cache.
void attention(benchmark::State& state) {
    const auto count = uint32_t(state.range(0));
    const Dimensions& d = smol_shape().dimensions();
    Sequence sequence{smol_shape(), count};
    benchmark::DoNotOptimize(
        forward(smol_shape(), best_backend(), sequence, tokens_of(count), {.logits = Logits::kNone}));
    const auto row = sequence.row(0, 0, Part::kKeys, count - 1);
    std::vector<int32_t> out(d.head_dim);
    Scratch scratch;
    for (auto _ : state) {
        kernels_of(best_backend())
            .attention_head({row.codes, {*row.mantissa, *row.exponent}}, sequence.head(0, 0, Part::kKeys),
                            sequence.head(0, 0, Part::kValues), count, d.head_dim, 14, out.data(), scratch);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(attention)->Arg(128)->Arg(1024)->Unit(benchmark::kMicrosecond);

/// Counts the bytes that a trace gives and throws them away.
class Discard final : public TraceSink {
public:
    void rows(uint16_t, const TensorInfo&, uint32_t, ByteView rows, Parallel&) override {
        bytes += rows.size();
    }
    uint64_t bytes = 0;
};

void unit_with_trace(benchmark::State& state) {
    const auto tokens = tokens_of(size_t(state.range(0)));
    Sequence sequence{smol_shape(), uint32_t(tokens.size())};
    Discard sink;
    for (auto _ : state) {
        sequence.truncate(0);
        benchmark::DoNotOptimize(forward(smol_shape(), best_backend(), sequence, tokens,
                                         {.logits = Logits::kNone, .trace = &sink}));
    }
    tokens_per_second(state, tokens.size());
}
BENCHMARK(unit_with_trace)->Arg(128)->Unit(benchmark::kMillisecond);

void toy_unit(benchmark::State& state) {
    if (!is_supported(Backend(state.range(0))))
        return state.SkipWithError("this processor has no such backend");
    const Model model = *Model::build(make_toy(regtest_toy()), Backend(state.range(0)));
    std::vector<uint32_t> tokens(32);
    for (auto _ : state) {
        Sequence sequence{model, 32};
        TraceRecorder trace{model};
        benchmark::DoNotOptimize(forward(model, Backend(state.range(0)), sequence, tokens,
                                         {.logits = Logits::kNone, .trace = &trace}));
    }
}
BENCHMARK(toy_unit)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMicrosecond);

void gemm(benchmark::State& state) {
    const auto rows = uint32_t(state.range(0));
    const Linear& linear = smol_shape().linears()[2];  // gate ‖ up, 576 → 3072
    CodeRows codes;
    codes.resize(rows, linear.k, 1);
    std::fill(codes.factors.begin(), codes.factors.end(), Scale{8000, 40});
    BigVector<int32_t> y(size_t{rows} * linear.n);
    Scratch scratch;
    for (auto _ : state) {
        kernels_of(best_backend())
            .linear(linear, &smol_shape().packed()->linears[2], codes, 0, linear.n / 16, 14, y.data(),
                    scratch);
        benchmark::DoNotOptimize(y.data());
    }
    state.counters["multiply-adds/s"] = benchmark::Counter(
        double(state.iterations()) * rows * linear.n * linear.k, benchmark::Counter::kIsRate);
}
BENCHMARK(gemm)->Arg(1)->Arg(2)->Arg(4)->Arg(16)->Arg(128)->Unit(benchmark::kMicrosecond);

void noised(benchmark::State& state) {
    const auto groups = uint32_t(state.range(0));
    const Linear& linear = smol_shape().linears()[2];
    const uint32_t k = linear.k, r = step_for(k);
    const NoisedRows rows{best_backend(), std::vector<uint8_t>(size_t{groups} * 16 * k, 3), k};
    std::vector<uint32_t> words(groups * (k / r));
    for (auto _ : state) {
        rows.fold(linear.weights, k, r, words);
        benchmark::DoNotOptimize(words.data());
    }
    state.counters["multiply-adds/s"] =
        benchmark::Counter(double(state.iterations()) * groups * 256 * k, benchmark::Counter::kIsRate);
}
BENCHMARK(noised)->Arg(1)->Arg(8)->Unit(benchmark::kMicrosecond);

/// On every backend of this machine but the scalar one.
void shapes_by_backend(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"n", "k", "rows", "planes", "backend"})->Unit(benchmark::kMicrosecond);
    for (const Backend backend : kBackends) {
        if (backend == Backend::kScalar || !is_supported(backend)) continue;
        const auto b = int64_t(backend);
        bench->Args({3072, 576, 64, 1, b})->Args({3072, 576, 512, 2, b})->Args({576, 1536, 512, 2, b});
        bench->Args({1024, 4096, 512, 1, b});
    }
}
Backend backend_of(benchmark::State& state) {
    const auto backend = Backend(state.range(4));
    state.SetLabel(std::string{to_string(backend)});
    return backend;
}

void product(benchmark::State& state) {
    const Product p{uint32_t(state.range(0)), uint32_t(state.range(1)), uint32_t(state.range(2)),
                    uint32_t(state.range(3))};
    BigVector<int32_t> y(size_t{p.codes.rows} * p.linear.n);
    Scratch scratch;
    const Backend backend = backend_of(state);
    for (auto _ : state) {
        kernels_of(backend).linear(p.linear, &p.packed, p.codes, 0, p.packed.blocks, 14, y.data(), scratch);
        benchmark::DoNotOptimize(y.data());
    }
    p.count(state);
}
BENCHMARK(product)->Apply(shapes_by_backend);

/// Noise that costs nothing and folds that nobody looks at.
class NoTickets final : public TicketDrawer {
public:
    explicit NoTickets(uint32_t rows) : rows_{rows} {}
    std::vector<uint8_t> noise(const MinedSlice& slice, Parallel& /*parallel*/) override {
        return std::vector<uint8_t>(size_t{rows_} * slice.step, 137);
    }
    void draw(const MinedSlice&, uint32_t, uint32_t, std::span<const uint32_t> words, unsigned) override {
        benchmark::DoNotOptimize(words.data());
    }

private:
    uint32_t rows_;
};

/// The same product, noised, folded and peeled.
void mined_product(benchmark::State& state) {
    const Product p{uint32_t(state.range(0)), uint32_t(state.range(1)), uint32_t(state.range(2)),
                    uint32_t(state.range(3))};
    BigVector<int32_t> y(size_t{p.codes.rows} * p.linear.n);
    Parallel parallel{1};
    std::vector<Scratch> scratch(1);
    NoTickets drawer{p.codes.rows};
    const Backend backend = backend_of(state);
    for (auto _ : state) {
        mined_linear({p.linear, &p.packed, 0, 14}, backend, p.codes, drawer, parallel, scratch, y.data());
        benchmark::DoNotOptimize(y.data());
    }
    p.count(state);
}
BENCHMARK(mined_product)->Apply(shapes_by_backend);

void model_root(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(ModelTree(smol_shape(), 1024).root());
}
BENCHMARK(model_root)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daidd::inference
