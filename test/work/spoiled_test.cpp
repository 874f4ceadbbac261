#include <gtest/gtest.h>

#include "work/reference_toy.h"
#include "work/vectors.h"

namespace daidd::work {
namespace {

const ReferenceChain& chain() {
    static const ReferenceChain instance;
    return instance;
}

/// The vector's second seal: of unit 41, whose receipt is padded from the corpus.
const Sealed& honest() {
    static const Sealed sealed = sealed_from(poui_vectors().at("seals")[1]);
    return sealed;
}

/// Changes one thing that a third party could change on the way. The header's seal root follows unless the
/// change touches it.
struct SpoilCase {
    const char* name;
    void (*spoil)(Sealed&);
    const char* step;
    bool keep_seal_root = false;
};
void PrintTo(const SpoilCase& test_case, std::ostream* out) { *out << test_case.name; }

const Hash256 kOther = toy_hash("other");

size_t linear_of(const Sealed& s) { return chain().toy.manifest().operations[s.seal.op].linear; }
void flip(Bytes& row) { row[0] ^= 1; }

Hash256 group_root_of(const Sealed& s) {
    const Hash256 unit = unit_id({.model = s.seal.model,
                                  .miner = s.seal.miner,
                                  .beacon = s.context.beacons[0],
                                  .lane = s.seal.lane,
                                  .seq = s.seal.seq,
                                  .previous = s.seal.previous});
    Bytes rows;
    for (const RowField& row : s.witness.rows) rows.insert(rows.end(), row.bytes.begin(), row.bytes.end());
    return group_roots(token_leaves(unit, rows, 1, s.witness.rows[0].bytes.size()))[0];
}

void set_row(Sealed& s, size_t at, uint8_t value) {
    s.witness.rows[0].bytes[at] = value;
    s.seal.group_root = group_root_of(s);
}

// Of a previous unit: an index of `previous`, nearest first.
UnitPreimage& first(Sealed& s) { return s.witness.previous[0].preimage; }
UnitPreimage& second(Sealed& s) { return s.witness.previous[1].preimage; }

const SpoilCase kCases[] = {
    {"nothing", [](Sealed&) {}, "ok"},

    // Sizes.
    {"one_unit_opened", [](Sealed& s) { s.witness.previous.pop_back(); }, "sizes"},
    {"no_unit_opened", [](Sealed& s) { s.witness.previous.clear(); }, "sizes"},
    {"three_units_opened", [](Sealed& s) { s.witness.previous.push_back(s.witness.previous[1]); }, "sizes"},
    {"fifteen_rows", [](Sealed& s) { s.witness.rows.pop_back(); }, "sizes"},
    {"seventeen_rows", [](Sealed& s) { s.witness.rows.push_back({}); }, "sizes"},
    {"fifteen_weight_rows", [](Sealed& s) { s.witness.weights.pop_back(); }, "sizes"},
    {"two_weight_paths", [](Sealed& s) { s.witness.weight_paths.pop_back(); }, "sizes"},
    {"four_weight_paths", [](Sealed& s) { s.witness.weight_paths.push_back({}); }, "sizes"},
    {"a_token_less", [](Sealed& s) { s.witness.tokens.pop_back(); }, "sizes"},
    {"a_token_more", [](Sealed& s) { s.witness.tokens.push_back(0); }, "sizes"},
    {"an_op_root_less", [](Sealed& s) { s.witness.op_roots.pop_back(); }, "sizes"},
    {"an_op_root_more", [](Sealed& s) { s.witness.op_roots.push_back({}); }, "sizes"},
    {"no_op_roots", [](Sealed& s) { s.witness.op_roots.clear(); }, "sizes"},
    {"first_a_token_less", [](Sealed& s) { s.witness.previous[0].tokens.pop_back(); }, "sizes"},
    {"second_an_op_root_less", [](Sealed& s) { s.witness.previous[1].op_roots.pop_back(); }, "sizes"},
    {"source_of_a_megabyte",
     [](Sealed& s) {
         for (int i = 0; i < 1024; ++i) s.witness.source.leaves.push_back({std::vector<uint32_t>(256), {}});
     },
     "witness size"},
    {"row_longer", [](Sealed& s) { s.witness.rows[0].bytes.push_back(0); }, "row sizes"},
    {"row_shorter", [](Sealed& s) { s.witness.rows[0].bytes.pop_back(); }, "row sizes"},
    {"row_empty", [](Sealed& s) { s.witness.rows[15].bytes.clear(); }, "row sizes"},
    {"weight_row_longer", [](Sealed& s) { s.witness.weights[0].bytes.push_back(0); }, "row sizes"},
    {"weight_row_shorter", [](Sealed& s) { s.witness.weights[15].bytes.pop_back(); }, "row sizes"},

    // The header's side.
    {"header_seal_root", [](Sealed& s) { s.context.seal_root = kOther; }, "seal root", true},
    {"header_miner", [](Sealed& s) { s.context.miner = kOther; }, "miner"},
    {"header_and_seal_miner", [](Sealed& s) { s.context.miner = s.seal.miner = kOther; },
     "predecessor 1: miner"},
    {"every_miner",
     [](Sealed& s) { s.context.miner = s.seal.miner = first(s).miner = second(s).miner = kOther; },
     "predecessor 1: link"},
    {"header_parent", [](Sealed& s) { s.context.parent_hash = kOther; }, "ticket"},
    {"header_target", [](Sealed& s) { s.context.target = s.context.target >> 8; }, "ticket bound"},
    {"chain_beacon", [](Sealed& s) { s.context.beacons[0] = kOther; }, "predecessor 1: beacon"},

    // Every field of the seal.
    {"seal_model", [](Sealed& s) { s.seal.model = kOther; }, "model"},
    {"seal_miner", [](Sealed& s) { s.seal.miner = kOther; }, "miner"},
    {"seal_lane", [](Sealed& s) { ++s.seal.lane; }, "predecessor 1: lane"},
    {"seal_seq", [](Sealed& s) { ++s.seal.seq; }, "predecessor 1: seq"},
    {"seal_seq_zero",
     [](Sealed& s) {
         s.seal.seq = 0;
         s.witness.previous.clear();
     },
     "seq"},
    {"seal_seq_last", [](Sealed& s) { s.seal.seq = 0xffff; }, "predecessor 1: seq"},
    {"seal_previous", [](Sealed& s) { s.seal.previous = kOther; }, "predecessor 1: link"},
    {"seal_kind_corpus", [](Sealed& s) { s.seal.kind = 0; }, "kind"},
    {"seal_kind_training", [](Sealed& s) { s.seal.kind = 2; }, "kind"},
    {"seal_kind_unknown", [](Sealed& s) { s.seal.kind = 255; }, "kind"},
    {"seal_tokens_root", [](Sealed& s) { s.seal.tokens_root = kOther; }, "tokens root"},
    {"seal_op", [](Sealed& s) { s.seal.op = 3; }, "op"},
    {"seal_op_last", [](Sealed& s) { s.seal.op = 0xffff; }, "op"},
    {"seal_op_other", [](Sealed& s) { s.seal.op = 2; }, "operand path"},
    {"seal_slice", [](Sealed& s) { s.seal.slice = 1; }, "slice"},
    {"seal_group_beyond", [](Sealed& s) { s.seal.group = 2; }, "group"},
    {"seal_group_last", [](Sealed& s) { s.seal.group = 0xffff'ffff; }, "group"},
    {"seal_group_other", [](Sealed& s) { s.seal.group ^= 1; }, "operand path"},
    {"seal_tile_beyond", [](Sealed& s) { s.seal.tile = 4; }, "tile"},
    {"seal_tile_last", [](Sealed& s) { s.seal.tile = 0xffff; }, "tile"},
    {"seal_tile_other", [](Sealed& s) { ++s.seal.tile; }, "weight path"},
    {"seal_group_root", [](Sealed& s) { s.seal.group_root = kOther; }, "operand rows or their key"},
    {"seal_trace_root", [](Sealed& s) { s.seal.trace_root = kOther; }, "trace root"},
    {"seal_ticket_high", [](Sealed& s) { s.seal.ticket.fill(0xff); }, "ticket bound"},
    {"seal_ticket_low", [](Sealed& s) { s.seal.ticket = {}; }, "ticket"},

    // Every field of the witness.
    {"row", [](Sealed& s) { flip(s.witness.rows[0].bytes); }, "operand rows or their key"},
    {"row_and_group_root", [](Sealed& s) { set_row(s, 0, 5); }, "operand path"},
    {"row_path", [](Sealed& s) { s.witness.row_path[0] = kOther; }, "operand path"},
    {"row_path_longer", [](Sealed& s) { s.witness.row_path.push_back({}); }, "operand path"},
    {"row_path_shorter", [](Sealed& s) { s.witness.row_path.pop_back(); }, "operand path"},
    {"op_root_of_the_operand", [](Sealed& s) { s.witness.op_roots[2] = kOther; }, "operand path"},
    {"op_root_of_another", [](Sealed& s) { s.witness.op_roots[0] = kOther; }, "trace root"},
    {"op_roots_swapped", [](Sealed& s) { std::swap(s.witness.op_roots[0], s.witness.op_roots[4]); },
     "trace root"},
    {"weight", [](Sealed& s) { flip(s.witness.weights[0].bytes); }, "weight path"},
    {"weight_path_of_group", [](Sealed& s) { s.witness.weight_paths[0].nodes[0] = kOther; }, "weight path"},
    {"weight_path_of_slice", [](Sealed& s) { s.witness.weight_paths[1].nodes.push_back({}); }, "weight path"},
    {"weight_path_of_linear", [](Sealed& s) { s.witness.weight_paths[2].nodes[0] = kOther; }, "weight path"},
    {"weight_path_short", [](Sealed& s) { s.witness.weight_paths[2].nodes.pop_back(); }, "weight path"},
    {"another_tile_whole",
     [](Sealed& s) {
         ++s.seal.tile;
         s.witness.weights = chain().toy.weight_rows(linear_of(s), s.seal.tile);
         s.witness.weight_paths = chain().toy.weight_paths(linear_of(s), s.seal.tile);
     },
     "ticket"},
    {"token", [](Sealed& s) { s.witness.tokens[0] = 256; }, "tokens root"},
    {"source_receipt", [](Sealed& s) { s.witness.source.receipt[0] = 256; }, "content"},
    {"source_receipt_missing", [](Sealed& s) { s.witness.source.receipt.clear(); }, "content"},
    {"source_path", [](Sealed& s) { s.witness.source.leaves[0].path[0] = kOther; }, "content"},
    {"source_path_longer", [](Sealed& s) { s.witness.source.leaves[0].path.push_back({}); }, "content"},
    {"source_leaf_token", [](Sealed& s) { s.witness.source.leaves[0].tokens[255] ^= 1; }, "content"},
    {"source_leaf_short", [](Sealed& s) { s.witness.source.leaves[0].tokens.pop_back(); }, "content"},
    {"source_leaf_missing", [](Sealed& s) { s.witness.source.leaves.pop_back(); }, "content"},
    {"source_leaf_twice", [](Sealed& s) { s.witness.source.leaves.push_back(s.witness.source.leaves[0]); },
     "content"},

    // The units before.
    {"first_model", [](Sealed& s) { first(s).model = kOther; }, "predecessor 1: model"},
    {"first_miner", [](Sealed& s) { first(s).miner = kOther; }, "predecessor 1: miner"},
    {"first_lane", [](Sealed& s) { ++first(s).lane; }, "predecessor 1: lane"},
    {"first_seq", [](Sealed& s) { ++first(s).seq; }, "predecessor 1: seq"},
    {"first_beacon_unknown", [](Sealed& s) { first(s).beacon = kOther; }, "predecessor 1: beacon"},
    {"first_beacon_other",
     [](Sealed& s) {
         Hash256& beacon = first(s).beacon;
         beacon = s.context.beacons[beacon == s.context.beacons[0] ? 1 : 0];
     },
     "predecessor 1: link"},
    {"first_previous", [](Sealed& s) { first(s).previous = kOther; }, "predecessor 1: link"},
    {"first_op_root", [](Sealed& s) { s.witness.previous[0].op_roots[0] = kOther; }, "predecessor 1: link"},
    {"second_model", [](Sealed& s) { second(s).model = kOther; }, "predecessor 2: model"},
    {"second_miner", [](Sealed& s) { second(s).miner = kOther; }, "predecessor 2: miner"},
    {"second_lane", [](Sealed& s) { ++second(s).lane; }, "predecessor 2: lane"},
    {"second_seq", [](Sealed& s) { --second(s).seq; }, "predecessor 2: seq"},
    {"second_beacon_unknown", [](Sealed& s) { second(s).beacon = kOther; }, "predecessor 2: beacon"},
    {"second_previous", [](Sealed& s) { second(s).previous = kOther; }, "predecessor 2: link"},
    {"second_op_root", [](Sealed& s) { s.witness.previous[1].op_roots[0] = kOther; }, "predecessor 2: link"},
    {"swapped", [](Sealed& s) { std::swap(s.witness.previous[0], s.witness.previous[1]); },
     "predecessor 1: seq"},
    {"first_token", [](Sealed& s) { s.witness.previous[0].tokens[0] = 256; }, "predecessor 1: content"},
    {"first_source", [](Sealed& s) { s.witness.previous[0].source.receipt.push_back(1); },
     "predecessor 1: content"},
    {"second_token", [](Sealed& s) { s.witness.previous[1].tokens[0] = 256; }, "predecessor 2: content"},
    {"second_source", [](Sealed& s) { s.witness.previous[1].source.leaves.clear(); },
     "predecessor 2: content"},

    // What was drawn from.
    {"pool_empty", [](Sealed& s) { s.pools[0].clear(); }, "kind"},
};

class SpoiledSeal : public testing::TestWithParam<SpoilCase> {};

TEST_P(SpoiledSeal, IsRefusedAtItsStep) {
    Sealed sealed = honest();
    GetParam().spoil(sealed);
    if (!GetParam().keep_seal_root) sealed.context.seal_root = seal_root(sealed.seal);
    EXPECT_EQ(verdict(chain().params, sealed), GetParam().step);
}

INSTANTIATE_TEST_SUITE_P(Every, SpoiledSeal, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(CheckSeal, ModelCountsFromItsFirstHeight) {
    consensus::Params params = chain().params;
    params.models[0].first_height = 10;
    Sealed sealed = honest();
    sealed.context.height = 9;
    EXPECT_EQ(verdict(params, sealed), "model");
    sealed.context.height = 10;
    EXPECT_EQ(verdict(params, sealed), "ok");
}

TEST(CheckSeal, WitnessHasALimit) {
    consensus::Params params = chain().params;
    params.witness_bytes_max = uint32_t(encode(honest().witness).size());
    EXPECT_EQ(verdict(params, honest()), "ok");
    --params.witness_bytes_max;
    EXPECT_EQ(verdict(params, honest()), "witness size");
}

TEST(CheckSeal, HeaderPartNeedsNoWitness) {
    const Sealed& sealed = honest();
    EXPECT_FALSE(check_seal_header(chain().params, sealed.context, sealed.seal));
    Seal seal = sealed.seal;
    seal.op = 3;
    SealContext context = sealed.context;
    context.seal_root = seal_root(seal);
    EXPECT_EQ(check_seal_header(chain().params, context, seal)->step, "op");
}

/// What no hash of the block commits to can be spoiled on the way, so it must not count against the block.
TEST(CheckContents, BlamesTheCopyUnlessTheSealCommitsToTheFault) {
    struct Case {
        void (*spoil)(Sealed&);
        const char* step;
        bool of_witness;
    };
    const Case cases[] = {
        {[](Sealed& s) { s.witness.source.receipt[0] ^= 1; }, "content", true},
        {[](Sealed& s) { s.witness.source.leaves[0].path[0] = kOther; }, "content", true},
        {[](Sealed& s) { s.witness.previous[0].tokens[0] ^= 1; }, "predecessor 1: content", true},
        {[](Sealed& s) { s.witness.previous[1].source.leaves.clear(); }, "predecessor 2: content", true},
        {[](Sealed& s) { s.witness.tokens[0] ^= 1; }, "content", false},
        {[](Sealed& s) { s.seal.kind ^= 1; }, "kind", false},
    };
    for (const Case& test_case : cases) {
        Sealed sealed = honest();
        test_case.spoil(sealed);
        std::vector<const Pool*> pools;
        for (const Pool& pool : sealed.pools) pools.push_back(&pool);
        const auto refused =
            check_contents(chain().params, sealed.context, sealed.seal, sealed.witness, pools);
        ASSERT_TRUE(refused) << test_case.step;
        EXPECT_EQ(refused->step, test_case.step);
        EXPECT_EQ(refused->of_witness, test_case.of_witness) << test_case.step;
    }
}

/// A slice whose columns are not whole steps gives no tickets: here the model is declared with such a depth.
TEST(CheckSeal, RestOfASliceGivesNoTickets) {
    consensus::Params params = chain().params;
    params.models[0].manifest.linears[1].k = 4097;
    Sealed sealed = honest();
    sealed.seal.slice = 1;
    sealed.context.seal_root = seal_root(sealed.seal);
    EXPECT_EQ(verdict(params, sealed), "slice without tickets");
}

}  // namespace
}  // namespace daidd::work
