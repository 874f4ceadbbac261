#pragma once

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
    /// A transaction of the first wallet with this output first.
    Result<consensus::Transaction, std::string> fund(const consensus::TxOut& output);

    void transaction_added(const consensus::Transaction& tx);
    void transaction_removed(const Hash256& txid);

    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;

private:
    /// The wallet at the chain's tip, whatever it missed or saw that is gone.
    void synchronise(wallet::Wallet& wallet);
    void add(std::shared_ptr<wallet::Wallet> wallet);

    const std::string directory_;
    chain::Chain& chain_;
    mempool::Mempool& mempool_;
    const std::function<int64_t()> now_s_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<wallet::Wallet>> wallets_;  ///< in the order of their loading
    std::optional<crypto::PublicKey> worker_key_;
};

/// Of the key that the worker is paid to; the wallet shows it.
inline constexpr std::string_view kWorkerLabel = "worker";

}  // namespace daidd::node
