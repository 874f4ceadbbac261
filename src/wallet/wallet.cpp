#include "wallet/wallet.h"

#include <algorithm>

#include "consensus/script.h"
#include "crypto/hd.h"
#include "util/log.h"
#include "wallet/impl.h"
#include "wallet/spend.h"

namespace daidd::wallet {
namespace {

/// Twelve words, as strong as the curve's keys.
constexpr size_t kNewEntropyBytes = 16;

Meta new_meta(ByteView entropy, const consensus::Params& params, const std::optional<BlockRef>& born) {
    return {.network = params.name, .entropy = {entropy.begin(), entropy.end()}, .tip = born};
}

}  // namespace

Wallet::Wallet(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Wallet::~Wallet() {
    try {
        impl_->save();
    } catch (const store::Error& error) {
        // All that is lost is how far the chain was followed: it is followed again from the last save.
        log(LogLevel::kError, "wallet", impl_->name + ": " + error.what());
    }
}

bool Wallet::is_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
               c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= kWalletNameMax && name[0] != '.' &&
           std::ranges::all_of(name, allowed);
}

Result<Wallet::Created, Error> Wallet::create(const std::string& wallets_directory, std::string_view name,
                                              const consensus::Params& params, std::optional<BlockRef> born) {
    std::array<uint8_t, kNewEntropyBytes> entropy;
    crypto::random_bytes(entropy);
    const Meta meta = new_meta(entropy, params, born);
    auto wallet = Impl::make(wallets_directory, name, params, &meta);
    if (!wallet) return Fail{wallet.error()};
    return Created{.wallet = std::move(*wallet), .words = crypto::mnemonic_from_entropy(entropy)};
}

Result<Wallet::Ptr, Error> Wallet::restore(const std::string& wallets_directory, std::string_view name,
                                           std::string_view words, const consensus::Params& params) {
    const auto entropy = crypto::entropy_from_mnemonic(words);
    if (!entropy) {
        return Fail{Error{.kind = ErrorKind::kBadMnemonic, .detail = "an unknown word, or a wrong checksum"}};
    }
    const Meta meta = new_meta(*entropy, params, std::nullopt);
    return Impl::make(wallets_directory, name, params, &meta);
}

Result<Wallet::Ptr, Error> Wallet::open(const std::string& wallets_directory, std::string_view name,
                                        const consensus::Params& params) {
    return Impl::make(wallets_directory, name, params, nullptr);
}

const std::string& Wallet::name() const { return impl_->name; }

std::string Wallet::mnemonic() const {
    const std::lock_guard lock{impl_->mutex};
    return crypto::mnemonic_from_entropy(impl_->meta.entropy);
}

std::optional<BlockRef> Wallet::tip() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->meta.tip;
}

std::optional<Hash256> Wallet::block_at(uint32_t height) const {
    const std::lock_guard lock{impl_->mutex};
    const auto found = impl_->blocks.find(height);
    if (found == impl_->blocks.end()) return std::nullopt;
    return found->second;
}

bool Wallet::block_connected(const consensus::Block& block, uint32_t height, const Hash256& hash) {
    const std::lock_guard lock{impl_->mutex};
    if (!impl_->follows(block, height)) return false;
    impl_->connect(block, {height, hash});
    impl_->save_news();
    return true;
}

bool Wallet::block_disconnected(const consensus::Block& block, uint32_t height, const Hash256& hash) {
    const std::lock_guard lock{impl_->mutex};
    if (impl_->meta.tip != BlockRef{height, hash}) return false;
    impl_->history.disconnect(hash);
    impl_->remember_block(height, std::nullopt);
    if (height == 0) {
        impl_->meta.tip.reset();
    } else {
        impl_->meta.tip = BlockRef{height - 1, block.header.previous};
        impl_->remember_block(height - 1, block.header.previous);
    }
    impl_->save_news();
    return true;
}

void Wallet::rewind(uint32_t height) {
    const std::lock_guard lock{impl_->mutex};
    if (!impl_->meta.tip || impl_->meta.tip->height <= height) return;
    impl_->take_back_above(height);
    impl_->save();
}

uint32_t Wallet::catch_up(const BlockSource& source) {
    uint32_t count = 0;
    while (true) {
        const auto known = tip();
        const uint32_t height = known ? known->height + 1 : 0;
        // Read without the lock: the wallet answers meanwhile.
        const auto block = source(height);
        const std::lock_guard lock{impl_->mutex};
        // The chain may have turned, or told us of a block, since it was asked.
        const bool moved = impl_->meta.tip != known;
        if (block && !moved && impl_->follows(*block, height)) {
            impl_->connect(*block, {height, consensus::block_hash(block->header)});
            ++count;
            if (impl_->unsaved_blocks.size() >= kUnsavedBlocksMax) impl_->save();
            continue;
        }
        if (moved && block) continue;
        impl_->save();
        return count;
    }
}

