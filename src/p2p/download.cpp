#include "p2p/download.h"

#include <algorithm>

namespace daidd::p2p {

void Download::add(PeerId peer, const Hash256& hash, const Hash256& previous, uint32_t height) {
    const auto [found, added] = blocks_.try_emplace(hash);
    if (added) {
        found->second.previous = previous;
        found->second.height = height;
        children_.emplace(previous, hash);
    }
    found->second.holders.insert(peer);
    peers_[peer].blocks.emplace(found->second.height, hash);
}

void Download::want_again(Entry& entry, const Hash256& hash) {
    entry.state = State::kWanted;
    peers_[entry.asked].in_flight.erase(hash);
}

void Download::make_ready(Blocks::iterator entry) {
    waiting_bytes_ -= entry->second.bytes;
    ready_bytes_ += entry->second.bytes;
    ready_.emplace(entry->second.height, entry->first);
}

void Download::erase(Blocks::iterator entry) {
    const Hash256 hash = entry->first;
    const Place place{entry->second.height, hash};
    for (const PeerId holder : entry->second.holders) peers_[holder].blocks.erase(place);
    if (entry->second.state == State::kInFlight) peers_[entry->second.asked].in_flight.erase(hash);
    if (entry->second.state == State::kReceived) {
        (ready_.erase(place) != 0 ? ready_bytes_ : waiting_bytes_) -= entry->second.bytes;
    }
    children_.erase({entry->second.previous, hash});
    blocks_.erase(entry);
    for (auto child = children_.lower_bound({hash, {}}); child != children_.end() && child->first == hash;
         ++child) {
        const auto found = blocks_.find(child->second);
        if (found->second.state == State::kReceived) make_ready(found);
    }
}

void Download::release(PeerId peer) {
    for (const Hash256& hash : std::set{peers_[peer].in_flight}) want_again(blocks_.at(hash), hash);
}

void Download::remove_peer(PeerId peer) {
    const auto state = peers_.find(peer);
    if (state == peers_.end()) return;
    release(peer);
    for (const auto& [height, hash] : std::set{state->second.blocks}) {
        const auto found = blocks_.find(hash);
        found->second.holders.erase(peer);
        if (found->second.holders.empty() && found->second.state == State::kWanted) erase(found);
    }
    peers_.erase(state);
}

std::vector<Hash256> Download::next(PeerId peer, Time now) {
    std::vector<Hash256> asked;
    const auto found = peers_.find(peer);
    if (found == peers_.end() || now < found->second.paused_until) return asked;
    PeerState& state = found->second;
    for (const auto& [height, hash] : state.blocks) {
        if (height - state.blocks.begin()->first >= kDownloadWindow) break;
        if (state.in_flight.size() >= kBlocksInFlightMax) break;
        Entry& entry = blocks_.at(hash);
        if (entry.state != State::kWanted) continue;
        if (waiting_bytes_ >= kBufferedBytesMax && awaited(entry.previous)) continue;
        entry.state = State::kInFlight;
        entry.asked = peer;
        entry.turn = ++turns_;
        entry.since = now;
        state.in_flight.insert(hash);
        asked.push_back(hash);
    }
    return asked;
}

bool Download::received(PeerId peer, const Hash256& hash, size_t bytes, Time now) {
    const auto found = blocks_.find(hash);
    if (found == blocks_.end()) return false;
    Entry& entry = found->second;
    if (entry.state != State::kInFlight || entry.asked != peer) return false;
    want_again(entry, hash);
    for (const Hash256& other : peers_[peer].in_flight) {
        Entry& later = blocks_.at(other);
        if (later.turn > entry.turn) later.since = now;
    }
    stall_ = std::max(stall_min_, stall_ * 85 / 100);
    const bool ready = !awaited(entry.previous);
    if ((ready ? ready_bytes_ : waiting_bytes_) >= kBufferedBytesMax) return false;
    entry.state = State::kReceived;
    entry.bytes = bytes;
    waiting_bytes_ += bytes;
    if (ready) make_ready(found);
    return true;
}

void Download::not_found(PeerId peer, const Hash256& hash) {
    const auto found = blocks_.find(hash);
    if (found == blocks_.end()) return;
    Entry& entry = found->second;
    if (entry.state != State::kInFlight || entry.asked != peer) return;
    want_again(entry, hash);
    entry.holders.erase(peer);
    peers_[peer].blocks.erase({entry.height, hash});
    if (entry.holders.empty()) erase(found);
}

std::optional<Hash256> Download::take_ready() {
    if (ready_.empty()) return std::nullopt;
    const Hash256 hash = ready_.begin()->second;
    erase(blocks_.find(hash));
    return hash;
}

std::vector<Hash256> Download::refuse(const Hash256& hash) {
    std::vector<Hash256> gone{hash}, received;
    for (size_t i = 0; i < gone.size(); ++i) {
        for (auto child = children_.lower_bound({gone[i], {}});
             child != children_.end() && child->first == gone[i]; ++child) {
            gone.push_back(child->second);
        }
    }
    // What was received must not become ready on the way: descendants first.
    for (auto at = gone.rbegin(); at != gone.rend(); ++at) {
        const auto found = blocks_.find(*at);
        if (found == blocks_.end()) continue;
        if (found->second.state == State::kReceived) received.push_back(*at);
        erase(found);
    }
    return received;
}

std::optional<Download::Stalled> Download::stalled(Time now) {
    for (const auto& [peer, state] : peers_) {
        for (const Hash256& hash : state.in_flight) {
            const Entry& entry = blocks_.at(hash);
            if (awaited(entry.previous)) continue;
            const bool alone = entry.holders.size() < 2;
            if (now - entry.since < (alone ? stall_max_ : stall_)) continue;
            const Stalled found{peer, alone};
            release(peer);
            stall_ = std::min(stall_max_, stall_ * 2);
            peers_[found.peer].paused_until = now + stall_;
            return found;
        }
    }
    return std::nullopt;
}

size_t Download::blocks_of(PeerId peer) const {
    const auto found = peers_.find(peer);
    return found == peers_.end() ? 0 : found->second.blocks.size();
}

bool Download::has(PeerId peer, const Hash256& hash) const {
    const auto found = blocks_.find(hash);
    return found != blocks_.end() && found->second.holders.contains(peer);
}

std::vector<uint32_t> Download::in_flight(PeerId peer) const {
    std::vector<uint32_t> heights;
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return heights;
    for (const Hash256& hash : found->second.in_flight) heights.push_back(blocks_.at(hash).height);
    std::ranges::sort(heights);
    return heights;
}

}  // namespace daidd::p2p
