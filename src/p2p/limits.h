#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit that a peer can run into. None is a rule of the network: a node may choose others.
namespace daidd::p2p {

inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kProtocolVersionMin = 1;

// Messages. A block is 4,000,000 of weight at one weight a byte, with its witness (1 MiB), seal and
// signature.
inline constexpr size_t kBlockMessageMax = 4'000'000 + (size_t{1} << 20) + 4096;
inline constexpr size_t kHeadersMessageMax = 4'000'000;
inline constexpr size_t kTxMessageMax = 1'000'000;
inline constexpr size_t kUnknownMessageMax = 4'000'000;
inline constexpr size_t kSmallMessageMax = 1024;

inline constexpr size_t kHeadersMax = 2000;
inline constexpr size_t kLocatorMax = 101;
inline constexpr size_t kInventoryMax = 50'000;
inline constexpr size_t kUserAgentMax = 256;

// Sync. kUncreditedHeadersMax is the protocol's (§2, fork choice).
inline constexpr size_t kUncreditedHeadersMax = 2000;
inline constexpr size_t kBlocksInFlightMax = 16;
inline constexpr size_t kDownloadWindow = 256;  ///< blocks ahead of the next to connect
/// Of blocks that wait for their parent; as much again that is ready, and with the validation thread.
inline constexpr size_t kBufferedBytesMax = size_t{64} << 20;
/// Messages of a peer with the validation thread; together they may be as long as the longest.
inline constexpr size_t kHeadersJudgingMax = 4;
inline constexpr size_t kUnconnectingHeadersMax = 10;  ///< in a row, then it is misbehaviour
inline constexpr std::chrono::seconds kStallTimeoutMin{2};
inline constexpr std::chrono::seconds kStallTimeoutMax{64};
inline constexpr int kStallsMax = 3;  ///< replaced so often, then disconnected
inline constexpr std::chrono::seconds kHeadersTimeout{60};

// Transactions.
inline constexpr size_t kTxInFlightMax = 100;                   ///< a peer
inline constexpr size_t kTxAnnouncedMax = 5000;                 ///< a peer, waiting to be asked for
inline constexpr size_t kTxScanMax = 200;                       ///< of those, looked at in one go
inline constexpr size_t kTxJudgingBytesMax = size_t{16} << 20;  ///< with the validation thread
inline constexpr std::chrono::seconds kTxTimeout{60};
inline constexpr size_t kTxRejectedMax = 20'000;  ///< remembered until the tip moves
inline constexpr size_t kOrphansMax = 100;
inline constexpr size_t kOrphanBytesMax = 100'000;
inline constexpr size_t kKnownMax = 20'000;  ///< ids a peer is known to have
inline constexpr size_t kAnnounceBatchMax = 1000;

// Connections.
inline constexpr size_t kInboundMax = 117;
inline constexpr size_t kManualMax = 64;
inline constexpr size_t kSendPauseBytes = 1'000'000;  ///< more is queued: nothing is read from the peer
inline constexpr size_t kServeQueueMax = kInventoryMax;
inline constexpr size_t kTasksMax = 1024;  ///< queued for the validation or the reading thread
inline constexpr size_t kTasksKept = 512;  ///< of validation's, not for transactions
inline constexpr int kBanScore = 100;
inline constexpr std::chrono::hours kBanTime{24};
inline constexpr size_t kBansMax = 10'000;
inline constexpr std::chrono::seconds kHandshakeTimeout{60};
inline constexpr std::chrono::seconds kPingInterval{120};
inline constexpr std::chrono::minutes kInactivityTimeout{20};
inline constexpr std::chrono::seconds kRetryMin{1};
inline constexpr std::chrono::seconds kRetryMax{60};
inline constexpr std::chrono::seconds kConnectTimeout{10};

}  // namespace daidd::p2p
