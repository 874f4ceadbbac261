#include <gtest/gtest.h>

#include "work/vectors.h"

namespace daidd::work {
namespace {

const Sealed& honest() {
    static const Sealed sealed = sealed_from(poui_vectors().at("seals")[1]);
    return sealed;
}

SealedBlock sealed_block() {
    SealedBlock block;
    block.block = consensus::genesis_block(consensus::main_params());
    block.seal = honest().seal;
    block.witness = honest().witness;
    block.signature.fill(7);
    return block;
}

/// Every proper prefix and a trailing byte are refused, the whole gives the same bytes again.
template <class T>
void expect_exact(const T& object, size_t stride = 1) {
    const Bytes bytes = encode(object);
    const auto whole = decode<T>(bytes);
    ASSERT_TRUE(whole);
    EXPECT_EQ(encode(*whole), bytes);
    for (size_t size = 0; size < bytes.size(); size += stride) {
        const auto prefix = decode<T>(ByteView{bytes}.first(size));
        ASSERT_FALSE(prefix) << size;
        ASSERT_EQ(prefix.error(), DecodeError::kTruncated) << size;
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(decode<T>(longer).error(), DecodeError::kTrailingBytes);
}

TEST(SealCodec, PrefixesAreRefused) {
    expect_exact(honest().seal);
    expect_exact(honest().witness, 7);
    expect_exact(sealed_header(sealed_block()));
    expect_exact(sealed_block(), 13);
}

TEST(SealCodec, SealIs238Bytes) { EXPECT_EQ(encode(honest().seal).size(), 238u); }

TEST(SealCodec, SealedHeaderIsTheBlocks) {
    const SealedBlock block = sealed_block();
    const SealedHeader header = sealed_header(block);
    EXPECT_EQ(encode(header.header), encode(block.block.header));
    EXPECT_EQ(consensus::root_over_coinbase(consensus::txid(header.coinbase), header.coinbase_path),
              block.block.header.merkle_root);
    EXPECT_EQ(header.signature, block.signature);
    EXPECT_EQ(header_message(block.block.header), header_message(header.header));
    consensus::BlockHeader other = block.block.header;
    ++other.time;
    EXPECT_NE(header_message(block.block.header), header_message(other));
}

/// Each list at its limit, then one past it.
struct LimitCase {
    const char* name;
    void (*fill)(SealWitness& witness, size_t past);
};
void PrintTo(const LimitCase& test_case, std::ostream* out) { *out << test_case.name; }

const LimitCase kLimits[] = {
    {"rows", [](SealWitness& w, size_t past) { w.rows.resize(16 + past); }},
    {"row_bytes", [](SealWitness& w, size_t past) { w.rows[0].bytes.resize(32'775 + past); }},
    {"row_path", [](SealWitness& w, size_t past) { w.row_path.resize(32 + past); }},
    {"op_roots", [](SealWitness& w, size_t past) { w.op_roots.resize(16'384 + past); }},
    {"weights", [](SealWitness& w, size_t past) { w.weights.resize(16 + past); }},
    {"weight_bytes", [](SealWitness& w, size_t past) { w.weights[0].bytes.resize(32'775 + past); }},
    {"weight_paths", [](SealWitness& w, size_t past) { w.weight_paths.resize(3 + past); }},
    {"weight_path", [](SealWitness& w, size_t past) { w.weight_paths[0].nodes.resize(32 + past); }},
    {"tokens", [](SealWitness& w, size_t past) { w.tokens.resize(32'768 + past); }},
    {"receipt", [](SealWitness& w, size_t past) { w.source.receipt.resize(48'000 + past); }},
    {"leaves", [](SealWitness& w, size_t past) { w.source.leaves.resize(129 + past); }},
    {"leaf_tokens", [](SealWitness& w, size_t past) { w.source.leaves[0].tokens.resize(256 + past); }},
    {"leaf_path", [](SealWitness& w, size_t past) { w.source.leaves[0].path.resize(32 + past); }},
    {"previous", [](SealWitness& w, size_t past) { w.previous.resize(2 + past); }},
    {"previous_tokens", [](SealWitness& w, size_t past) { w.previous[0].tokens.resize(32'768 + past); }},
    {"previous_op_roots", [](SealWitness& w, size_t past) { w.previous[1].op_roots.resize(16'384 + past); }},
};

class WitnessLimit : public testing::TestWithParam<LimitCase> {};

TEST_P(WitnessLimit, IsRefusedOnePast) {
    SealWitness witness = honest().witness;
    GetParam().fill(witness, 0);
    EXPECT_TRUE(decode<SealWitness>(encode(witness)));
    witness = honest().witness;
    GetParam().fill(witness, 1);
    const auto past = decode<SealWitness>(encode(witness));
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error(), DecodeError::kOverLimit);
}

INSTANTIATE_TEST_SUITE_P(Every, WitnessLimit, testing::ValuesIn(kLimits),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace daidd::work
