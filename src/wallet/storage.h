#pragma once

#include <map>
#include <set>

#include "store/database.h"
#include "wallet/history.h"

namespace daidd::wallet {

/// Raised when what follows changes.
inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kEntropyBytesMax = 32;
inline constexpr size_t kNetworkNameMax = 64;

/// What there is once in a wallet.
struct Meta {
    uint32_t version = kFormatVersion;
    std::string network;
    Bytes entropy;  ///< of BIP39
    NextIndices next{};
    std::optional<BlockRef> tip;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.version, bounded(self.network, kNetworkNameMax), bounded(self.entropy, kEntropyBytesMax),
              self.next[0], self.next[1]);
        if constexpr (std::is_const_v<Self>) {
            const auto has_tip = uint8_t(self.tip.has_value());
            visit(has_tip, self.tip.value_or(BlockRef{}));
        } else {
            uint8_t has_tip = 0;
            BlockRef tip;
            visit(has_tip, tip);
            if (has_tip != 0) self.tip = tip;
        }
    }
};

/// One save: all of it is on disk, or nothing.
struct Changes {
    Meta meta;
    std::map<Hash256, const Entry*> entries;
    std::map<crypto::PublicKey, std::string> labels;
    std::map<uint32_t, std::optional<Hash256>> blocks;  ///< by height; nothing: forgotten
};

/// Everything in a wallet's directory.
struct Contents {
    Meta meta;
    std::map<Hash256, Entry> entries;
    std::map<crypto::PublicKey, std::string> labels;
    std::map<uint32_t, Hash256> blocks;
};

/// A wallet's directory. Throws store::Error when the disk fails or does not hold what was written.
class Storage {
public:
    explicit Storage(const std::string& directory);

    /// Nothing if no wallet was ever saved there.
    std::optional<Contents> load() const;
    void save(const Changes& changes);

private:
    store::Database database_;
};

}  // namespace daidd::wallet
