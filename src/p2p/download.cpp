#include "p2p/download.h"

#include <algorithm>

namespace daidd::p2p {

void Download::add(PeerId peer, const Hash256& hash, const Hash256& previous, uint32_t height) {
    const auto [found, added] = blocks_.try_emplace(hash);
    if (added) {
        found->second.previous = previous;
        found->second.height = height;
        by_height_.emplace(height, hash);
    }
    if (found->second.holders.insert(peer).second) ++peers_[peer].blocks;
}

void Download::erase(Blocks::iterator entry) {
    for (const PeerId holder : entry->second.holders) --peers_[holder].blocks;
    if (entry->second.state == State::kInFlight) --peers_[entry->second.asked].in_flight;
    if (entry->second.state == State::kReceived) buffered_bytes_ -= entry->second.bytes;
    by_height_.erase({entry->second.height, entry->first});
    blocks_.erase(entry);
}

void Download::release(PeerId peer) {
    for (auto& [hash, entry] : blocks_) {
        if (entry.state == State::kInFlight && entry.asked == peer) entry.state = State::kWanted;
    }
    peers_[peer].in_flight = 0;
}

void Download::remove_peer(PeerId peer) {
    release(peer);
    for (auto entry = blocks_.begin(); entry != blocks_.end();) {
        const auto here = entry++;
        if (here->second.holders.erase(peer) == 0) continue;
        --peers_[peer].blocks;
        if (here->second.holders.empty() && here->second.state == State::kWanted) erase(here);
    }
    peers_.erase(peer);
}

std::vector<Hash256> Download::next(PeerId peer, Time now) {
    std::vector<Hash256> asked;
    const auto state = peers_.find(peer);
    if (state == peers_.end() || now < state->second.paused_until || by_height_.empty()) return asked;
    const uint32_t height_max = by_height_.begin()->first + uint32_t(kDownloadWindow) - 1;
    for (const auto& [height, hash] : by_height_) {
        if (height > height_max || state->second.in_flight >= kBlocksInFlightMax) break;
        // The lowest block is always asked for: it is what frees the buffer.
        const bool lowest = height == by_height_.begin()->first;
        if (buffered_bytes_ >= kBufferedBytesMax && !lowest) break;
        Entry& entry = blocks_.at(hash);
        if (entry.state != State::kWanted || !entry.holders.contains(peer)) continue;
        entry.state = State::kInFlight;
        entry.asked = peer;
        entry.since = now;
        ++state->second.in_flight;
        asked.push_back(hash);
    }
    return asked;
}

bool Download::received(PeerId peer, const Hash256& hash, size_t bytes, Time now) {
    const auto found = blocks_.find(hash);
    if (found == blocks_.end()) return false;
    Entry& entry = found->second;
    if (entry.state != State::kInFlight || entry.asked != peer) return false;
    entry.state = State::kReceived;
    entry.bytes = bytes;
    buffered_bytes_ += bytes;
    PeerState& state = peers_[peer];
    --state.in_flight;
    state.last_received = now;
    stall_ = std::max(stall_min_, stall_ * 85 / 100);
    return true;
}

void Download::not_found(PeerId peer, const Hash256& hash) {
    const auto found = blocks_.find(hash);
    if (found == blocks_.end()) return;
    Entry& entry = found->second;
    if (entry.state != State::kInFlight || entry.asked != peer) return;
    entry.state = State::kWanted;
    --peers_[peer].in_flight;
    if (entry.holders.erase(peer) != 0) --peers_[peer].blocks;
    if (entry.holders.empty()) erase(found);
}

std::vector<Hash256> Download::take_ready() {
    std::vector<Hash256> ready;
    for (auto place = by_height_.begin(); place != by_height_.end();) {
        if (place->first >= by_height_.begin()->first + kDownloadWindow) break;
        const auto found = blocks_.find(place->second);
        ++place;
        if (found->second.state != State::kReceived || blocks_.contains(found->second.previous)) continue;
        ready.push_back(found->first);
        erase(found);
    }
    return ready;
}

std::vector<Hash256> Download::refuse(const Hash256& hash) {
    std::set<Hash256> gone{hash};
    std::vector<Hash256> received;
    if (const auto found = blocks_.find(hash); found != blocks_.end()) erase(found);
    for (auto place = by_height_.begin(); place != by_height_.end();) {
        const auto found = blocks_.find(place->second);
        ++place;
        if (!gone.contains(found->second.previous)) continue;
        gone.insert(found->first);
        if (found->second.state == State::kReceived) received.push_back(found->first);
        erase(found);
    }
    return received;
}

std::optional<Download::Stalled> Download::stalled(Time now) {
    const auto lowest = std::find_if(by_height_.begin(), by_height_.end(), [&](const auto& place) {
        return blocks_.at(place.second).state != State::kReceived;
    });
    if (lowest == by_height_.end()) return std::nullopt;
    const Entry& entry = blocks_.at(lowest->second);
    if (entry.state != State::kInFlight) return std::nullopt;
    const PeerId peer = entry.asked;
    const bool alone = entry.holders.size() < 2;
    const Time since = std::max(entry.since, peers_[peer].last_received);
    if (now - since < (alone ? stall_max_ : stall_)) return std::nullopt;
    release(peer);
    stall_ = std::min(stall_max_, stall_ * 2);
    peers_[peer].paused_until = now + stall_;
    return Stalled{peer, alone};
}

size_t Download::blocks_of(PeerId peer) const {
    const auto found = peers_.find(peer);
    return found == peers_.end() ? 0 : found->second.blocks;
}

std::vector<uint32_t> Download::in_flight(PeerId peer) const {
    std::vector<uint32_t> heights;
    for (const auto& [height, hash] : by_height_) {
        const Entry& entry = blocks_.at(hash);
        if (entry.state == State::kInFlight && entry.asked == peer) heights.push_back(height);
    }
    return heights;
}

}  // namespace daidd::p2p
