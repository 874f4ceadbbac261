#include "consensus/params.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "consensus/command.h"
#include "consensus/fixtures.h"
#include "crypto/hash.h"
#include "crypto/merkle.h"

namespace daidd::consensus {
namespace {

TEST(Manifest, EqualsTheReference) {
    const auto vectors = nlohmann::json::parse(std::ifstream{DAIDD_VECTORS "/poui.json"});
    const auto bytes = *parse_hex(vectors.at("manifest").get<std::string>());
    const auto manifest = Manifest::decode(bytes);
    ASSERT_TRUE(manifest);
    EXPECT_EQ(manifest->encode(), bytes);
    EXPECT_EQ(manifest->unit_tokens, vectors["spec"]["P"]);
    EXPECT_EQ(manifest->vocabulary, vectors["spec"]["vocabulary"]);
    EXPECT_EQ(manifest->tensors, vectors["spec"]["tensors"]);
    ASSERT_EQ(manifest->operations.size(), 3u);
    EXPECT_EQ(manifest->operations[2], (Manifest::Operation{3, 1, 2}));
    EXPECT_EQ(manifest->linears[1], (Manifest::Linear{144, 72}));
    EXPECT_FALSE(manifest->constants_root);
}

TEST(Manifest, EndsWithAWholeRootOrNone) {
    Manifest manifest = test::chain().models[0].manifest;
    const Bytes whole = manifest.encode();
    ASSERT_TRUE(Manifest::decode(whole));
    EXPECT_EQ(*Manifest::decode(whole), manifest);
    manifest.constants_root.reset();
    const size_t without_root = manifest.encode().size();
    EXPECT_EQ(without_root + 32, whole.size());
    for (size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(bool(Manifest::decode(ByteView{whole}.first(size))), size == without_root) << size;
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_EQ(Manifest::decode(longer).error(), DecodeError::kTrailingBytes);
}

TEST(Networks, DifferInEverythingThatTellsThemApart) {
    std::set<std::string> names;
    std::set<uint32_t> numbers;
    std::set<Hash256> blocks;
    for (const Params* params : {&main_params(), &test_params(), &regtest_params()}) {
        names.insert({params->name, params->hrp});
        numbers.insert({params->magic, params->p2p_port, params->rpc_port});
        blocks.insert(block_hash(genesis_block(*params).header));
    }
    EXPECT_EQ(names.size(), 6u);
    EXPECT_EQ(numbers.size(), 9u);
    EXPECT_EQ(blocks.size(), 3u);
}

TEST(Networks, OnlyRegtestCanRun) {
    EXPECT_EQ(check_params(regtest_params()), std::nullopt);
    EXPECT_EQ(check_params(main_params()), "models: the chain has no base model");
    EXPECT_EQ(check_params(test_params()), "models: the chain has no base model");
}

TEST(Genesis, CommitsToTheSpecAndPaysNobody) {
    const Params params = test::chain();
    const Block block = genesis_block(params);
    ASSERT_EQ(block.transactions.size(), 1u);
    const Transaction& coinbase = block.transactions[0];
    EXPECT_TRUE(coinbase.is_coinbase());
    for (const TxOut& output : coinbase.outputs) {
        EXPECT_EQ(output.value, 0);
        EXPECT_TRUE(is_op_return(output.script));
    }
    EXPECT_EQ(block.header.merkle_root, transactions_root(block.transactions));
    EXPECT_EQ(coinbase.outputs[1].script, witness_commitment_script(witness_commitment({coinbase})));
    const Commitment commitment = coinbase_commitment(coinbase);
    EXPECT_EQ(commitment.state_root, kZeroHash);
    EXPECT_EQ(commitment.seal_root, crypto::hash("spec", {encode(params)}));
    const auto back = decode<Block>(encode(block));
    ASSERT_TRUE(back);
    EXPECT_EQ(block_hash(back->header), block_hash(block.header));
}

/// One change of the spec. `field` is what check_params names; empty where the changed spec is fine.
struct SpecCase {
    std::string_view name;
    std::function<void(Params&)> change;
    std::string_view field;
};
const SpecCase kSpecCases[] = {
    {"no_name", [](Params& p) { p.name = ""; }, "name"},
    {"longest_name", [](Params& p) { p.name = std::string(kNameMax, 'a'); }, ""},
    {"longer_name", [](Params& p) { p.name = std::string(kNameMax + 1, 'a'); }, "name"},
    {"path_as_name", [](Params& p) { p.name = "../x"; }, "name"},
    {"upper_case_hrp", [](Params& p) { p.hrp = "DAI"; }, "hrp"},
    {"no_magic", [](Params& p) { p.magic = 0; }, "magic"},
    {"short_message", [](Params& p) { p.genesis_message = "x"; }, "genesis_message"},
    {"no_time", [](Params& p) { p.genesis_time = 0; }, "genesis_time"},
    {"hardest", [](Params& p) { p.genesis_bits = 0x0101'0000; }, ""},
    {"negative_bits", [](Params& p) { p.genesis_bits = 0x0181'0000; }, "genesis_bits"},
    {"above_the_cap", [](Params& p) { p.genesis_bits = kTargetCapBits + 1; }, "genesis_bits"},
    {"long_form_bits", [](Params& p) { p.genesis_bits = 0x1d00'00ff; }, "genesis_bits"},
    {"retarget", [](Params& p) { p.retarget = !p.retarget; }, ""},
    {"no_spacing", [](Params& p) { p.spacing_s = 0; }, "spacing_s"},
    {"no_half_life", [](Params& p) { p.half_life_s = 0; }, "half_life_s"},
    {"no_drift", [](Params& p) { p.future_drift_s = 0; }, "future_drift_s"},
    {"no_subsidy", [](Params& p) { p.subsidy = 0; }, ""},
    {"negative_subsidy", [](Params& p) { p.subsidy = -1; }, "subsidy"},
    {"too_much_money", [](Params& p) { p.subsidy = 41 * kCoin; }, "subsidy"},
    {"no_halving", [](Params& p) { p.halving_blocks = 0; }, "halving_blocks"},
    {"all_to_treasury", [](Params& p) { p.treasury_percent = 100; }, ""},
    {"more_than_all", [](Params& p) { p.treasury_percent = 101; }, "treasury_percent"},
    {"shortest_maturity", [](Params& p) { p.maturity = 17; }, ""},
    {"maturity_before_disputes_end", [](Params& p) { p.maturity = 16; }, "maturity"},
    {"no_challenge", [](Params& p) { p.challenge_window = 0; }, "challenge_window"},
    {"no_reply", [](Params& p) { p.reply_window = 0; }, "reply_window"},
    {"odd_unit", [](Params& p) { p.unit_tokens = 33; }, "unit_tokens"},
    {"other_unit", [](Params& p) { p.unit_tokens = 48; }, "models.manifest.unit_tokens"},
    {"no_weights", [](Params& p) { p.kind_weights = {}; }, "kind_weights"},
    {"one_weight",
     [](Params& p) {
         p.kind_weights = {1, 0, 0};
     },
     ""},
    {"no_slots", [](Params& p) { p.draw_slots = 0; }, "draw_slots"},
    {"no_model", [](Params& p) { p.models.clear(); }, "models"},
    {"model_twice", [](Params& p) { p.models.push_back(p.models[0]); }, "models.root"},
    {"late_model", [](Params& p) { p.models[0].first_height = 2; }, "models.first_height"},
    {"model_at_1", [](Params& p) { p.models[0].first_height = 1; }, ""},
    {"other_root", [](Params& p) { p.models[0].root[0] ^= 1; }, ""},
    {"deepest_linear", [](Params& p) { p.models[0].manifest.linears[0].k = 32'768; }, ""},
    {"deeper_linear", [](Params& p) { p.models[0].manifest.linears[0].k = 32'769; },
     "models.manifest.linears"},
    {"no_such_tensor", [](Params& p) { p.models[0].manifest.operations[0].tensor = 3; },
     "models.manifest.operations"},
    {"no_such_plane", [](Params& p) { p.models[0].manifest.operations[0].plane = 3; },
     "models.manifest.operations"},
    {"no_corpus", [](Params& p) { p.corpora.clear(); }, "corpora"},
    {"one_window", [](Params& p) { p.corpora[0].tokens = 32; }, ""},
    {"no_window", [](Params& p) { p.corpora[0].tokens = 31; }, "corpora"},
    {"huge_corpus", [](Params& p) { p.corpora[0].tokens = uint64_t{1} << 32; }, "corpora.tokens"},
    {"negative_price", [](Params& p) { p.prefill_price = -1; }, "prefill_price"},
    {"free_answers", [](Params& p) { p.decode_price = 0; }, ""},
    {"fee_share", [](Params& p) { p.fee_treasury_percent = 101; }, "fee_treasury_percent"},
    {"longest_prompt", [](Params& p) { p.job_prompt_tokens_max = kPromptTokensMax; }, ""},
    {"longer_prompt", [](Params& p) { p.job_prompt_tokens_max = kPromptTokensMax + 1; },
     "job_prompt_tokens_max"},
    {"longer_answer", [](Params& p) { p.job_answer_tokens_max = kAnswerTokensMax + 1; },
     "job_answer_tokens_max"},
    {"no_deadline", [](Params& p) { p.job_deadline_blocks_max = 0; }, "job_deadline_blocks_max"},
    {"assign_bits", [](Params& p) { p.assign_bits = 33; }, "assign_bits"},
    {"bond", [](Params& p) { p.receipt_bond = kMoneyMax + 1; }, "receipt_bond"},
    {"small_block", [](Params& p) { p.block_weight_max = 1'699'999; }, "block_weight_max"},
    {"big_block", [](Params& p) { p.block_weight_max = 4'000'001; }, "block_weight_max"},
    {"commands", [](Params& p) { p.commands_bytes_max = 1'000'001; }, "commands_bytes_max"},
    {"no_witness", [](Params& p) { p.witness_bytes_max = 0; }, "witness_bytes_max"},
    {"big_witness", [](Params& p) { p.witness_bytes_max = (1 << 20) + 1; }, "witness_bytes_max"},
};

TEST(Spec, CheckNamesTheField) {
    EXPECT_EQ(check_params(test::chain()), std::nullopt);
    for (const SpecCase& test : kSpecCases) {
        Params params = test::chain();
        test.change(params);
        const auto found = check_params(params);
        EXPECT_EQ(found ? found->substr(0, found->find(':')) : "", test.field) << test.name;
    }
}

TEST(Spec, AnotherIsAnotherGenesisBlock) {
    std::set<Hash256> hashes{block_hash(genesis_block(test::chain()).header)};
    size_t count = 1;
    for (const SpecCase& test : kSpecCases) {
        // Only those that leave the fields encodable.
        if (test.field == "name" || test.field == "genesis_message") continue;
        Params params = test::chain();
        test.change(params);
        hashes.insert(block_hash(genesis_block(params).header));
        EXPECT_EQ(hashes.size(), ++count) << test.name;
    }
    Params params = test::chain();
    params.rpc_port = 1;
    params.p2p_port = 2;
    params.coin_type = 3;
    hashes.insert(block_hash(genesis_block(params).header));
    EXPECT_EQ(hashes.size(), count) << "ports and coin type bind nobody";
}

}  // namespace
}  // namespace daidd::consensus
