#pragma once

#include "mempool/graph.h"

namespace daidd::mempool {

/// What every transaction must be, whatever the tip and whatever waits.
std::optional<Rejection> check_alone(const Transaction& tx, const consensus::Params& params);

/// The tip that everything is judged by.
struct Tip {
    std::shared_ptr<const chain::Snapshot> snapshot;
    ledger::BlockContext next;  ///< refers to the snapshot

    explicit Tip(std::shared_ptr<const chain::Snapshot> view)
        : snapshot{std::move(view)}, next{chain::next_context(*snapshot)} {}
};

/// Least fee for so many virtual bytes, rounded up. `rate`: units a 1000 virtual bytes.
Amount fee_for(Amount rate, size_t vsize);

struct FeeRates {
    Amount relay = 0;
    Amount pool = 0;  ///< above relay's while the pool was full
};
/// The fee, if the transaction, which passed check_alone(), may join `graph`, which is valid on `tip`.
Result<Amount, Rejection> check_above(const Transaction& tx, const Hash256& txid, const Facts& facts,
                                      const Graph& graph, const Tip& tip, const consensus::Params& params,
                                      const FeeRates& rates);

}  // namespace daidd::mempool
