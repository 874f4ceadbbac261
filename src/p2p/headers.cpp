#include <algorithm>

#include "p2p/manager.h"
#include "util/log.h"

namespace daidd::p2p {
namespace {

/// The last ten of the best chain, then ever larger steps back to the genesis block, as Bitcoin's.
std::vector<Hash256> locator_of(const chain::Snapshot& snapshot) {
    std::vector<Hash256> locator;
    uint32_t height = snapshot.tip().height;
    uint32_t step = 1;
    while (locator.size() + 1 < kLocatorMax) {
        locator.push_back(snapshot.header_at(height)->hash);
        if (height == 0) return locator;
        if (locator.size() >= 10) step = std::min(step * 2, uint32_t{1} << 30);
        height -= std::min(height, step);
    }
    locator.push_back(snapshot.header_at(0)->hash);
    return locator;
}

/// The sealed headers after the first hash of the locator that is in the best chain, as many as fit.
HeadersMessage headers_after(const chain::Snapshot& snapshot, const GetHeadersMessage& request) {
    uint32_t height = 0;
    for (const Hash256& hash : request.locator) {
        if (!snapshot.in_best_chain(hash)) continue;
        height = snapshot.find_header(hash)->height;
        break;
    }
    HeadersMessage answer;
    size_t bytes = 9;
    while (++height <= snapshot.tip().height && answer.headers.size() < kHeadersMax) {
        const Hash256 hash = snapshot.header_at(height)->hash;
        auto header = snapshot.read_sealed_header(hash);
        if (!header) break;
        answer.headers.push_back(*std::move(header));
        bytes += encode(answer.headers.back()).size();
        if (bytes > kHeadersMessageMax) {
            answer.headers.pop_back();
            break;
        }
        if (hash == request.stop) break;
    }
    return answer;
}

JudgedHeaders judge(chain::Chain& chain, const HeadersMessage& message, int64_t now_s) {
    JudgedHeaders judged;
    for (size_t i = 0; i < message.headers.size(); ++i) {
        const work::SealedHeader& header = message.headers[i];
        if (i > 0 && header.header.previous != *judged.last) {
            judged.rejection = chain::Rejection{"headers-not-continuous", "", true};
            return judged;
        }
        if (i == 0) {
            const auto parent = chain.snapshot()->find_header(header.header.previous);
            judged.unconnecting = !parent;
            if (!parent) return judged;
            if (!parent->have_block && !parent->failed) judged.parent_missing = parent->hash;
        }
        if (auto rejection = chain.accept_header(header, now_s)) {
            judged.rejection = std::move(*rejection);
            return judged;
        }
        const auto info = chain.snapshot()->find_header(consensus::block_hash(header.header));
        if (!info) return judged;
        judged.last = info->hash;
        judged.last_height = info->height;
        if (!info->have_block && !info->failed) judged.wanted.push_back(*info);
    }
    return judged;
}

}  // namespace

void PeerManager::Impl::ask_headers(const PeerPtr& peer, const std::optional<Hash256>& from) {
    if (peer->headers_asked) return;
    GetHeadersMessage request;
    request.locator = locator_of(*chain.snapshot());
    if (from) {
        request.locator.insert(request.locator.begin(), *from);
        if (request.locator.size() > kLocatorMax) request.locator.erase(request.locator.end() - 2);
    }
    peer->headers_asked = Clock::now();
    send(peer, command::kGetHeaders, request);
}

void PeerManager::Impl::on_getheaders(const PeerPtr& peer, ByteView payload) {
    auto request = decode<GetHeadersMessage>(payload);
    if (!request) return punish(peer, kBanScore, "malformed getheaders");
    // Only the last one counts: who asks faster than it reads must not pile up answers.
    peer->headers_wanted = *std::move(request);
    serve(peer);
}

void PeerManager::Impl::serve_headers(const PeerPtr& peer) {
    peer->serve_busy = reading.post([this, id = peer->info.id, request = *peer->headers_wanted] {
        auto answer = std::make_shared<HeadersMessage>(headers_after(*chain.snapshot(), request));
        later([this, id, answer] {
            const auto here = find_peer(id);
            if (!here) return;
            here->serve_busy = false;
            send(here, command::kHeaders, *answer);
            serve(here);
        });
    });
    if (peer->serve_busy) peer->headers_wanted.reset();  // or it is tried again at the next tick
}

void PeerManager::Impl::on_headers(const PeerPtr& peer, ByteView payload) {
    const auto message = decode<HeadersMessage>(payload);
    if (!message) return punish(peer, kBanScore, "malformed headers");
    const bool answer = peer->headers_asked.has_value();
    peer->headers_asked.reset();
    if (message->headers.empty()) return;
    for (const auto& header : message->headers) peer->known.insert(consensus::block_hash(header.header));
    // A peer cannot make us hold more headers without work than the protocol says.
    if (download.blocks_of(peer->info.id) + message->headers.size() > 2 * kUncreditedHeadersMax)
        return punish(peer, 10, "too many headers without blocks");
    // What comes faster than we judge it is lost, and asked for again when that is done.
    if (peer->headers_judging >= kHeadersJudgingMax || validation.room() == 0 ||
        peer->headers_judging_bytes + payload.size() > kHeadersMessageMax) {
        peer->headers_more = true;
        return;
    }
    ++peer->headers_judging;
    peer->headers_judging_bytes += payload.size();
    // As bytes until its turn comes, as blocks are.
    validation.post([this, id = peer->info.id, answer, bytes = Bytes(payload.begin(), payload.end())] {
        auto judged =
            std::make_shared<JudgedHeaders>(judge(chain, *decode<HeadersMessage>(bytes), unix_time_s()));
        later([this, id, answer, size = bytes.size(), judged] {
            const auto here = find_peer(id);
            if (!here) return;
            --here->headers_judging;
            here->headers_judging_bytes -= size;
            accept_headers(here, *judged, answer);
        });
    });
}

void PeerManager::Impl::accept_headers(const PeerPtr& peer, const JudgedHeaders& judged, bool answer) {
    if (judged.unconnecting) {
        if (++peer->unconnecting > kUnconnectingHeadersMax)
            return punish(peer, kBanScore, "headers that connect to nothing");
        return ask_headers(peer, std::nullopt);
    }
    if (judged.last) peer->unconnecting = 0;
    peer->info.synced_headers = std::max(peer->info.synced_headers, judged.last_height);
    for (const auto& info : judged.wanted)
        download.add(peer->info.id, info.hash, info.header.previous, info.height);
    if (judged.rejection && judged.rejection->peer_fault)
        return punish(peer, kBanScore, "header refused: " + judged.rejection->token);
    if (answer && judged.last && !judged.rejection) {
        peer->headers_last = *judged.last;
        peer->headers_more = true;
    }
    // Whoever announced the parent may be gone with it.
    if (judged.parent_missing && !download.has(peer->info.id, *judged.parent_missing))
        ask_headers(peer, std::nullopt);
    fetch_blocks(peer);
}

void PeerManager::Impl::announce(const work::SealedHeader& header, const Hash256& hash) {
    const HeadersMessage message{{header}};
    for (const auto& [id, peer] : peers) {
        if (!peer->info.handshake_done || !peer->known.insert(hash)) continue;
        send(peer, command::kHeaders, message);
    }
}

void PeerManager::Impl::block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) {
    const std::lock_guard lock{announce_mutex};
    last_connected.emplace(work::sealed_header(block), info.hash);
}

void PeerManager::Impl::tip_changed(const chain::HeaderInfo& tip) {
    const std::lock_guard lock{announce_mutex};
    // After a disconnection alone the tip is a block that peers have heard of before.
    if (!last_connected || last_connected->second != tip.hash) return;
    later([this, announced = std::make_shared<decltype(last_connected)>(std::move(last_connected))] {
        tx_rejected.clear();
        announce((*announced)->first, (*announced)->second);
    });
    last_connected.reset();
}

}  // namespace daidd::p2p
