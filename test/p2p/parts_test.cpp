#include <gtest/gtest.h>

#include <future>

#include "p2p/bans.h"
#include "p2p/peer.h"
#include "p2p/tasks.h"

namespace daidd::p2p {
namespace {

TEST(BanList, EndsWhenItsTimeHasCome) {
    BanList bans;
    bans.add("192.0.2.1", 100);
    EXPECT_TRUE(bans.contains("192.0.2.1", 99));
    EXPECT_FALSE(bans.contains("192.0.2.1", 100));
    EXPECT_FALSE(bans.contains("192.0.2.2", 0));
    bans.add("192.0.2.1", 200);
    bans.add("192.0.2.2", 150);
    ASSERT_EQ(bans.list(150).size(), 1u);
    EXPECT_EQ(bans.list(150)[0].host, "192.0.2.1");
    EXPECT_EQ(bans.list(150)[0].until_s, 200);
    EXPECT_TRUE(bans.remove("192.0.2.1"));
    EXPECT_FALSE(bans.remove("192.0.2.1"));
}

TEST(BanList, LosesTheOneThatEndsFirst) {
    BanList bans;
    for (size_t i = 0; i < kBansMax; ++i) bans.add("host" + std::to_string(i), 1'000 + int64_t(i));
    bans.add("host5", 2);  // there is room for who is there
    EXPECT_EQ(bans.list(0).size(), kBansMax);
    bans.add("one more", 9'999);
    EXPECT_EQ(bans.list(0).size(), kBansMax);
    EXPECT_FALSE(bans.contains("host5", 0));
    EXPECT_TRUE(bans.contains("host0", 0));
    EXPECT_TRUE(bans.contains("one more", 0));
}

TEST(KnownSet, ForgetsTheOldest) {
    KnownSet known{2};
    EXPECT_TRUE(known.insert({1}));
    EXPECT_FALSE(known.insert({1}));
    EXPECT_TRUE(known.insert({2}));
    EXPECT_TRUE(known.insert({3}));
    EXPECT_FALSE(known.contains({1}));
    EXPECT_TRUE(known.contains({2}));
    EXPECT_EQ(known.size(), 2u);
    known.clear();
    EXPECT_TRUE(known.insert({3}));
}

struct AddressCase {
    std::string text;
    std::optional<Address> address;
};

TEST(Addresses, AreReadStrictly) {
    const AddressCase cases[] = {
        {"host", Address{"host", 7}},
        {"host:1", Address{"host", 1}},
        {"host:65535", Address{"host", 65535}},
        {"host:0", {}},
        {"host:65536", {}},
        {"host:", {}},
        {"host: 1", {}},
        {"host:+1", {}},
        {"host:1x", {}},
        {"", {}},
        {":1", {}},
        {"::1", {}},
        {"a:1:2", {}},
        {"[::1]", Address{"::1", 7}},
        {"[::1]:9", Address{"::1", 9}},
        {"[::1", {}},
        {"[::1]9", {}},
        {"[::1]:", {}},
        {"[]:9", {}},
    };
    for (const auto& [text, address] : cases) EXPECT_EQ(parse_address(text, 7), address) << text;
    EXPECT_EQ((Address{"::1", 9}.text()), "[::1]:9");
    EXPECT_EQ((Address{"host", 9}.text()), "host:9");
}

TEST(Addresses, OfThisMachineAreKnown) {
    for (const char* host : {"127.0.0.1", "127.9.9.9", "::1"}) EXPECT_TRUE(is_loopback(host)) << host;
    for (const char* host : {"128.0.0.1", "0.0.0.0", "::", "localhost", ""}) EXPECT_FALSE(is_loopback(host));
}

TEST(TaskQueue, TakesNoMoreThanItMay) {
    Tasks tasks{2};
    EXPECT_FALSE(tasks.post([] {}));
    EXPECT_EQ(tasks.room(), 0u);
    tasks.start();
    std::promise<void> begun, go;
    ASSERT_TRUE(tasks.post([&] {
        begun.set_value();
        go.get_future().wait();
    }));
    begun.get_future().wait();
    EXPECT_EQ(tasks.room(), 2u);
    EXPECT_TRUE(tasks.post([] {}));
    EXPECT_TRUE(tasks.post([] {}));
    EXPECT_EQ(tasks.room(), 0u);
    EXPECT_FALSE(tasks.post([] {}));
    go.set_value();
    tasks.stop();
    EXPECT_FALSE(tasks.post([] {}));
}

TEST(TaskQueue, RunsInOrder) {
    Tasks tasks{100};
    tasks.start();
    std::vector<int> order;
    std::promise<void> done;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(tasks.post([&, i] { order.push_back(i); }));
    ASSERT_TRUE(tasks.post([&] { done.set_value(); }));
    done.get_future().wait();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(order[size_t(i)], i);
}

}  // namespace
}  // namespace daidd::p2p
