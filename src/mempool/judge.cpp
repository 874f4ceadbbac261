#include "mempool/judge.h"

#include <algorithm>
#include <array>

namespace daidd::mempool {

namespace {

using consensus::Broken;
using consensus::OutPoint;

/// Rules whose breach no tip and no other transaction excuses: what they look at is fixed by the inputs'
/// outpoints and the job's id.
constexpr std::array<std::string_view, 4> kAlwaysInvalid{
    "mandatory-script-verify-flag-failed", "bad-txns-in-belowout", "bad-txns-inputvalues-outofrange",
    "bad-receipt-signature"};

Rejection refused(std::string_view token, std::string detail) {
    return {RejectKind::kRefused, token, std::move(detail)};
}

Rejection by_ledger(const Broken& broken) {
    if (broken.token == "bad-txns-inputs-missingorspent") {
        return {RejectKind::kMissingInputs, broken.token, broken.detail};
    }
    // lock_time was looked at before, so it is a sequence (BIP68).
    if (broken.token == "bad-txns-nonfinal") return refused("non-BIP68-final", broken.detail);
    const bool always =
        std::find(kAlwaysInvalid.begin(), kAlwaysInvalid.end(), broken.token) != kAlwaysInvalid.end();
    return {always ? RejectKind::kInvalid : RejectKind::kRefused, broken.token, broken.detail};
}

std::optional<Rejection> check_known(const Transaction& tx, const Hash256& txid, const Graph& graph,
                                     const Tip& tip) {
    if (const Node* node = graph.find(txid)) {
        const bool same = consensus::wtxid(*node->entry.tx) == consensus::wtxid(tx);
        return Rejection{
            RejectKind::kKnown, same ? "txn-already-in-mempool" : "txn-same-nonwitness-data-in-mempool", {}};
    }
    if (tip.snapshot->find_transaction_block(txid)) {
        return Rejection{RejectKind::kKnown, "txn-already-known", {}};
    }
    return std::nullopt;
}

std::optional<Rejection> check_conflicts(const Transaction& tx, const Facts& facts, const Graph& graph) {
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        if (const auto other = graph.spender_of(tx.inputs[i].previous)) {
            return refused("txn-mempool-conflict",
                           "input " + std::to_string(i) + " is spent by " + to_hex_reversed(*other));
        }
    }
    for (const auto& job : facts.jobs) {
        if (const auto other = graph.receipt_of(job)) {
            return refused("txn-mempool-conflict", "the job is answered by " + to_hex_reversed(*other));
        }
    }
    return std::nullopt;
}

std::optional<Rejection> check_fee(Amount fee, size_t vsize, const FeeRates& rates) {
    const auto below = [&](std::string_view token, Amount least) {
        return refused(token, std::to_string(fee) + " < " + std::to_string(least));
    };
    const Amount relay = fee_for(rates.relay, vsize);
    if (fee < relay) return below("min relay fee not met", relay);
    const Amount pool = fee_for(rates.pool, vsize);
    if (fee < pool) return below("mempool min fee not met", pool);
    return std::nullopt;
}

}  // namespace

Amount fee_for(Amount rate, size_t vsize) { return Amount((uint64_t(rate) * vsize + 999) / 1000); }

std::optional<Rejection> check_alone(const Transaction& tx, const consensus::Params& params) {
    if (const auto broken = consensus::check_transaction(tx, params)) {
        return Rejection{RejectKind::kInvalid, broken->token, broken->detail};
    }
    if (tx.is_coinbase()) return Rejection{RejectKind::kInvalid, "coinbase", {}};
    const size_t weight = consensus::weight(tx);
    if (weight > kTxWeightMax) {
        return refused("tx-size",
                       "weight " + std::to_string(weight) + ", at most " + std::to_string(kTxWeightMax));
    }
    const size_t commands = consensus::commands_bytes(tx);
    if (commands > params.commands_bytes_max) {
        return refused("tx-size", "commands of " + std::to_string(commands) + " bytes, at most " +
                                      std::to_string(params.commands_bytes_max));
    }
    Writer stripped;
    Transaction::write(tx, stripped, false);
    if (stripped.take().size() < kTxStrippedBytesMin) return refused("tx-size-small", {});
    return std::nullopt;
}

Result<Amount, Rejection> check_above(const Transaction& tx, const Hash256& txid, const Facts& facts,
                                      const Graph& graph, const Tip& tip, const consensus::Params& params,
                                      const FeeRates& rates) {
    if (const auto known = check_known(tx, txid, graph, tip)) return Fail{*known};
    if (!consensus::is_final(tx, tip.next.height, tip.next.median_time_past)) {
        return Fail{refused("non-final", "lock_time " + std::to_string(tx.lock_time))};
    }
    if (const auto conflict = check_conflicts(tx, facts, graph)) return Fail{*conflict};

    // Before anything is applied: it bounds how much that is.
    const auto ancestors = graph.ancestors_of(tx);
    const size_t vsize = consensus::virtual_size(tx);
    if (auto too_long = graph.too_long(vsize, ancestors)) {
        return Fail{refused("too-long-mempool-chain", *std::move(too_long))};
    }
    ledger::Overlay state{*tip.snapshot};
    for (const Node* ancestor : ancestors) {
        const auto applied = ledger::apply_transaction(*ancestor->entry.tx, tip.next, params, state, false);
        // Each of them fits the tip, but families that met here may open more jobs than a height has room
        // for.
        if (!applied) return Fail{refused(applied.error().token, applied.error().detail)};
    }
    // Everything cheap before the signatures, so that what pays nothing costs little.
    ledger::Overlay unsigned_state{state};
    const auto fee = ledger::apply_transaction(tx, tip.next, params, unsigned_state, false);
    if (!fee) return Fail{by_ledger(fee.error())};
    if (const auto low = check_fee(*fee, vsize, rates)) return Fail{*low};
    const auto verified = ledger::apply_transaction(tx, tip.next, params, state, true);
    if (!verified) return Fail{by_ledger(verified.error())};
    return *fee;
}

}  // namespace daidd::mempool
