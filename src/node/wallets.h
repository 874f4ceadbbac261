#pragma once

#include <atomic>
#include <mutex>

#include "mempool/mempool.h"
#include "rpc/context.h"

namespace daidd::node {

/// The wallets of one network, told of every block and every transaction that waits.
class LoadedWallets final : public rpc::Wallets, public chain::Listener {
public:
    /// `directory` holds a folder a wallet. Chain and mempool outlive it.
    LoadedWallets(std::string directory, chain::Chain& chain, mempool::Mempool& mempool,
                  std::function<int64_t()> now_s);

    /// Opens every wallet there is and brings it to the tip; the error names the wallet.
    std::optional<std::string> load_all();

    Result<Created, wallet::Error> create(const std::string& name) override;
    std::vector<std::string> names() const override;
    std::shared_ptr<wallet::Wallet> find(const std::string& name) const override;
    std::vector<std::shared_ptr<wallet::Wallet>> all() const;

    /// By whichever wallet has the key.
    std::optional<crypto::Signature> sign(const crypto::PublicKey& key, const Hash256& message) const;
    /// A key of the first wallet, the same as long as the program runs: what the worker is paid to.
    std::optional<crypto::PublicKey> worker_key();
    /// A transaction of the first wallet with this output first, or the one with a receipt for the same job
    /// that waits already.
    Result<consensus::Transaction, std::string> fund(const consensus::TxOut& output);

    void transaction_added(const consensus::Transaction& tx);
    /// It left the mempool without a block.
    void transaction_removed(const consensus::Transaction& tx);
    /// Gives the mempool the wallets' own transactions that are not in it: after the start, when blocks were
    /// lost, and again with every new tip as long as it refuses some, whose coins may be immature or not
    /// there yet. A receipt whose job needs none any more is given up instead, so that its coins are free
    /// again.
    void offer_inactive();

    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    /// The mempool must have heard of it before.
    void tip_changed(const chain::HeaderInfo& tip) override;

private:
    /// The wallet at the chain's tip, whatever it missed or saw that is gone.
    void synchronise(wallet::Wallet& wallet);
    /// Whether a job that it answers is closed, or neither in the chain nor waiting, `inactive` included.
    bool is_needless_receipt(const consensus::Transaction& tx,
                             const std::vector<consensus::Transaction>& inactive) const;
    void add(std::shared_ptr<wallet::Wallet> wallet);

    const std::string directory_;
    chain::Chain& chain_;
    mempool::Mempool& mempool_;
    const std::function<int64_t()> now_s_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<wallet::Wallet>> wallets_;  ///< in the order of their loading
    std::optional<crypto::PublicKey> worker_key_;
    std::atomic<bool> offers_due_ = false;  ///< at the next tip
};

/// Of the key that the worker is paid to; the wallet shows it.
inline constexpr std::string_view kWorkerLabel = "worker";

}  // namespace daidd::node
