#pragma once

#include <cstddef>
#include <cstdint>

#include "consensus/transaction.h"

/// Every limit of what waits, most of them Bitcoin Core's. None is a rule of the network: a node may choose
/// others.
namespace daidd::mempool {

inline constexpr size_t kTxWeightMax = 400'000;
/// Without witness. A transaction of 64 bytes could be taken for an inner node of the merkle tree.
inline constexpr size_t kTxStrippedBytesMin = 65;

/// Units a 1000 virtual bytes.
inline constexpr consensus::Amount kRelayFeeRate = 1'000;

// A transaction with all that it hangs on, or all that hangs on it, itself counted.
inline constexpr size_t kAncestorsMax = 25;
inline constexpr size_t kAncestorsVsizeMax = 101'000;
inline constexpr size_t kDescendantsMax = 25;
inline constexpr size_t kDescendantsVsizeMax = 101'000;

inline constexpr size_t kPoolBytesMax = 100'000'000;  ///< on the wire
inline constexpr int64_t kExpiryS = 14 * 24 * 3600;
/// The least fee rate rises when something had to go and halves with this time.
inline constexpr int64_t kFeeFloorHalvingS = 12 * 3600;

/// Transactions of lost blocks that are tried again on the new tip; those of the oldest blocks come first.
inline constexpr size_t kReturnedMax = 20'000;
/// A block is full when so many packages in a row did not fit.
inline constexpr size_t kSelectFailuresMax = 1'000;

}  // namespace daidd::mempool
