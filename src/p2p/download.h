#pragma once

#include <map>
#include <set>

#include "p2p/limits.h"
#include "util/bytes.h"

#include <vector>

namespace daidd::p2p {

/// Decides which block is asked of whom. A pure machine: time is an argument, what it says is carried out by
/// others. A block is wanted, in flight (asked of one peer) or received (waiting for its parent).
class Download {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using PeerId = int64_t;

    Download(std::chrono::milliseconds stall_min, std::chrono::milliseconds stall_max)
        : stall_min_{stall_min}, stall_max_{stall_max}, stall_{stall_min} {}

    /// `peer` has this block and we do not.
    void add(PeerId peer, const Hash256& hash, const Hash256& previous, uint32_t height);
    void remove_peer(PeerId peer);
    /// Blocks to ask of the peer now, lowest first: at most kBlocksInFlightMax in flight with it, all within
    /// kDownloadWindow of the lowest. They are in flight from here on. Nothing while too much is buffered.
    std::vector<Hash256> next(PeerId peer, Time now);
    /// False: it was not asked of this peer.
    bool received(PeerId peer, const Hash256& hash, size_t bytes, Time now);
    /// The peer says that it does not have it.
    void not_found(PeerId peer, const Hash256& hash);
    /// Received blocks whose parent is not awaited, lowest first. They are forgotten here: they are the
    /// caller's to submit, in this order.
    std::vector<Hash256> take_ready();
    /// The block was refused: nobody is asked for it or what builds on it; the descendants that had been
    /// received are returned.
    std::vector<Hash256> refuse(const Hash256& hash);

    struct Stalled {
        PeerId peer = 0;
        bool alone = false;  ///< nobody else has the block: the peer was given stall_max
    };
    /// The peer that holds up the lowest block for too long, whose blocks are wanted again. It is asked for
    /// nothing for as long as the next peer gets, which is twice as long.
    std::optional<Stalled> stalled(Time now);

    size_t blocks() const { return blocks_.size(); }
    size_t blocks_of(PeerId peer) const;
    std::vector<uint32_t> in_flight(PeerId peer) const;

private:
    enum class State { kWanted, kInFlight, kReceived };
    struct Entry {
        Hash256 previous{};
        uint32_t height = 0;
        State state = State::kWanted;
        std::set<PeerId> holders;
        PeerId asked = 0;
        Time since;
        size_t bytes = 0;
    };
    struct PeerState {
        size_t in_flight = 0;
        size_t blocks = 0;
        Time last_received{};
        Time paused_until{};
    };
    using Blocks = std::map<Hash256, Entry>;

    void erase(Blocks::iterator entry);
    void release(PeerId peer);

    std::chrono::milliseconds stall_min_, stall_max_, stall_;
    Blocks blocks_;
    std::set<std::pair<uint32_t, Hash256>> by_height_;
    std::map<PeerId, PeerState> peers_;
    size_t buffered_bytes_ = 0;
};

}  // namespace daidd::p2p
