#include <algorithm>

#include "p2p/manager.h"
#include "util/log.h"

namespace daidd::p2p {

void PeerManager::Impl::fetch_blocks(const PeerPtr& peer) {
    if (peer->dropped || !peer->info.handshake_done || submitting >= kDownloadWindow) return;
    const auto hashes = download.next(peer->info.id, Clock::now());
    if (hashes.empty()) return;
    InventoryMessage request;
    for (const Hash256& hash : hashes) request.items.push_back({uint32_t(ItemType::kBlock), hash});
    send(peer, command::kGetData, request);
}

/// First of those that the user named: whoever else is here may be here to stall.
void PeerManager::Impl::fetch_blocks_of_all() {
    for (const bool named : {true, false}) {
        for (const auto& [id, peer] : std::map{peers}) {
            if (peer->info.manual == named) fetch_blocks(peer);
        }
    }
}

void PeerManager::Impl::on_block(const PeerPtr& peer, ByteView payload) {
    const auto header =
        decode<consensus::BlockHeader>(payload.first(std::min(payload.size(), consensus::kHeaderBytes)));
    if (!header) return punish(peer, kBanScore, "malformed block");
    const Hash256 hash = consensus::block_hash(*header);
    peer->known.insert(hash);
    // What was not asked for is not kept: a block's weight is known from its header alone.
    if (!download.received(peer->info.id, hash, payload.size(), Clock::now())) return;
    // As bytes until its turn comes: lists of little things take many times as much once they are decoded.
    buffered[hash] = {std::make_shared<const Bytes>(payload.begin(), payload.end()), peer->info.id};
    submit_ready();
    fetch_blocks(peer);
}

void PeerManager::Impl::submit_ready() {
    while (submitting_bytes < kBufferedBytesMax && validation.room() > 0) {
        const auto hash = download.take_ready();
        if (!hash) return;
        const auto taken = buffered.extract(*hash);
        const Buffered& received = taken.mapped();
        ++submitting;
        submitting_bytes += received.bytes->size();
        validation.post([this, hash = *hash, received] {
            const auto block = decode<work::SealedBlock>(*received.bytes);
            auto result =
                chain::SubmitResult{chain::SubmitStatus::kRejected, chain::Rejection{"malformed block", {}}};
            if (block) result = chain.submit(*block, unix_time_s());
            later([this, hash, received, result] {
                --submitting;
                submitting_bytes -= received.bytes->size();
                judged(hash, find_peer(received.peer), result);
                submit_ready();
            });
        });
    }
}

void PeerManager::Impl::judged(const Hash256& hash, const PeerPtr& peer, const chain::SubmitResult& result) {
    if (result.status != chain::SubmitStatus::kRejected) {
        if (!peer) return;
        if (const auto info = chain.snapshot()->find_header(hash))
            peer->info.synced_blocks = std::max(peer->info.synced_blocks, int64_t{info->height});
        return fetch_blocks(peer);
    }
    for (const Hash256& child : download.refuse(hash)) buffered.erase(child);
    const auto& rejection = *result.rejection;
    log(LogLevel::kWarning, "p2p",
        "block " + to_hex_reversed(hash) + " refused: " + rejection.token + " " + rejection.detail);
    if (peer && rejection.peer_fault) punish(peer, kBanScore, "block refused: " + rejection.token);
    ask_for_another_copy(hash);
}

/// A bad copy says nothing of the block: where its header stands, the other peers are asked what they have.
void PeerManager::Impl::ask_for_another_copy(const Hash256& hash) {
    const auto info = chain.snapshot()->find_header(hash);
    if (!info || info->failed) return;
    for (const auto& [id, other] : std::map{peers}) {
        if (!other->dropped && other->info.handshake_done) ask_headers(other, std::nullopt);
    }
}

void PeerManager::Impl::on_notfound(const PeerPtr& peer, ByteView payload) {
    const auto message = decode<InventoryMessage>(payload);
    if (!message) return punish(peer, kBanScore, "malformed notfound");
    for (const Item& item : message->items) {
        if (item.type == uint32_t(ItemType::kBlock)) download.not_found(peer->info.id, item.hash);
        if (item.type == uint32_t(ItemType::kTx) && peer->tx_in_flight.erase(item.hash) != 0)
            tx_asked.erase(item.hash);
    }
}

void PeerManager::Impl::on_getdata(const PeerPtr& peer, ByteView payload) {
    const auto message = decode<InventoryMessage>(payload);
    if (!message) return punish(peer, kBanScore, "malformed getdata");
    if (peer->serving.size() + message->items.size() > kServeQueueMax)
        return punish(peer, kBanScore, "too much asked for at once");
    peer->serving.insert(peer->serving.end(), message->items.begin(), message->items.end());
    serve(peer);
}

/// One thing at a time, the next one when it has been sent: a peer that does not read costs one block.
void PeerManager::Impl::serve(const PeerPtr& peer) {
    if (peer->dropped || peer->serve_busy || peer->connection->queued() > kSendPauseBytes) return;
    if (peer->headers_wanted) return serve_headers(peer);
    if (peer->serving.empty()) return;
    const Item item = peer->serving.front();
    peer->serving.pop_front();
    peer->serve_busy = reading.post([this, id = peer->info.id, item] {
        std::optional<Bytes> bytes;
        if (item.type == uint32_t(ItemType::kBlock)) {
            if (const auto block = chain.snapshot()->read_block(item.hash)) bytes = encode(*block);
        } else if (item.type == uint32_t(ItemType::kTx)) {
            if (const auto tx = pool.find(item.hash)) bytes = encode(*tx);
        }
        later([this, id, item, bytes = std::make_shared<std::optional<Bytes>>(std::move(bytes))] {
            const auto here = find_peer(id);
            if (!here) return;
            here->serve_busy = false;
            const bool block = item.type == uint32_t(ItemType::kBlock);
            if (*bytes) {
                here->known.insert(item.hash);
                send_raw(here, block ? command::kBlock : command::kTx, **bytes);
            } else {
                send(here, command::kNotFound, InventoryMessage{{item}});
            }
            serve(here);
        });
    });
    if (!peer->serve_busy) peer->serving.push_front(item);  // tried again at the next tick
}

void PeerManager::Impl::check_stall(Clock::time_point now) {
    const auto stalled = download.stalled(now);
    if (!stalled) return;
    const auto peer = find_peer(stalled->peer);
    if (!peer) return;
    if (stalled->alone || ++peer->stalls >= kStallsMax) return drop(peer, "stalls the download of blocks");
    log(LogLevel::kInfo, "p2p", "peer " + peer->info.address + " is slow: its blocks are asked of others");
    fetch_blocks_of_all();
}

}  // namespace daidd::p2p
