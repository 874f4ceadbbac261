#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain.h"
#include "p2p/limits.h"

namespace daidd::p2p {

enum class TxVerdict {
    kAccepted,
    kKnown,          ///< in the pool or the chain already
    kMissingInputs,  ///< an orphan: kept for a while
    kRefused,        ///< policy: nobody's fault
    kInvalid,        ///< the sender broke a rule
};

/// The transactions that wait, as relay needs them; node/ wires it to the mempool. Thread safe.
struct TransactionPool {
    std::function<bool(const Hash256& txid)> has;
    std::function<std::optional<consensus::Transaction>(const Hash256& txid)> find;
    std::function<TxVerdict(const consensus::Transaction&)> accept;
    std::function<std::vector<Hash256>()> txids;
};

struct Options {
    bool listen = true;
    std::string bind = "127.0.0.1";
    uint16_t port = 0;                 ///< 0: the system chooses, see local_port()
    std::vector<std::string> connect;  ///< host:port, kept connected
    std::string user_agent = "/daidd:0.1.0/";
    size_t inbound_max = kInboundMax;
    // Tests shorten these.
    std::chrono::milliseconds handshake_timeout = kHandshakeTimeout;
    std::chrono::milliseconds stall_timeout_min = kStallTimeoutMin;
    std::chrono::milliseconds stall_timeout_max = kStallTimeoutMax;
    std::chrono::milliseconds tx_timeout = kTxTimeout;
    std::chrono::milliseconds retry_min = kRetryMin;
};

/// What getpeerinfo shows. Times are Unix seconds, 0 for never.
struct PeerInfo {
    int64_t id = 0;
    std::string address, address_local, user_agent;
    bool inbound = false;
    bool manual = false;  ///< from -connect or addnode
    bool handshake_done = false;
    uint32_t version = 0;
    int64_t connected_s = 0, last_send_s = 0, last_receive_s = 0, time_offset_s = 0;
    uint64_t bytes_sent = 0, bytes_received = 0;
    int64_t ping_us = -1, ping_min_us = -1;  ///< -1: not known
    int64_t start_height = -1, synced_headers = -1, synced_blocks = -1;
    std::vector<uint32_t> in_flight;  ///< heights of the blocks asked of this peer
    int misbehaviour = 0;
};

struct Totals {
    uint64_t bytes_sent = 0, bytes_received = 0;
};

struct Ban {
    std::string host;
    int64_t until_s = 0;
};

/// The node among its peers: listens, connects, syncs and relays. Chain and pool outlive it. Every method
/// may be called from any thread but those of its own callbacks, and none waits for a peer.
class PeerManager {
public:
    PeerManager(chain::Chain& chain, TransactionPool pool, Options options);
    ~PeerManager();  ///< stop()
    PeerManager(const PeerManager&) = delete;
    PeerManager& operator=(const PeerManager&) = delete;

    /// The reason it cannot start: the port is taken, an address cannot be read.
    std::optional<std::string> start();
    /// Closes everything and joins its threads. Idempotent.
    void stop();
    uint16_t local_port() const;  ///< 0 when it does not listen

    /// Keeps connected to host:port (addnode add); forgets it and disconnects (remove); tries once (onetry).
    /// False: cannot be read, already there, not there, too many.
    bool add(const std::string& address);
    bool remove(const std::string& address);
    bool connect_once(const std::string& address);
    std::vector<std::string> added() const;
    /// By "host:port" or by id; false if there is no such peer.
    bool disconnect(const std::string& address);
    bool disconnect(int64_t id);

    std::vector<PeerInfo> peers() const;
    Totals totals() const;
    std::vector<Ban> bans() const;
    void ban(const std::string& host, std::chrono::seconds time);
    bool unban(const std::string& host);

    /// Announces a transaction of the pool to every peer that is not known to have it.
    void relay(const Hash256& txid);
    /// Whether blocks are being fetched that this node has headers of.
    bool syncing() const;

    struct Impl;  ///< of manager.h

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::p2p
