#include "consensus/check.h"

#include <cassert>
#include <set>

#include "consensus/asert.h"
#include "consensus/check_command.h"
#include "consensus/uint256.h"

namespace daidd::consensus {

namespace {

std::string at(std::string_view what, size_t index) {
    return std::string(what) + " " + std::to_string(index);
}

/// Script bytes of a coinbase input, as Bitcoin bounds them.
constexpr size_t kCoinbaseScriptMin = 2;
constexpr size_t kCoinbaseScriptMax = 100;

std::optional<Broken> check_amounts(const Transaction& tx) {
    Amount total = 0;
    for (size_t i = 0; i < tx.outputs.size(); ++i) {
        const Amount value = tx.outputs[i].value;
        if (value < 0) return Broken{"bad-txns-vout-negative", at("output", i)};
        if (value > kMoneyMax) return Broken{"bad-txns-vout-toolarge", at("output", i)};
        total += value;  // both are at most kMoneyMax: no overflow
        if (!is_money(total)) return Broken{"bad-txns-txouttotal-toolarge", at("output", i)};
    }
    return std::nullopt;
}

std::optional<Broken> check_inputs(const Transaction& tx) {
    std::set<OutPoint> seen;
    for (size_t i = 0; i < tx.inputs.size(); ++i)
        if (!seen.insert(tx.inputs[i].previous).second)
            return Broken{"bad-txns-inputs-duplicate", at("input", i)};
    if (tx.is_coinbase()) {
        const size_t size = tx.inputs[0].script_sig.size();
        if (size < kCoinbaseScriptMin || size > kCoinbaseScriptMax)
            return Broken{"bad-cb-length", std::to_string(size) + " bytes"};
        return std::nullopt;
    }
    for (size_t i = 0; i < tx.inputs.size(); ++i)
        if (tx.inputs[i].previous.is_null()) return Broken{"bad-txns-prevout-null", at("input", i)};
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        if (tx.inputs[i].script_sig.empty()) continue;
        return Broken{"mandatory-script-verify-flag-failed",
                      at("input", i) + ": Witness requires empty scriptSig"};
    }
    return std::nullopt;
}

std::optional<Broken> check_outputs(const Transaction& tx, const Params& params) {
    for (size_t i = 0; i < tx.outputs.size(); ++i) {
        const Bytes& script = tx.outputs[i].script;
        if (const auto push = parse_command(script)) {
            if (tx.is_coinbase()) continue;  // check_coinbase_form
            if (auto broken = check_command(*push, params)) {
                broken->detail = at("output", i) + ": " + broken->detail;
                return broken;
            }
        } else if (!is_op_return(script)) {
            const auto key = taproot_key(script);
            if (!key) return Broken{"bad-txns-vout-script", at("output", i) + " is not taproot"};
            if (!crypto::is_valid(*key))
                return Broken{"bad-txns-vout-script", at("output", i) + ": the key is not on the curve"};
        }
    }
    return std::nullopt;
}

size_t stripped_size(const Transaction& tx) {
    Writer writer;
    Transaction::write(tx, writer, false);
    return writer.take().size();
}

std::optional<Broken> check_witness_commitment(const Block& block) {
    const Transaction& coinbase = block.transactions[0];
    const auto& witness = coinbase.inputs[0].witness;
    if (witness.size() != 1 || witness[0] != Bytes(32, 0))
        return Broken{"bad-witness-nonce-size", "the coinbase's witness is not one item of 32 zeros"};
    if (coinbase.outputs[1].script != witness_commitment_script(witness_commitment(block.transactions)))
        return Broken{"bad-witness-merkle-match", {}};
    return std::nullopt;
}

std::optional<Broken> check_sizes(const Block& block, const Params& params) {
    if (weight(block) > params.block_weight_max) return Broken{"bad-blk-weight", {}};
    size_t command_bytes = 0;
    for (size_t i = 1; i < block.transactions.size(); ++i)
        command_bytes += commands_bytes(block.transactions[i]);
    if (command_bytes > params.commands_bytes_max)
        return Broken{"bad-blk-commands", std::to_string(command_bytes) + " bytes"};
    return std::nullopt;
}

}  // namespace

size_t commands_bytes(const Transaction& tx) {
    size_t bytes = 0;
    for (const TxOut& output : tx.outputs)
        if (const auto push = parse_command(output.script)) bytes += push->payload.size();
    return bytes;
}

std::optional<Broken> check_transaction(const Transaction& tx, const Params& params) {
    if (tx.inputs.empty()) return Broken{"bad-txns-vin-empty", {}};
    if (tx.outputs.empty()) return Broken{"bad-txns-vout-empty", {}};
    if (4 * stripped_size(tx) > params.block_weight_max) return Broken{"bad-txns-oversize", {}};
    if (auto broken = check_amounts(tx)) return broken;
    if (auto broken = check_inputs(tx)) return broken;
    if (tx.version != 1 && tx.version != 2) return Broken{"bad-txns-version", std::to_string(tx.version)};
    return check_outputs(tx, params);
}

