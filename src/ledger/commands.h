#pragma once

#include "ledger/connect.h"

namespace daidd::ledger {

/// Refunds that fall due at one height: with every payout of the receipts that one block can hold, they
/// still fit a coinbase (doc/protocol.md, "Settlement"). A job whose deadline is full is refused.
inline constexpr uint32_t kRefundsPerBlockMax = 4'096;

/// Opens a job whose command stands in `output` with value `escrow`. Writes nothing when it fails.
std::optional<Broken> apply_job(const consensus::JobCommand& job, const consensus::OutPoint& output,
                                Amount escrow, const BlockContext& context, const consensus::Params& params,
                                StateView& state);

/// Takes the answer to a job. Writes nothing when it fails.
std::optional<Broken> apply_receipt(const consensus::ReceiptCommand& receipt,
                                    const consensus::OutPoint& output, Amount bond,
                                    const BlockContext& context, const consensus::Params& params,
                                    StateView& state, bool verify_signatures);

}  // namespace daidd::ledger
