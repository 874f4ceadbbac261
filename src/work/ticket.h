#pragma once

#include <tuple>

#include "inference/noised.h"
#include "inference/parallel.h"
#include "work/check.h"
#include "work/trace.h"

namespace daidd::work {

using inference::gives_tickets;
using inference::Slice;
using inference::slices;

/// Where a ticket is drawn: a mined operation, its slice, sixteen tokens.
struct TicketPlace {
    uint16_t op = 0;
    uint8_t slice = 0;
    uint32_t group = 0;
};
/// Groups whose tickets are hashed together.
inline constexpr uint32_t kBatchGroups = 16;

/// A ticket that won.
struct Found {
    TicketPlace place;
    Slice slice;
    uint16_t tile = 0;
    Hash256 ticket{};

    /// The order in which find_win() meets tickets.
    auto order() const {
        return std::tuple{place.op, place.slice, place.group / kBatchGroups, tile, place.group};
    }
};

/// H("noise"; parent hash, unit_id, op, slice, group, group root): binds the noise to history and to the
/// committed operand.
Hash256 noise_seed(const Hash256& parent_hash, const Hash256& unit, const TicketPlace& place,
                   const Hash256& group_root);

/// E: 16 rows of r numbers in [64, 191].
std::vector<uint8_t> noise_block(const Hash256& seed, uint32_t r);

/// The seeds of some groups of one slice, and their E one after the other.
struct GroupNoise {
    std::vector<Hash256> seeds;
    std::vector<uint8_t> blocks;
};
/// Of `groups` groups from first.group on, of the operand that `trace` has as `tensor`; r is the fold step.
GroupNoise noise_of_groups(const Hash256& parent_hash, const Hash256& unit, const Trace& trace,
                           uint16_t tensor, TicketPlace first, uint32_t groups, uint32_t r,
                           inference::Parallel& parallel);

/// A': 16 rows of slice.columns numbers, clean code + E[row][column mod r] where columns count from the
/// slice's start. Row u of the codes begins at codes[u · row_bytes]. Requires codes in [−64, 63].
std::vector<uint8_t> noised_rows(ByteView codes, size_t row_bytes, const Slice& slice,
                                 std::span<const uint8_t> noise);

/// Whether a ticket of a slice of k columns wins, asked many times.
class WinRule {
public:
    WinRule(const consensus::Uint256& target, uint32_t k) : bound_{target.times(uint64_t{256} * k)} {}
    bool operator()(const Hash256& ticket) const;

private:
    std::optional<consensus::Uint256> bound_;  ///< nothing: every ticket wins
};

Hash256 ticket_of(const Hash256& seed, uint16_t tile, std::span<const uint32_t> words);
/// The tickets of one tile under several seeds, hashed together. Requires tickets.size() == seeds.size() > 0;
/// `words` holds as many for each, one after the other. `scratch` spares an allocation a call.
void hash_tickets(std::span<const Hash256> seeds, uint16_t tile, std::span<const uint32_t> words,
                  std::span<Hash256> tickets, Bytes& scratch);

}  // namespace daidd::work
