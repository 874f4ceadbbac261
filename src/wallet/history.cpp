#include "wallet/history.h"

#include <algorithm>
#include <cassert>

#include "consensus/script.h"

namespace daidd::wallet {
namespace {

/// After a restart both are the same: neither needs to be written for the other.
bool is_waiting(TxState state) { return state == TxState::kMempool || state == TxState::kInactive; }

/// Whether what the transaction spends is taken.
bool holds_inputs(TxState state) { return state == TxState::kConfirmed || is_waiting(state); }

}  // namespace

void History::load(std::map<Hash256, Entry> entries) {
    entries_ = std::move(entries);
    for (auto& [txid, entry] : entries_) {
        if (entry.state == TxState::kMempool) entry.state = TxState::kInactive;
        next_order_ = std::max(next_order_, entry.order + 1);
    }
    for (const auto& [txid, entry] : entries_) index(txid, entry);
    std::erase_if(live_, [this](const OutPoint& outpoint) { return has_confirmed_spender(outpoint); });
}

bool History::is_mine(const Transaction& tx) const {
    const auto pays = [this](const TxOut& output) {
        const auto key = consensus::taproot_key(output.script);
        return key && keyring_.find(*key);
    };
    const auto spends = [this](const consensus::TxIn& input) { return outputs_.contains(input.previous); };
    return std::ranges::any_of(tx.outputs, pays) || std::ranges::any_of(tx.inputs, spends);
}

void History::index(const Hash256& txid, const Entry& entry) {
    for (uint32_t i = 0; i < entry.tx.outputs.size(); ++i) {
        const TxOut& output = entry.tx.outputs[i];
        const auto key = consensus::taproot_key(output.script);
        const auto path = key ? keyring_.find(*key) : std::nullopt;
        if (!path) continue;
        keyring_.mark_used(*path);
        outputs_.emplace(OutPoint{txid, i}, Output{output.value, *key});
        if (!has_confirmed_spender({txid, i})) live_.insert({txid, i});
    }
    if (entry.tx.is_coinbase()) return;
    for (const auto& input : entry.tx.inputs) spends_[input.previous].insert(txid);
}

void History::absorb(const Transaction& tx, const Hash256& txid, TxState state, const BlockRef& block,
                     int64_t time_s) {
    const auto found = entries_.find(txid);
    if (found == entries_.end()) {
        if (!is_mine(tx)) return;
        const Entry entry{
            .tx = tx, .state = TxState::kInactive, .block = {}, .time_s = time_s, .order = next_order_++};
        index(txid, entry);
        entries_.emplace(txid, entry);
        changed_.insert(txid);
    } else {
        // A rescan may know more keys than when the transaction was first seen.
        index(txid, found->second);
    }
    set_state(txid, state, block);
}

void History::set_state(const Hash256& txid, TxState state, const BlockRef& block) {
    Entry& entry = entries_.at(txid);
    const bool same = entry.state == state && entry.block == block;
    if (!same && !(is_waiting(entry.state) && is_waiting(state))) changed_.insert(txid);
    entry.state = state;
    entry.block = block;
    if (entry.tx.is_coinbase()) return;
    for (const auto& input : entry.tx.inputs) {
        if (!outputs_.contains(input.previous)) continue;
        if (has_confirmed_spender(input.previous)) {
            live_.erase(input.previous);
        } else {
            live_.insert(input.previous);
        }
    }
}

void History::set_family(const Hash256& txid, TxState state, const BlockRef& block) {
    std::vector<Hash256> queue{txid};
    std::set<Hash256> seen{txid};
    while (!queue.empty()) {
        const Hash256 next = queue.back();
        queue.pop_back();
        const Entry& entry = entries_.at(next);
        if (entry.state == TxState::kConfirmed && next != txid) continue;
        // The oldest conflict stays: it is the last to go when blocks are taken back.
        if (state == TxState::kConflicted && !is_waiting(entry.state)) continue;
        set_state(next, state, block);
        for (uint32_t i = 0; i < entry.tx.outputs.size(); ++i) {
            const auto spenders = spends_.find({next, i});
            if (spenders == spends_.end()) continue;
            for (const Hash256& spender : spenders->second) {
                if (seen.insert(spender).second) queue.push_back(spender);
            }
        }
    }
}

void History::connect(const std::vector<Transaction>& transactions, const BlockRef& block, int64_t time_s) {
    for (const Transaction& tx : transactions) {
        const Hash256 id = consensus::txid(tx);
        absorb(tx, id, TxState::kConfirmed, block, time_s);
        if (tx.is_coinbase()) continue;
        for (const auto& input : tx.inputs) {
            const auto spenders = spends_.find(input.previous);
            if (spenders == spends_.end()) continue;
            for (const Hash256& other : spenders->second) {
                if (other == id || entries_.at(other).state == TxState::kConfirmed) continue;
                set_family(other, TxState::kConflicted, block);
            }
        }
    }
}

template <class Matches>
void History::take_back(const Matches& matches) {
    std::vector<Hash256> coinbases;
    for (const auto& [txid, entry] : entries_) {
        const bool in_block = entry.state == TxState::kConfirmed || entry.state == TxState::kConflicted;
        if (!in_block || !matches(entry.block)) continue;
        if (entry.tx.is_coinbase()) coinbases.push_back(txid);
        set_state(txid, TxState::kInactive, {});
    }
    // Only now no descendant counts as confirmed.
    for (const Hash256& txid : coinbases) set_family(txid, TxState::kAbandoned, {});
}

void History::disconnect(const Hash256& block_hash) {
    take_back([&](const BlockRef& block) { return block.hash == block_hash; });
}

void History::disconnect_above(std::optional<uint32_t> height) {
    take_back([&](const BlockRef& block) { return !height || block.height > *height; });
}

void History::add_to_mempool(const Transaction& tx, int64_t time_s) {
    const Hash256 id = consensus::txid(tx);
    const auto found = entries_.find(id);
    if (found != entries_.end() && found->second.state == TxState::kConfirmed) return;
    absorb(tx, id, TxState::kMempool, {}, time_s);
}

void History::remove_from_mempool(const Hash256& txid) {
    const auto found = entries_.find(txid);
    // It may be in a block or in conflict with one by now, which is the stronger news.
    if (found == entries_.end() || found->second.state != TxState::kMempool) return;
    set_state(txid, TxState::kInactive, {});
}

void History::add_own(const Transaction& tx, int64_t time_s) {
    absorb(tx, consensus::txid(tx), TxState::kInactive, {}, time_s);
}

std::optional<Error> History::abandon(const Hash256& txid) {
    const auto found = entries_.find(txid);
    if (found == entries_.end()) return Error{.kind = ErrorKind::kNotFound, .detail = "no such transaction"};
    const TxState state = found->second.state;
    if (state == TxState::kConfirmed || state == TxState::kMempool) {
        return Error{.kind = ErrorKind::kNotAbandonable, .detail = "it is in a block or in the mempool"};
    }
    if (state == TxState::kInactive) set_family(txid, TxState::kAbandoned, {});
    return std::nullopt;
}

bool History::has_confirmed_spender(const OutPoint& outpoint) const {
    const auto spenders = spends_.find(outpoint);
    return spenders != spends_.end() && std::ranges::any_of(spenders->second, [this](const Hash256& txid) {
               const auto found = entries_.find(txid);
               return found != entries_.end() && found->second.state == TxState::kConfirmed;
           });
}

bool History::is_spent(const OutPoint& outpoint) const {
    const auto spenders = spends_.find(outpoint);
    return spenders != spends_.end() && std::ranges::any_of(spenders->second, [this](const Hash256& txid) {
               return holds_inputs(entries_.at(txid).state);
           });
}

bool History::is_mature(const Entry& entry, std::optional<uint32_t> tip) const {
    if (!entry.tx.is_coinbase()) return true;
    return tip && *tip >= entry.block.height && *tip - entry.block.height >= maturity_;
}

bool History::is_trusted(const Hash256& txid, std::optional<uint32_t> tip, TrustMemo& memo) const {
    const auto known = memo.find(txid);
    if (known != memo.end()) return known->second;
    const auto found = entries_.find(txid);
    bool trusted = false;
    if (found != entries_.end() && found->second.state == TxState::kConfirmed) {
        trusted = is_mature(found->second, tip);
    } else if (found != entries_.end() && found->second.state == TxState::kMempool) {
        trusted = std::ranges::all_of(found->second.tx.inputs, [&](const consensus::TxIn& input) {
            return outputs_.contains(input.previous) && is_trusted(input.previous.txid, tip, memo);
        });
    }
    memo.emplace(txid, trusted);
    return trusted;
}

std::vector<Coin> History::coins(std::optional<uint32_t> tip) const {
    std::vector<Coin> coins;
    TrustMemo memo;
    for (const OutPoint& outpoint : live_) {
        const Entry& entry = entries_.at(outpoint.txid);
        if (entry.state != TxState::kConfirmed && entry.state != TxState::kMempool) continue;
        if (is_spent(outpoint)) continue;
        const Output& output = outputs_.at(outpoint);
        Coin coin{.outpoint = outpoint, .value = output.value, .key = output.key, .height = {}};
        if (entry.state == TxState::kConfirmed) coin.height = entry.block.height;
        coin.coinbase = entry.tx.is_coinbase();
        coin.mature = is_mature(entry, tip);
        coin.trusted = is_trusted(outpoint.txid, tip, memo);
        coins.push_back(coin);
    }
    std::ranges::sort(coins, [](const Coin& a, const Coin& b) {
        return a.value != b.value ? a.value > b.value : a.outpoint < b.outpoint;
    });
    return coins;
}

Balances History::balances(std::optional<uint32_t> tip) const {
    Balances balances;
    for (const Coin& coin : coins(tip)) {
        Amount& sum = !coin.mature   ? balances.immature
                      : coin.trusted ? balances.trusted
                                     : balances.untrusted_pending;
        sum += coin.value;
    }
    return balances;
}

WalletTx History::describe(const Hash256& txid, const Entry& entry) const {
    WalletTx out{.tx = entry.tx,
                 .txid = txid,
                 .state = entry.state,
                 .block = entry.block,
                 .time_s = entry.time_s,
                 .order = entry.order,
                 .fee = {}};
    Amount paid = 0;
    for (uint32_t i = 0; i < entry.tx.outputs.size(); ++i) {
        paid += entry.tx.outputs[i].value;
        const auto found = outputs_.find({txid, i});
        if (found != outputs_.end()) out.credit += found->second.value;
    }
    bool all_mine = !entry.tx.is_coinbase();
    for (const auto& input : entry.tx.inputs) {
        const auto found = outputs_.find(input.previous);
        if (found == outputs_.end()) {
            all_mine = false;
        } else {
            out.debit += found->second.value;
        }
    }
    if (all_mine) out.fee = out.debit - paid;
    return out;
}

std::optional<WalletTx> History::find(const Hash256& txid) const {
    const auto found = entries_.find(txid);
    if (found == entries_.end()) return std::nullopt;
    return describe(txid, found->second);
}

std::vector<WalletTx> History::all() const {
    std::vector<WalletTx> list;
    for (const auto& [txid, entry] : entries_) list.push_back(describe(txid, entry));
    std::ranges::sort(list, {}, &WalletTx::order);
    return list;
}

std::vector<Transaction> History::inactive_own() const {
    std::vector<Transaction> list;
    for (WalletTx& tx : all()) {
        if (tx.state == TxState::kInactive && tx.fee) list.push_back(std::move(tx.tx));
    }
    return list;
}

}  // namespace daidd::wallet
