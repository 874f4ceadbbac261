#pragma once

#include <deque>
#include <map>
#include <set>

#include "p2p/connection.h"
#include "p2p/frame.h"
#include "p2p/messages.h"
#include "p2p/node.h"

namespace daidd::p2p {

/// Ids that a peer is known to have, the oldest forgotten first.
class KnownSet {
public:
    explicit KnownSet(size_t max = kKnownMax) : max_{max} {}
    /// False when it was there.
    bool insert(const Hash256& id) {
        if (!ids_.insert(id).second) return false;
        order_.push_back(id);
        if (order_.size() > max_) {
            ids_.erase(order_.front());
            order_.pop_front();
        }
        return true;
    }
    bool contains(const Hash256& id) const { return ids_.contains(id); }
    size_t size() const { return ids_.size(); }
    void clear() {
        ids_.clear();
        order_.clear();
    }

private:
    size_t max_;
    std::set<Hash256> ids_;
    std::deque<Hash256> order_;
};

struct Peer {
    using Clock = std::chrono::steady_clock;

    explicit Peer(uint32_t magic) : parser{magic} {}

    PeerInfo info;
    std::shared_ptr<Connection> connection;
    FrameParser parser;
    std::optional<Address> manual;  ///< what to connect to again
    bool dropped = false;
    Clock::time_point connected_at{}, received_at{};

    // handshake
    uint64_t nonce = 0;  ///< that we sent
    bool version_received = false;
    Clock::time_point pinged_at{};
    uint64_t ping_nonce = 0;  ///< 0: no pong is awaited

    // headers
    std::optional<Clock::time_point> headers_asked;
    size_t unconnecting = 0;
    bool headers_more = false;  ///< it may have more after `headers_last`, not asked for: enough is waiting
    Hash256 headers_last{};
    size_t headers_judging = 0, headers_judging_bytes = 0;  ///< messages with the validation thread
    std::optional<GetHeadersMessage> headers_wanted;        ///< what it asked last, until it is answered

    // blocks
    int stalls = 0;
    std::deque<Item> serving;  ///< what it asked for
    bool serve_busy = false;   ///< the reading thread is at it

    // transactions
    KnownSet known;
    std::deque<Hash256> tx_announced;
    std::map<Hash256, Clock::time_point> tx_in_flight;
    std::deque<Hash256> to_announce;
};

}  // namespace daidd::p2p
