#include "wallet/impl.h"

#include <cassert>
#include <filesystem>

#include "crypto/bech32.h"

namespace daidd::wallet {

namespace fs = std::filesystem;

Wallet::Impl::Impl(std::string wallet_name, const consensus::Params& params, std::unique_ptr<Storage> opened,
                   Contents contents, Keyring made)
    : name{std::move(wallet_name)},
      hrp{params.hrp},
      storage{std::move(opened)},
      meta{std::move(contents.meta)},
      keyring{std::move(made)},
      history{keyring, params.maturity},
      labels{std::move(contents.labels)},
      blocks{std::move(contents.blocks)} {
    history.load(std::move(contents.entries));
}

Result<Wallet::Ptr, Error> Wallet::Impl::make(const std::string& wallets_directory, std::string_view name,
                                              const consensus::Params& params, const Meta* fresh) {
    if (!is_name(name)) return Fail{Error{.kind = ErrorKind::kBadName, .detail = "not a name for a wallet"}};
    const fs::path directory = fs::path{wallets_directory} / name;
    const auto fail = [&](ErrorKind kind, const std::string& detail) {
        return Fail{Error{.kind = kind, .detail = directory.string() + ": " + detail}};
    };
    try {
        if (fresh == nullptr && !fs::exists(directory)) return fail(ErrorKind::kNotFound, "no wallet there");
        if (fresh != nullptr) {
            fs::create_directories(directory);
            fs::permissions(directory, fs::perms::owner_all);
        }
        auto storage = std::make_unique<Storage>(directory.string());
        auto contents = storage->load();
        if (fresh != nullptr) {
            if (contents) return fail(ErrorKind::kExists, "there is a wallet already");
            Changes changes{.meta = *fresh, .entries = {}, .labels = {}, .blocks = {}};
            if (fresh->tip) changes.blocks[fresh->tip->height] = fresh->tip->hash;
            storage->save(changes);
            contents = storage->load();
        }
        if (!contents) return fail(ErrorKind::kNotFound, "no wallet there");
        if (contents->meta.version != kFormatVersion) return fail(ErrorKind::kStorage, "of another version");
        if (contents->meta.network != params.name) {
            return fail(ErrorKind::kOtherNetwork, "made for the network " + contents->meta.network);
        }
        auto keyring =
            Keyring::make(contents->meta.entropy, params.coin_type, contents->meta.next, kGapLimit);
        if (!keyring) return fail(ErrorKind::kBadMnemonic, "the words give no key");
        return Ptr{new Wallet{std::make_unique<Impl>(std::string{name}, params, std::move(storage),
                                                     std::move(*contents), std::move(*keyring))}};
    } catch (const store::Error& error) {
        const bool taken = fresh != nullptr && error.kind() == store::ErrorKind::kLocked;
        return fail(taken ? ErrorKind::kExists : ErrorKind::kStorage, error.what());
    } catch (const fs::filesystem_error& error) {
        return fail(ErrorKind::kStorage, error.code().message());
    }
}

bool Wallet::Impl::follows(const consensus::Block& block, uint32_t height) const {
    return !meta.tip || (height == meta.tip->height + 1 && block.header.previous == meta.tip->hash);
}

void Wallet::Impl::connect(const consensus::Block& block, const BlockRef& ref) {
    history.connect(block.transactions, ref, block.header.time);
    meta.tip = ref;
    remember_block(ref.height, ref.hash);
    if (ref.height >= kBlocksKept) remember_block(ref.height - kBlocksKept, std::nullopt);
}

std::optional<uint32_t> Wallet::Impl::tip_height() const {
    if (!meta.tip) return std::nullopt;
    return meta.tip->height;
}

void Wallet::Impl::remember_block(uint32_t height, const std::optional<Hash256>& hash) {
    if (hash) {
        blocks[height] = *hash;
    } else if (blocks.erase(height) == 0) {
        return;
    }
    unsaved_blocks.insert(height);
}

void Wallet::Impl::take_back_above(uint32_t height) {
    const auto known = blocks.find(height);
    const bool kept = known != blocks.end();
    // Without a block to stand on the whole chain is looked at again, and may be another one anywhere.
    history.disconnect_above(kept ? std::optional{height} : std::nullopt);
    meta.tip = kept ? std::optional{BlockRef{height, known->second}} : std::nullopt;
    while (!blocks.empty() && (!kept || blocks.rbegin()->first > height)) {
        remember_block(blocks.rbegin()->first, std::nullopt);
    }
}

KeyInfo Wallet::Impl::describe(KeyPath path) const {
    const crypto::PublicKey& key = keyring.key_at(path);
    const auto label = labels.find(key);
    return {.key = key,
            .branch = path.branch,
            .index = path.index,
            .path = keyring.path_text(path),
            .address = crypto::encode_address(hrp, {.version = 1, .program = {key.begin(), key.end()}}),
            .label = label == labels.end() ? "" : label->second};
}

crypto::PublicKey Wallet::Impl::hand_out(Branch branch, std::string_view label) {
    assert(label.size() <= kLabelBytesMax);
    const crypto::PublicKey key = keyring.take(branch);
    if (!label.empty()) {
        labels[key] = label;
        unsaved_labels.insert(key);
    }
    save();
    return key;
}

std::vector<Coin> Wallet::Impl::coins() const {
    auto coins = history.coins(tip_height());
    for (Coin& coin : coins) coin.locked = locked.contains(coin.outpoint);
    return coins;
}

void Wallet::Impl::save() {
    meta.next = keyring.next();
    Changes changes{.meta = meta, .entries = {}, .labels = {}, .blocks = {}};
    for (const Hash256& txid : history.take_changed()) changes.entries.emplace(txid, &history.entry(txid));
    for (const auto& key : std::exchange(unsaved_labels, {})) changes.labels.emplace(key, labels.at(key));
    for (const uint32_t height : std::exchange(unsaved_blocks, {})) {
        const auto found = blocks.find(height);
        changes.blocks.emplace(height, found == blocks.end() ? std::nullopt : std::optional{found->second});
    }
    storage->save(changes);
}

void Wallet::Impl::save_news() {
    const bool news = history.has_changed() || keyring.next() != meta.next || !unsaved_labels.empty();
    if (news || unsaved_blocks.size() >= kUnsavedBlocksMax) save();
}

}  // namespace daidd::wallet
