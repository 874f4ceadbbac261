#include <gtest/gtest.h>

#include "p2p/toy_node.h"

namespace daidd::p2p::test {
namespace {

using namespace std::chrono_literals;
using consensus::txid;

/// Ids that no transaction has.
std::vector<Hash256> made_up_ids(size_t count, uint8_t salt = 0) {
    std::vector<Hash256> ids;
    for (size_t i = 0; i < count; ++i)
        ids.push_back({uint8_t(i), uint8_t(i >> 8), uint8_t(i >> 16), 1, salt});
    return ids;
}
std::vector<Hash256> hashes_of(const std::optional<InventoryMessage>& message) {
    std::vector<Hash256> hashes;
    if (!message) return hashes;
    for (const Item& item : message->items) hashes.push_back(item.hash);
    return hashes;
}

struct Relay : testing::Test {
    Relay() {
        a.shake_hands();
        b.shake_hands();
    }
    /// `peer` announces, is asked, and sends; what follows is up to the verdict.
    void deliver(RawPeer& peer, const consensus::Transaction& announced, const consensus::Transaction& sent) {
        peer.send(command::kInv, inventory(ItemType::kTx, {txid(announced)}));
        EXPECT_EQ(hashes_of(peer.next<InventoryMessage>(command::kGetData)), std::vector{txid(announced)});
        peer.send(command::kTx, sent);
    }
    void deliver(RawPeer& peer, const consensus::Transaction& tx) { deliver(peer, tx, tx); }
    bool is_asked(RawPeer& peer, const consensus::Transaction& tx) {
        peer.send(command::kInv, inventory(ItemType::kTx, {txid(tx)}));
        return hashes_of(peer.next<InventoryMessage>(command::kGetData)) == std::vector{txid(tx)};
    }
    bool has_judged(size_t count) {
        return eventually([&] { return node.judged() == count; });
    }
    /// Announces another transaction behind this one and gets it asked for: the other was passed over.
    bool is_passed_over(RawPeer& peer, const consensus::Transaction& tx) {
        const Hash256 behind{0xee, uint8_t(++behind_)};
        peer.send(command::kInv, inventory(ItemType::kTx, {txid(tx), behind}));
        return hashes_of(peer.next<InventoryMessage>(command::kGetData)) == std::vector{behind};
    }

