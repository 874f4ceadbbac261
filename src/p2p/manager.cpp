#include "p2p/manager.h"

#include <algorithm>

#include "util/log.h"

namespace daidd::p2p {
namespace {

using Impl = PeerManager::Impl;

struct Handler {
    std::string_view command;
    void (Impl::*run)(const std::shared_ptr<Peer>&, ByteView);
    bool before_verack;
};

/// Whatever is not here is ignored, as are messages that come before the handshake is done.
constexpr Handler kHandlers[] = {
    {command::kVersion, &Impl::on_version, true},
    {command::kVerack, &Impl::on_verack, true},
    {command::kPing, &Impl::on_ping, false},
    {command::kPong, &Impl::on_pong, false},
    {command::kGetHeaders, &Impl::on_getheaders, false},
    {command::kHeaders, &Impl::on_headers, false},
    {command::kInv, &Impl::on_inv, false},
    {command::kGetData, &Impl::on_getdata, false},
    {command::kNotFound, &Impl::on_notfound, false},
    {command::kBlock, &Impl::on_block, false},
    {command::kTx, &Impl::on_tx, false},
};

}  // namespace

int64_t unix_time_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Impl::Impl(chain::Chain& the_chain, TransactionPool the_pool, Options the_options)
    : chain{the_chain},
      pool{std::move(the_pool)},
      options{std::move(the_options)},
      download{options.stall_timeout_min, options.stall_timeout_max} {}

void Impl::later(std::function<void()> task) {
    loop.post([this, task = std::move(task)] {
        const std::lock_guard lock{mutex};
        if (running) task();
    });
}

Impl::PeerPtr Impl::find_peer(int64_t id) {
    const auto found = peers.find(id);
    return found == peers.end() ? nullptr : found->second;
}

void Impl::accepted(std::shared_ptr<Connection> connection) {
    const auto inbound = std::count_if(peers.begin(), peers.end(),
                                       [](const auto& entry) { return entry.second->info.inbound; });
    const bool banned = bans.contains(connection->remote().host, unix_time_s());
    if (!running || banned || size_t(inbound) >= options.inbound_max) return connection->close();
    adopt(std::move(connection), true, std::nullopt);
}

void Impl::dial(const Address& address, bool keep) {
    if (keep) manual[address].dialing = true;
    loop.connect(
        address, [this, address, keep](std::shared_ptr<Connection> connection, std::string_view why) {
            const std::lock_guard lock{mutex};
            const auto entry = manual.find(address);
            if (entry != manual.end()) entry->second.dialing = false;
            const bool wanted = running && (!keep || entry != manual.end());
            if (connection && !wanted) connection->close();
            if (!wanted) return;
            if (connection) return adopt(std::move(connection), false, address);
            log(LogLevel::kDebug, "p2p", "cannot connect to " + address.text() + ": " + std::string(why));
        });
}

void Impl::adopt(std::shared_ptr<Connection> connection, bool inbound, const std::optional<Address>& to) {
    const auto peer = std::make_shared<Peer>(chain.params().magic);
    peer->info.id = next_id++;
    peer->info.address = to ? to->text() : connection->remote().text();
    peer->info.address_local = connection->local().text();
    peer->info.inbound = inbound;
    peer->info.manual = to.has_value();
    peer->info.connected_s = unix_time_s();
    peer->manual = to;
    peer->connected_at = peer->received_at = Clock::now();
    peer->connection = std::move(connection);
    peers.emplace(peer->info.id, peer);
    const std::weak_ptr<Peer> weak = peer;
    const auto with_peer = [this, weak](const auto& what) {
        const std::lock_guard lock{mutex};
        const auto here = weak.lock();
        if (here && !here->dropped && running) what(here);
    };
    peer->connection->start({
        .received = [this, with_peer](
                        ByteView bytes) { with_peer([&](const PeerPtr& here) { received(here, bytes); }); },
        .drained = [this, with_peer] { with_peer([&](const PeerPtr& here) { serve(here); }); },
        .closed = [this, with_peer](
                      std::string_view why) { with_peer([&](const PeerPtr& here) { drop(here, why); }); },
    });
    on_connected(peer);
}

void Impl::received(const PeerPtr& peer, ByteView bytes) {
    peer->info.bytes_received += bytes.size();
    peer->info.last_receive_s = unix_time_s();
    std::deque<Frame> frames;
    const auto error = peer->parser.feed(bytes, frames);
    for (const Frame& frame : frames) {
        if (peer->dropped) return;
        peer->received_at = Clock::now();
        handle(peer, frame);
    }
    if (error && !peer->dropped) drop(peer, to_string(*error));
}

void Impl::handle(const PeerPtr& peer, const Frame& frame) {
    for (const Handler& handler : kHandlers) {
        if (handler.command != frame.command) continue;
        if (handler.before_verack || peer->info.handshake_done) (this->*handler.run)(peer, frame.payload);
        return;
    }
}

void Impl::send_raw(const PeerPtr& peer, std::string_view command, ByteView payload) {
    if (peer->dropped) return;
    Bytes frame = encode_frame(chain.params().magic, command, payload);
    peer->info.last_send_s = unix_time_s();
    peer->connection->send(std::move(frame));
}

void Impl::drop(const PeerPtr& peer, std::string_view why) {
    if (peer->dropped) return;
    peer->dropped = true;
    log(LogLevel::kInfo, "p2p", "peer " + peer->info.address + " gone: " + std::string(why));
    gone.bytes_sent += peer->connection->bytes_sent();
    gone.bytes_received += peer->info.bytes_received;
    peer->connection->close();
    for (const auto& [txid, asked] : peer->tx_in_flight) tx_asked.erase(txid);
    std::erase_if(orphans, [&](const Orphan& orphan) { return orphan.peer == peer->info.id; });
    if (const auto entry = peer->manual ? manual.find(*peer->manual) : manual.end(); entry != manual.end()) {
        auto& retry = entry->second.retry;
        // A connection that lasted is tried again at once, one that did not ever more rarely.
        const bool lasted = peer->info.handshake_done;
        retry = lasted ? options.retry_min : std::min<std::chrono::milliseconds>(retry * 2, kRetryMax);
        entry->second.retry_at = Clock::now() + retry;
    }
    peers.erase(peer->info.id);
    download.remove_peer(peer->info.id);
    fetch_blocks_of_all();
}

void Impl::punish(const PeerPtr& peer, int score, std::string_view why) {
    if (peer->dropped) return;
    peer->info.misbehaviour += score;
    log(LogLevel::kInfo, "p2p",
        "peer " + peer->info.address + " misbehaves (" + std::to_string(peer->info.misbehaviour) +
            "): " + std::string(why));
    if (peer->info.misbehaviour < kBanScore) return;
    // Many nodes may share this machine, and whom the user names is the user's choice: not banned, as Core.
    const std::string& host = peer->connection->remote().host;
    if (!is_loopback(host) && !peer->manual)
        bans.add(host, unix_time_s() + std::chrono::seconds(kBanTime).count());
    drop(peer, why);
}

void Impl::keep_connected() {
    const auto now = Clock::now();
    for (auto& [address, state] : manual) {
        const auto is_it = [wanted = address](const auto& entry) { return entry.second->manual == wanted; };
        const bool connected = std::any_of(peers.begin(), peers.end(), is_it);
        if (connected || state.dialing || now < state.retry_at) continue;
        state.retry = std::clamp<std::chrono::milliseconds>(state.retry * 2, options.retry_min, kRetryMax);
        state.retry_at = now + state.retry;
        dial(address, true);
    }
}

void Impl::tick() {
    const std::lock_guard lock{mutex};
    if (!running) return;
    const auto now = Clock::now();
    keep_connected();
    check_stall(now);
    submit_ready();
    for (const auto& [id, peer] : std::map{peers}) {
        check_liveness(peer, now);
        if (peer->dropped || !peer->info.handshake_done) continue;
        if (peer->headers_more && peer->headers_judging == 0 &&
            download.blocks_of(id) < kUncreditedHeadersMax / 2) {
            peer->headers_more = false;
            ask_headers(peer, peer->headers_last);
        }
        fetch_blocks(peer);
        fetch_transactions(peer, now);
        flush_announcements(peer);
    }
}

}  // namespace daidd::p2p
