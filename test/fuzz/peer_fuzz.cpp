#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "p2p/manager.h"
#include "util/log.h"

// What a node does with the messages of several peers, before anything goes to another thread. The input is a
// list of steps: a peer, a message, and its payload. Whatever they say, what is held for them stays bounded.

namespace daidd::p2p {
namespace {

const consensus::Params& params() { return consensus::regtest_params(); }

class FakeConnection final : public Connection {
public:
    explicit FakeConnection(uint16_t port) : remote_{"192.0.2.1", port}, local_{"192.0.2.2", 1} {}
    void start(Events given) override { events = std::move(given); }
    void send(Bytes bytes) override { sent_ += bytes.size(); }
    size_t queued() const override { return 0; }
    uint64_t bytes_sent() const override { return sent_; }
    void close() override { events = {}; }
    const Address& remote() const override { return remote_; }
    const Address& local() const override { return local_; }

    Events events;

private:
    Address remote_, local_;
    uint64_t sent_ = 0;
};

struct Fixture {
    std::string directory;
    std::unique_ptr<store::Database> database;
    std::unique_ptr<chain::Chain> chain;
    Hash256 genesis = consensus::block_hash(consensus::genesis_block(params()).header);

    Fixture() {
        std::string pattern = std::filesystem::temp_directory_path().string() + "/daidd_fuzz_XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        directory = pattern;
        store::Options options;
        options.durable = false;
        database = std::make_unique<store::Database>(directory, chain::Chain::tables(), options);
        chain = *chain::Chain::open(*database, params());
    }
    ~Fixture() {
        chain.reset();
        database.reset();
        std::filesystem::remove_all(directory);
    }
};

TransactionPool empty_pool() {
    TransactionPool pool;
    pool.has = [](const Hash256& txid) { return txid[0] % 4 == 0; };
    pool.find = [](const Hash256&) { return std::optional<consensus::Transaction>{}; };
    pool.accept = [](const consensus::Transaction&) { return TxVerdict::kRefused; };
    pool.txids = [] { return std::vector<Hash256>{Hash256{1}}; };
    return pool;
}

class Node {
public:
    explicit Node(const Fixture& fixture) : fixture_{fixture}, impl_{*fixture.chain, empty_pool(), {}} {
        impl_.running = true;
    }

    void connect() {
        const std::lock_guard lock{impl_.mutex};
        connections_.push_back(std::make_shared<FakeConnection>(uint16_t(1 + connections_.size())));
        impl_.accepted(connections_.back());
    }
    void receive(size_t peer, std::string_view command, ByteView payload) {
        const auto received = connections_[peer % connections_.size()]->events.received;
        if (received) received(encode_frame(params().magic, command, payload));
    }
    void shake_hands(size_t peer) {
        VersionMessage version;
        version.genesis = fixture_.genesis;
        receive(peer, command::kVersion, encode(version));
        receive(peer, command::kVerack, {});
    }
    void tick() { impl_.tick(); }
    void check() const {
        for (const auto& [id, peer] : impl_.peers) {
            if (peer->tx_announced.size() > kTxAnnouncedMax || peer->tx_in_flight.size() > kTxInFlightMax ||
                peer->known.size() > kKnownMax || peer->serving.size() > kServeQueueMax || peer->dropped) {
                std::abort();
            }
        }
        if (impl_.buffered.size() > impl_.download.blocks()) std::abort();
    }

private:
    const Fixture& fixture_;
    PeerManager::Impl impl_;
    std::vector<std::shared_ptr<FakeConnection>> connections_;
};

constexpr std::string_view kCommands[] = {command::kVersion, command::kVerack,     command::kPing,
                                          command::kPong,    command::kGetHeaders, command::kHeaders,
                                          command::kInv,     command::kGetData,    command::kNotFound,
                                          command::kBlock,   command::kTx,         "unheard_of"};

void run(const Fixture& fixture, ByteView steps) {
    Node node{fixture};
    for (size_t peer = 0; peer < 3; ++peer) node.connect();
    node.shake_hands(0);
    node.shake_hands(1);
    while (steps.size() >= 3) {
        const size_t length = std::min<size_t>(steps[2] * size_t{4}, steps.size() - 3);
        const uint8_t what = steps[1] % 16;
        if (what < std::size(kCommands)) node.receive(steps[0], kCommands[what], steps.subspan(3, length));
        if (what == 12) node.tick();
        if (what == 13) node.shake_hands(steps[0]);
        if (what == 14) node.connect();
        steps = steps.subspan(3 + length);
        node.check();
    }
    node.tick();
    node.check();
}

}  // namespace
}  // namespace daidd::p2p

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::p2p;
    static const Fixture fixture;
    daidd::set_log_level(daidd::LogLevel::kError);
    run(fixture, {data, size});
    return 0;
}
