#include "consensus/script.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "consensus/fixtures.h"

namespace daidd::consensus {
namespace {

TEST(Taproot, IsOneFormOnly) {
    const Bytes script = taproot_script(test::key(1));
    EXPECT_EQ(taproot_key(script), test::key(1));
    for (size_t size = 0; size < script.size(); ++size)
        EXPECT_FALSE(taproot_key(ByteView{script}.first(size)));
    Bytes other = script;
    other[0] = 0x52;
    EXPECT_FALSE(taproot_key(other));
    other = script;
    other[1] = 0x21;
    EXPECT_FALSE(taproot_key(other));
    other = script;
    other.push_back(0);
    EXPECT_FALSE(taproot_key(other));
}

/// Pushes of both sides of each length that changes the opcode; the push is "dai", a type and the payload.
struct PushCase {
    size_t payload;
    std::string_view head;
};
const PushCase kPushCases[] = {
    {0, "6a04"},       {71, "6a4b"},         {72, "6a4c4c"},           {251, "6a4cff"},
    {252, "6a4d0001"}, {65'531, "6a4dffff"}, {65'532, "6a4e00000100"}, {100'000, "6a4ea4860100"},
};

TEST(Command, HasTheShortestPush) {
    for (const PushCase& test : kPushCases) {
        const Bytes payload(test.payload, 0xab);
        const Bytes script = command_script(CommandType::kJob, payload);
        EXPECT_EQ(to_hex(ByteView{script}.first(test.head.size() / 2)), test.head);
        const auto push = parse_command(script);
        ASSERT_TRUE(push) << test.payload;
        EXPECT_EQ(push->type, uint8_t(CommandType::kJob));
        EXPECT_TRUE(std::equal(push->payload.begin(), push->payload.end(), payload.begin(), payload.end()));
    }
}

TEST(Command, IsNothingInALongerPush) {
    EXPECT_TRUE(parse_command(*parse_hex("6a0464616901")));
    EXPECT_FALSE(parse_command(*parse_hex("6a4c0464616901")));
    EXPECT_FALSE(parse_command(*parse_hex("6a4d040064616901")));
    EXPECT_FALSE(parse_command(*parse_hex("6a4e0400000064616901")));
    // A PUSHDATA2 of 255 bytes and a PUSHDATA4 of 65,535.
    for (const auto& [head, size] :
         {std::pair<const char*, size_t>{"6a4dff00", 255}, {"6a4effff0000", 65'535}}) {
        Bytes script = *parse_hex(head);
        Bytes data(size, 0);
        std::copy_n("dai", 3, data.begin());
        script.insert(script.end(), data.begin(), data.end());
        EXPECT_FALSE(parse_command(script)) << head;
    }
}

TEST(Command, IsOnePushAlone) {
    EXPECT_FALSE(parse_command(*parse_hex("6a0464616901ff")));
    EXPECT_FALSE(parse_command(*parse_hex("6a04646169")));
    EXPECT_FALSE(parse_command(*parse_hex("6a03646169"))) << "no type";
    EXPECT_FALSE(parse_command(*parse_hex("6a0464616a01"))) << "another tag";
    EXPECT_FALSE(parse_command(*parse_hex("6b0464616901"))) << "not OP_RETURN";
    EXPECT_FALSE(parse_command(*parse_hex("6a51"))) << "a number";
    EXPECT_FALSE(parse_command({}));
}

TEST(Height, IsAScriptNumber) {
    const std::pair<uint32_t, std::string_view> cases[] = {
        {0, "00"},
        {1, "51"},
        {16, "60"},
        {17, "0111"},
        {127, "017f"},
        {128, "028000"},
        {255, "02ff00"},
        {256, "020001"},
        {32'767, "02ff7f"},
        {32'768, "03008000"},
        {840'000, "0340d10c"},
        {0xffff'ffff, "05ffffffff00"},
    };
    for (const auto& [height, hex] : cases) EXPECT_EQ(to_hex(height_script(height)), hex) << height;
}

TEST(WitnessCommitment, IsTheScriptOfBip141) {
    const Bytes script = witness_commitment_script(Hash256{1});
    EXPECT_EQ(to_hex(script).substr(0, 14), "6a24aa21a9ed01");
    EXPECT_TRUE(is_witness_commitment(script));
    EXPECT_FALSE(is_witness_commitment(ByteView{script}.first(script.size() - 1)));
    EXPECT_FALSE(is_witness_commitment(command_script(CommandType::kJob, Bytes(32))));
}

TEST(SignatureHash, EqualsThoseOfBip341) {
    const auto vectors = nlohmann::json::parse(std::ifstream{DAIDD_VECTORS "/crypto/bip341.json"});
    size_t compared = 0;
    for (const auto& spending : vectors.at("keyPathSpending")) {
        const auto tx =
            decode<Transaction>(*parse_hex(spending["given"]["rawUnsignedTx"].get<std::string>()));
        ASSERT_TRUE(tx);
        std::vector<TxOut> spent;
        for (const auto& output : spending["given"]["utxosSpent"])
            spent.push_back({output["amountSats"], *parse_hex(output["scriptPubKey"].get<std::string>())});
        for (const auto& input : spending["inputSpending"]) {
            if (input["given"]["hashType"] != 0) continue;
            const Hash256 hash = signature_hash(*tx, input["given"]["txinIndex"], spent);
            EXPECT_EQ(to_hex(hash), input["intermediary"]["sigHash"]);
            ++compared;
        }
    }
    EXPECT_GT(compared, 0u);
}

TEST(SignatureHash, BindsEverythingThatIsSpentAndMade) {
    Transaction tx = test::payment();
    tx.inputs.push_back(tx.inputs[0]);
    tx.inputs[1].previous.index = 7;
    std::vector<TxOut> spent(2, {5 * kCoin, taproot_script(test::key(5))});
    const Hash256 before = signature_hash(tx, 0, spent);
    EXPECT_NE(signature_hash(tx, 1, spent), before);

    const auto changed = [&](auto&& change) {
        Transaction other = tx;
        auto other_spent = spent;
        change(other, other_spent);
        return signature_hash(other, 0, other_spent) != before;
    };
    using Spent = std::vector<TxOut>;
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.version = 1; }));
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.lock_time = 1; }));
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.inputs[1].previous.txid[0] ^= 1; }));
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.inputs[1].sequence = 0; }));
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.outputs[0].value -= 1; }));
    EXPECT_TRUE(changed([](Transaction& t, Spent&) { t.outputs[0].script[5] ^= 1; }));
    EXPECT_TRUE(changed([](Transaction&, Spent& s) { s[1].value -= 1; }));
    EXPECT_TRUE(changed([](Transaction&, Spent& s) { s[1].script[5] ^= 1; }));
    EXPECT_FALSE(changed([](Transaction& t, Spent&) { t.inputs[0].witness = {Bytes(64, 1)}; }));
}

}  // namespace
}  // namespace daidd::consensus
