#include "node/wallets.h"

#include <algorithm>
#include <filesystem>

#include "consensus/script.h"
#include "ledger/lookup.h"
#include "mempool/graph.h"

namespace daidd::node {

using wallet::Wallet;

namespace {

bool opens_job(const consensus::Transaction& tx, const Hash256& job) {
    const Hash256 txid = consensus::txid(tx);
    for (uint32_t i = 0; i < tx.outputs.size(); ++i) {
        const auto command = consensus::parse_command(tx.outputs[i].script);
        if (!command || command->type != uint8_t(consensus::CommandType::kJob)) continue;
        if (consensus::job_id({txid, i}) == job) return true;
    }
    return false;
}

/// The job that this output's receipt answers.
std::optional<Hash256> answered_job(const consensus::TxOut& output) {
    const auto command = consensus::parse_command(output.script);
    if (!command || command->type != uint8_t(consensus::CommandType::kReceipt)) return std::nullopt;
    const auto receipt = decode<consensus::ReceiptCommand>(command->payload);
    if (!receipt) return std::nullopt;
    return receipt->job;
}

}  // namespace

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
    // A receipt that lost its block is sent again as it is: what spends its change stays as good as it was.
    if (const auto job = answered_job(output)) {
        for (auto& tx : wallets[0]->inactive_transactions()) {
            if (std::ranges::count(mempool::facts_of(tx).jobs, *job) != 0) return std::move(tx);
        }
    }
    wallet::SendRequest request;
    request.outputs = {output};
    const auto sent = wallets[0]->send(request, now_s_());
    if (!sent) return Fail{sent.error().detail};
    return sent->tx;
}

void LoadedWallets::transaction_added(const consensus::Transaction& tx) {
    for (const auto& wallet : all()) wallet->transaction_added(tx, now_s_());
}

void LoadedWallets::transaction_removed(const consensus::Transaction& tx) {
    const Hash256 txid = consensus::txid(tx);
    for (const auto& wallet : all()) wallet->transaction_removed(txid);
    offers_due_ = true;
}

bool LoadedWallets::is_needless_receipt(const consensus::Transaction& tx,
                                        const std::vector<consensus::Transaction>& inactive) const {
    const auto snapshot = chain_.snapshot();
    return std::ranges::any_of(mempool::facts_of(tx).jobs, [&](const Hash256& job) {
        if (const auto record = ledger::find_job(*snapshot, job))
            return record->status != uint8_t(ledger::JobStatus::kOpen);
        const auto opens = [&](const consensus::Transaction& other) { return opens_job(other, job); };
        const auto waits = [&](const mempool::Entry& entry) { return opens(*entry.tx); };
        return std::ranges::none_of(inactive, opens) && std::ranges::none_of(mempool_.list(), waits);
    });
}

void LoadedWallets::offer_inactive() {
    offers_due_ = false;
    for (const auto& wallet : all()) {
        auto inactive = wallet->inactive_transactions();
        std::erase_if(inactive, [&](const auto& tx) { return bool(mempool_.accept(tx)); });
        for (const auto& tx : inactive) {
            if (is_needless_receipt(tx, inactive)) {
                (void)wallet->abandon(consensus::txid(tx));
            } else {
                offers_due_ = true;
            }
        }
    }
}

void LoadedWallets::block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) {
    for (const auto& wallet : all()) {
        const auto tip = wallet->tip();
        if (tip && tip->hash == info.hash) continue;  // it was loaded while the block came
        if (!wallet->block_connected(block.block, info.height, info.hash)) synchronise(*wallet);
    }
}

void LoadedWallets::block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) {
    offers_due_ = true;
    for (const auto& wallet : all()) {
        if (!wallet->block_disconnected(block.block, info.height, info.hash) && info.height > 0) {
            const auto tip = wallet->tip();
            if (tip && tip->height >= info.height) wallet->rewind(info.height - 1);
        }
    }
}

void LoadedWallets::tip_changed(const chain::HeaderInfo&) {
    if (offers_due_) offer_inactive();
}

}  // namespace daidd::node
