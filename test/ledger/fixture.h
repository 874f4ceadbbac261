#pragma once

#include <gtest/gtest.h>

#include "consensus/fixtures.h"
#include "ledger/commands.h"
#include "ledger/lookup.h"
#include "ledger/map_state.h"

namespace daidd::ledger::test {

using consensus::CommandType;
using consensus::kCoin;
using consensus::OutPoint;
using consensus::Params;
using consensus::Transaction;
using consensus::TxOut;
using consensus::test::key;

inline crypto::SecretKey secret(uint8_t number) {
    Hash256 bytes{};
    bytes[31] = number;
    return *crypto::SecretKey::from_bytes(bytes);
}

/// What a test names its expectation by: the token, or "valid".
inline std::string_view token_of(const std::optional<Broken>& broken) {
    return broken ? broken->token : "valid";
}
inline std::string_view token_of(const Result<Amount, Broken>& fee) {
    return fee ? "valid" : fee.error().token;
}

/// The name of a case in a table of them.
template <class Case>
std::string name_of(const testing::TestParamInfo<Case>& test) {
    return std::string{test.param.name};
}

inline TxOut pay(Amount value, uint8_t owner) { return {value, consensus::taproot_script(key(owner))}; }

template <class Command>
TxOut command(CommandType type, const Command& content, Amount value) {
    return {value, consensus::command_script(type, encode(content))};
}

/// BIP341 key path signatures of keys 1 to 255, each found by what its input spends. Inputs without a coin
/// get none.
inline void sign(Transaction& tx, const StateView& state) {
    static const auto owners = [] {
        std::map<Bytes, uint8_t> map;
        for (unsigned number = 1; number <= 255; ++number)
            map[consensus::taproot_script(key(uint8_t(number)))] = uint8_t(number);
        return map;
    }();
    std::vector<TxOut> spent;
    for (const auto& input : tx.inputs) {
        const auto coin = find_coin(state, input.previous);
        spent.push_back(coin ? coin->output : TxOut{});
    }
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        const auto owner = owners.find(spent[i].script);
        if (owner == owners.end()) continue;
        const auto signature = secret(owner->second).sign(consensus::signature_hash(tx, i, spent), {});
        tx.inputs[i].witness = {Bytes(signature.begin(), signature.end())};
    }
}

inline void sign(consensus::ReceiptCommand& receipt, uint8_t worker, const JobRecord& job) {
    std::vector<uint32_t> tokens = job.job.prompt;
    tokens.insert(tokens.end(), receipt.answer.begin(), receipt.answer.end());
    receipt.worker = key(worker);
    receipt.signature =
        secret(worker).sign(consensus::receipt_message(receipt, consensus::tokens_root(tokens)), {});
}

/// A state with nothing in it but what the test puts there, seen from a block at kHeight.
class LedgerTest : public testing::Test {
protected:
    static constexpr uint32_t kHeight = 50;
    static constexpr Amount kEscrow = kCoin / 10;

    LedgerTest() {
        context.height = kHeight;
        context.beacon_at = [](uint32_t height) { return Hash256{uint8_t(height), 0xbe}; };
    }

    OutPoint next_outpoint() { return {Hash256{0xc0, uint8_t(made_ >> 8), uint8_t(made_++)}, 1}; }
    OutPoint add_coin(Amount value, uint8_t owner, uint32_t height = 1, bool coinbase = false) {
        const OutPoint outpoint = next_outpoint();
        state.put(Table::kCoin, coin_key(outpoint), encode(Coin{pay(value, owner), height, coinbase}));
        return outpoint;
    }
    /// Signed by the owners of the coins.
    Transaction spend(const std::vector<OutPoint>& coins, std::vector<TxOut> outputs) const {
        Transaction tx;
        for (const auto& coin : coins) tx.inputs.emplace_back().previous = coin;
        tx.outputs = std::move(outputs);
        sign(tx, state);
        return tx;
    }
    Result<Amount, Broken> apply(const Transaction& tx) {
        return apply_transaction(tx, context, params, state, true);
    }

    /// The id of consensus::test::job() opened in the block at `height`.
    Hash256 open(consensus::JobCommand job, uint32_t height, Amount escrow = kEscrow) {
        const OutPoint output = next_outpoint();
        BlockContext then = context;
        then.height = height;
        EXPECT_EQ(token_of(apply_job(job, output, escrow, then, params, state)), "valid");
        return consensus::job_id(output);
    }
    /// The id of a receipt for it, by the worker with this key, in the block at `height`.
    Hash256 answer(const Hash256& job, uint32_t height, std::vector<uint32_t> tokens, uint8_t worker,
                   Amount bond) {
        consensus::ReceiptCommand receipt;
        receipt.job = job;
        receipt.answer = std::move(tokens);
        sign(receipt, worker, *find_job(state, job));
        const OutPoint output = next_outpoint();
        BlockContext then = context;
        then.height = height;
        EXPECT_EQ(token_of(apply_receipt(receipt, output, bond, then, params, state, true)), "valid");
        return consensus::receipt_id(output);
    }

    Params params = consensus::test::chain();
    MapState state;
    BlockContext context;

private:
    unsigned made_ = 0;
};

}  // namespace daidd::ledger::test
