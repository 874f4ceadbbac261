#pragma once

#include <mutex>

#include "wallet/history.h"
#include "wallet/storage.h"
#include "wallet/wallet.h"

namespace daidd::wallet {

/// Blocks that concern the wallet in nothing are written in groups: after a crash they are looked at again.
inline constexpr size_t kUnsavedBlocksMax = 100;

struct Wallet::Impl {
    Impl(std::string wallet_name, const consensus::Params& params, std::unique_ptr<Storage> opened,
         Contents contents, Keyring made);

    /// Opens or makes the directory. With `fresh` there must be no wallet in it, and that is saved.
    static Result<Ptr, Error> make(const std::string& wallets_directory, std::string_view name,
                                   const consensus::Params& params, const Meta* fresh);

    // All of these are called with `mutex` held.

    bool follows(const consensus::Block& block, uint32_t height) const;
    void connect(const consensus::Block& block, const BlockRef& ref);
    std::optional<uint32_t> tip_height() const;
    void remember_block(uint32_t height, const std::optional<Hash256>& hash);
    void take_back_above(uint32_t height);
    KeyInfo describe(KeyPath path) const;
    crypto::PublicKey hand_out(Branch branch, std::string_view label);
    std::vector<Coin> coins() const;
    void save();
    /// Saves if anything but the tip changed.
    void save_news();

    mutable std::mutex mutex;
    const std::string name;
    const std::string hrp;
    const std::unique_ptr<Storage> storage;
    Meta meta;  ///< as last saved, but for tip, which is the present one
    Keyring keyring;
    History history;
    std::map<crypto::PublicKey, std::string> labels;
    std::map<uint32_t, Hash256> blocks;
    std::set<OutPoint> locked;
    std::set<crypto::PublicKey> unsaved_labels;
    std::set<uint32_t> unsaved_blocks;
};

}  // namespace daidd::wallet
