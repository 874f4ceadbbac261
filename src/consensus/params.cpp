#include "consensus/params.h"

#include <algorithm>

#include "consensus/regtest_spec.h"
#include "consensus/script.h"
#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

constexpr uint32_t kManifestBytesMax = 14 + 0xffff * (8 + 5) + 32;

/// 2²¹⁴: a block is worth 2⁴² multiply-adds, what a desktop computer does in a minute or two.
constexpr uint32_t kFirstTargetBits = 0x1b40'0000;

Params make_main() {
    Params params;
    params.name = "main";
    params.hrp = "dai";
    params.magic = 0xd1a1'd0c5;
    params.p2p_port = 9553;
    params.rpc_port = 9552;
    params.coin_type = 0;

    params.genesis_message = "DAI: a block is an answer checked twice";
    params.genesis_time = 1'796'083'200;  // 2026-12-01 00:00 UTC
    params.genesis_bits = kFirstTargetBits;

    params.retarget = true;
    params.spacing_s = 120;
    params.half_life_s = 6 * 3600;
    params.future_drift_s = 10 * 60;

    params.subsidy = 40 * kCoin;
    params.halving_blocks = 1'051'200;
    params.treasury_percent = 30;

    params.maturity = 240;
    params.challenge_window = 144;
    params.reply_window = 30;

    params.unit_tokens = 1024;
    params.kind_weights = {50, 40, 10};
    params.draw_slots = 1 << 16;

    params.prefill_price = 100;
    params.decode_price = 1000;
    params.fee_treasury_percent = 10;
    params.job_prompt_tokens_max = 8192;
    params.job_answer_tokens_max = 4096;
    params.job_deadline_blocks_max = 1440;
    params.assign_bits = 6;
    params.receipt_bond = kCoin;

    params.block_weight_max = 4'000'000;
    params.commands_bytes_max = 1'000'000;
    params.witness_bytes_max = 1 << 20;
    return params;
}

/// Each network is main with its differences spelled out.
Params make_test() {
    Params params = make_main();
    params.name = "test";
    params.hrp = "tdai";
    params.magic = 0xd1a1'7e57;
    params.p2p_port = 19553;
    params.rpc_port = 19552;
    params.coin_type = 1;
    params.genesis_message = "DAI test: nothing here has a price";
    params.genesis_time = 1'793'491'200;  // 2026-11-01 00:00 UTC
    return params;
}

Params make_regtest() {
    Params params = make_main();
    params.name = "regtest";
    params.hrp = "rdai";
    params.magic = 0xd1a1'4e67;
    params.p2p_port = 19563;
    params.rpc_port = 19562;
    params.coin_type = 1;
    params.genesis_message = "DAI regtest";
    params.genesis_time = 1'764'547'200;  // 2025-12-01 00:00 UTC
    params.genesis_bits = kTargetCapBits;
    params.retarget = false;
    params.maturity = 20;
    params.challenge_window = 10;
    params.reply_window = 3;
    params.unit_tokens = 32;
    params.draw_slots = 4;
    params.assign_bits = 0;
    params.receipt_bond = kCoin / 100;
    return params;
}

}  // namespace

const BaseModel* Params::find_model(const Hash256& root) const {
    const auto found = std::find_if(models.begin(), models.end(),
                                    [&](const BaseModel& model) { return model.root == root; });
    return found == models.end() ? nullptr : &*found;
}

void Params::fields(const Params& self, Writer& writer) {
    writer(bounded(self.name, kNameMax), bounded(self.hrp, kNameMax), self.magic);
    writer(bounded(self.genesis_message, kNameMax), self.genesis_time, self.genesis_bits);
    writer(uint8_t(self.retarget), self.spacing_s, self.half_life_s, self.future_drift_s);
    writer(self.subsidy, self.halving_blocks, self.treasury_percent);
    writer(self.maturity, self.challenge_window, self.reply_window);
    writer(self.unit_tokens, self.kind_weights[0], self.kind_weights[1], self.kind_weights[2],
           self.draw_slots);
    writer.compact_size(self.models.size());
    for (const BaseModel& model : self.models) {
        const Bytes manifest = model.manifest.encode();
        writer(bounded(model.name, kNameMax), model.root, bounded(manifest, kManifestBytesMax),
               model.first_height);
    }
    writer.compact_size(self.corpora.size());
    for (const Corpus& corpus : self.corpora)
        writer(bounded(corpus.name, kNameMax), corpus.root, corpus.tokens);
    writer(self.prefill_price, self.decode_price, self.fee_treasury_percent);
    writer(self.job_prompt_tokens_max, self.job_answer_tokens_max, self.job_deadline_blocks_max,
           self.assign_bits, self.receipt_bond);
    writer(self.block_weight_max, self.commands_bytes_max, self.witness_bytes_max);
}

const Params& main_params() {
    static const Params params = make_main();
    return params;
}

const Params& test_params() {
    static const Params params = make_test();
    return params;
}

const Params& regtest_params() {
    static const Params params = regtest_params_with(regtest_models(), regtest_corpora());
    return params;
}

Params regtest_params_with(std::vector<BaseModel> models, std::vector<Corpus> corpora) {
    Params params = make_regtest();
    params.models = std::move(models);
    params.corpora = std::move(corpora);
    return params;
}

Hash256 spec_hash(const Params& params) { return crypto::hash("spec", {encode(params)}); }

Block genesis_block(const Params& params) {
    Transaction coinbase;
    TxIn& input = coinbase.inputs.emplace_back();
    input.previous = kNullOutPoint;
    // BIP34's height 0 alone is shorter than a coinbase script may be.
    input.script_sig = height_script(0);
    input.script_sig.push_back(0);
    input.witness = {Bytes(32, 0)};

    const Commitment commitment{.state_root = kZeroHash, .seal_root = spec_hash(params)};
    coinbase.outputs = {
        {0, op_return_script(as_bytes(params.genesis_message))},
        {0, witness_commitment_script(witness_commitment({coinbase}))},
        {0, command_script(CommandType::kCommitment, encode(commitment))},
    };

    Block block;
    block.transactions = {coinbase};
    block.header.merkle_root = transactions_root(block.transactions);
    block.header.time = params.genesis_time;
    block.header.bits = params.genesis_bits;
    return block;
}

}  // namespace daidd::consensus
