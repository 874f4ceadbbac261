#include "consensus/block.h"

#include <gtest/gtest.h>

#include "consensus/fixtures.h"
#include "crypto/hash.h"

namespace daidd::consensus {
namespace {

constexpr std::string_view kHeader170 =
    "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e"
    "9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70";
constexpr std::string_view kTransactions170 =
    "0201000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0102ffff"
    "ffff0100f2052a01000000434104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7"
    "b302140434bd725706957c092db53805b821a85b23a7ac61725bac00000000"
    "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932"
    "b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac46"
    "22082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d"
    "71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee000000004341041"
    "1db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d"
    "4c03f999b8643f656b412a3ac00000000";

Bytes block170() {
    Bytes wire = *parse_hex(kHeader170);
    const Bytes rest = *parse_hex(kTransactions170);
    wire.insert(wire.end(), rest.begin(), rest.end());
    return wire;
}

/// `count` different transactions.
std::vector<Transaction> several(size_t count) {
    std::vector<Transaction> list(count, test::payment());
    for (size_t i = 0; i < count; ++i) list[i].inputs[0].previous.index = uint32_t(i);
    return list;
}

TEST(Block, ReadsAndWritesBitcoinsBlock170) {
    const auto block = decode<Block>(block170());
    ASSERT_TRUE(block);
    EXPECT_EQ(encode(*block), block170());
    EXPECT_EQ(encode(block->header).size(), kHeaderBytes);
    EXPECT_EQ(to_hex_reversed(block_hash(block->header)),
              "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee");
    EXPECT_EQ(transactions_root(block->transactions), block->header.merkle_root);
    EXPECT_EQ(weight(*block), 4 * block170().size());
}

TEST(Block, RefusesEveryPrefix) {
    const Bytes whole = block170();
    for (size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(decode<Block>(ByteView{whole}.first(size))) << size;
}

TEST(Block, WeighsWitnessesOnce) {
    const Block block = test::block();
    size_t expected = 4 * (kHeaderBytes + 1);
    for (const Transaction& tx : block.transactions) expected += weight(tx);
    EXPECT_EQ(weight(block), expected);
    EXPECT_LT(weight(block), 4 * encode(block).size());
}

TEST(Merkle, OfOneIsItsIdAndOfNoneZeros) {
    const auto one = several(1);
    EXPECT_EQ(transactions_root(one), txid(one[0]));
    EXPECT_EQ(transactions_root({}), kZeroHash);
    EXPECT_TRUE(coinbase_path(one).empty());
}

TEST(Merkle, RepeatsTheOddNode) {
    const auto three = several(3);
    Bytes joined;
    const auto pair = [&](const Hash256& left, const Hash256& right) {
        joined.assign(left.begin(), left.end());
        joined.insert(joined.end(), right.begin(), right.end());
        return crypto::sha256d(joined);
    };
    const Hash256 last = txid(three[2]);
    EXPECT_EQ(transactions_root(three), pair(pair(txid(three[0]), txid(three[1])), pair(last, last)));
}

TEST(Merkle, TellsARepeatedTail) {
    // The tree over these counts repeats a tail itself: one id, or a pair of them where 6 is three pairs.
    for (const auto& [count, repeated] : {std::pair<size_t, size_t>{3, 1}, {5, 1}, {6, 2}, {7, 1}}) {
        auto list = several(count);
        bool mutated = true;
        const Hash256 root = transactions_root(list, &mutated);
        EXPECT_FALSE(mutated) << count;
        for (size_t i = 0; i < repeated; ++i) list.push_back(list[count - repeated + i]);
        EXPECT_EQ(transactions_root(list, &mutated), root) << count;
        EXPECT_TRUE(mutated) << count;
    }
}

TEST(Merkle, CoinbasePathLeadsToTheRoot) {
    for (size_t count = 1; count <= 9; ++count) {
        const auto list = several(count);
        const auto path = coinbase_path(list);
        EXPECT_EQ(root_over_coinbase(txid(list[0]), path), transactions_root(list)) << count;
        EXPECT_NE(root_over_coinbase(Hash256{1}, path), transactions_root(list)) << count;
    }
    EXPECT_EQ(coinbase_path(several(2)).size(), 1u);
    EXPECT_EQ(coinbase_path(several(3)).size(), 2u);
    EXPECT_EQ(coinbase_path(several(9)).size(), 4u);
}

TEST(WitnessCommitment, BindsEveryWitnessButTheCoinbases) {
    Block block = test::block();
    const Hash256 before = witness_commitment(block.transactions);
    block.transactions[0].inputs[0].witness[0][0] ^= 1;
    EXPECT_EQ(witness_commitment(block.transactions), before);
    block.transactions[1].inputs[0].witness[0][0] ^= 1;
    EXPECT_NE(witness_commitment(block.transactions), before);
}

}  // namespace
}  // namespace daidd::consensus
