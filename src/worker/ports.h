#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chain/chain.h"
#include "inference/model.h"
#include "work/mine.h"
#include "work/pass_runner.h"

namespace daidd::worker {

/// A base model that this machine holds.
struct LocalModel {
    std::string name;
    Hash256 root{};
    inference::Model model;
    consensus::Manifest manifest;
    std::shared_ptr<work::PassRunner> runner{};  ///< of mined units; null: this processor
};

/// What the worker needs of mempool, wallet and p2p; node/ wires it. Thread safe, all of it.
struct Ports {
    /// Transactions for the next block, in order, each applying after those before it.
    std::function<std::vector<consensus::Transaction>()> select_transactions;
    /// Whether a transaction waits for a block.
    std::function<bool()> has_transactions;
    /// Whether a receipt of this job waits for a block.
    std::function<bool(const Hash256& job)> has_receipt;
    /// Checks, keeps and announces a transaction; the reason it cannot.
    std::function<std::optional<std::string>(const consensus::Transaction&)> send;
    /// BIP340 by the secret of an output key of ours; nothing if the key is not ours (or locked).
    std::function<std::optional<crypto::Signature>(const crypto::PublicKey& output_key,
                                                   const Hash256& message)>
        sign;
    /// An output key of ours that receipts and mined blocks pay to; nothing without a wallet.
    std::function<std::optional<crypto::PublicKey>()> worker_key;
    /// A signed transaction with this output first, paid by our coins; the reason there is none.
    std::function<Result<consensus::Transaction, std::string>(const consensus::TxOut& output)> fund;
    /// Unix seconds.
    std::function<int64_t()> now_s;
};

}  // namespace daidd::worker
