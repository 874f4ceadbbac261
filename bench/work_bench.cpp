#include <benchmark/benchmark.h>

#include "crypto/blake2s.h"
#include "crypto/hash.h"
#include "inference/manifest.h"
#include "inference/toy.h"
#include "work/mine.h"
#include "work/project_corpus.h"
#include "work/trace.h"

namespace daidd::work {
namespace {

/// A chain on a generated model, and a lane of three units on it.
struct Bench {
    inference::Model model;
    consensus::Params params;
    Corpora corpora;
    inference::ModelTree tree;
    std::vector<std::shared_ptr<const UnitRun>> units;

    Bench(const inference::ToyShape& shape, uint32_t unit_tokens)
        : model{*inference::Model::build(inference::make_toy(shape))}, tree{model, unit_tokens} {
        const ByteView text = as_bytes(project_corpus());
        corpora = {{text.begin(), text.end()}};
        params.unit_tokens = unit_tokens;
        params.kind_weights = {50, 40, 10};
        params.draw_slots = 4;
        params.witness_bytes_max = 1 << 20;
        params.models = {{"toy", tree.root(), manifest_of(model, unit_tokens), 0}};
        params.corpora = {{"project", corpus_root(corpora[0]), corpora[0].size()}};
        while (units.size() < 3) run_next();
    }

    void run_next() {
        UnitPreimage unit{.model = tree.root(), .seq = uint16_t(units.size())};
        if (!units.empty()) unit.previous = link(id_of(*units[0]), trace_root_of(*units[0]));
        Content content = content_of(params, corpora, unit, {}, {});
        units.insert(units.begin(), run_unit(model, params.models[0].manifest, unit, std::move(content), 1));
    }

    std::optional<Win> find(const consensus::Uint256& target) const {
        return find_win(model, params, {}, target, *units[0], {units.begin() + 1, units.end()}, {}, &tree);
    }
};

const consensus::Uint256 kRegtestTarget = (consensus::Uint256{1} << 236) - 1;
const consensus::Uint256 kEveryTicket = ~consensus::Uint256{0};

const Bench& toy() {
    static const Bench bench{inference::regtest_toy(), 32};
    return bench;
}

/// The shape of SmolLM2-135M with pseudo-random numbers: speed does not depend on what they are.
const Bench& smol() {
    static const Bench bench = [] {
        inference::ToyShape shape;
        shape.dimensions = {.vocabulary = 49'152,
                            .layers = 30,
                            .dim = 576,
                            .ffn = 1536,
                            .heads = 9,
                            .kv_heads = 3,
                            .head_dim = 64,
                            .context = 8192};
        return Bench{shape, 128};
    }();
    return bench;
}

/// A whole block of regtest: start unit, unit, win; another unit where the first has no winner.
void regtest_block(benchmark::State& state) {
    for (auto _ : state) {
        Bench bench{inference::regtest_toy(), 32};
        bench.units.clear();
        bench.run_next();
        std::optional<Win> win;
        while (!win) {
            bench.run_next();
            win = bench.find(kRegtestTarget);
        }
        benchmark::DoNotOptimize(win);
    }
}
BENCHMARK(regtest_block)->Unit(benchmark::kMillisecond);

void unit(benchmark::State& state, const Bench& (*make)()) {
    const Bench& bench = make();
    const UnitRun& run = *bench.units[0];
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            run_unit(bench.model, bench.params.models[0].manifest, preimage_of(run), content_of(run), 1));
    }
}
BENCHMARK_CAPTURE(unit, toy, toy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(unit, smol, smol)->Unit(benchmark::kMillisecond);

/// All tickets of a unit, none of which wins.
void tickets(benchmark::State& state, const Bench& (*make)()) {
    const Bench& bench = make();
    for (auto _ : state) benchmark::DoNotOptimize(bench.find(0));
}
BENCHMARK_CAPTURE(tickets, toy, toy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(tickets, smol, smol)->Unit(benchmark::kMillisecond);

void trace_rows(benchmark::State& state) {
    const auto row_bytes = size_t(state.range(0));
    const Bytes rows(row_bytes * 1024, 7);
    for (auto _ : state) benchmark::DoNotOptimize(group_roots(token_leaves(kZeroHash, rows, 1, row_bytes)));
    state.SetBytesProcessed(state.iterations() * int64_t(rows.size()));
}
BENCHMARK(trace_rows)->Arg(71)->Arg(583)->Arg(2304)->Unit(benchmark::kMicrosecond);

/// Rows alone, in as many lanes as a processor has: 8 are AVX2's, 16 those of AVX-512.
void row_lanes(benchmark::State& state) {
    const auto row_bytes = size_t(state.range(0)), lanes = size_t(state.range(1));
    if (lanes > crypto::Blake2s::lanes_max()) return state.SkipWithError("this processor has fewer lanes");
    const Bytes rows(row_bytes * 1024, 7);
    std::vector<Hash256> hashes(1024);
    for (auto _ : state) {
        crypto::Blake2s{"leaf", &kZeroHash}.finish_rows(rows, row_bytes, hashes, lanes);
        benchmark::DoNotOptimize(hashes.data());
    }
    state.SetBytesProcessed(state.iterations() * int64_t(rows.size()));
}
BENCHMARK(row_lanes)->ArgsProduct({{71, 583, 2304}, {1, 8, 16}})->ArgNames({"bytes", "lanes"});

/// What a node without the model does with a seal.
void check(benchmark::State& state, const Bench& (*make)()) {
    const Bench& bench = make();
    const Win win = *bench.find(kEveryTicket);
    const SealContext context{.parent_hash = {},
                              .miner = {},
                              .seal_root = seal_root(win.seal),
                              .target = kEveryTicket,
                              .height = 1,
                              .beacons = {Hash256{}}};
    const Pool pool;
    for (auto _ : state) {
        if (check_seal(bench.params, context, win.seal, win.witness)) state.SkipWithError("refused");
        if (check_contents(bench.params, context, win.seal, win.witness, {&pool}))
            state.SkipWithError("refused content");
    }
    state.counters["witness bytes"] = double(encode(win.witness).size());
}
BENCHMARK_CAPTURE(check, toy, toy)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(check, smol, smol)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daidd::work
