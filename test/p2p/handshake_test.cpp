#include <gtest/gtest.h>

#include "p2p/toy_node.h"

namespace daidd::p2p::test {
namespace {

using namespace std::chrono_literals;

struct VersionCase {
    std::string name;
    std::function<Bytes()> payload;
    bool welcome = false;
};
void PrintTo(const VersionCase& value, std::ostream* out) { *out << value.name; }

Bytes version_with(const std::function<void(VersionMessage&)>& change) {
    auto version = RawPeer::version();
    change(version);
    return encode(version);
}

const VersionCase kVersionCases[] = {
    {"good", [] { return version_with([](auto&) {}); }, true},
    {"later_version", [] { return version_with([](auto& v) { v.version = 0xffff'ffff; }); }, true},
    {"obsolete_version", [] { return version_with([](auto& v) { v.version = kProtocolVersionMin - 1; }); }},
    {"other_genesis", [] { return version_with([](auto& v) { v.genesis[0] ^= 1; }); }},
    {"longest_user_agent",
     [] { return version_with([](auto& v) { v.user_agent = std::string(kUserAgentMax, '\n'); }); }, true},
    {"user_agent_too_long",
     [] { return version_with([](auto& v) { v.user_agent = std::string(kUserAgentMax + 1, 'a'); }); }},
    {"earliest_time", [] { return version_with([](auto& v) { v.time_s = INT64_MIN; }); }, true},
    {"latest_time", [] { return version_with([](auto& v) { v.time_s = INT64_MAX; }); }, true},
    {"lowest_height", [] { return version_with([](auto& v) { v.start_height = INT32_MIN; }); }, true},
    {"empty", [] { return Bytes{}; }},
    {"byte_short",
     [] {
         auto bytes = version_with([](auto&) {});
         bytes.pop_back();
         return bytes;
     }},
    {"byte_more",
     [] {
         auto bytes = version_with([](auto&) {});
         bytes.push_back(0);
         return bytes;
     }},
};

class Versions : public testing::TestWithParam<VersionCase> {};
TEST_P(Versions, AreJudged) {
    ToyNode node;
    RawPeer peer{node};
    peer.send_payload(command::kVersion, GetParam().payload());
    peer.send_payload(command::kVerack, {});
    if (!GetParam().welcome) {
        EXPECT_TRUE(peer.is_closed());
        EXPECT_TRUE(eventually([&] { return node.peers->peers().empty(); }));
        return;
    }
    ASSERT_TRUE(peer.next(command::kVerack));
    peer.until_pong();
    const auto info = node.peers->peers().at(0);
    EXPECT_TRUE(info.handshake_done);
    EXPECT_TRUE(info.inbound);
    EXPECT_FALSE(info.manual);
    for (const char c : info.user_agent) EXPECT_TRUE(c >= 0x20 && c <= 0x7e);
}
INSTANTIATE_TEST_SUITE_P(Cases, Versions, testing::ValuesIn(kVersionCases),
                         [](const auto& test) { return test.param.name; });

TEST(Handshake, SaysWhoWeAre) {
    ToyNode node;
    RawPeer peer{node};
    peer.send(command::kVersion, RawPeer::version());
    const auto version = peer.next<VersionMessage>(command::kVersion);
    ASSERT_TRUE(version);
    EXPECT_EQ(version->version, kProtocolVersion);
    EXPECT_EQ(version->genesis, genesis_hash());
    EXPECT_EQ(version->user_agent, "/daidd:0.1.0/");
    EXPECT_EQ(version->start_height, 0);
    EXPECT_NE(version->nonce, 0u);
}

TEST(Handshake, IsSilentUntilThePeerHasSpoken) {
    ToyNode node;
    RawPeer peer{node};
    // None of these counts before the handshake, and a verack without a version does not end it.
    peer.send_payload(command::kVerack, {});
    peer.send(command::kPing, PingMessage{7});
    peer.send(command::kGetHeaders, GetHeadersMessage{1, {genesis_hash()}, {}});
    peer.send(command::kInv, inventory(ItemType::kTx, {{1}}));
    peer.send(command::kGetData, inventory(ItemType::kTx, {{1}}));
    peer.send_payload(command::kTx, Bytes(3));
    peer.send(command::kVersion, RawPeer::version());
    const auto answer = peer.next();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->command, command::kVersion);
    peer.send(command::kPing, PingMessage{8});  // still before its verack
    peer.send_payload(command::kVerack, {});
    std::vector<std::string> commands;
    for (const auto& frame : peer.until_pong()) commands.push_back(frame.command);
    // The node's own ping may fall in between.
    std::erase(commands, command::kPing);
    EXPECT_EQ(commands, (std::vector<std::string>{"verack", "getheaders"}));
    EXPECT_EQ(node.judged(), 0u);
}

TEST(Handshake, TakesTheFirstVersionOnly) {
    ToyNode node;
    RawPeer peer{node};
    peer.shake_hands();
    auto other = RawPeer::version();
    other.user_agent = "/other/";
    other.genesis = {};
    peer.send(command::kVersion, other);
    peer.send_payload(command::kVerack, {});
    for (const auto& frame : peer.until_pong()) EXPECT_NE(frame.command, command::kVersion);
    EXPECT_EQ(node.peers->peers().at(0).user_agent, "/raw/");
}

TEST(Handshake, EndsIfItTakesTooLong) {
    Options options;
    options.handshake_timeout = 700ms;
    ToyNode node{options};
    RawPeer silent{node}, half{node}, whole{node};
    whole.shake_hands();
    half.send(command::kVersion, RawPeer::version());
    EXPECT_TRUE(silent.is_closed());
    EXPECT_TRUE(half.is_closed());
    whole.until_pong();
}

TEST(Handshake, OfANodeWithItselfEnds) {
    ToyNode node;
    ASSERT_TRUE(node.peers->connect_once(node.address()));
    EXPECT_TRUE(eventually([&] { return node.peers->totals().bytes_received != 0; }));
    EXPECT_TRUE(eventually([&] { return node.peers->peers().empty(); }));
}

struct BrokenFrame {
    std::string name;
    Bytes bytes;
};
void PrintTo(const BrokenFrame& value, std::ostream* out) { *out << value.name; }

Bytes long_frame(std::string_view command, size_t size) {
    return encode_frame(consensus::regtest_params().magic, command, Bytes(size));
}

class BrokenFrames : public testing::TestWithParam<BrokenFrame> {};
TEST_P(BrokenFrames, EndTheConnectionAndNothingElse) {
    ToyNode node;
    RawPeer peer{node}, other{node};
    other.shake_hands();
    peer.send_bytes(GetParam().bytes);
    EXPECT_TRUE(peer.is_closed());
    other.until_pong();
}
const BrokenFrame kBrokenFrames[] = {
    {"other_network", encode_frame(consensus::main_params().magic, "ping", Bytes(8))},
    {"not_a_frame", Bytes(kFrameHeaderBytes, 'G')},
    {"verack_with_payload", long_frame("verack", 1)},
    {"long_ping", long_frame("ping", kSmallMessageMax + 1)},
    {"long_tx", long_frame("tx", kTxMessageMax + 1)},
    {"long_unknown", long_frame("unheard_of", kUnknownMessageMax + 1)},
};
INSTANTIATE_TEST_SUITE_P(Cases, BrokenFrames, testing::ValuesIn(kBrokenFrames),
                         [](const auto& test) { return test.param.name; });

TEST(Connections, OutliveWhatIsNotUnderstood) {
    ToyNode node;
    RawPeer peer{node};
    peer.shake_hands();
    peer.send_bytes(long_frame("unheard_of", kUnknownMessageMax));
    auto spoiled = encode_frame(consensus::regtest_params().magic, command::kInv, Bytes(100, 1));
    spoiled[kFrameHeaderBytes - 1] ^= 1;
    peer.send_bytes(spoiled);
    peer.send(command::kInv, inventory(ItemType{3}, {{1}}));
    peer.send(command::kPong, PingMessage{99});
    peer.until_pong();
    EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 0);
}

struct Misdeed {
    std::string name;
    std::string_view command;
    std::function<Bytes()> payload;
    bool forgiven = false;
};
void PrintTo(const Misdeed& value, std::ostream* out) { *out << value.name; }

Bytes items(size_t count) {
    InventoryMessage message;
    message.items.resize(count);
    return encode(message);
}
Bytes locator(size_t count) {
    GetHeadersMessage message;
    message.locator.resize(count);
    return encode(message);
}
Bytes headers(size_t count) {
    HeadersMessage message;
    message.headers.resize(count);
    return encode(message);
}

const Misdeed kMisdeeds[] = {
    {"most_invs", command::kInv, [] { return items(kInventoryMax); }, true},
    {"too_many_invs", command::kInv, [] { return items(kInventoryMax + 1); }},
    {"most_asked_for", command::kGetData, [] { return items(kInventoryMax); }, true},
    {"too_much_asked_for", command::kGetData, [] { return items(kInventoryMax + 1); }},
    {"most_not_found", command::kNotFound, [] { return items(kInventoryMax); }, true},
    {"too_much_not_found", command::kNotFound, [] { return items(kInventoryMax + 1); }},
    {"longest_locator", command::kGetHeaders, [] { return locator(kLocatorMax); }, true},
    {"locator_too_long", command::kGetHeaders, [] { return locator(kLocatorMax + 1); }},
    {"most_headers", command::kHeaders, [] { return headers(kHeadersMax); }, true},
    {"too_many_headers", command::kHeaders, [] { return headers(kHeadersMax + 1); }},
    {"short_ping", command::kPing, [] { return Bytes(7); }},
    {"long_pong", command::kPong, [] { return Bytes(9); }},
    {"empty_inv", command::kInv, [] { return Bytes{}; }},
    {"empty_tx", command::kTx, [] { return Bytes{}; }},
    {"tx_with_a_byte_more", command::kTx,
     [] {
         auto bytes = encode(toy_transaction(1));
         bytes.push_back(0);
         return bytes;
     }},
    {"half_a_block_header", command::kBlock, [] { return Bytes(79); }},
    {"block_nobody_asked_for", command::kBlock, [] { return Bytes(80); }, true},
};

class Misdeeds : public testing::TestWithParam<Misdeed> {};
TEST_P(Misdeeds, EndTheConnectionUnlessForgiven) {
    ToyNode node;
    RawPeer peer{node};
    peer.shake_hands();
    peer.send_payload(GetParam().command, GetParam().payload());
    if (GetParam().forgiven) {
        peer.until_pong();
        EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 0);
        return;
    }
    EXPECT_TRUE(peer.is_closed());
    // A peer on this machine is never banned: others may be on it too.
    EXPECT_TRUE(node.peers->bans().empty());
    RawPeer again{node};
    again.shake_hands();
}
INSTANTIATE_TEST_SUITE_P(Cases, Misdeeds, testing::ValuesIn(kMisdeeds),
                         [](const auto& test) { return test.param.name; });

TEST(Connections, AreNoMoreThanAllowed) {
    Options options;
    options.inbound_max = 2;
    ToyNode node{options};
    RawPeer first{node}, second{node};
    first.shake_hands();
    second.shake_hands();
    RawPeer third{node};
    EXPECT_TRUE(third.is_closed());
    EXPECT_TRUE(node.peers->disconnect(node.peers->peers().at(0).id));
    EXPECT_TRUE(first.is_closed());
    RawPeer fourth{node};
    fourth.shake_hands();
    EXPECT_FALSE(node.peers->disconnect("127.0.0.1:1"));
    EXPECT_FALSE(node.peers->disconnect(int64_t{0}));
}

TEST(Connections, OfABannedHostAreRefused) {
    ToyNode node;
    RawPeer peer{node};
    peer.shake_hands();
    node.peers->ban("127.0.0.1", 3600s);
    EXPECT_TRUE(peer.is_closed());
    RawPeer again{node};
    EXPECT_TRUE(again.is_closed());
    ASSERT_EQ(node.peers->bans().size(), 1u);
    EXPECT_EQ(node.peers->bans()[0].host, "127.0.0.1");
    EXPECT_TRUE(node.peers->unban("127.0.0.1"));
    RawPeer welcome{node};
    welcome.shake_hands();
}

TEST(Connections, ThatWereAskedForAreTriedAgain) {
    Options options;
    options.retry_min = 5ms;
    ToyNode node{options};
    auto other = std::make_unique<ToyNode>();
    const std::string address = other->address();
    const uint16_t port = other->peers->local_port();
    other.reset();
    EXPECT_FALSE(node.peers->add("no port:0"));
    EXPECT_TRUE(node.peers->add(address));
    EXPECT_FALSE(node.peers->add(address));
    EXPECT_EQ(node.peers->added(), std::vector{address});
    Options same;
    same.port = port;
    const auto connected = [&] {
        const auto peers = node.peers->peers();
        return peers.size() == 1 && peers[0].handshake_done && peers[0].manual && !peers[0].inbound;
    };
    for (int round = 0; round < 2; ++round) {
        other = std::make_unique<ToyNode>(same);
        EXPECT_TRUE(eventually(connected)) << round;
        other.reset();
        EXPECT_TRUE(eventually([&] { return node.peers->peers().empty(); })) << round;
    }
    EXPECT_TRUE(node.peers->remove(address));
    EXPECT_FALSE(node.peers->remove(address));
    EXPECT_TRUE(node.peers->added().empty());
}

TEST(Start, NamesWhatIsWrong) {
    ToyNode node;
    Options options;
    options.port = node.peers->local_port();
    PeerManager taken{*node.chain, {}, options};
    auto why = taken.start();
    ASSERT_TRUE(why);
    EXPECT_NE(why->find(node.address()), std::string::npos) << *why;
    options = {};
    options.connect = {"host:x"};
    PeerManager unreadable{*node.chain, {}, options};
    why = unreadable.start();
    ASSERT_TRUE(why);
    EXPECT_NE(why->find("host:x"), std::string::npos) << *why;
}

}  // namespace
}  // namespace daidd::p2p::test
