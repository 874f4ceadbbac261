#include "work/ticket.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "crypto/hash.h"
#include "work/bytes.h"

namespace daidd::work {

using inference::kTile;

namespace {

constexpr std::string_view kTicketTag = "ticket";

void write_noise(const Hash256& seed, std::span<uint8_t> noise) {
    crypto::xof("E", seed, noise);
    for (uint8_t& number : noise) number = uint8_t((number & 127) + inference::kNoiseMin);
}

}  // namespace

bool WinRule::operator()(const Hash256& ticket) const {
    if (!bound_) return true;
    // The highest word decides but for one ticket in 2^64.
    if (read_u64(ticket, 24) > bound_->words[3]) return false;
    return consensus::Uint256::from_bytes(ticket) <= *bound_;
}

bool wins(const Hash256& ticket, const consensus::Uint256& target, uint32_t k) {
    return WinRule{target, k}(ticket);
}

Hash256 noise_seed(const Hash256& parent_hash, const Hash256& unit, const TicketPlace& place,
                   const Hash256& group_root) {
    return crypto::hash("noise", {parent_hash, unit, joined(place.op, place.slice, place.group), group_root});
}

std::vector<uint8_t> noise_block(const Hash256& seed, uint32_t r) {
    std::vector<uint8_t> noise(size_t{kTile} * r);
    write_noise(seed, noise);
    return noise;
}

GroupNoise noise_of_groups(const Hash256& parent_hash, const Hash256& unit, const Trace& trace,
                           uint16_t tensor, TicketPlace first, uint32_t groups, uint32_t r,
                           inference::Parallel& parallel) {
    const size_t block = size_t{kTile} * r;
    GroupNoise noise{.seeds = std::vector<Hash256>(groups), .blocks = std::vector<uint8_t>(groups * block)};
    parallel.run(groups, [&](uint32_t begin, uint32_t end, unsigned) {
        for (uint32_t i = begin; i < end; ++i) {
            TicketPlace place = first;
            place.group += i;
            noise.seeds[i] = noise_seed(parent_hash, unit, place, trace.group_root(tensor, place.group));
            write_noise(noise.seeds[i], std::span{noise.blocks}.subspan(i * block, block));
        }
    });
    return noise;
}

std::vector<uint8_t> noised_rows(ByteView codes, size_t row_bytes, const Slice& slice,
                                 std::span<const uint8_t> noise) {
    assert(codes.size() >= (kTile - 1) * row_bytes + slice.start + slice.columns);
    std::vector<uint8_t> rows(size_t{kTile} * slice.columns);
    inference::add_noise(reinterpret_cast<const int8_t*>(codes.data()), row_bytes, slice, noise, rows.data());
    return rows;
}

Hash256 ticket_of(const Hash256& seed, uint16_t tile, std::span<const uint32_t> words) {
    return crypto::hash(kTicketTag, {seed, joined(tile), u32_bytes(words)});
}

void hash_tickets(std::span<const Hash256> seeds, uint16_t tile, std::span<const uint32_t> words,
                  std::span<Hash256> tickets, Bytes& scratch) {
    static_assert(std::endian::native == std::endian::little, "words are hashed as they lie in memory");
    assert(!seeds.empty() && tickets.size() == seeds.size() && words.size() % seeds.size() == 0);
    const size_t words_each = words.size() / seeds.size();
    const size_t row_bytes = sizeof(Hash256) + sizeof(tile) + words_each * sizeof(uint32_t);
    scratch.resize(seeds.size() * row_bytes);
    uint8_t* to = scratch.data();
    const auto put = [&to](const void* from, size_t size) {
        std::memcpy(to, from, size);
        to += size;
    };
    for (size_t i = 0; i < seeds.size(); ++i) {
        put(seeds[i].data(), sizeof(Hash256));
        put(&tile, sizeof(tile));
        put(&words[i * words_each], words_each * sizeof(uint32_t));
    }
    crypto::hash_rows(kTicketTag, nullptr, scratch, row_bytes, tickets);
}

}  // namespace daidd::work
