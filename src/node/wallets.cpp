#include "node/wallets.h"

#include <algorithm>
#include <filesystem>

#include "util/log.h"

namespace daidd::node {

using wallet::Wallet;

LoadedWallets::LoadedWallets(std::string directory, chain::Chain& chain, mempool::Mempool& mempool,
                             std::function<int64_t()> now_s)
    : directory_{std::move(directory)}, chain_{chain}, mempool_{mempool}, now_s_{std::move(now_s)} {}

std::optional<std::string> LoadedWallets::load_all() {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) return directory_ + ": " + error.message();
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{directory_}) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory() && Wallet::is_name(name)) found.push_back(name);
    }
    std::ranges::sort(found);
    for (const auto& name : found) {
        auto opened = Wallet::open(directory_, name, chain_.params());
        if (!opened) return "wallet '" + name + "': " + opened.error().detail;
        add(std::shared_ptr<Wallet>{*std::move(opened)});
    }
    return std::nullopt;
}

void LoadedWallets::add(std::shared_ptr<Wallet> wallet) {
    synchronise(*wallet);
    for (const auto& entry : mempool_.list()) wallet->transaction_added(*entry.tx, entry.time_s);
    const std::lock_guard lock{mutex_};
    wallets_.push_back(std::move(wallet));
}

void LoadedWallets::synchronise(Wallet& wallet) {
    const auto snapshot = chain_.snapshot();
    if (const auto tip = wallet.tip(); tip && !snapshot->in_best_chain(tip->hash)) {
        uint32_t height = std::min(tip->height, snapshot->tip().height);
        while (height > 0) {
            const auto known = wallet.block_at(height);
            const auto there = snapshot->header_at(height);
            if (!known || (there && there->hash == *known)) break;
            --height;
        }
        wallet.rewind(height);
    }
    wallet.catch_up([&](uint32_t height) -> std::optional<consensus::Block> {
        const auto info = snapshot->header_at(height);
        if (!info) return std::nullopt;
        auto block = snapshot->read_block(info->hash);
        if (!block) return std::nullopt;
        return std::move(block->block);
    });
}

Result<LoadedWallets::Created, wallet::Error> LoadedWallets::create(const std::string& name) {
    const auto tip = chain_.snapshot()->tip();
    auto created = Wallet::create(directory_, name, chain_.params(), wallet::BlockRef{tip.height, tip.hash});
    if (!created) return Fail{created.error()};
    std::shared_ptr<Wallet> wallet{std::move(created->wallet)};
    add(wallet);
    return Created{wallet, created->words};
}

std::vector<std::shared_ptr<Wallet>> LoadedWallets::all() const {
    const std::lock_guard lock{mutex_};
    return wallets_;
}

std::vector<std::string> LoadedWallets::names() const {
    std::vector<std::string> list;
    for (const auto& wallet : all()) list.push_back(wallet->name());
    return list;
}

std::shared_ptr<Wallet> LoadedWallets::find(const std::string& name) const {
    for (const auto& wallet : all()) {
        if (wallet->name() == name) return wallet;
    }
    return nullptr;
}

std::optional<crypto::Signature> LoadedWallets::sign(const crypto::PublicKey& key,
                                                     const Hash256& message) const {
    for (const auto& wallet : all()) {
        if (auto signature = wallet->sign_with(key, message)) return signature;
    }
    return std::nullopt;
}

std::optional<crypto::PublicKey> LoadedWallets::worker_key() {
    const std::lock_guard lock{mutex_};
    if (worker_key_ || wallets_.empty()) return worker_key_;
    for (const auto& key : wallets_[0]->keys()) {
        if (key.label == kWorkerLabel) return worker_key_ = key.key;
    }
    return worker_key_ = wallets_[0]->new_key(kWorkerLabel);
}

Result<consensus::Transaction, std::string> LoadedWallets::fund(const consensus::TxOut& output) {
    const auto wallets = all();
    if (wallets.empty()) return Fail{std::string{"no wallet"}};
    wallet::SendRequest request;
    request.outputs = {output};
    const auto sent = wallets[0]->send(request, now_s_());
    if (!sent) return Fail{sent.error().detail};
    return sent->tx;
}

void LoadedWallets::transaction_added(const consensus::Transaction& tx) {
    for (const auto& wallet : all()) wallet->transaction_added(tx, now_s_());
}

void LoadedWallets::transaction_removed(const Hash256& txid) {
    for (const auto& wallet : all()) wallet->transaction_removed(txid);
}

void LoadedWallets::block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) {
    for (const auto& wallet : all()) {
        const auto tip = wallet->tip();
        if (tip && tip->hash == info.hash) continue;  // it was loaded while the block came
        if (!wallet->block_connected(block.block, info.height, info.hash)) synchronise(*wallet);
    }
}

void LoadedWallets::block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) {
    for (const auto& wallet : all()) {
        if (!wallet->block_disconnected(block.block, info.height, info.hash) && info.height > 0) {
            const auto tip = wallet->tip();
            if (tip && tip->height >= info.height) wallet->rewind(info.height - 1);
        }
    }
}

}  // namespace daidd::node
