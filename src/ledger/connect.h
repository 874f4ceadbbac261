#pragma once

#include <functional>

#include "consensus/check.h"
#include "ledger/records.h"
#include "ledger/state.h"

namespace daidd::ledger {

using consensus::Broken;

/// What a block is connected under.
struct BlockContext {
    uint32_t height = 0;
    uint32_t median_time_past = 0;  ///< of the parent
    /// beacon of the block at a height below this one: a job is assigned by that of its height + 1
    std::function<Hash256(uint32_t height)> beacon_at;
    /// median time past of the block at a height below this one, for BIP68 locks by time; they count as
    /// unmet where it is empty
    std::function<uint32_t(uint32_t height)> median_time_at;
};

/// Spends and makes the coins of one transaction and carries out its commands: job opens a job, receipt
/// answers one. Returns the fee. Core's tokens ("bad-txns-inputs-missingorspent", "bad-txns-in-belowout",
/// "bad-txns-premature-spend-of-coinbase", "mandatory-script-verify-flag-failed"), ours "bad-job-…",
/// "bad-receipt-…". Nothing is written when it fails. `verify_signatures` false only where they were
/// verified before (the mempool's).
Result<Amount, Broken> apply_transaction(const consensus::Transaction& tx, const BlockContext& context,
                                         const consensus::Params& params, StateView& state,
                                         bool verify_signatures);

/// What falls due at this height: receipts that are C blocks old settle (worker's share, bond, rest of the
/// escrow), unanswered jobs past their deadline are refunded. Changes the records and the treasury
/// (with its share of the subsidy), and returns the coinbase's payouts in the order of their record ids.
std::vector<consensus::TxOut> settle(const BlockContext& context, const consensus::Params& params,
                                     StateView& state);

/// Root of the state tree over jobs, receipts and treasury (protocol §2), after all writes of the view.
Hash256 state_root(const StateView& state);

/// Connects a whole block that passed check_block: transactions, settlement, coinbase amounts
/// ("bad-cb-amount", "bad-cb-payouts"), the coinbase's own coins, state root ("bad-state-root"). On an error
/// the view is to be thrown away.
std::optional<Broken> connect_block(const consensus::Block& block, const BlockContext& context,
                                    const consensus::Params& params, StateView& state,
                                    bool verify_signatures);

/// Receipts that can be drawn under the beacon of the block at `height`: those committed in
/// (height − 1 − C, height − 1].
work::Pool pool_at(uint32_t height, const consensus::Params& params, const StateView& state);

/// Price of an answer and its split. Where the price has no Amount, `total` is above all money.
struct Cost {
    Amount total = 0;
    Amount worker = 0;
    Amount treasury = 0;
};
Cost cost_of(size_t prompt_tokens, size_t answer_tokens, const consensus::Params& params);

/// The first receipt of a job comes so many blocks after it: the beacon of the block between assigns it.
inline constexpr uint32_t kAssignBlocks = 2;
/// Whether `worker` may answer the job in a block at `height` ("Who may answer", doc/protocol.md). `beacon`
/// is that of the block after the job's.
bool is_assigned(const Hash256& job, const JobRecord& record, const crypto::PublicKey& worker,
                 uint32_t height, const Hash256& beacon, const consensus::Params& params);

std::optional<Coin> find_coin(const StateView& state, const consensus::OutPoint& outpoint);
std::optional<JobRecord> find_job(const StateView& state, const Hash256& id);
std::optional<ReceiptRecord> find_receipt(const StateView& state, const Hash256& id);
TreasuryRecord treasury(const StateView& state);

}  // namespace daidd::ledger