    ToyNode node;
    RawPeer a{node}, b{node};

private:
    uint8_t behind_ = 0;
};

TEST_F(Relay, PassesOnWhatThePoolTakes) {
    const auto tx = toy_transaction(1);
    deliver(a, tx);
    EXPECT_EQ(hashes_of(b.next<InventoryMessage>(command::kInv)), std::vector{txid(tx)});
    b.send(command::kGetData, inventory(ItemType::kTx, {txid(tx)}));
    const auto sent = b.next(command::kTx);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->payload, encode(tx));
    // Who sent it is not told, who has it is not asked again.
    for (const auto& frame : a.until_pong()) EXPECT_NE(frame.command, command::kInv);
    EXPECT_TRUE(is_passed_over(b, tx));
}

TEST_F(Relay, TellsANewPeerWhatWaits) {
    const auto tx = toy_transaction(1);
    node.put_in_pool(tx);
    RawPeer late{node};
    late.shake_hands();
    EXPECT_EQ(hashes_of(late.next<InventoryMessage>(command::kInv)), std::vector{txid(tx)});
}

TEST_F(Relay, IgnoresWhatItDidNotAskFor) {
    a.send(command::kTx, toy_transaction(1));
    a.until_pong();
    deliver(a, toy_transaction(2));
    EXPECT_TRUE(has_judged(1));
    EXPECT_FALSE(node.in_pool(txid(toy_transaction(1))));
}

TEST_F(Relay, AsksAHundredOfAPeerAtOnce) {
    const auto ids = made_up_ids(kTxInFlightMax + 2);
    a.send(command::kInv, inventory(ItemType::kTx, ids));
    const auto first = a.next<InventoryMessage>(command::kGetData);
    EXPECT_EQ(hashes_of(first), std::vector(ids.begin(), ids.begin() + kTxInFlightMax));
    a.send(command::kNotFound, inventory(ItemType::kTx, {ids[7]}));
    EXPECT_EQ(hashes_of(a.next<InventoryMessage>(command::kGetData)), std::vector{ids[kTxInFlightMax]});
}

TEST_F(Relay, RemembersNoMoreAnnouncementsThanItMay) {
    a.send(command::kInv, inventory(ItemType::kTx, made_up_ids(kTxAnnouncedMax + 50)));
    // The rest is dropped: behind the last that was kept comes what is announced afterwards.
    size_t asked = 0;
    while (asked < kTxAnnouncedMax) {
        const auto request = a.next<InventoryMessage>(command::kGetData);
        ASSERT_TRUE(request);
        asked += request->items.size();
        a.send(command::kNotFound, *request);
    }
    EXPECT_EQ(asked, kTxAnnouncedMax);
    const auto after = made_up_ids(1, 1);
    a.send(command::kInv, inventory(ItemType::kTx, after));
    EXPECT_EQ(hashes_of(a.next<InventoryMessage>(command::kGetData)), after);
}

TEST_F(Relay, AsksOnePeerAtATimeAndTheNextWhenItIsGone) {
    const auto tx = toy_transaction(1);
    ASSERT_TRUE(is_asked(a, tx));
    EXPECT_TRUE(is_passed_over(b, tx));
    a.send_payload(command::kTx, Bytes{});
    EXPECT_TRUE(a.is_closed());
    EXPECT_EQ(hashes_of(b.next<InventoryMessage>(command::kGetData)), std::vector{txid(tx)});
}

TEST(Relays, AskTheNextWhenAPeerDoesNotAnswer) {
    Options options;
    options.tx_timeout = 30ms;
    ToyNode node{options};
    RawPeer a{node}, b{node};
    a.shake_hands();
    b.shake_hands();
    const auto ids = made_up_ids(1);
    a.send(command::kInv, inventory(ItemType::kTx, ids));
    EXPECT_EQ(hashes_of(a.next<InventoryMessage>(command::kGetData)), ids);
    b.send(command::kInv, inventory(ItemType::kTx, ids));
    EXPECT_EQ(hashes_of(b.next<InventoryMessage>(command::kGetData)), ids);
}

TEST_F(Relay, DoesNotAskAgainForWhatPolicyRefuses) {
    node.verdict = [](const auto&) { return TxVerdict::kRefused; };
    const auto tx = toy_transaction(1);
    deliver(a, tx);
    // When the next has been judged, the first one's verdict is on its way to where the pong comes from.
    deliver(a, toy_transaction(2));
    ASSERT_TRUE(has_judged(2));
    a.until_pong();
    EXPECT_TRUE(is_passed_over(b, tx));
    // Another tip may take it.
    node.submit(1);
    ASSERT_TRUE(b.next(command::kHeaders));
    RawPeer other{node};
    other.shake_hands();
    EXPECT_TRUE(is_asked(other, tx));
}

TEST_F(Relay, DropsWhoSendsWhatBreaksARuleAndAsksOthersForABetterCopy) {
    // Its signatures may be the fault, and its id does not cover them.
    node.verdict = [](const auto& tx) {
        return tx.inputs[0].witness[0][0] == 5 ? TxVerdict::kAccepted : TxVerdict::kInvalid;
    };
    const auto tx = toy_transaction(1);
    auto spoiled = tx;
    spoiled.inputs[0].witness[0][0] = 6;
    ASSERT_EQ(txid(spoiled), txid(tx));
    deliver(a, tx, spoiled);
    EXPECT_TRUE(a.is_closed());
    deliver(b, tx);
    EXPECT_TRUE(eventually([&] { return node.in_pool(txid(tx)); }));
}

/// Padding makes another size of the same id, and a policy that refuses the size would refuse the id.
TEST_F(Relay, DropsWhoPadsACopyBeforeThePoolSeesIt) {
    node.verdict = [](const auto& tx) {
        return encode(tx).size() > 300 ? TxVerdict::kRefused : TxVerdict::kAccepted;
    };
    const auto tx = toy_transaction(1);
    const std::function<void(consensus::TxIn&)> paddings[] = {
        [](auto& input) { input.witness[0].resize(65); },
        [](auto& input) { input.witness[0].resize(63); },
        [](auto& input) { input.witness[0].resize(100'000); },
        [](auto& input) { input.witness.emplace_back(); },
        [](auto& input) { input.witness.clear(); },
    };
    for (const auto& pad : paddings) {
        RawPeer peer{node};
        peer.shake_hands();
        auto padded = tx;
        pad(padded.inputs[0]);
        ASSERT_EQ(txid(padded), txid(tx));
        deliver(peer, tx, padded);
        EXPECT_TRUE(peer.is_closed());
    }
    EXPECT_EQ(node.judged(), 0u);
    deliver(b, tx);
    EXPECT_TRUE(eventually([&] { return node.in_pool(txid(tx)); }));
}

TEST_F(Relay, KeepsWhatComesBeforeItsParents) {
    const auto parent = toy_transaction(1), child = toy_transaction(2, {txid(parent)});
    node.verdict = [&](const auto& tx) {
        const bool ready = txid(tx) != txid(child) || node.in_pool(txid(parent));
        return ready ? TxVerdict::kAccepted : TxVerdict::kMissingInputs;
    };
    deliver(a, child);
    ASSERT_TRUE(has_judged(1));
    deliver(a, parent);
    EXPECT_TRUE(eventually([&] { return node.in_pool(txid(child)); }));
    EXPECT_EQ(node.judged(), 3u);
    std::vector<Hash256> announced;
    while (announced.size() < 2) {
        const auto more = hashes_of(b.next<InventoryMessage>(command::kInv));
        ASSERT_FALSE(more.empty());
        announced.insert(announced.end(), more.begin(), more.end());
    }
    EXPECT_EQ(announced, (std::vector{txid(parent), txid(child)}));
}

TEST_F(Relay, KeepsNoMoreOrphansThanItMay) {
    const auto parent = toy_transaction(0);
    node.verdict = [&](const auto& tx) {
        return tx.inputs.size() == 1 || node.in_pool(txid(parent)) ? TxVerdict::kAccepted
                                                                   : TxVerdict::kMissingInputs;
    };
    std::map<Hash256, consensus::Transaction> orphans;
    InventoryMessage all;
    for (uint32_t i = 1; i <= kOrphansMax + 1; ++i) {
        const auto tx = toy_transaction(i, {txid(parent)});
        orphans.emplace(txid(tx), tx);
        all.items.push_back({uint32_t(ItemType::kTx), txid(tx)});
    }
    a.send(command::kInv, all);
    for (size_t sent = 0; sent < orphans.size();) {
        const auto asked = hashes_of(a.next<InventoryMessage>(command::kGetData));
        ASSERT_FALSE(asked.empty());
        for (const Hash256& id : asked) a.send(command::kTx, orphans.at(id));
        sent += asked.size();
    }
    ASSERT_TRUE(has_judged(orphans.size()));
    deliver(b, parent);
    // All but the oldest come back.
    ASSERT_TRUE(has_judged(kOrphansMax + 1 + 1 + kOrphansMax));
    EXPECT_FALSE(node.in_pool(txid(toy_transaction(1, {txid(parent)}))));
    EXPECT_TRUE(node.in_pool(txid(toy_transaction(2, {txid(parent)}))));
}

}  // namespace
}  // namespace daidd::p2p::test
