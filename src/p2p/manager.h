#pragma once

#include <mutex>

#include "p2p/bans.h"
#include "p2p/connection.h"
#include "p2p/download.h"
#include "p2p/frame.h"
#include "p2p/messages.h"
#include "p2p/peer.h"
#include "p2p/tasks.h"

namespace daidd::p2p {

/// What the validation thread found out about a headers message.
struct JudgedHeaders {
    std::vector<chain::HeaderInfo> wanted;  ///< accepted here, their blocks are not
    std::optional<Hash256> last;            ///< the last that was accepted
    int64_t last_height = -1;
    std::optional<chain::Rejection> rejection;
    bool unconnecting = false;
    std::optional<Hash256> parent_missing;  ///< of the first; its header is here, its block is not
};

/// Inside of PeerManager: a file a message family implements its methods. They run on the loop's thread with
/// `mutex` held; what may wait (validation, disk) goes to `validation` and `reading` and comes back by
/// later(). Blocks and headers are judged by chain/ alone; this decides what that means for a peer.
struct PeerManager::Impl final : chain::Listener {
    using PeerPtr = std::shared_ptr<Peer>;
    using Clock = std::chrono::steady_clock;

    Impl(chain::Chain& the_chain, TransactionPool the_pool, Options the_options);

    // manager.cpp: connections and their misbehaviour
    void accepted(std::shared_ptr<Connection> connection);
    void dial(const Address& address, bool manual);
    void adopt(std::shared_ptr<Connection> connection, bool inbound, const std::optional<Address>& manual);
    void received(const PeerPtr& peer, ByteView bytes);
    void handle(const PeerPtr& peer, const Frame& frame);
    void drop(const PeerPtr& peer, std::string_view why);
    void punish(const PeerPtr& peer, int score, std::string_view why);
    void tick();
    void keep_connected();
    PeerPtr find_peer(int64_t id);
    void send_raw(const PeerPtr& peer, std::string_view command, ByteView payload);
    template <class Message>
    void send(const PeerPtr& peer, std::string_view command, const Message& message) {
        send_raw(peer, command, encode(message));
    }
    /// From any thread: `task` runs on the loop's thread with the mutex held, unless all has stopped.
    void later(std::function<void()> task);

    // handshake.cpp: version, verack, ping, pong
    void on_connected(const PeerPtr& peer);
    void send_version(const PeerPtr& peer);
    void on_version(const PeerPtr& peer, ByteView payload);
    void on_verack(const PeerPtr& peer, ByteView payload);
    void on_ping(const PeerPtr& peer, ByteView payload);
    void on_pong(const PeerPtr& peer, ByteView payload);
    void check_liveness(const PeerPtr& peer, Clock::time_point now);

    // headers.cpp: getheaders, headers, and the announcement of our tip
    void ask_headers(const PeerPtr& peer, const std::optional<Hash256>& from);
    void on_getheaders(const PeerPtr& peer, ByteView payload);
    void serve_headers(const PeerPtr& peer);
    void on_headers(const PeerPtr& peer, ByteView payload);
    void accept_headers(const PeerPtr& peer, const JudgedHeaders& judged, bool answer);
    void announce(const work::SealedHeader& header, const Hash256& hash);
    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock&, const chain::HeaderInfo&) override {}
    void tip_changed(const chain::HeaderInfo& tip) override;

    // blocks.cpp: getdata, notfound, block
    void fetch_blocks(const PeerPtr& peer);
    void fetch_blocks_of_all();
    void submit_ready();
    void judged(const Hash256& hash, const PeerPtr& peer, const chain::SubmitResult& result);
    void ask_for_another_copy(const Hash256& hash);
    void on_block(const PeerPtr& peer, ByteView payload);
    void on_notfound(const PeerPtr& peer, ByteView payload);
    void on_getdata(const PeerPtr& peer, ByteView payload);
    void serve(const PeerPtr& peer);
    void check_stall(Clock::time_point now);

    // transactions.cpp: inv, tx
    void on_inv(const PeerPtr& peer, ByteView payload);
    void on_tx(const PeerPtr& peer, ByteView payload);
    void judged(const PeerPtr& peer, const consensus::Transaction& tx, TxVerdict verdict);
    void submit_transaction(const PeerPtr& peer, consensus::Transaction tx);
    void fetch_transactions(const PeerPtr& peer, Clock::time_point now);
    void announce_transaction(const Hash256& txid);
    void flush_announcements(const PeerPtr& peer);

    chain::Chain& chain;
    const TransactionPool pool;
    const Options options;

    mutable std::mutex mutex;
    std::map<int64_t, PeerPtr> peers;
    int64_t next_id = 0;
    BanList bans;
    Totals gone;  ///< of peers that have left
    struct Manual {
        bool dialing = false;
        Clock::time_point retry_at{};
        std::chrono::milliseconds retry{};
    };
    std::map<Address, Manual> manual;
    uint16_t port = 0;

    Download download;
    struct Buffered {
        std::shared_ptr<const Bytes> bytes;
        int64_t peer = 0;
    };
    std::map<Hash256, Buffered> buffered;  ///< every block that `download` holds as received
    size_t submitting = 0;                 ///< blocks with the validation thread
    size_t submitting_bytes = 0;

    std::map<Hash256, Clock::time_point> tx_asked;
    size_t tx_judging_bytes = 0;  ///< with the validation thread
    KnownSet tx_rejected{kTxRejectedMax};
    struct Orphan {
        consensus::Transaction tx;
        int64_t peer = 0;
    };
    std::deque<Orphan> orphans;

    std::mutex announce_mutex;  ///< of the writer's thread: the last block it connected
    std::optional<std::pair<work::SealedHeader, Hash256>> last_connected;

    bool running = false;
    Tasks validation{kTasksMax}, reading{kTasksMax};
    Loop loop;  ///< last: its thread ends before anything that it uses
};

int64_t unix_time_s();

}  // namespace daidd::p2p
