#include <cassert>

#include "chain/stored_chain.h"
#include "util/log.h"

namespace daidd::chain {
namespace {

/// Verdicts kept for whoever submitted the blocks.
constexpr size_t kVerdictsMax = 1000;

ledger::BlockContext block_context(const Node& node) {
    assert(node.parent != nullptr);
    const Node* parent = node.parent;
    ledger::BlockContext context;
    context.height = node.height;
    context.median_time_past = parent->median_time_past;
    context.beacon_at = [parent](uint32_t height) { return ancestor(*parent, height).beacon; };
    context.median_time_at = [parent](uint32_t height) { return ancestor(*parent, height).median_time_past; };
    return context;
}

/// What the keys that `overlay` writes held before.
UndoRecord undo_of(const std::vector<ledger::Overlay::Change>& changes, const StoredState& state) {
    UndoRecord undo;
    undo.entries.reserve(changes.size());
    for (const auto& change : changes) {
        UndoEntry entry;
        entry.table = uint8_t(change.table);
        entry.key = change.key;
        if (auto old = state.get(change.table, change.key)) {
            entry.existed = 1;
            entry.value = *std::move(old);
        }
        undo.entries.push_back(std::move(entry));
    }
    return undo;
}

}  // namespace

std::optional<Rejection> StoredChain::check_connection(const work::SealedBlock& block, const Node& node,
                                                       const StoredState& state,
                                                       ledger::Overlay& overlay) const {
    // submit() has looked, but what it found is lost when the process dies before the mark is written, and
    // cleared by reconsider().
    if (const auto broken = consensus::check_block(block.block, params_)) return rejection_of(*broken);
    auto context = seal_context(*node.parent, node.header, block.block.transactions[0]);
    std::vector<work::Pool> pools;
    pools.reserve(context.beacons.size());
    std::vector<const work::Pool*> views;
    for (size_t i = 0; i < context.beacons.size(); ++i) {
        pools.push_back(ledger::pool_at(node.height - 1 - uint32_t(i), params_, state));
        views.push_back(&pools.back());
    }
    if (const auto refusal = work::check_contents(params_, context, block.seal, block.witness, views)) {
        return Rejection{"seal: " + refusal->step, {}, true, refusal->of_witness};
    }
    if (const auto broken = ledger::connect_block(block.block, block_context(node), params_, overlay, true)) {
        return rejection_of(*broken);
    }
    return std::nullopt;
}

std::optional<Rejection> StoredChain::connect(Node& node) {
    assert(node.parent == tip_);
    std::vector<ledger::Overlay::Change> changes;
    Bytes undo;
    work::SealedBlock block;
    {
        const store::ReadTransaction transaction{database_};
        auto body = read_body(transaction, node.hash);
        if (!body) throw_corrupt("block " + to_hex_reversed(node.hash));
        block = *std::move(body);
        const StoredState state{transaction};
        ledger::Overlay overlay{state};
        if (auto rejection = check_connection(block, node, state, overlay)) return rejection;
        changes = overlay.changes();
        undo = encode(undo_of(changes, state));
    }
    database_.write([&](store::WriteTransaction& transaction) {
        for (const auto& change : changes) {
            const Bytes key = state_key(change.table, change.key);
            if (change.value) {
                transaction.put(kState, key, *change.value);
            } else {
                transaction.erase(kState, key);
            }
        }
        for (const auto& tx : block.block.transactions) {
            transaction.put(kTxIndex, consensus::txid(tx), node.hash);
        }
        transaction.put(kUndo, node.hash, undo);
        transaction.put(kMeta, as_bytes("tip"), node.hash);
        crash_point("connect-before-commit");
    });
    crash_point("connect-after-commit");
    tip_ = &node;
    const HeaderInfo info = tree_->info(node);
    tell([&](Listener& listener) { listener.block_connected(block, info); });
    return std::nullopt;
}

void StoredChain::disconnect_tip() {
    assert(tip_ != genesis_);
    Node& node = *tip_;
    work::SealedBlock block;
    UndoRecord undo;
    {
        const store::ReadTransaction transaction{database_};
        auto body = read_body(transaction, node.hash);
        const auto bytes = transaction.get(kUndo, node.hash);
        if (!body || !bytes) throw_corrupt("undo of " + to_hex_reversed(node.hash));
        block = *std::move(body);
        undo = decode_stored<UndoRecord>(*bytes, "undo of " + to_hex_reversed(node.hash));
    }
    database_.write([&](store::WriteTransaction& transaction) {
        for (const auto& entry : undo.entries) {
            const Bytes key = state_key(ledger::Table(entry.table), entry.key);
            if (entry.existed != 0) {
                transaction.put(kState, key, entry.value);
            } else {
                transaction.erase(kState, key);
            }
        }
        for (const auto& tx : block.block.transactions) transaction.erase(kTxIndex, consensus::txid(tx));
        transaction.erase(kUndo, node.hash);
        transaction.put(kMeta, as_bytes("tip"), node.parent->hash);
        crash_point("disconnect-before-commit");
    });
    const HeaderInfo info = tree_->info(node);
    tip_ = tree_->find(node.parent->hash);
    tell([&](Listener& listener) { listener.block_disconnected(block, info); });
}

void StoredChain::activate_best() {
    const Node* const before = tip_;
    while (*candidates_.begin() != tip_) {
        const Node& best = **candidates_.begin();
        const uint32_t fork = common_ancestor(*tip_, best).height;
        while (tip_->height > fork) disconnect_tip();
        while (tip_ != &best) {
            Node& next = *tree_->find(ancestor(best, tip_->height + 1).hash);
            const auto rejection = connect(next);
            if (!rejection) continue;
            log(LogLevel::kWarning, "chain",
                "block " + to_hex_reversed(next.hash) + " at height " + std::to_string(next.height) + ": " +
                    rejection->token + " " + rejection->detail);
            if (verdicts_.size() >= kVerdictsMax) verdicts_.clear();
            verdicts_[next.hash] = *rejection;
            if (rejection->copy_only) {
                forget_block(next);
            } else {
                mark_broken(next, true);
            }
            break;
        }
    }
    if (tip_ == before) return;
    const HeaderInfo info = tree_->info(*tip_);
    tell([&](Listener& listener) { listener.tip_changed(info); });
}

void StoredChain::forget_block(Node& node) {
    database_.write([&](store::WriteTransaction& transaction) {
        auto record = decode_stored<IndexRecord>(*transaction.get(kIndex, node.hash), "index record");
        record.have_block = 0;
        transaction.put(kIndex, node.hash, encode(record));
        transaction.erase(kBodies, node.hash);
        transaction.erase(kSealed, node.hash);
    });
    // Before the work of these changes: the set is ordered by it.
    for (const Node* below : tree_->subtree(node)) candidates_.erase(below);
    tree_->set_have_block(node, false);
}

void StoredChain::drop_failed_candidates(const Node& node) {
    for (const Node* below : tree_->subtree(node)) {
        if (below->failed) candidates_.erase(below);
    }
}

void StoredChain::mark_broken(Node& node, bool broken) {
    const auto changed = tree_->set_broken(node, broken);
    database_.write([&](store::WriteTransaction& transaction) {
        for (const Node* at : changed) {
            const auto bytes = transaction.get(kIndex, at->hash);
            if (!bytes) continue;  // known by its header alone, which is not stored
            auto record = decode_stored<IndexRecord>(*bytes, "index record");
            record.broken = at->broken ? 1 : 0;
            transaction.put(kIndex, at->hash, encode(record));
        }
    });
    drop_failed_candidates(node);
}

bool StoredChain::invalidate(const Hash256& hash) {
    const std::lock_guard lock{mutex_};
    Node* node = tree_->find(hash);
    if (node == nullptr || node == genesis_) return false;
    mark_broken(*node, true);
    activate_best();
    return true;
}

bool StoredChain::reconsider(const Hash256& hash) {
    const std::lock_guard lock{mutex_};
    Node* node = tree_->find(hash);
    if (node == nullptr) return false;
    if (node == genesis_) return true;
    // As Core: what was marked above is cleared with it, or the block could never come back.
    Node* top = node;
    for (Node* at = node; at != genesis_; at = tree_->find(at->parent->hash)) {
        if (!at->broken) continue;
        verdicts_.erase(at->hash);
        if (at != node) mark_broken(*at, false);
        top = at;
    }
    mark_broken(*node, false);
    for (const Node* below : tree_->subtree(*top)) {
        verdicts_.erase(below->hash);
        if (below->complete && !below->failed) candidates_.insert(below);
    }
    activate_best();
    return true;
}

}  // namespace daidd::chain
