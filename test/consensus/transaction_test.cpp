#include "consensus/transaction.h"

#include <gtest/gtest.h>

namespace daidd::consensus {
namespace {

/// Satoshi to Hal Finney, block 170.
constexpr std::string_view kFirstPayment =
    "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932"
    "b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac46"
    "22082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d"
    "71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee000000004341041"
    "1db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d"
    "4c03f999b8643f656b412a3ac00000000";
/// The first taproot spend, a key path with SIGHASH_DEFAULT.
constexpr std::string_view kFirstTaproot =
    "01000000000101d1f1c1f8cdf6759167b90f52c9ad358a369f95284e841d7a2536cef31c0549580100000000fdffffff02000000"
    "0000000000316a2f49206c696b65205363686e6f7272207369677320616e6420492063616e6e6f74206c69652e20406269746275"
    "6"
    "734329e06010000000000225120a37c3903c8d0db6512e2b40b0dffa05e5a3ab73603ce8c9c4b7771e5412328f90140a60c383f7"
    "1bac0ec919b1d7dbc3eb72dd56e7aa99583615564f9f99b8ae4e837b758773a5b2e4c51348854c8389f008e05029db7f464a5ff"
    "2e01d5e6e626174affd30a00";

Bytes bytes(std::string_view hex) { return *parse_hex(hex); }

TEST(Transaction, ReadsAndWritesThatOfBlock170) {
    const auto tx = decode<Transaction>(bytes(kFirstPayment));
    ASSERT_TRUE(tx);
    EXPECT_EQ(encode(*tx), bytes(kFirstPayment));
    EXPECT_EQ(to_hex_reversed(txid(*tx)), "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
    EXPECT_EQ(wtxid(*tx), txid(*tx));
    EXPECT_EQ(tx->outputs[0].value, 10 * kCoin);
    EXPECT_EQ(weight(*tx), 4 * bytes(kFirstPayment).size());
    EXPECT_EQ(virtual_size(*tx), bytes(kFirstPayment).size());
}

TEST(Transaction, ReadsAndWritesAWitness) {
    const auto tx = decode<Transaction>(bytes(kFirstTaproot));
    ASSERT_TRUE(tx);
    EXPECT_EQ(encode(*tx), bytes(kFirstTaproot));
    EXPECT_EQ(to_hex_reversed(txid(*tx)), "33e794d097969002ee05d336686fc03c9e15a597c1b9827669460fac98799036");
    EXPECT_NE(wtxid(*tx), txid(*tx));
    ASSERT_EQ(tx->inputs[0].witness.size(), 1u);
    EXPECT_EQ(tx->inputs[0].witness[0].size(), 64u);
    // Marker, flag, item count and item with its length are counted once instead of four times.
    EXPECT_EQ(weight(*tx), 4 * bytes(kFirstTaproot).size() - 3 * (2 + 1 + 65));
    EXPECT_EQ(virtual_size(*tx), (weight(*tx) + 3) / 4);
}

TEST(Transaction, RefusesEveryPrefix) {
    for (const std::string_view hex : {kFirstPayment, kFirstTaproot}) {
        const Bytes whole = bytes(hex);
        for (size_t size = 0; size < whole.size(); ++size)
            EXPECT_FALSE(decode<Transaction>(ByteView{whole}.first(size))) << size;
    }
}

TEST(Transaction, RefusesATrailingByte) {
    Bytes longer = bytes(kFirstTaproot);
    longer.push_back(0);
    const auto tx = decode<Transaction>(longer);
    ASSERT_FALSE(tx);
    EXPECT_EQ(tx.error(), DecodeError::kTrailingBytes);
}

TEST(Transaction, RefusesAWitnessWithoutItems) {
    // One input, no output, its witness list empty: the same transaction has a form without witness.
    Transaction tx;
    tx.inputs.resize(1);
    Writer writer;
    Transaction::write(tx, writer, true);
    const auto back = decode<Transaction>(writer.take());
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error(), DecodeError::kNotCanonical);
}

TEST(Transaction, RefusesAnUnknownFlag) {
    Bytes wire = bytes(kFirstTaproot);
    ASSERT_EQ(wire[5], 1);
    for (const uint8_t flag : Bytes{2, 3, 0x81}) {
        wire[5] = flag;
        EXPECT_FALSE(decode<Transaction>(wire)) << int(flag);
    }
}

TEST(Transaction, ReadsFlagZeroAsNothingSpentOrMade) {
    // As Core does: an empty input list and then an empty output list. check_transaction refuses it.
    const auto tx = decode<Transaction>(bytes("02000000000000000000"));
    ASSERT_TRUE(tx);
    EXPECT_TRUE(tx->inputs.empty());
    EXPECT_TRUE(tx->outputs.empty());
}

TEST(Transaction, RefusesACountAboveItsLimitBeforeTakingMemory) {
    Writer writer;
    writer(int32_t{2});
    writer.compact_size(kTxInputsMax + 1);
    const auto tx = decode<Transaction>(writer.take());
    ASSERT_FALSE(tx);
    EXPECT_EQ(tx.error(), DecodeError::kOverLimit);
    Writer within;
    within(int32_t{2});
    within.compact_size(kTxInputsMax);
    EXPECT_EQ(decode<Transaction>(within.take()).error(), DecodeError::kTruncated);
}

TEST(Transaction, ReadsOnlyTheShortestCount) {
    Bytes wire = bytes(kFirstPayment);
    wire[4] = 0xfd;
    wire.insert(wire.begin() + 5, {1, 0});
    EXPECT_EQ(decode<Transaction>(wire).error(), DecodeError::kNotCanonical);
}

TEST(Transaction, CoinbaseSpendsTheNullOutpointAlone) {
    Transaction tx;
    tx.inputs.resize(1);
    EXPECT_FALSE(tx.is_coinbase());
    tx.inputs[0].previous = kNullOutPoint;
    EXPECT_TRUE(tx.is_coinbase());
    tx.inputs.resize(2);
    EXPECT_FALSE(tx.is_coinbase());
}

TEST(Amount, EndsBelowWhatAJsonNumberHoldsExactly) {
    EXPECT_TRUE(is_money(0));
    EXPECT_TRUE(is_money(kMoneyMax));
    EXPECT_FALSE(is_money(-1));
    EXPECT_FALSE(is_money(kMoneyMax + 1));
}

}  // namespace
}  // namespace daidd::consensus
