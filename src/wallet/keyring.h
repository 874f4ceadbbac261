#pragma once

#include <map>

#include "crypto/hd.h"
#include "wallet/types.h"

namespace daidd::wallet {

struct KeyPath {
    Branch branch = Branch::kReceive;
    uint32_t index = 0;
};

/// First index that was neither handed out nor used, by branch.
using NextIndices = std::array<uint32_t, kBranches>;

/// The keys of BIP86's account 0: m/86'/coin_type'/0'/branch/index. Output keys are known up to `gap` beyond
/// the next index, so that a payment to them is seen.
class Keyring {
public:
    /// `entropy` as BIP39 takes it. Nothing for the one seed in 2^127 that BIP32 refuses.
    static std::optional<Keyring> make(ByteView entropy, uint32_t coin_type, const NextIndices& next,
                                       uint32_t gap);

    std::optional<KeyPath> find(const crypto::PublicKey& output_key) const;
    const crypto::PublicKey& key_at(KeyPath path) const;
    std::string path_text(KeyPath path) const;
    const NextIndices& next() const { return next_; }

    /// Hands out the next key.
    crypto::PublicKey take(Branch branch);
    /// Notes that a watched key was paid: those before it count as used.
    void mark_used(KeyPath path);
    /// The tweaked key, which signs for the output key. Requires that it is watched.
    crypto::SecretKey signing_key(const crypto::PublicKey& output_key) const;

private:
    Keyring(std::vector<crypto::ExtendedKey> branches, uint32_t coin_type, const NextIndices& next,
            uint32_t gap);
    void watch_ahead(Branch branch);

    std::vector<crypto::ExtendedKey> branches_;
    uint32_t coin_type_;
    uint32_t gap_;
    NextIndices next_;
    std::array<std::vector<crypto::PublicKey>, kBranches> watched_;
    std::map<crypto::PublicKey, KeyPath> paths_;
};

}  // namespace daidd::wallet
