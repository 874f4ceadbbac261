#include <gtest/gtest.h>

#include <algorithm>

#include "p2p/toy_node.h"

namespace daidd::p2p::test {
namespace {

using namespace std::chrono_literals;

HeadersMessage headers_of(size_t first, size_t last) {
    HeadersMessage message;
    for (size_t i = first; i < last; ++i) message.headers.push_back(work::sealed_header(toy_blocks()[i]));
    return message;
}
std::vector<Hash256> hashes_of(const InventoryMessage& message) {
    std::vector<Hash256> hashes;
    for (const Item& item : message.items) hashes.push_back(item.hash);
    return hashes;
}
std::vector<Hash256> toy_hashes() {
    std::vector<Hash256> hashes;
    for (const auto& block : toy_blocks()) hashes.push_back(hash_of(block));
    return hashes;
}
std::vector<Hash256> hashes_of(const std::vector<work::SealedHeader>& headers) {
    std::vector<Hash256> hashes;
    for (const auto& header : headers) hashes.push_back(consensus::block_hash(header.header));
    return hashes;
}

/// Answers the node's questions about the first `count` blocks until it has sent each of them.
void serve_until_sent(RawPeer& peer, size_t count) {
    std::set<Hash256> sent;
    while (sent.size() < count) {
        const auto frame = peer.next();
        ASSERT_TRUE(frame);
        if (frame->command == command::kGetHeaders) peer.send(command::kHeaders, headers_of(0, count));
        if (frame->command != command::kGetData) continue;
        for (const Hash256& hash : hashes_of(*decode<InventoryMessage>(frame->payload))) {
            const auto at = std::ranges::find(toy_blocks(), hash, hash_of);
            peer.send(command::kBlock, *at);
            sent.insert(hash);
        }
    }
}

/// With a peer that has said nothing but its name.
struct Sync : testing::Test {
    Sync() { a.shake_hands(); }

    ToyNode node;
    RawPeer a{node};
};

TEST_F(Sync, AsksForHeadersThenForBlocksInOrder) {
    a.send(command::kHeaders, headers_of(0, kToyBlocks));
    const auto request = a.next<InventoryMessage>(command::kGetData);
    ASSERT_TRUE(request);
    EXPECT_EQ(hashes_of(*request), toy_hashes());
    EXPECT_TRUE(node.peers->syncing());
    // In any order: each connects when its parent has.
    for (const size_t i : {2u, 0u, 3u, 1u}) a.send(command::kBlock, toy_blocks()[i]);
    EXPECT_TRUE(eventually([&] { return node.height() == kToyBlocks; }));
    EXPECT_TRUE(eventually([&] { return !node.peers->syncing(); }));
    const auto info = node.peers->peers().at(0);
    EXPECT_EQ(info.synced_headers, int64_t{kToyBlocks});
    EXPECT_EQ(info.misbehaviour, 0);
}

TEST_F(Sync, AnswersWithTheHeadersAfterTheFirstItKnows) {
    node.submit(3);
    const auto ask = [&](std::vector<Hash256> locator, const Hash256& stop) {
        a.send(command::kGetHeaders, GetHeadersMessage{1, std::move(locator), stop});
        return a.next<HeadersMessage>(command::kHeaders);
    };
    const auto toys = toy_hashes();
    a.until_pong();  // what the node announced by itself came before
    EXPECT_EQ(hashes_of(ask({}, {})->headers), (std::vector{toys[0], toys[1], toys[2]}));
    EXPECT_EQ(hashes_of(ask({{1}, toys[0], genesis_hash()}, {})->headers), (std::vector{toys[1], toys[2]}));
    EXPECT_EQ(hashes_of(ask({genesis_hash()}, toys[1])->headers), (std::vector{toys[0], toys[1]}));
    EXPECT_TRUE(ask({toys[2]}, {})->headers.empty());
}

/// Each answer may be megabytes: who asks a hundred times at once and does not read must not own them all.
TEST_F(Sync, AnswersTheLastOfManyQuestions) {
    node.submit(2);
    a.until_pong();
    const Bytes question = encode_frame(consensus::regtest_params().magic, command::kGetHeaders,
                                        encode(GetHeadersMessage{1, {genesis_hash()}, {}}));
    Bytes flood;
    for (int i = 0; i < 500; ++i) flood.insert(flood.end(), question.begin(), question.end());
    a.send_bytes(flood);
    a.send(command::kGetData, inventory(ItemType::kTx, {{1}}));
    // What is asked for item by item comes after the headers.
    size_t answers = 0;
    for (auto frame = a.next(); frame && frame->command != command::kNotFound; frame = a.next()) {
        answers += frame->command == command::kHeaders ? 1 : 0;
    }
    EXPECT_GE(answers, 1u);
    EXPECT_LT(answers, 100u);
}

TEST_F(Sync, AnnouncesANewTipByItsHeaderOnce) {
    node.submit(1);
    const auto announced = a.next<HeadersMessage>(command::kHeaders);
    ASSERT_TRUE(announced);
    EXPECT_EQ(hashes_of(announced->headers), std::vector{hash_of(toy_blocks()[0])});
    // Not to the one it came from.
    a.send(command::kHeaders, headers_of(1, 2));
    ASSERT_TRUE(a.next(command::kGetData));
    a.send(command::kBlock, toy_blocks()[1]);
    EXPECT_TRUE(eventually([&] { return node.height() == 2; }));
    for (const auto& frame : a.until_pong()) EXPECT_NE(frame.command, command::kHeaders);
}

TEST_F(Sync, ServesBlocksAndSaysWhatItLacks) {
    node.submit(1);
    const Hash256 there = hash_of(toy_blocks()[0]), missing{9};
    a.send(command::kGetData, inventory(ItemType::kBlock, {there, missing}));
    const auto block = a.next(command::kBlock);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->payload, encode(toy_blocks()[0]));
    const auto lacks = a.next<InventoryMessage>(command::kNotFound);
    ASSERT_TRUE(lacks);
    EXPECT_EQ(hashes_of(*lacks), std::vector{missing});
}

TEST_F(Sync, AsksForHeadersOfABlockItHearsOf) {
    a.send(command::kInv, inventory(ItemType::kBlock, {{1}, {2}, genesis_hash()}));
    ASSERT_TRUE(a.next(command::kGetHeaders));
    // One question is enough until it is answered.
    a.send(command::kInv, inventory(ItemType::kBlock, {{3}}));
    for (const auto& frame : a.until_pong()) EXPECT_NE(frame.command, command::kGetHeaders);
}

TEST_F(Sync, BearsHeadersThatConnectToNothingForAWhile) {
    consensus::BlockHeader nowhere;
    nowhere.previous = {7};
    for (size_t i = 0; i < kUnconnectingHeadersMax; ++i) {
        a.send(command::kHeaders, HeadersMessage{made_up_headers(nowhere, 1, uint8_t(i))});
        ASSERT_TRUE(a.next(command::kGetHeaders)) << i;
    }
    EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 0);
    a.send(command::kHeaders, HeadersMessage{made_up_headers(nowhere, 1, 99)});
    EXPECT_TRUE(a.is_closed());
}

