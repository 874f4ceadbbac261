#include "p2p/toy_node.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "util/log.h"

namespace daidd::p2p::test {
namespace {

constexpr std::chrono::seconds kHangs{30};

std::string fresh_directory() {
    std::string pattern = testing::TempDir() + "daidd_p2p_XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    return pattern;
}

}  // namespace

int64_t unix_time_s() { return std::time(nullptr); }

bool eventually(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + kHangs;
    while (!is_so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

StoredNode::StoredNode() : directory{fresh_directory()} {
    set_log_level(LogLevel::kError);  // misbehaviour is what the tests are about
    store::Options options;
    options.durable = false;
    database = std::make_unique<store::Database>(directory, chain::Chain::tables(), options);
    chain = *chain::Chain::open(*database, consensus::regtest_params());
}

StoredNode::~StoredNode() {
    chain.reset();
    database.reset();
    std::filesystem::remove_all(directory);
}

ToyNode::ToyNode(Options options) {
    TransactionPool pool;
    pool.has = [this](const Hash256& txid) { return in_pool(txid); };
    pool.find = [this](const Hash256& txid) -> std::optional<consensus::Transaction> {
        const std::lock_guard lock{mutex_};
        const auto found = pool_.find(txid);
        if (found == pool_.end()) return std::nullopt;
        return found->second;
    };
    pool.accept = [this](const consensus::Transaction& tx) {
        const auto said = verdict ? verdict(tx) : TxVerdict::kAccepted;
        const std::lock_guard lock{mutex_};
        ++judged_;
        if (said == TxVerdict::kAccepted) pool_[consensus::txid(tx)] = tx;
        return said;
    };
    pool.txids = [this] {
        const std::lock_guard lock{mutex_};
        std::vector<Hash256> ids;
        for (const auto& [id, tx] : pool_) ids.push_back(id);
        return ids;
    };
    peers = std::make_unique<PeerManager>(*chain, std::move(pool), std::move(options));
    EXPECT_EQ(peers->start(), std::nullopt);
}

void ToyNode::submit(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const auto result = chain->submit(toy_blocks()[i], unix_time_s());
        ASSERT_NE(result.status, chain::SubmitStatus::kRejected);
    }
}

bool ToyNode::in_pool(const Hash256& txid) const {
    const std::lock_guard lock{mutex_};
    return pool_.contains(txid);
}

void ToyNode::put_in_pool(const consensus::Transaction& tx) {
    const std::lock_guard lock{mutex_};
    pool_[consensus::txid(tx)] = tx;
}

size_t ToyNode::judged() const {
    const std::lock_guard lock{mutex_};
    return judged_;
}

RawPeer::RawPeer(const ToyNode& node) : parser_{consensus::regtest_params().magic} {
    loop_.start();
    const Address address{"127.0.0.1", node.peers->local_port()};
    loop_.post([this, address] {
        loop_.connect(address, [this](std::shared_ptr<Connection> connection, std::string_view) {
            const std::lock_guard lock{mutex_};
            connection_ = std::move(connection);
            closed_ = connection_ == nullptr;
            changed_.notify_all();
            if (closed_) return;
            connection_->start({.received =
                                    [this](ByteView bytes) {
                                        const std::lock_guard inner{mutex_};
                                        parser_.feed(bytes, frames_);
                                        changed_.notify_all();
                                    },
                                .drained = {},
                                .closed =
                                    [this](std::string_view) {
                                        const std::lock_guard inner{mutex_};
                                        closed_ = true;
                                        changed_.notify_all();
                                    }});
        });
    });
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, kHangs, [this] { return connection_ != nullptr || closed_; }));
}

RawPeer::~RawPeer() {
    loop_.stop();
    connection_.reset();
}

void RawPeer::send_bytes(Bytes bytes) {
    loop_.post([this, bytes = std::move(bytes)] { connection_->send(bytes); });
}

void RawPeer::send_payload(std::string_view command, ByteView payload) {
    send_bytes(encode_frame(consensus::regtest_params().magic, command, payload));
}

VersionMessage RawPeer::version() {
    VersionMessage version;
    version.time_s = unix_time_s();
    version.nonce = 4'242;
    version.user_agent = "/raw/";
    version.genesis = genesis_hash();
    return version;
}

void RawPeer::shake_hands() {
    send(command::kVersion, version());
    send_payload(command::kVerack, {});
    EXPECT_TRUE(next(command::kVersion));
    EXPECT_TRUE(next(command::kVerack));
    EXPECT_TRUE(next(command::kGetHeaders));
    send(command::kHeaders, HeadersMessage{});
}

std::optional<Frame> RawPeer::next() {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, kHangs, [this] { return !frames_.empty() || closed_; });
    if (frames_.empty()) return std::nullopt;
    Frame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
}

std::optional<Frame> RawPeer::next(std::string_view command) {
    for (;;) {
        auto frame = next();
        if (!frame || frame->command == command) return frame;
    }
}

std::vector<Frame> RawPeer::until_pong() {
    const PingMessage ping{++pings_};
    send(command::kPing, ping);
    std::vector<Frame> before;
    std::unique_lock lock{mutex_};
    const bool answered = changed_.wait_for(lock, kHangs, [&] {
        while (!frames_.empty()) {
            Frame frame = std::move(frames_.front());
            frames_.pop_front();
            if (frame.command == command::kPong && frame.payload == encode(ping)) return true;
            before.push_back(std::move(frame));
        }
        return closed_;
    });
    EXPECT_TRUE(answered && !closed_) << "no pong";
    return before;
}

bool RawPeer::is_closed() {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, kHangs, [this] { return closed_; });
}

bool RawPeer::is_open() const {
    const std::lock_guard lock{mutex_};
    return !closed_;
}

consensus::Transaction toy_transaction(uint32_t number, const std::vector<Hash256>& parents) {
    consensus::Transaction tx;
    tx.lock_time = number;
    consensus::TxIn input;
    input.previous.txid = {1, 2, 3};
    input.previous.index = number;
    input.witness = {Bytes(64, 5)};
    tx.inputs = {input};
    for (const Hash256& parent : parents) {
        input.previous = {parent, 0};
        tx.inputs.push_back(input);
    }
    tx.outputs = {{1'000, Bytes(34, 0x51)}};
    return tx;
}

InventoryMessage inventory(ItemType type, const std::vector<Hash256>& hashes) {
    InventoryMessage message;
    for (const Hash256& hash : hashes) message.items.push_back({uint32_t(type), hash});
    return message;
}

}  // namespace daidd::p2p::test
