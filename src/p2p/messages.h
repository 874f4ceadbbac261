#pragma once

#include "p2p/limits.h"
#include "work/seal.h"

/// What is inside a frame. Integers little-endian, lists with a CompactSize (util/codec.h). `block` carries a
/// work::SealedBlock and `tx` a consensus::Transaction, always with witness. `verack` is empty.
namespace daidd::p2p {

namespace command {
inline constexpr std::string_view kVersion = "version";
inline constexpr std::string_view kVerack = "verack";
inline constexpr std::string_view kPing = "ping";
inline constexpr std::string_view kPong = "pong";
inline constexpr std::string_view kGetHeaders = "getheaders";
inline constexpr std::string_view kHeaders = "headers";
inline constexpr std::string_view kInv = "inv";
inline constexpr std::string_view kGetData = "getdata";
inline constexpr std::string_view kNotFound = "notfound";
inline constexpr std::string_view kBlock = "block";
inline constexpr std::string_view kTx = "tx";
}  // namespace command

/// Bitcoin's NODE_NETWORK and NODE_WITNESS: whole blocks, with their witnesses.
inline constexpr uint64_t kLocalServices = 1 | 8;

struct VersionMessage {
    uint32_t version = kProtocolVersion;
    uint64_t services = kLocalServices;
    int64_t time_s = 0;
    uint64_t nonce = 0;  ///< of the connection: who receives his own is talking to himself
    std::string user_agent;
    int32_t start_height = 0;
    Hash256 genesis{};

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.version, self.services, self.time_s, self.nonce, bounded(self.user_agent, kUserAgentMax),
              self.start_height, self.genesis);
    }
};

/// Of ping, and of the pong that answers it.
struct PingMessage {
    uint64_t nonce = 0;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.nonce);
    }
};

/// Asks for the headers after the first hash of `locator` that is in the peer's best chain.
struct GetHeadersMessage {
    uint32_t version = kProtocolVersion;
    std::vector<Hash256> locator;  ///< newest first
    Hash256 stop{};                ///< zeros: as many as fit

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.version, bounded(self.locator, kLocatorMax), self.stop);
    }
};

struct HeadersMessage {
    std::vector<work::SealedHeader> headers;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.headers, kHeadersMax));
    }
};

/// Reaches peers: never renumber one. Others are ignored.
enum class ItemType : uint32_t { kTx = 1, kBlock = 2 };

struct Item {
    uint32_t type = 0;  ///< ItemType
    Hash256 hash{};

    bool operator==(const Item&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.type, self.hash);
    }
};

/// Of inv, getdata and notfound.
struct InventoryMessage {
    std::vector<Item> items;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.items, kInventoryMax));
    }
};

}  // namespace daidd::p2p
