#include "ledger/state_tree.h"

#include <algorithm>
#include <random>

#include "crypto/vectors.h"
#include "ledger/connect.h"
#include "ledger/map_state.h"
#include "ledger/plain_tree.h"

namespace daidd::ledger::test {
namespace {

using crypto::hex;
using crypto::hex_array;
using nlohmann::json;

constexpr const char* kVectors = "state_tree.json";

Hash256 key_of_bits(const std::vector<unsigned>& ones) {
    Hash256 key{};
    for (const unsigned bit : ones) key[bit / 8] = uint8_t(key[bit / 8] | (0x80 >> (bit % 8)));
    return key;
}
Hash256 leaf_number(uint8_t number) { return Hash256{0x1e, number}; }

MapState build(const Leaves& leaves) {
    MapState state;
    for (const auto& [key, leaf] : leaves) tree_update(state, key, leaf);
    return state;
}

TEST(StateTree, BitsCountFromTheHighestOfTheFirstByte) {
    EXPECT_TRUE(tree_bit(key_of_bits({0}), 0));
    EXPECT_EQ(key_of_bits({0})[0], 0x80);
    EXPECT_TRUE(tree_bit(key_of_bits({255}), 255));
    EXPECT_EQ(key_of_bits({255})[31], 0x01);
    for (unsigned bit = 0; bit < 256; ++bit) EXPECT_EQ(tree_bit(key_of_bits({8}), bit), bit == 8) << bit;
}

TEST(StateTree, RootsOfRecordsAreThoseOfTheVectors) {
    for (const json& test : crypto::read_list(kVectors, "records")) {
        SCOPED_TRACE(test.at("name"));
        MapState state;
        for (const json& record : test.at("records")) {
            const auto id = hex_array(record.at("id"));
            put_record(state, Table(record.at("type").get<uint8_t>()), id, hex(record.at("value")));
            EXPECT_EQ(state.get(Table(record.at("type").get<uint8_t>()), id), hex(record.at("value")));
        }
        EXPECT_EQ(to_hex(tree_root(state)), test.at("root"));
        EXPECT_EQ(state_root(state), tree_root(state));
    }
}

TEST(StateTree, RootsOfLeavesAreThoseOfTheVectorsInEveryOrder) {
    for (const json& test : crypto::read_list(kVectors, "leaves")) {
        SCOPED_TRACE(test.at("name"));
        std::vector<std::pair<Hash256, Hash256>> leaves;
        for (const json& leaf : test.at("leaves"))
            leaves.emplace_back(hex_array(leaf.at("key")), hex_array(leaf.at("leaf")));
        EXPECT_EQ(to_hex(plain_root(Leaves(leaves.begin(), leaves.end()))), test.at("root"));
        std::mt19937_64 random{1};
        for (int order = 0; order < 4; ++order) {
            MapState state;
            for (const auto& [key, leaf] : leaves) tree_update(state, key, leaf);
            EXPECT_EQ(to_hex(tree_root(state)), test.at("root")) << "order " << order;
            std::ranges::shuffle(leaves, random);
        }
    }
}

TEST(StateTree, RecordsHaveTheBytesOfTheVectors) {
    const json encodings = crypto::read_vectors(kVectors).at("encodings");
    const json job = encodings.at("job").at("fields");
    const JobRecord job_record{
        .job = {.model = hex_array(job.at("model")),
                .adapter = hex_array(job.at("adapter")),
                .kind = job.at("kind"),
                .answer_tokens_max = job.at("answer_tokens_max"),
                .sampling = {job.at("temperature"), job.at("min_p"), job.at("seed")},
                .worker = hex_array(job.at("worker")),
                .refund = hex_array(job.at("refund")),
                .deadline = job.at("deadline"),
                .prompt = job.at("prompt")},
        .escrow = job.at("escrow"),
        .height = job.at("height"),
        .status = job.at("status"),
        .receipt = hex_array(job.at("receipt")),
    };
    EXPECT_EQ(to_hex(encode(job_record)), encodings.at("job").at("bytes"));

    for (const char* name : {"receipt", "receipt_with_a_result"}) {
        const json receipt = encodings.at(name).at("fields");
        const ReceiptRecord receipt_record{
            .receipt = {.job = hex_array(receipt.at("job")),
                        .worker = hex_array(receipt.at("worker")),
                        .answer = receipt.at("answer"),
                        .result = hex(receipt.at("result")),
                        .signature = hex_array<64>(receipt.at("signature"))},
            .bond = receipt.at("bond"),
            .height = receipt.at("height"),
            .settled = receipt.at("settled"),
            .cost = receipt.at("cost"),
            .worker_share = receipt.at("worker_share"),
            .treasury_share = receipt.at("treasury_share"),
            .tokens_root = hex_array(receipt.at("tokens_root")),
        };
        EXPECT_EQ(to_hex(encode(receipt_record)), encodings.at(name).at("bytes"));
    }

    const json treasury = encodings.at("treasury").at("fields");
    const TreasuryRecord treasury_record{.balance = treasury.at("balance"),
                                         .from_subsidy = treasury.at("from_subsidy"),
                                         .from_fees = treasury.at("from_fees")};
    EXPECT_EQ(to_hex(encode(treasury_record)), encodings.at("treasury").at("bytes"));
}

TEST(StateTree, AnEmptiedTreeLeavesNothingBehind) {
    MapState state;
    const Hash256 keys[] = {key_of_bits({}), key_of_bits({255}), key_of_bits({0}), key_of_bits({7, 8})};
    for (uint8_t i = 0; i < 4; ++i) tree_update(state, keys[i], leaf_number(i));
    for (const auto& key : keys) tree_update(state, key, std::nullopt);
    EXPECT_EQ(tree_root(state), kZeroHash);
    EXPECT_EQ(state, MapState{});
}

TEST(StateTree, ErasingANeighbourMovesALeafUpThroughEveryDepth) {
    const Leaves one{{key_of_bits({}), leaf_number(1)}};
    for (const unsigned depth : {0u, 1u, 7u, 8u, 9u, 254u, 255u}) {
        SCOPED_TRACE(depth);
        MapState state = build(one);
        tree_update(state, key_of_bits({depth}), leaf_number(2));
        EXPECT_NE(tree_root(state), leaf_number(1));
        tree_update(state, key_of_bits({depth}), std::nullopt);
        EXPECT_EQ(tree_root(state), leaf_number(1));
        EXPECT_EQ(state, build(one));
    }
}

TEST(StateTree, ErasingWhatIsNotThereChangesNothing) {
    const Leaves some{{key_of_bits({}), leaf_number(1)}, {key_of_bits({9}), leaf_number(2)}};
    for (const Leaves& leaves : {Leaves{}, Leaves{*some.begin()}, some}) {
        MapState state = build(leaves);
        for (const unsigned bit : {0u, 8u, 10u, 255u}) tree_update(state, key_of_bits({bit}), std::nullopt);
        EXPECT_EQ(state, build(leaves)) << leaves.size() << " leaves";
    }
}

/// Keys that share prefixes of every kind of length: of few bits, across bytes, all but the last bit.
Hash256 crowded_key(std::mt19937_64& random) {
    constexpr unsigned kPlaces[] = {0, 1, 7, 8, 9, 100, 254, 255};
    std::vector<unsigned> ones;
    for (const unsigned place : kPlaces)
        if (random() % 2 == 0) ones.push_back(place);
    return key_of_bits(ones);
}

class StateTreeHistory : public testing::TestWithParam<unsigned> {};

// The nodes too are those of the set: what is stored does not tell in which order it came.
TEST_P(StateTreeHistory, HasTheRootAndTheNodesOfABuildFromScratch) {
    std::mt19937_64 random{GetParam()};
    const bool crowded = GetParam() % 2 == 0;
    MapState state;
    Leaves leaves;
    for (int step = 0; step < 600; ++step) {
        Hash256 key = crowded ? crowded_key(random) : Hash256{uint8_t(random()), uint8_t(random())};
        // Growing at first, then shrinking to a few.
        if (!leaves.empty() && random() % 600 < uint64_t(step)) {
            key = std::next(leaves.begin(), ptrdiff_t(random() % leaves.size()))->first;
            tree_update(state, key, std::nullopt);
            leaves.erase(key);
        } else {
            const Hash256 leaf = leaf_number(uint8_t(random()));
            tree_update(state, key, leaf);
            leaves[key] = leaf;
        }
        ASSERT_EQ(tree_root(state), plain_root(leaves)) << "step " << step;
        if (step % 20 == 0) {
            ASSERT_EQ(state, build(leaves)) << "step " << step;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StateTreeHistory, testing::Range(1u, 7u));

}  // namespace
}  // namespace daidd::ledger::test