TEST_F(Sync, DropsAPeerWhoseHeadersBreakARule) {
    const auto genesis = consensus::genesis_block(consensus::regtest_params()).header;
    struct Case {
        std::string_view name;
        std::function<void(std::vector<work::SealedHeader>&)> spoil;
    };
    const Case cases[] = {
        {"signature", [](auto& list) { list[1].signature[0] ^= 1; }},
        {"order", [](auto& list) { std::swap(list[1], list[2]); }},
        {"gap", [](auto& list) { list.erase(list.begin() + 1); }},
        {"coinbase", [](auto& list) { list[2].coinbase.lock_time ^= 1; }},
        {"nonce", [](auto& list) { list[0].header.nonce = 1; }},
    };
    uint8_t salt = 10;
    for (const auto& [name, spoil] : cases) {
        RawPeer peer{node};
        peer.shake_hands();
        auto list = made_up_headers(genesis, 3, ++salt);
        spoil(list);
        peer.send(command::kHeaders, HeadersMessage{list});
        EXPECT_TRUE(peer.is_closed()) << name;
    }
    a.until_pong();
}

TEST_F(Sync, KeepsAPeerWhoseHeaderIsOfTomorrow) {
    auto genesis = consensus::genesis_block(consensus::regtest_params()).header;
    auto list = made_up_headers(genesis, 1, 1);
    list[0].header.time = 0xffff'fff0;
    a.send(command::kHeaders, HeadersMessage{list});
    a.until_pong();
    a.send(command::kHeaders, headers_of(0, 1));
    EXPECT_TRUE(a.next(command::kGetData));
    EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 0);
}

/// Who is asked for a block may send one with the right header and anything behind it.
struct SpoiledCopy {
    std::string name;
    std::function<Bytes(work::SealedBlock)> spoil;
};
void PrintTo(const SpoiledCopy& value, std::ostream* out) { *out << value.name; }

