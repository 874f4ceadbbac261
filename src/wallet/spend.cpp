#include "wallet/spend.h"

#include <algorithm>
#include <cassert>

#include "consensus/script.h"
#include "wallet/wallet.h"

namespace daidd::wallet {
namespace {

/// Without a relative lock (BIP68), and without BIP125's signal: no mempool here replaces anything.
constexpr uint32_t kSequence = 0xffff'fffe;

Error dust(const std::string& which) {
    return {.kind = ErrorKind::kDust, .detail = which + " is dust", .needed = kDustLimit};
}

}  // namespace

std::optional<Error> check_outputs(const SendRequest& request) {
    if (request.outputs.empty()) return Error{.kind = ErrorKind::kNoOutputs, .detail = "nothing to send"};
    Amount sum = 0;
    for (size_t i = 0; i < request.outputs.size(); ++i) {
        const TxOut& output = request.outputs[i];
        const std::string name = "output " + std::to_string(i);
        if (!consensus::is_money(output.value)) {
            return Error{.kind = ErrorKind::kBadAmount, .detail = name + " is not an amount of money"};
        }
        sum += output.value;
        if (!consensus::is_money(sum)) {
            return Error{.kind = ErrorKind::kBadAmount, .detail = "the outputs are more than all money"};
        }
        const bool spendable = consensus::taproot_key(output.script).has_value();
        if (!spendable && !consensus::parse_command(output.script)) {
            return Error{.kind = ErrorKind::kBadScript, .detail = name + " is neither taproot nor a command"};
        }
        if (spendable && output.value < kDustLimit) return dust(name);
    }
    if (request.fee_rate < 0 || request.fee_rate > consensus::kCoin) {
        return Error{.kind = ErrorKind::kFeeTooHigh, .detail = "the fee rate is out of range"};
    }
    if (request.subtract_fee && !consensus::taproot_key(request.outputs[0].script)) {
        return Error{.kind = ErrorKind::kBadScript, .detail = "the fee cannot be taken off a command"};
    }
    return std::nullopt;
}

Result<Selection, Error> choose_coins(const std::vector<Coin>& coins, const SendRequest& request) {
    const Payment payment{
        .outputs = request.outputs, .fee_rate = request.fee_rate, .subtract_fee = request.subtract_fee};
    std::vector<Candidate> confirmed, all;
    for (const Coin& coin : coins) {
        if (!coin.trusted || !coin.mature || coin.locked) continue;
        const Candidate candidate{.outpoint = coin.outpoint, .value = coin.value};
        all.push_back(candidate);
        if (coin.height) confirmed.push_back(candidate);
    }
    auto selection = select_coins(std::move(confirmed), payment);
    if (selection) return selection;
    return select_coins(std::move(all), payment);
}

Result<Transaction, Error> build_transaction(const SendRequest& request, const Selection& selection,
                                             const crypto::PublicKey& change_key) {
    if (selection.fee > kFeeMax) {
        return Fail{Error{.kind = ErrorKind::kFeeTooHigh,
                          .detail = "the fee is above the wallet's maximum",
                          .needed = selection.fee,
                          .available = kFeeMax}};
    }
    Transaction tx;
    for (const Candidate& coin : selection.coins) {
        tx.inputs.push_back(
            {.previous = coin.outpoint, .script_sig = {}, .sequence = kSequence, .witness = {}});
    }
    tx.outputs = request.outputs;
    if (selection.deducted > 0) {
        tx.outputs[0].value -= selection.deducted;
        if (tx.outputs[0].value < kDustLimit) return Fail{dust("output 0 less the fee")};
    }
    if (selection.change) {
        tx.outputs.push_back({.value = *selection.change, .script = consensus::taproot_script(change_key)});
    }
    return tx;
}

void sign_transaction(Transaction& tx, const std::vector<TxOut>& spent, const Keyring& keyring) {
    assert(spent.size() == tx.inputs.size());
    const consensus::SignatureHasher hasher{tx, spent};
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        const auto key = consensus::taproot_key(spent[i].script);
        assert(key);
        const auto signature = keyring.signing_key(*key).sign(hasher.hash(i));
        tx.inputs[i].witness = {Bytes{signature.begin(), signature.end()}};
    }
}

}  // namespace daidd::wallet
