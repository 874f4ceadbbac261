#include "wallet/storage.h"

#include <algorithm>

namespace daidd::wallet {
namespace {

enum : store::Table { kMeta, kTransactions, kLabels, kBlocks };
// On disk: never rename one.
const std::vector<std::string> kTableNames = {"meta", "transactions", "labels", "blocks"};
constexpr std::string_view kMetaKey = "wallet";
/// At first; the store enlarges it.
constexpr size_t kMapBytes = size_t{64} << 20;

struct StoredEntry {
    Entry entry;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        auto& entry = self.entry;
        auto state = uint8_t(entry.state);
        visit(entry.tx, state, entry.block, entry.time_s, entry.order);
        if constexpr (!std::is_const_v<Self>) {
            if (state > uint8_t(TxState::kAbandoned)) visit.fail(DecodeError::kNotCanonical);
            entry.state = TxState(state);
        }
    }
};

template <class T>
T decode_or_throw(ByteView bytes) {
    auto value = decode<T>(bytes);
    if (!value)
        throw store::Error{store::ErrorKind::kCorrupt, "wallet: " + std::string{to_string(value.error())}};
    return std::move(*value);
}

/// Big-endian, so that the order of keys is the order of heights.
std::array<uint8_t, 4> height_key(uint32_t height) {
    return {uint8_t(height >> 24), uint8_t(height >> 16), uint8_t(height >> 8), uint8_t(height)};
}

template <size_t N>
std::array<uint8_t, N> exactly(ByteView bytes) {
    if (bytes.size() != N) throw store::Error{store::ErrorKind::kCorrupt, "wallet: a key of another length"};
    std::array<uint8_t, N> array;
    std::ranges::copy(bytes, array.begin());
    return array;
}

}  // namespace

Storage::Storage(const std::string& directory)
    : database_{directory, kTableNames, {.map_bytes = kMapBytes}} {}

std::optional<Contents> Storage::load() const {
    const store::ReadTransaction view{database_};
    const auto meta = view.get(kMeta, as_bytes(kMetaKey));
    if (!meta) return std::nullopt;
    Contents contents{.meta = decode_or_throw<Meta>(*meta), .entries = {}, .labels = {}, .blocks = {}};
    view.for_each(kTransactions, {}, [&](ByteView key, ByteView value) {
        contents.entries.emplace(exactly<32>(key), decode_or_throw<StoredEntry>(value).entry);
        return true;
    });
    view.for_each(kLabels, {}, [&](ByteView key, ByteView value) {
        contents.labels.emplace(exactly<32>(key), std::string{as_text(value)});
        return true;
    });
    view.for_each(kBlocks, {}, [&](ByteView key, ByteView value) {
        const auto digits = exactly<4>(key);
        uint32_t height = 0;
        for (const uint8_t digit : digits) height = height << 8 | digit;
        contents.blocks.emplace(height, exactly<32>(value));
        return true;
    });
    return contents;
}

void Storage::save(const Changes& changes) {
    database_.write([&](store::WriteTransaction& transaction) {
        transaction.put(kMeta, as_bytes(kMetaKey), encode(changes.meta));
        for (const auto& [txid, entry] : changes.entries) {
            transaction.put(kTransactions, txid, encode(StoredEntry{*entry}));
        }
        for (const auto& [key, label] : changes.labels) transaction.put(kLabels, key, as_bytes(label));
        for (const auto& [height, hash] : changes.blocks) {
            if (hash) {
                transaction.put(kBlocks, height_key(height), *hash);
            } else {
                transaction.erase(kBlocks, height_key(height));
            }
        }
    });
}

}  // namespace daidd::wallet