const SpoiledCopy kSpoiledCopies[] = {
    {"witness",
     [](work::SealedBlock block) {
         block.witness.tokens[0] ^= 1;
         return encode(block);
     }},
    {"no_witness",
     [](work::SealedBlock block) {
         block.witness = {};
         return encode(block);
     }},
    {"signature",
     [](work::SealedBlock block) {
         block.signature[5] ^= 1;
         return encode(block);
     }},
    {"transactions",
     [](work::SealedBlock block) {
         block.block.transactions.push_back(toy_transaction(1));
         return encode(block);
     }},
    {"no_transactions",
     [](work::SealedBlock block) {
         block.block.transactions.clear();
         return encode(block);
     }},
    {"header_alone", [](work::SealedBlock block) { return encode(block.block.header); }},
    {"byte_more",
     [](work::SealedBlock block) {
         auto bytes = encode(block);
         bytes.push_back(0);
         return bytes;
     }},
};

class SpoiledCopies : public testing::TestWithParam<SpoiledCopy> {};
TEST_P(SpoiledCopies, CostTheSenderAndNotTheBlock) {
    ToyNode node;
    RawPeer bad{node}, good{node};
    bad.shake_hands();
    good.shake_hands();
    bad.send(command::kHeaders, headers_of(0, 2));
    ASSERT_TRUE(bad.next(command::kGetData));
    good.send(command::kHeaders, headers_of(0, 2));
    good.until_pong();
    bad.send_payload(command::kBlock, GetParam().spoil(toy_blocks()[0]));
    EXPECT_TRUE(bad.is_closed());
    // The node asks again who else has it.
    serve_until_sent(good, 2);
    EXPECT_TRUE(eventually([&] { return node.height() == 2; }));
}
INSTANTIATE_TEST_SUITE_P(Cases, SpoiledCopies, testing::ValuesIn(kSpoiledCopies),
                         [](const auto& test) { return test.param.name; });

TEST_F(Sync, DropsAPeerWhoseBlockWasNeverWorkedFor) {
    const auto genesis = consensus::genesis_block(consensus::regtest_params()).header;
    const auto made_up = made_up_headers(genesis, 1, 3);
    a.send(command::kHeaders, HeadersMessage{made_up});
    ASSERT_TRUE(a.next(command::kGetData));
    a.send(command::kBlock, block_of(made_up[0]));
    EXPECT_TRUE(a.is_closed());
    EXPECT_EQ(node.height(), 0u);
}

/// A branch of headers that nobody has blocks for does not keep the real ones away.
TEST_F(Sync, IsNotHeldUpByMadeUpHeaders) {
    const auto genesis = consensus::genesis_block(consensus::regtest_params()).header;
    RawPeer b{node};
    b.shake_hands();
    a.send(command::kHeaders, HeadersMessage{made_up_headers(genesis, 400, 4)});
    const auto request = a.next<InventoryMessage>(command::kGetData);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->items.size(), kBlocksInFlightMax);
    b.send(command::kHeaders, headers_of(0, kToyBlocks));
    const auto real = b.next<InventoryMessage>(command::kGetData);
    ASSERT_TRUE(real);
    EXPECT_EQ(hashes_of(*real), toy_hashes());
    for (const auto& block : toy_blocks()) b.send(command::kBlock, block);
    EXPECT_TRUE(eventually([&] { return node.height() == kToyBlocks; }));
}

/// The header of the middle block came from a peer that is gone; the next one comes from another.
TEST_F(Sync, AsksForAParentWhoseAnnouncerIsGone) {
    auto lost = std::make_unique<RawPeer>(node);
    lost->shake_hands();
    lost->send(command::kHeaders, headers_of(0, 1));
    ASSERT_TRUE(lost->next(command::kGetData));
    lost.reset();
    ASSERT_TRUE(eventually([&] { return node.peers->peers().size() == 1; }));
    a.send(command::kHeaders, headers_of(1, 2));
    serve_until_sent(a, 2);
    EXPECT_TRUE(eventually([&] { return node.height() == 2; }));
}

TEST_F(Sync, HoldsNoMoreHeadersOfAPeerThanItMay) {
    const auto genesis = consensus::genesis_block(consensus::regtest_params()).header;
    const auto made_up = made_up_headers(genesis, 2 * kUncreditedHeadersMax + 1, 5);
    const auto part = [&](size_t first, size_t last) {
        return HeadersMessage{{made_up.begin() + ptrdiff_t(first), made_up.begin() + ptrdiff_t(last)}};
    };
    const auto synced = [&](size_t count) {
        return eventually([&] { return node.peers->peers().at(0).synced_headers == int64_t(count); });
    };
    a.send(command::kHeaders, part(0, kHeadersMax));
    ASSERT_TRUE(synced(kHeadersMax));
    a.send(command::kHeaders, part(kHeadersMax, 2 * kHeadersMax));
    ASSERT_TRUE(synced(2 * kHeadersMax));
    EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 0);
    for (int times = 1; times <= 9; ++times) {
        a.send(command::kHeaders, part(2 * kHeadersMax, 2 * kHeadersMax + 1));
        a.until_pong();
        EXPECT_EQ(node.peers->peers().at(0).misbehaviour, 10 * times);
    }
    a.send(command::kHeaders, part(2 * kHeadersMax, 2 * kHeadersMax + 1));
    EXPECT_TRUE(a.is_closed());
}

