#pragma once

#include <map>
#include <set>
#include <vector>

#include "p2p/limits.h"
#include "util/bytes.h"

namespace daidd::p2p {

/// Decides which block is asked of whom. A pure machine: time is an argument, what it says is carried out by
/// others. A block is wanted, in flight (asked of one peer) or received. A received one is ready when its
/// parent is not awaited, and waits for it otherwise.
///
/// Anyone can announce blocks that nobody has, at any height. So every peer has a window of its own, over
/// what it says it has, and what it holds up is its own branch.
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
    /// kDownloadWindow of the lowest that it has. They are in flight from here on. Only those whose parent is
    /// not awaited while too many bytes wait for theirs.
    std::vector<Hash256> next(PeerId peer, Time now);
    /// False: it was not asked of this peer, or there is no room for it now and it will be asked for again.
    bool received(PeerId peer, const Hash256& hash, size_t bytes, Time now);
    /// The peer says that it does not have it.
    void not_found(PeerId peer, const Hash256& hash);
    /// The lowest block that is ready. It is forgotten here: it is the caller's to submit, in this order.
    std::optional<Hash256> take_ready();
    /// The block was refused: nobody is asked for it or what builds on it; the descendants that had been
    /// received are returned.
    std::vector<Hash256> refuse(const Hash256& hash);

    struct Stalled {
        PeerId peer = 0;
        bool alone = false;  ///< nobody else has the block: the peer was given stall_max
    };
    /// A peer that holds up a block whose parent is there, whose blocks are wanted again. It is asked for
    /// nothing for as long as the next peer gets, which is twice as long. What it sends out of turn meanwhile
    /// wins it no time.
    std::optional<Stalled> stalled(Time now);

    size_t blocks() const { return blocks_.size(); }
    size_t blocks_of(PeerId peer) const;
    bool has(PeerId peer, const Hash256& hash) const;
    std::vector<uint32_t> in_flight(PeerId peer) const;

private:
    enum class State { kWanted, kInFlight, kReceived };
    struct Entry {
        Hash256 previous{};
        uint32_t height = 0;
        State state = State::kWanted;
        std::set<PeerId> holders;
        PeerId asked = 0;
        uint64_t turn = 0;  ///< in the order of asking, which is the order of answers
        Time since;         ///< it was the peer's turn
        size_t bytes = 0;
    };
    using Place = std::pair<uint32_t, Hash256>;  ///< height and hash
    struct PeerState {
        std::set<Place> blocks;
        std::set<Hash256> in_flight;
        Time paused_until{};
    };
    using Blocks = std::map<Hash256, Entry>;

    bool awaited(const Hash256& hash) const { return blocks_.contains(hash); }
    void want_again(Entry& entry, const Hash256& hash);
    void make_ready(Blocks::iterator entry);
    /// What was received and waited for it becomes ready.
    void erase(Blocks::iterator entry);
    void release(PeerId peer);

    std::chrono::milliseconds stall_min_, stall_max_, stall_;
    Blocks blocks_;
    std::set<std::pair<Hash256, Hash256>> children_;  ///< previous and hash
    std::set<Place> ready_;
    std::map<PeerId, PeerState> peers_;
    size_t waiting_bytes_ = 0, ready_bytes_ = 0;
    uint64_t turns_ = 0;
};

}  // namespace daidd::p2p
