#include "rpc/encode.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace daidd::rpc {
namespace {

std::string asm_of(const char* hex) { return script_asm(*parse_hex(hex)); }

TEST(ScriptAsm, AsBitcoinCoreShowsIt) {
    EXPECT_EQ(asm_of(""), "");
    EXPECT_EQ(asm_of("76a91489abcdefabbaabbaabbaabbaabbaabbaabbaabba88ac"),
              "OP_DUP OP_HASH160 89abcdefabbaabbaabbaabbaabbaabbaabbaabba OP_EQUALVERIFY OP_CHECKSIG");
    EXPECT_EQ(asm_of("512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
              "1 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    EXPECT_EQ(asm_of("6a0568656c6c6f"), "OP_RETURN 68656c6c6f");
    EXPECT_EQ(asm_of("00"), "0");
    EXPECT_EQ(asm_of("4f60"), "-1 16");
    EXPECT_EQ(asm_of("03e80300"), "1000");
    EXPECT_EQ(asm_of("0181"), "-1");
    EXPECT_EQ(asm_of("04ffffff7f05ffffffff7f"), "2147483647 ffffffff7f");
    EXPECT_EQ(asm_of("4c0101"), "1");
    EXPECT_EQ(asm_of("4d01000102"), "1 [error]");
    EXPECT_EQ(asm_of("0201"), "[error]");
    EXPECT_EQ(asm_of("4e"), "[error]");
    EXPECT_EQ(asm_of("b0b9babbff"), "OP_NOP1 OP_NOP10 OP_CHECKSIGADD OP_UNKNOWN OP_UNKNOWN");
    EXPECT_EQ(asm_of("b1b2ae"), "OP_CHECKLOCKTIMEVERIFY OP_CHECKSEQUENCEVERIFY OP_CHECKMULTISIG");
}

TEST(Descriptor, ChecksumsOfBip380) {
    EXPECT_EQ(descriptor_checksum("raw(deadbeef)"), "89f8spxm");
    EXPECT_EQ(descriptor_checksum("addr(\xff)"), "");
}

TEST(Difficulty, OfKnownTargets) {
    EXPECT_EQ(difficulty_of(0x1d00'ffff), 1.0);
    EXPECT_NEAR(difficulty_of(0x1b04'04cb), 16307.420938523983, 1e-9);
    EXPECT_NEAR(difficulty_of(0x207f'ffff), 4.656542373906925e-10, 1e-20);
}

/// The first transaction of Bitcoin's block 170.
constexpr const char* kFirstPayment =
    "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932"
    "b8af51"
    "4961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac46220822"
    "21a876"
    "8d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414"
    "e7aab3"
    "7397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b4984"
    "0f8c53"
    "bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00"
    "000000";

TEST(TransactionJson, AsBitcoinCoreShowsIt) {
    const auto tx = decode<consensus::Transaction>(*parse_hex(kFirstPayment));
    ASSERT_TRUE(tx);
    const Json json = transaction_json(*tx, consensus::regtest_params(), /*with_hex=*/true);
    EXPECT_EQ(json["txid"], "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
    EXPECT_EQ(json["hash"], json["txid"]);
    EXPECT_EQ(json["size"], 275);
    EXPECT_EQ(json["weight"], 1100);
    EXPECT_EQ(json["vin"][0]["txid"], "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9");
    EXPECT_EQ(write_json(json["vout"][0]["value"]), "10.00000000");
    EXPECT_EQ(json["vout"][1]["scriptPubKey"]["type"], "nonstandard");
    EXPECT_EQ(json["hex"], kFirstPayment);
}

}  // namespace
}  // namespace daidd::rpc