TEST(Stalling, MakesTheNodeAskAnother) {
    Options options;
    options.stall_timeout_min = 500ms;
    options.stall_timeout_max = 60'000ms;
    ToyNode node{options};
    RawPeer slow{node}, other{node};
    slow.shake_hands();
    other.shake_hands();
    slow.send(command::kHeaders, headers_of(0, 1));
    ASSERT_TRUE(slow.next(command::kGetData));
    other.send(command::kHeaders, headers_of(0, 1));
    ASSERT_TRUE(other.next(command::kGetData));
    EXPECT_TRUE(slow.is_open());
    other.send(command::kBlock, toy_blocks()[0]);
    EXPECT_TRUE(eventually([&] { return node.height() == 1; }));
    // Late is not wrong.
    slow.send(command::kBlock, toy_blocks()[0]);
    slow.until_pong();
}

TEST(Stalling, MakesTheNodeAskFirstWhomTheUserNamed) {
    Options options;
    options.stall_timeout_min = 800ms;
    ToyNode honest, node{options};
    RawPeer first{node}, second{node};
    first.shake_hands();
    second.shake_hands();
    ASSERT_TRUE(node.peers->add(honest.address()));
    ASSERT_TRUE(eventually([&] { return node.peers->peers().back().handshake_done; }));
    first.send(command::kHeaders, headers_of(0, 1));
    ASSERT_TRUE(first.next(command::kGetData));
    second.send(command::kHeaders, headers_of(0, 1));
    second.until_pong();
    honest.submit(1);
    EXPECT_TRUE(eventually([&] { return node.height() == 1; }));
    for (const auto& frame : second.until_pong()) EXPECT_NE(frame.command, command::kGetData);
}

TEST(Stalling, EndsTheConnectionOfAPeerThatAloneHasTheBlock) {
    Options options;
    options.stall_timeout_min = 10ms;
    options.stall_timeout_max = 50ms;
    ToyNode node{options};
    RawPeer slow{node};
    slow.shake_hands();
    slow.send(command::kHeaders, headers_of(0, 1));
    EXPECT_TRUE(slow.is_closed());
    EXPECT_TRUE(eventually([&] { return !node.peers->syncing(); }));
}

TEST(Nodes, SyncAlongAChainOfThem) {
    ToyNode first;
    first.submit(kToyBlocks - 1);
    Options to_first;
    to_first.connect = {first.address()};
    ToyNode second{to_first};
    Options to_second;
    to_second.connect = {second.address()};
    ToyNode third{to_second};
    const auto all_at = [&](uint32_t height) {
        return eventually([&] { return second.height() == height && third.height() == height; });
    };
    EXPECT_TRUE(all_at(kToyBlocks - 1));
    first.submit(kToyBlocks);
    EXPECT_TRUE(all_at(kToyBlocks));
    EXPECT_EQ(third.chain->snapshot()->tip().hash, hash_of(toy_blocks().back()));

    const auto early = toy_transaction(1), late = toy_transaction(2);
    first.put_in_pool(early);
    first.peers->relay(consensus::txid(early));
    EXPECT_TRUE(eventually([&] { return third.in_pool(consensus::txid(early)); }));
    third.put_in_pool(late);
    third.peers->relay(consensus::txid(late));
    EXPECT_TRUE(eventually([&] { return first.in_pool(consensus::txid(late)); }));
    EXPECT_GT(second.peers->totals().bytes_received, 0u);
    EXPECT_GT(second.peers->totals().bytes_sent, 0u);
    for (const auto& info : second.peers->peers()) EXPECT_EQ(info.misbehaviour, 0);
}

TEST(Nodes, LearnTheLongerChainWhicheverConnects) {
    ToyNode ahead, behind;
    ahead.submit(3);
    behind.submit(1);
    ASSERT_TRUE(ahead.peers->connect_once(behind.address()));
    EXPECT_TRUE(eventually([&] { return behind.height() == 3; }));
}

TEST(Nodes, StopInTheMiddleOfASync) {
    ToyNode ahead;
    ahead.submit(kToyBlocks);
    for (int round = 0; round < 5; ++round) {
        Options options;
        options.connect = {ahead.address()};
        ToyNode node{options};
        EXPECT_TRUE(eventually([&] { return node.height() >= 1; }));
        node.peers->stop();
        node.peers->stop();
    }
}

}  // namespace
}  // namespace daidd::p2p::test
