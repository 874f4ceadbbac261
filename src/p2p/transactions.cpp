#include <algorithm>

#include "p2p/manager.h"
#include "util/log.h"

namespace daidd::p2p {
namespace {

/// One item of a signature's size an input: the only witness that can be valid. With it a transaction's size,
/// and so whether policy takes it, is a matter of its id, and nobody spoils an id by padding a copy.
bool has_signatures(const consensus::Transaction& tx) {
    return std::ranges::all_of(tx.inputs, [](const consensus::TxIn& input) {
        return input.witness.size() == 1 && input.witness[0].size() == sizeof(crypto::Signature);
    });
}

}  // namespace

void PeerManager::Impl::on_inv(const PeerPtr& peer, ByteView payload) {
    const auto message = decode<InventoryMessage>(payload);
    if (!message) return punish(peer, kBanScore, "malformed inv");
    std::shared_ptr<const chain::Snapshot> snapshot;
    for (const Item& item : message->items) {
        if (item.type == uint32_t(ItemType::kBlock)) {
            // Blocks are fetched by their headers, so that nothing without work is downloaded.
            if (peer->headers_asked) continue;
            if (!snapshot) snapshot = chain.snapshot();
            if (!snapshot->find_header(item.hash)) ask_headers(peer, std::nullopt);
        } else if (item.type == uint32_t(ItemType::kTx)) {
            const bool fresh = peer->known.insert(item.hash);
            if (fresh && peer->tx_announced.size() < kTxAnnouncedMax) peer->tx_announced.push_back(item.hash);
        }
    }
    // They are asked for at the next tick: many small messages cost no more than one.
}

void PeerManager::Impl::fetch_transactions(const PeerPtr& peer, Clock::time_point now) {
    if (peer->dropped || !peer->info.handshake_done) return;
    if (validation.room() <= kTasksKept || tx_judging_bytes >= kTxJudgingBytesMax) return;
    std::erase_if(peer->tx_in_flight, [&](const auto& entry) {
        const bool late = now - entry.second >= options.tx_timeout;
        if (late) tx_asked.erase(entry.first);
        return late;
    });
    InventoryMessage request;
    const size_t looked_at = std::min(peer->tx_announced.size(), kTxScanMax);
    for (size_t i = 0; i < looked_at && peer->tx_in_flight.size() < kTxInFlightMax; ++i) {
        const Hash256 txid = peer->tx_announced.front();
        peer->tx_announced.pop_front();
        if (tx_rejected.contains(txid) || pool.has(txid)) continue;
        if (tx_asked.contains(txid)) {  // of another peer, which may not answer
            peer->tx_announced.push_back(txid);
            continue;
        }
        tx_asked.emplace(txid, now);
        peer->tx_in_flight.emplace(txid, now);
        request.items.push_back({uint32_t(ItemType::kTx), txid});
    }
    if (!request.items.empty()) send(peer, command::kGetData, request);
}

void PeerManager::Impl::on_tx(const PeerPtr& peer, ByteView payload) {
    auto tx = decode<consensus::Transaction>(payload);
    if (!tx) return punish(peer, kBanScore, "malformed tx");
    const Hash256 txid = consensus::txid(*tx);
    peer->known.insert(txid);
    // Unasked transactions are ignored: who has one announces it.
    if (peer->tx_in_flight.erase(txid) == 0) return;
    if (!has_signatures(*tx)) {
        tx_asked.erase(txid);
        return punish(peer, kBanScore, "unsigned transaction " + to_hex_reversed(txid));
    }
    submit_transaction(peer, std::move(*tx));
}

void PeerManager::Impl::submit_transaction(const PeerPtr& peer, consensus::Transaction tx) {
    const auto shared = std::make_shared<const consensus::Transaction>(std::move(tx));
    const size_t bytes = encode(*shared).size();
    const Hash256 txid = consensus::txid(*shared);
    if (validation.room() <= kTasksKept || tx_judging_bytes + bytes > kTxJudgingBytesMax) {
        tx_asked.erase(txid);
        return;
    }
    tx_judging_bytes += bytes;
    validation.post([this, id = peer->info.id, shared, bytes, txid] {
        const TxVerdict verdict = pool.accept(*shared);
        later([this, id, shared, verdict, bytes, txid] {
            tx_judging_bytes -= bytes;
            tx_asked.erase(txid);
            judged(find_peer(id), *shared, verdict);
        });
    });
}

void PeerManager::Impl::judged(const PeerPtr& peer, const consensus::Transaction& tx, TxVerdict verdict) {
    const Hash256 txid = consensus::txid(tx);
    switch (verdict) {
    case TxVerdict::kKnown: return;
    case TxVerdict::kRefused: tx_rejected.insert(txid); return;
    case TxVerdict::kInvalid:
        // Not remembered: it may be the signatures, which the id does not cover.
        if (peer) punish(peer, kBanScore, "invalid transaction " + to_hex_reversed(txid));
        return;
    case TxVerdict::kMissingInputs:
        if (!peer || encode(tx).size() > kOrphanBytesMax) return;
        if (orphans.size() >= kOrphansMax) orphans.pop_front();
        orphans.push_back({tx, peer->info.id});
        return;
    case TxVerdict::kAccepted: break;
    }
    announce_transaction(txid);
    for (auto orphan = orphans.begin(); orphan != orphans.end();) {
        const auto& inputs = orphan->tx.inputs;
        const bool ready = std::any_of(inputs.begin(), inputs.end(),
                                       [&](const auto& input) { return input.previous.txid == txid; });
        const auto sender = ready ? find_peer(orphan->peer) : nullptr;
        if (sender) submit_transaction(sender, std::move(orphan->tx));
        orphan = ready ? orphans.erase(orphan) : orphan + 1;
    }
}

void PeerManager::Impl::announce_transaction(const Hash256& txid) {
    for (const auto& [id, peer] : peers) {
        if (!peer->info.handshake_done || peer->to_announce.size() >= kTxAnnouncedMax) continue;
        if (!peer->known.contains(txid)) peer->to_announce.push_back(txid);
    }
}

void PeerManager::Impl::flush_announcements(const PeerPtr& peer) {
    serve(peer);
    if (peer->to_announce.empty() || peer->connection->queued() > kSendPauseBytes) return;
    InventoryMessage message;
    while (!peer->to_announce.empty() && message.items.size() < kAnnounceBatchMax) {
        const Hash256 txid = peer->to_announce.front();
        peer->to_announce.pop_front();
        if (peer->known.insert(txid)) message.items.push_back({uint32_t(ItemType::kTx), txid});
    }
    if (!message.items.empty()) send(peer, command::kInv, message);
}

}  // namespace daidd::p2p
