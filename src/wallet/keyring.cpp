#include "wallet/keyring.h"

#include <algorithm>
#include <cassert>

namespace daidd::wallet {
namespace {

constexpr uint32_t kPurpose = 86;
constexpr uint32_t kAccount = 0;

}  // namespace

std::optional<Keyring> Keyring::make(ByteView entropy, uint32_t coin_type, const NextIndices& next,
                                     uint32_t gap) {
    auto key =
        crypto::ExtendedKey::from_seed(crypto::seed_from_mnemonic(crypto::mnemonic_from_entropy(entropy)));
    for (const uint32_t number : {kPurpose, coin_type, kAccount}) {
        if (key) key = key->child(number + crypto::kHardened);
    }
    if (!key) return std::nullopt;
    std::vector<crypto::ExtendedKey> branches;
    for (uint32_t branch = 0; branch < kBranches; ++branch) {
        const auto child = key->child(branch);
        if (!child) return std::nullopt;
        branches.push_back(*child);
    }
    return Keyring{std::move(branches), coin_type, next, gap};
}

Keyring::Keyring(std::vector<crypto::ExtendedKey> branches, uint32_t coin_type, const NextIndices& next,
                 uint32_t gap)
    : branches_{std::move(branches)}, coin_type_{coin_type}, gap_{gap}, next_{next} {
    watch_ahead(Branch::kReceive);
    watch_ahead(Branch::kChange);
}

void Keyring::watch_ahead(Branch branch) {
    auto& watched = watched_[size_t(branch)];
    while (watched.size() < size_t{next_[size_t(branch)]} + gap_) {
        const auto index = uint32_t(watched.size());
        // BIP32 skips an index whose key does not exist; nobody can find one (2^-127).
        const auto child = branches_[size_t(branch)].child(index);
        assert(child);
        const auto key = crypto::output_key(child->key.public_key());
        assert(key);
        watched.push_back(*key);
        paths_.emplace(*key, KeyPath{branch, index});
    }
}

std::optional<KeyPath> Keyring::find(const crypto::PublicKey& output_key) const {
    const auto found = paths_.find(output_key);
    if (found == paths_.end()) return std::nullopt;
    return found->second;
}

const crypto::PublicKey& Keyring::key_at(KeyPath path) const {
    return watched_[size_t(path.branch)].at(path.index);
}

std::string Keyring::path_text(KeyPath path) const {
    return "m/" + std::to_string(kPurpose) + "'/" + std::to_string(coin_type_) + "'/" +
           std::to_string(kAccount) + "'/" + std::to_string(size_t(path.branch)) + "/" +
           std::to_string(path.index);
}

crypto::PublicKey Keyring::take(Branch branch) {
    const KeyPath path{branch, next_[size_t(branch)]};
    mark_used(path);
    return key_at(path);
}

void Keyring::mark_used(KeyPath path) {
    uint32_t& next = next_[size_t(path.branch)];
    next = std::max(next, path.index + 1);
    watch_ahead(path.branch);
}

crypto::SecretKey Keyring::signing_key(const crypto::PublicKey& output_key) const {
    const auto path = find(output_key);
    assert(path);
    return branches_[size_t(path->branch)].child(path->index).value().key.taproot_tweaked();
}

}  // namespace daidd::wallet
