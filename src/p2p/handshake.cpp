#include <algorithm>

#include "crypto/keys.h"
#include "p2p/manager.h"
#include "util/log.h"

namespace daidd::p2p {
namespace {

uint64_t random_nonce() {
    std::array<uint8_t, 8> bytes{};
    crypto::random_bytes(bytes);
    uint64_t nonce = 0;
    for (const uint8_t byte : bytes) nonce = nonce << 8 | byte;
    return nonce | 1;  // never 0, which means none
}

/// What a peer calls itself ends in logs and terminals.
std::string printable(std::string text) {
    for (char& c : text) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return text;
}

}  // namespace

void PeerManager::Impl::on_connected(const PeerPtr& peer) {
    if (!peer->info.inbound) send_version(peer);  // who connects speaks first
}

void PeerManager::Impl::send_version(const PeerPtr& peer) {
    peer->nonce = random_nonce();
    VersionMessage version;
    version.time_s = unix_time_s();
    version.nonce = peer->nonce;
    version.user_agent = options.user_agent;
    version.start_height = int32_t(chain.snapshot()->tip().height);
    version.genesis = consensus::block_hash(consensus::genesis_block(chain.params()).header);
    send(peer, command::kVersion, version);
}

void PeerManager::Impl::on_version(const PeerPtr& peer, ByteView payload) {
    if (peer->version_received) return;
    const auto version = decode<VersionMessage>(payload);
    if (!version) return drop(peer, "malformed version");
    if (version->version < kProtocolVersionMin) return drop(peer, "obsolete protocol version");
    if (version->genesis != consensus::block_hash(consensus::genesis_block(chain.params()).header))
        return drop(peer, "another chain: its genesis block differs");
    for (const auto& [id, other] : peers) {
        if (peer->info.inbound && !other->info.inbound && other->nonce == version->nonce)
            return drop(peer, "connected to itself");
    }
    peer->version_received = true;
    peer->info.version = version->version;
    peer->info.user_agent = printable(version->user_agent);
    peer->info.start_height = version->start_height;
    // Within what cannot overflow: the peer may say anything.
    peer->info.time_offset_s = std::clamp<int64_t>(version->time_s, 0, UINT32_MAX) - unix_time_s();
    if (peer->info.inbound) send_version(peer);
    send_raw(peer, command::kVerack, {});
}

void PeerManager::Impl::on_verack(const PeerPtr& peer, ByteView payload) {
    if (!payload.empty() || !peer->version_received || peer->info.handshake_done) return;
    peer->info.handshake_done = true;
    if (const auto entry = peer->manual ? manual.find(*peer->manual) : manual.end(); entry != manual.end())
        entry->second.retry = {};
    log(LogLevel::kInfo, "p2p",
        "peer " + peer->info.address + " " + peer->info.user_agent + " at height " +
            std::to_string(peer->info.start_height));
    ask_headers(peer, std::nullopt);
    for (const Hash256& txid : pool.txids()) {
        if (peer->to_announce.size() >= kTxAnnouncedMax) break;
        peer->to_announce.push_back(txid);
    }
}

void PeerManager::Impl::on_ping(const PeerPtr& peer, ByteView payload) {
    const auto ping = decode<PingMessage>(payload);
    if (!ping) return punish(peer, kBanScore, "malformed ping");
    send(peer, command::kPong, *ping);
}

void PeerManager::Impl::on_pong(const PeerPtr& peer, ByteView payload) {
    const auto pong = decode<PingMessage>(payload);
    if (!pong) return punish(peer, kBanScore, "malformed pong");
    if (peer->ping_nonce == 0 || pong->nonce != peer->ping_nonce) return;
    peer->ping_nonce = 0;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - peer->pinged_at);
    peer->info.ping_us = took.count();
    if (peer->info.ping_min_us < 0 || took.count() < peer->info.ping_min_us)
        peer->info.ping_min_us = took.count();
}

void PeerManager::Impl::check_liveness(const PeerPtr& peer, Clock::time_point now) {
    if (!peer->info.handshake_done) {
        if (now - peer->connected_at >= options.handshake_timeout) drop(peer, "no handshake");
        return;
    }
    if (now - peer->received_at >= kInactivityTimeout) return drop(peer, "silent");
    if (peer->headers_asked && now - *peer->headers_asked >= kHeadersTimeout)
        return drop(peer, "no answer to getheaders");
    if (peer->pinged_at != Clock::time_point{} && now - peer->pinged_at < kPingInterval) return;
    if (peer->ping_nonce != 0) return;
    // Whatever was lost on the way, headers or blocks, comes back with the answer.
    if (peer->pinged_at != Clock::time_point{}) ask_headers(peer, std::nullopt);
    peer->ping_nonce = random_nonce();
    peer->pinged_at = now;
    send(peer, command::kPing, PingMessage{peer->ping_nonce});
}

}  // namespace daidd::p2p