uint32_t Wallet::rescan(uint32_t from, const BlockSource& source) {
    uint32_t count = 0;
    for (uint32_t height = from;; ++height) {
        const auto block = source(height);
        const std::lock_guard lock{impl_->mutex};
        const auto tip = impl_->tip_height();
        const bool past_tip = !tip || height > *tip;
        const Hash256 hash = block ? consensus::block_hash(block->header) : Hash256{};
        const auto known = impl_->blocks.find(height);
        const bool other_chain = known != impl_->blocks.end() && known->second != hash;
        if (!block || past_tip || other_chain) {
            impl_->save();
            return count;
        }
        impl_->history.connect(block->transactions, {height, hash}, block->header.time);
        ++count;
        if (count % kUnsavedBlocksMax == 0) impl_->save();
    }
}

void Wallet::transaction_added(const Transaction& tx, int64_t now_s) {
    const std::lock_guard lock{impl_->mutex};
    impl_->history.add_to_mempool(tx, now_s);
    impl_->save_news();
}

void Wallet::transaction_removed(const Hash256& txid) {
    const std::lock_guard lock{impl_->mutex};
    impl_->history.remove_from_mempool(txid);
    impl_->save_news();
}

crypto::PublicKey Wallet::new_key(std::string_view label) {
    const std::lock_guard lock{impl_->mutex};
    return impl_->hand_out(Branch::kReceive, label);
}

std::string Wallet::new_address(std::string_view label) {
    const std::lock_guard lock{impl_->mutex};
    const crypto::PublicKey key = impl_->hand_out(Branch::kReceive, label);
    return impl_->describe(*impl_->keyring.find(key)).address;
}

crypto::PublicKey Wallet::new_change_key() {
    const std::lock_guard lock{impl_->mutex};
    return impl_->hand_out(Branch::kChange, "");
}

std::optional<KeyInfo> Wallet::find_key(const crypto::PublicKey& output_key) const {
    const std::lock_guard lock{impl_->mutex};
    const auto path = impl_->keyring.find(output_key);
    if (!path) return std::nullopt;
    return impl_->describe(*path);
}

std::vector<KeyInfo> Wallet::keys() const {
    const std::lock_guard lock{impl_->mutex};
    std::vector<KeyInfo> list;
    for (const Branch branch : {Branch::kReceive, Branch::kChange}) {
        for (uint32_t index = 0; index < impl_->keyring.next()[size_t(branch)]; ++index) {
            list.push_back(impl_->describe({branch, index}));
        }
    }
    return list;
}

std::optional<Error> Wallet::set_label(const crypto::PublicKey& output_key, std::string_view label) {
    const std::lock_guard lock{impl_->mutex};
    if (!impl_->keyring.find(output_key)) {
        return Error{.kind = ErrorKind::kNotFound, .detail = "not a key of this wallet"};
    }
    if (label.size() > kLabelBytesMax)
        return Error{.kind = ErrorKind::kBadName, .detail = "the label is too long"};
    impl_->labels[output_key] = label;
    impl_->unsaved_labels.insert(output_key);
    impl_->save();
    return std::nullopt;
}

std::optional<crypto::Signature> Wallet::sign_with(const crypto::PublicKey& output_key,
                                                   const Hash256& message) const {
    const std::lock_guard lock{impl_->mutex};
    if (!impl_->keyring.find(output_key)) return std::nullopt;
    return impl_->keyring.signing_key(output_key).sign(message);
}

Balances Wallet::balances() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->history.balances(impl_->tip_height());
}

std::vector<Coin> Wallet::coins() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->coins();
}

std::vector<WalletTx> Wallet::transactions() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->history.all();
}

std::optional<WalletTx> Wallet::find_transaction(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->history.find(txid);
}

void Wallet::set_locked(const OutPoint& outpoint, bool locked) {
    const std::lock_guard lock{impl_->mutex};
    if (locked) {
        impl_->locked.insert(outpoint);
    } else {
        impl_->locked.erase(outpoint);
    }
}

Result<Sent, Error> Wallet::send(const SendRequest& request, int64_t now_s) {
    if (auto error = check_outputs(request)) return Fail{std::move(*error)};
    const std::lock_guard lock{impl_->mutex};
    const auto coins = impl_->coins();
    const auto selection = choose_coins(coins, request);
    if (!selection) return Fail{selection.error()};
    Keyring& keyring = impl_->keyring;
    const auto change_key = keyring.key_at({Branch::kChange, keyring.next()[size_t(Branch::kChange)]});
    auto tx = build_transaction(request, *selection, change_key);
    if (!tx) return Fail{tx.error()};

    std::map<OutPoint, const Coin*> by_outpoint;
    for (const Coin& coin : coins) by_outpoint.emplace(coin.outpoint, &coin);
    std::vector<TxOut> spent;
    for (const auto& input : tx->inputs) {
        const Coin& coin = *by_outpoint.at(input.previous);
        spent.push_back({.value = coin.value, .script = consensus::taproot_script(coin.key)});
    }
    sign_transaction(*tx, spent, keyring);

    impl_->history.add_own(*tx, now_s);
    impl_->save();
    return Sent{.tx = *tx, .txid = consensus::txid(*tx), .fee = selection->fee};
}

std::vector<Transaction> Wallet::inactive_transactions() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->history.inactive_own();
}

std::optional<Error> Wallet::abandon(const Hash256& txid) {
    const std::lock_guard lock{impl_->mutex};
    auto error = impl_->history.abandon(txid);
    impl_->save_news();
    return error;
}

}  // namespace daidd::wallet
