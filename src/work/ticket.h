#pragma once

#include "work/check.h"

namespace daidd::work {

/// A run of columns of one product; tickets are drawn a slice at a time.
struct Slice {
    uint32_t start = 0;
    uint32_t columns = 0;
    bool operator==(const Slice&) const = default;
};
/// Columns [0, k) cut into slices of 4096, the rest a slice of its own. Requires 0 < k <= 32,768.
std::vector<Slice> slices(uint32_t k);

/// A slice whose columns are not whole fold steps gives no tickets.
bool gives_tickets(const Slice& slice);

/// Where a ticket is drawn: a mined operation, its slice, sixteen tokens.
struct TicketPlace {
    uint16_t op = 0;
    uint8_t slice = 0;
    uint32_t group = 0;
};
/// H("noise"; parent hash, unit_id, op, slice, group, group root): binds the noise to history and to the
/// committed operand.
Hash256 noise_seed(const Hash256& parent_hash, const Hash256& unit, const TicketPlace& place,
                   const Hash256& group_root);

/// E: 16 rows of r numbers in [−64, 63].
std::vector<int8_t> noise_block(const Hash256& seed, uint32_t r);

/// A': 16 rows of slice.columns numbers, clean code + E[row][column mod r] where columns count from the
/// slice's start. Row u of the codes begins at codes[u · row_bytes]. Requires codes in [−64, 63].
std::vector<int8_t> noised_rows(ByteView codes, size_t row_bytes, const Slice& slice,
                                const std::vector<int8_t>& noise);

Hash256 ticket_of(const Hash256& seed, uint16_t tile, std::span<const uint32_t> words);
/// The tickets of one tile under several seeds, hashed together. Requires tickets.size() == seeds.size() > 0;
/// `words` holds as many for each, one after the other.
void hash_tickets(std::span<const Hash256> seeds, uint16_t tile, std::span<const uint32_t> words,
                  std::span<Hash256> tickets);

}  // namespace daidd::work
