#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "p2p/connection.h"
#include "p2p/frame.h"
#include "p2p/messages.h"
#include "p2p/node.h"
#include "p2p/toy_blocks.h"

namespace daidd::p2p::test {

int64_t unix_time_s();

/// Asks again and again until it is so, or too long has passed for anything but a hang.
bool eventually(const std::function<bool()>& is_so);

/// A regtest chain in a directory that goes with it.
struct StoredNode {
    StoredNode();
    ~StoredNode();

    std::string directory;
    std::unique_ptr<store::Database> database;
    std::unique_ptr<chain::Chain> chain;
};

/// A node with a pool that a test decides for.
struct ToyNode : StoredNode {
    explicit ToyNode(Options options = {});
    ~ToyNode() { peers->stop(); }

    /// The first `count` of toy_blocks(), which peers hear of.
    void submit(size_t count);
    uint32_t height() const { return chain->snapshot()->tip().height; }
    std::string address() const { return "127.0.0.1:" + std::to_string(peers->local_port()); }
    bool in_pool(const Hash256& txid) const;
    void put_in_pool(const consensus::Transaction& tx);
    size_t judged() const;  ///< transactions that the pool was asked about

    std::function<TxVerdict(const consensus::Transaction&)> verdict;  ///< before anything is sent
    std::unique_ptr<PeerManager> peers;

private:
    mutable std::mutex mutex_;
    std::map<Hash256, consensus::Transaction> pool_;
    size_t judged_ = 0;
};

/// The other end of a connection, which says only what the test makes it say.
class RawPeer {
public:
    explicit RawPeer(const ToyNode& node);
    ~RawPeer();

    void send_bytes(Bytes bytes);
    void send_payload(std::string_view command, ByteView payload);
    template <class Message>
    void send(std::string_view command, const Message& message) {
        send_payload(command, encode(message));
    }
    static VersionMessage version();
    /// Until the node's question for headers has come, the last thing of it; it is answered with nothing.
    void shake_hands();
    /// The next message, whatever it is; nothing if none comes.
    std::optional<Frame> next();
    /// The next message of this kind, those before it thrown away; nothing if none comes.
    std::optional<Frame> next(std::string_view command);
    template <class Message>
    std::optional<Message> next(std::string_view command) {
        const auto frame = next(command);
        if (!frame) return std::nullopt;
        auto message = decode<Message>(frame->payload);
        if (!message) return std::nullopt;
        return *std::move(message);
    }
    /// What the node has sent by the time that it answers a ping: by then it has handled everything before.
    std::vector<Frame> until_pong();
    /// Whether the node closes the connection.
    bool is_closed();
    bool is_open() const;

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    FrameParser parser_;
    std::deque<Frame> frames_;
    bool closed_ = false;
    uint64_t pings_ = 1'000'000;
    std::shared_ptr<Connection> connection_;
    Loop loop_;  ///< last: its thread ends before anything that it uses
};

/// Signed as policy asks, of nobody's coins: what it spends tells one from another.
consensus::Transaction toy_transaction(uint32_t number, const std::vector<Hash256>& parents = {});
InventoryMessage inventory(ItemType type, const std::vector<Hash256>& hashes);

}  // namespace daidd::p2p::test
