#pragma once

#include "ledger/connect.h"

namespace daidd::ledger {

/// txid ‖ index u32 big-endian: the coins of a transaction lie together, in order.
Bytes coin_key(const consensus::OutPoint& outpoint);
/// u32 big-endian.
Bytes height_key(uint32_t height);
/// height ‖ id, of Table::kOpenJob.
Bytes open_job_key(uint32_t height, const Hash256& id);

// Lists by height (kPool, kSchedule, kJobOrder): under the height the count, under height ‖ index u32
// big-endian each item. So one more item writes two small values, however long the list is.
uint32_t list_size(const StateView& state, Table table, uint32_t height);
/// Requires index < list_size.
Bytes list_item(const StateView& state, Table table, uint32_t height, uint32_t index);
void list_append(StateView& state, Table table, uint32_t height, Bytes item);
void list_erase(StateView& state, Table table, uint32_t height);

}  // namespace daidd::ledger