std::optional<Broken> check_coinbase_form(const Transaction& coinbase) {
    if (!coinbase.is_coinbase()) return Broken{"bad-cb-missing", "first tx is not coinbase"};
    if (coinbase.outputs.size() < kCoinbaseOutputsMin)
        return Broken{"bad-cb-outputs", std::to_string(coinbase.outputs.size()) + " outputs"};
    if (!taproot_key(coinbase.outputs[0].script))
        return Broken{"bad-cb-outputs", "output 0 is not the sealer's taproot output"};
    if (!is_witness_commitment(coinbase.outputs[1].script))
        return Broken{"bad-cb-outputs", "output 1 is not the witness commitment"};
    const auto push = parse_command(coinbase.outputs[2].script);
    if (!push || push->type != uint8_t(CommandType::kCommitment) || !decode<Commitment>(push->payload))
        return Broken{"bad-cb-outputs", "output 2 is not the dai commitment"};
    for (size_t i = kCoinbaseOutputsMin; i < coinbase.outputs.size(); ++i)
        if (!taproot_key(coinbase.outputs[i].script))
            return Broken{"bad-cb-outputs", at("output", i) + " is not a taproot payout"};
    return std::nullopt;
}

std::optional<Broken> check_block(const Block& block, const Params& params) {
    const auto& transactions = block.transactions;
    bool mutated = false;
    if (transactions_root(transactions, &mutated) != block.header.merkle_root)
        return Broken{"bad-txnmrklroot", "hashMerkleRoot mismatch"};
    if (mutated) return Broken{"bad-txns-duplicate", "duplicate transaction"};
    if (transactions.empty()) return Broken{"bad-blk-length", "no transactions"};
    if (!transactions[0].is_coinbase()) return Broken{"bad-cb-missing", "first tx is not coinbase"};
    for (size_t i = 1; i < transactions.size(); ++i)
        if (transactions[i].is_coinbase()) return Broken{"bad-cb-multiple", "more than one coinbase"};
    for (size_t i = 0; i < transactions.size(); ++i) {
        if (auto broken = check_transaction(transactions[i], params)) {
            broken->detail = at("transaction", i) + ": " + broken->detail;
            return broken;
        }
    }
    if (auto broken = check_coinbase_form(transactions[0])) return broken;
    // Until here every rule read what the hash covers; from here on the witnesses are bound too.
    if (auto broken = check_witness_commitment(block)) return broken;
    return check_sizes(block, params);
}

bool is_mutation(const Broken& broken) {
    return broken.token == "bad-txnmrklroot" || broken.token == "bad-txns-duplicate" ||
           broken.token == "bad-witness-nonce-size" || broken.token == "bad-witness-merkle-match";
}

std::optional<Broken> check_header(const BlockHeader& header, const HeaderContext& context,
                                   const Params& params) {
    if (header.previous != context.parent_hash) return Broken{"prev-blk-not-found", {}};
    if (header.version < kHeaderVersionMin) return Broken{"bad-version", std::to_string(header.version)};
    if (header.bits != required_bits(context.height, context.parent_time, context.anchor_time, params))
        return Broken{"bad-diffbits", "incorrect proof of work"};
    if (header.nonce != 0) return Broken{"bad-nonce", "the work is in the seal"};
    if (header.time <= context.median_time_past)
        return Broken{"time-too-old", "block's timestamp is too early"};
    if (int64_t{header.time} > context.now_s + int64_t{params.future_drift_s})
        return Broken{"time-too-new", "block timestamp too far in the future"};
    return std::nullopt;
}

uint32_t required_bits(uint32_t height, uint32_t parent_time, uint32_t anchor_time, const Params& params) {
    if (height <= 1 || !params.retarget) return params.genesis_bits;
    const auto anchor = target_from_bits(params.genesis_bits);
    const auto cap = target_from_bits(kTargetCapBits);
    assert(anchor && cap && *anchor <= *cap);  // check_params
    const AsertSchedule schedule{params.spacing_s, params.half_life_s, *cap};
    // Block 1 is the anchor's time, so block 2 has genesis_bits too and `height − 2` blocks were due since.
    return bits_from_target(
        asert_target(*anchor, int64_t{parent_time} - anchor_time, int64_t{height} - 2, schedule));
}

Amount block_subsidy(uint32_t height, const Params& params) {
    if (height == 0) return 0;
    const uint32_t halvings = height / params.halving_blocks;
    return halvings >= 63 ? 0 : params.subsidy >> halvings;
}

Amount treasury_share(Amount subsidy, const Params& params) {
    static_assert(kMoneyMax < INT64_MAX / 100);
    return subsidy * Amount{params.treasury_percent} / 100;
}

bool is_final(const Transaction& tx, uint32_t height, uint32_t median_time_past) {
    // BIP65: below it a lock_time is a height, from it on Unix seconds.
    constexpr uint32_t kLockTimeThreshold = 500'000'000;
    if (tx.lock_time == 0) return true;
    if (tx.lock_time < (tx.lock_time < kLockTimeThreshold ? height : median_time_past)) return true;
    for (const TxIn& input : tx.inputs)
        if (input.sequence != 0xffff'ffff) return false;
    return true;
}

crypto::PublicKey miner_key(const Transaction& coinbase) {
    const auto key = taproot_key(coinbase.outputs.at(0).script);
    assert(key);
    return *key;
}

Commitment coinbase_commitment(const Transaction& coinbase) {
    const auto push = parse_command(coinbase.outputs.at(2).script);
    assert(push);
    const auto commitment = decode<Commitment>(push->payload);
    assert(commitment);
    return *commitment;
}

}  // namespace daidd::consensus
