#include "inference/manifest.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "inference/toy.h"

namespace daidd::inference {
namespace {

// The toy of the protocol's reference program, and what that program prints for it.
Manifest reference_manifest() {
    Manifest manifest;
    manifest.unit_tokens = 32;
    manifest.vocabulary = 256;
    manifest.tensors = 5;
    manifest.linears = {{72, 144}, {144, 72}};
    manifest.operands = {{1, 0, 0}, {2, 1, 1}, {3, 1, 2}};
    return manifest;
}
constexpr std::string_view kReferenceBytes =
    "200000000001000005000200030048000000900000009"
    "000000048000000010000000002000100010300010002";
constexpr std::string_view kReferenceRoot =
    "2837305a794d1be552935aaeaadf75ea9d1597e4918a9041363ecb319f5f0213";

TEST(Manifest, BytesAreTheReferences) {
    const Manifest manifest = reference_manifest();
    EXPECT_EQ(to_hex(manifest.bytes()), kReferenceBytes);
    EXPECT_EQ(*Manifest::parse(manifest.bytes()), manifest);
}

TEST(Manifest, RefusesEveryOtherLength) {
    Manifest manifest = reference_manifest();
    manifest.constants = Hash256{1, 2, 3};
    Bytes bytes = manifest.bytes();
    EXPECT_EQ(*Manifest::parse(bytes), manifest);
    const size_t without = bytes.size() - 32;
    for (size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_EQ(bool(Manifest::parse(ByteView{bytes}.first(size))), size == without) << size;
    }
    bytes.push_back(0);
    EXPECT_EQ(Manifest::parse(bytes).error(), DecodeError::kTrailingBytes);
}

std::vector<int8_t> reference_weights(const std::string& tag, size_t count) {
    std::vector<int8_t> weights(count);
    crypto::xof(tag, kZeroHash, {reinterpret_cast<uint8_t*>(weights.data()), count});
    return weights;
}

TEST(WeightTree, RootIsTheReferences) {
    const WeightTree up{reference_weights("toy W0", 144 * 72), 144, 72};
    const WeightTree down{reference_weights("toy W1", 144 * 72), 72, 144, 3};
    EXPECT_EQ(to_hex(crypto::merkle_root({manifest_leaf(reference_manifest()), up.root(), down.root()})),
              kReferenceRoot);
}

TEST(WeightTree, PathsLeadToTheRoot) {
    // Two slices, the second of 904 columns; the last group has 4 rows.
    constexpr uint32_t kN = 36, kK = 5000;
    const auto weights = reference_weights("toy W0", size_t{kN} * kK);
    const WeightTree tree{weights, kN, kK};
    for (uint32_t slice = 0; slice < 2; ++slice) {
        for (uint32_t group = 0; group < 3; ++group) {
            std::vector<Hash256> leaves;
            for (uint32_t r = 16 * group; r < std::min(kN, 16 * group + 16); ++r) {
                const auto* from =
                    reinterpret_cast<const uint8_t*>(weights.data()) + size_t{r} * kK + 4096 * slice;
                leaves.push_back(crypto::hash("wleaf", {ByteView{from, slice == 0 ? 4096u : 904u}}));
            }
            auto node = crypto::climb(crypto::merkle_root(leaves), group, 3, tree.group_path(slice, group));
            ASSERT_TRUE(node);
            node = crypto::climb(*node, slice, 2, tree.slice_path(slice));
            EXPECT_EQ(node, tree.root());
        }
    }
}

// The root names the whole model: any constant that moves moves it.
TEST(ModelTree, RootCommitsToEverything) {
    const auto root_of = [](ModelParts parts) {
        const auto model = Model::build(std::move(parts));
        EXPECT_TRUE(model) << model.error().text();
        return ModelTree{*model, 32}.root();
    };
    ToyShape shape = regtest_toy();
    shape.bias = shape.gains = true;
    const Hash256 root = root_of(make_toy(shape));
    EXPECT_EQ(root, root_of(make_toy(shape)));
    EXPECT_NE(root, (ModelTree{*Model::build(make_toy(shape)), 64}.root()));

    std::vector<void (*)(ModelParts&)> changes = {
        [](ModelParts& p) { p.fx = 15; },
        [](ModelParts& p) { ++p.epsilon; },
        [](ModelParts& p) { ++p.rope[3]; },
        [](ModelParts& p) { --p.dimensions.context; },
        [](ModelParts& p) { p.norms[1].ge = 1; },
        [](ModelParts& p) { std::swap(p.norms[0], p.norms[2]); },
        [](ModelParts& p) { std::swap(p.linears[0].bias, p.linears[4].bias); },
        [](ModelParts& p) { std::swap(p.linears[0].mw, p.linears[4].mw); },
        [](ModelParts& p) { std::swap(p.linears[0].weights, p.linears[4].weights); },
    };
    for (size_t i = 0; i < changes.size(); ++i) {
        ModelParts parts = make_toy(shape);
        changes[i](parts);
        EXPECT_NE(root_of(std::move(parts)), root) << "change " << i;
    }
}

}  // namespace
}  // namespace daidd::inference
