#include "p2p/node.h"

#include <algorithm>

#include "p2p/manager.h"
#include "util/log.h"

namespace daidd::p2p {
namespace {

constexpr std::chrono::milliseconds kTick{50};

}  // namespace

PeerManager::PeerManager(chain::Chain& chain, TransactionPool pool, Options options)
    : impl_{std::make_unique<Impl>(chain, std::move(pool), std::move(options))} {}

PeerManager::~PeerManager() { stop(); }

std::optional<std::string> PeerManager::start() {
    Impl& impl = *impl_;
    for (const std::string& text : impl.options.connect) {
        const auto address = parse_address(text, impl.chain.params().p2p_port);
        if (!address) return "cannot read the address '" + text + "'";
        impl.manual.try_emplace(*address);
    }
    if (impl.options.listen) {
        std::string why;
        const auto port = impl.loop.listen(
            impl.options.bind, impl.options.port,
            [&impl](std::shared_ptr<Connection> connection) {
                const std::lock_guard lock{impl.mutex};
                impl.accepted(std::move(connection));
            },
            why);
        if (!port) return why;
        impl.port = *port;
    }
    impl.loop.every(kTick, [&impl] { impl.tick(); });
    {
        const std::lock_guard lock{impl.mutex};
        impl.running = true;
    }
    impl.validation.start();
    impl.reading.start();
    impl.chain.add_listener(&impl);
    impl.loop.start();
    return std::nullopt;
}

void PeerManager::stop() {
    Impl& impl = *impl_;
    {
        const std::lock_guard lock{impl.mutex};
        if (!impl.running) return;
        impl.running = false;
    }
    impl.chain.remove_listener(&impl);
    impl.loop.stop();
    impl.validation.stop();
    impl.reading.stop();
    const std::lock_guard lock{impl.mutex};
    for (const auto& [id, peer] : impl.peers) peer->connection->close();
    impl.peers.clear();
}

uint16_t PeerManager::local_port() const { return impl_->port; }

bool PeerManager::add(const std::string& text) {
    const auto address = parse_address(text, impl_->chain.params().p2p_port);
    const std::lock_guard lock{impl_->mutex};
    if (!address || impl_->manual.size() >= kManualMax) return false;
    return impl_->manual.try_emplace(*address).second;
}

bool PeerManager::remove(const std::string& text) {
    const auto address = parse_address(text, impl_->chain.params().p2p_port);
    {
        const std::lock_guard lock{impl_->mutex};
        if (!address || impl_->manual.erase(*address) == 0) return false;
    }
    disconnect(address->text());
    return true;
}

bool PeerManager::connect_once(const std::string& text) {
    const auto address = parse_address(text, impl_->chain.params().p2p_port);
    if (!address) return false;
    impl_->later([impl = impl_.get(), address = *address] {
        const auto is_there = [&](const auto& entry) { return entry.second->manual == address; };
        if (std::ranges::none_of(impl->peers, is_there)) impl->dial(address, false);
    });
    return true;
}

std::vector<std::string> PeerManager::added() const {
    const std::lock_guard lock{impl_->mutex};
    std::vector<std::string> texts;
    for (const auto& [address, state] : impl_->manual) texts.push_back(address.text());
    return texts;
}

bool PeerManager::disconnect(const std::string& address) {
    bool found = false;
    for (const PeerInfo& info : peers()) {
        if (info.address == address) found = disconnect(info.id) || found;
    }
    return found;
}

bool PeerManager::disconnect(int64_t id) {
    const std::lock_guard lock{impl_->mutex};
    const auto peer = impl_->find_peer(id);
    if (!peer) return false;
    impl_->loop.post([impl = impl_.get(), peer] {
        const std::lock_guard inner{impl->mutex};
        impl->drop(peer, "disconnected by hand");
    });
    return true;
}

std::vector<PeerInfo> PeerManager::peers() const {
    const std::lock_guard lock{impl_->mutex};
    std::vector<PeerInfo> infos;
    for (const auto& [id, peer] : impl_->peers) {
        infos.push_back(peer->info);
        infos.back().bytes_sent = peer->connection->bytes_sent();
        infos.back().in_flight = impl_->download.in_flight(id);
    }
    return infos;
}

Totals PeerManager::totals() const {
    const std::lock_guard lock{impl_->mutex};
    Totals totals = impl_->gone;
    for (const auto& [id, peer] : impl_->peers) {
        totals.bytes_sent += peer->connection->bytes_sent();
        totals.bytes_received += peer->info.bytes_received;
    }
    return totals;
}

std::vector<Ban> PeerManager::bans() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->bans.list(unix_time_s());
}

void PeerManager::ban(const std::string& host, std::chrono::seconds time) {
    std::vector<int64_t> ids;
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->bans.add(host, unix_time_s() + time.count());
        for (const auto& [id, peer] : impl_->peers) {
            if (peer->connection->remote().host == host) ids.push_back(id);
        }
    }
    for (const int64_t id : ids) disconnect(id);
}

bool PeerManager::unban(const std::string& host) {
    const std::lock_guard lock{impl_->mutex};
    return impl_->bans.remove(host);
}

void PeerManager::relay(const Hash256& txid) {
    impl_->later([impl = impl_.get(), txid] { impl->announce_transaction(txid); });
}

bool PeerManager::syncing() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->download.blocks() != 0 || impl_->submitting != 0;
}

}  // namespace daidd::p2p
