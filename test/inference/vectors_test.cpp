#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "crypto/hash.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/sampling.h"
#include "inference/toy.h"

// test/vectors/inference/*.json come from contrib/make_inference_vectors.py, which shares no code with us.
namespace daidd::inference {
namespace {

nlohmann::json read_vectors(const std::string& name) {
    std::ifstream file{DAIDD_VECTORS "/inference/" + name + ".json"};
    return nlohmann::json::parse(file);
}

LlamaVariant variant_of(const nlohmann::json& variant) {
    return {.head_norms = variant.value("head_norms", false),
            .post_norms = variant.value("post_norms", false),
            .geglu = variant.value("geglu", false),
            .local_rope = variant.value("local_rope", false),
            .window = variant.value("window", 0u),
            .global_every = variant.value("global_every", 0u)};
}

ToyShape shape_of(const nlohmann::json& vector) {
    ToyShape shape;
    const std::vector<uint32_t> d = vector["dimensions"];
    shape.dimensions = {d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]};
    shape.fx = vector["fx"];
    shape.bias = vector["bias"];
    shape.gains = vector["gains"];
    shape.planes = vector["planes"];
    shape.seed = *parse_hash(vector["seed"].get<std::string>());
    shape.variant = variant_of(vector.value("variant", nlohmann::json::object()));
    return shape;
}

Hash256 tensor_root(const TensorInfo& info, ByteView rows, const Hash256& unit) {
    std::vector<Hash256> leaves(rows.size() / info.row_bytes), tokens, groups;
    crypto::hash_rows("leaf", &unit, rows, info.row_bytes, leaves);
    for (size_t i = 0; i < leaves.size(); i += info.rows) {
        tokens.push_back(
            crypto::merkle_root({leaves.begin() + long(i), leaves.begin() + long(i + info.rows)}));
    }
    for (size_t i = 0; i < tokens.size(); i += 16) {
        groups.push_back(crypto::merkle_root({tokens.begin() + long(i), tokens.begin() + long(i + 16)}));
    }
    return crypto::merkle_root(groups);
}

TEST(Vectors, TheRegtestToyIsTheVectors) {
    const ToyShape shape = shape_of(read_vectors("toy")[0]), ours = regtest_toy();
    EXPECT_EQ(shape.dimensions, ours.dimensions);
    EXPECT_EQ(shape.seed, ours.seed);
}

class VectorsOf : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Files, VectorsOf, testing::Values("toy", "families"),
                         [](const auto& file) { return file.param; });

TEST_P(VectorsOf, RootsTraceAndLogits) {
    for (const auto& vector : read_vectors(GetParam())) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto model = Model::build(make_toy(shape_of(vector)));
        ASSERT_TRUE(model) << model.error().text();
        const ModelTree tree{*model, 32};
        EXPECT_EQ(to_hex(*tree.manifest().constants), vector["constants_root"]);
        EXPECT_EQ(to_hex(tree.manifest().bytes()), vector["manifest"]);
        EXPECT_EQ(to_hex(tree.root()), vector["model_root"]);

        const Hash256 unit = *parse_hash(vector["unit"].get<std::string>());
        const std::vector<uint32_t> tokens = vector["tokens"];
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            Sequence sequence{*model, 32};
            TraceRecorder trace{*model};
            const auto logits =
                *forward(*model, backend, sequence, tokens, {.logits = Logits::kAll, .trace = &trace});
            std::vector<Hash256> roots;
            for (size_t t = 0; t < trace.tensors.size(); ++t) {
                roots.push_back(tensor_root(model->plan().tensors[t], trace.tensors[t], unit));
                EXPECT_EQ(to_hex(roots.back()), vector["op_roots"][t])
                    << to_string(backend) << " tensor " << t;
            }
            EXPECT_EQ(to_hex(crypto::merkle_root(roots)), vector["trace_root"]);
            const size_t vocabulary = model->dimensions().vocabulary;
            const auto last = std::span{logits}.last(vocabulary).first(16);
            EXPECT_EQ(std::vector(last.begin(), last.end()),
                      vector["last_logits"].get<std::vector<int32_t>>());
            for (size_t i = 0; i < tokens.size(); ++i) {
                const auto row = std::span{logits}.subspan(i * vocabulary, vocabulary);
                EXPECT_EQ(sample(row, {}, uint32_t(i + 1), model->fx()), vector["greedy"][i]);
            }
        }
    }
}

}  // namespace
}  // namespace daidd::inference
