#include <gtest/gtest.h>

#include "work/unit.h"

#include "crypto/hash.h"
#include "work/vectors.h"

namespace daidd::work {
namespace {

TEST(Unit, BeaconsAreTheReferences) {
    const auto& beacon = poui_vectors().at("beacon");
    const Hash256 first = genesis_beacon(hash_from(beacon.at("genesis")));
    EXPECT_EQ(first, hash_from(beacon.at("beacon_0")));
    EXPECT_EQ(next_beacon(first, hash_from(beacon.at("ticket"))), hash_from(beacon.at("after")));
}

TEST(Unit, StartUnitIsTheReferences) {
    const auto& start = poui_vectors().at("start");
    const Hash256 id = unit_id(preimage_from(start));
    EXPECT_EQ(id, hash_from(start.at("unit_id")));
    EXPECT_EQ(start_tokens(id, 256, 32), start.at("tokens").get<std::vector<uint32_t>>());
}

TEST(Unit, LinkIsTheReferences) {
    const auto& previous = poui_vectors().at("previous");
    const Hash256 id = unit_id(preimage_from(previous.at("preimage")));
    EXPECT_EQ(id, hash_from(previous.at("unit_id")));
    EXPECT_EQ(link(id, hash_from(previous.at("trace_root"))), hash_from(previous.at("previous")));
}

TEST(Unit, DrawsAreTheReferences) {
    const auto& draws = poui_vectors().at("draw");
    const consensus::Params params = params_from(poui_vectors().at("spec"));
    const Pool pool = pool_from(draws.at("receipts"));
    for (const auto& sample : draws.at("samples")) {
        const Draw drawn = draw(params, hash_from(sample.at("unit_id")), pool);
        EXPECT_EQ(uint8_t(drawn.kind), sample.at("kind").get<int>());
        EXPECT_EQ(drawn.item, sample.at("item").get<uint64_t>());
        EXPECT_EQ(drawn.window, sample.at("window").get<uint64_t>());
        if (drawn.kind != Kind::kReceipt) continue;
        uint64_t before = 0;
        for (size_t i = 0; i < drawn.pool_index; ++i) before += pool[i].slots;
        EXPECT_GE(drawn.item, before);
        EXPECT_LT(drawn.item, before + pool[drawn.pool_index].slots);
    }
}

/// Counts of kinds and receipts over many units.
std::vector<size_t> count_draws(const consensus::Params& params, const Pool& pool, size_t units) {
    std::vector<size_t> counts(pool.size() + 1);
    for (uint32_t i = 0; i < units; ++i) {
        const std::array<uint8_t, 4> number{uint8_t(i), uint8_t(i >> 8), uint8_t(i >> 16), 0};
        const Draw drawn = draw(params, crypto::hash("toy", {number}), pool);
        ++counts[drawn.kind == Kind::kReceipt ? drawn.pool_index : pool.size()];
    }
    return counts;
}

/// Within four standard deviations, in integers: (seen − n·p)² ≤ 16·n·p·(1 − p), p = part / whole.
void expect_share(uint64_t seen, uint64_t n, uint64_t part, uint64_t whole) {
    const auto difference = int64_t(seen * whole) - int64_t(n * part);
    EXPECT_LE(uint64_t(difference * difference), 16 * n * part * (whole - part)) << seen << " of " << n;
}

TEST(Unit, ASmallPoolCannotBeAimedAt) {
    consensus::Params params = params_from(poui_vectors().at("spec"));
    // One receipt in four slots: 40 % of the kinds, then one slot in four.
    const auto few = count_draws(params, {{.tokens_root = {}, .slots = 1, .receipt = {}}}, 3000);
    expect_share(few[0], 3000, 1, 10);
    // Beyond the least number of slots each receipt has its share.
    const Pool pool{{{}, 1, {}}, {{}, 0, {}}, {{}, 9, {}}};
    const auto many = count_draws(params, pool, 3000);
    expect_share(many[0], 3000, 4, 100);
    EXPECT_EQ(many[1], 0u);
    expect_share(many[2], 3000, 36, 100);
}

TEST(Unit, SlotsAreNotLaidOut) {
    consensus::Params params = params_from(poui_vectors().at("spec"));
    params.kind_weights = {0, 1, 0};
    const Pool pool{{{}, uint64_t{1} << 50, {}}, {{}, uint64_t{1} << 62, {}}};
    const auto counts = count_draws(params, pool, 1000);
    EXPECT_EQ(counts[2], 0u);
    EXPECT_GT(counts[1], 990u);
}

TEST(Unit, TrainingHasNoItemsYet) {
    consensus::Params params = params_from(poui_vectors().at("spec"));
    params.kind_weights = {0, 0, 1};
    const auto counts = count_draws(params, {{.tokens_root = {}, .slots = 8, .receipt = {}}}, 100);
    EXPECT_EQ(counts[1], 100u);
}

TEST(Unit, WindowsStayInsideTheirCorpus) {
    consensus::Params params;
    params.unit_tokens = 32;
    params.corpora = {{"a", {}, 33}, {"short", {}, 31}, {"exact", {}, 32}, {"b", {}, 40}};
    EXPECT_EQ(corpus_windows(params), 2u + 0 + 1 + 9);
    const auto expect_place = [&](uint64_t window, size_t corpus, uint64_t start) {
        const WindowPlace place = place_of(params, window);
        EXPECT_EQ(place.corpus, corpus) << window;
        EXPECT_EQ(place.start, start) << window;
    };
    expect_place(0, 0, 0);
    expect_place(1, 0, 1);
    expect_place(2, 2, 0);
    expect_place(3, 3, 0);
    expect_place(11, 3, 8);
    EXPECT_DEATH(place_of(params, 12), "beyond the corpora");
}

}  // namespace
}  // namespace daidd::work
