#include "inference/model.h"

#include <gtest/gtest.h>

#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/toy.h"

namespace daidd::inference {
namespace {

ToyShape full_toy() {
    ToyShape shape = regtest_toy();
    shape.bias = shape.gains = true;
    return shape;
}

std::string build_error(ModelParts parts) {
    const auto model = Model::build(std::move(parts));
    return model ? "none" : model.error().text();
}

/// A copy with one element changed, kept alive for the whole test.
template <class T>
std::span<const T> with(std::span<const T> values, size_t at, T value) {
    static std::vector<std::shared_ptr<std::vector<T>>> kept;
    kept.push_back(std::make_shared<std::vector<T>>(values.begin(), values.end()));
    (*kept.back())[at] = value;
    return *kept.back();
}

struct BuildCase {
    std::string name;
    void (*spoil)(ModelParts&);
    std::string expected;
};
void PrintTo(const BuildCase& c, std::ostream* out) { *out << c.name; }

// Each case changes one thing in a valid model: the last allowed value and the first refused one.
const BuildCase kBuildCases[] = {
    {"valid", [](ModelParts&) {}, "none"},
    {"vocabulary_0", [](ModelParts& p) { p.dimensions.vocabulary = 0; }, "out_of_range: vocabulary"},
    {"vocabulary_over", [](ModelParts& p) { p.dimensions.vocabulary = kVocabularyMax + 1; },
     "out_of_range: vocabulary"},
    {"vocabulary_shape", [](ModelParts& p) { ++p.dimensions.vocabulary; }, "wrong_shape: embedding"},
    {"layers_0", [](ModelParts& p) { p.dimensions.layers = 0; }, "out_of_range: layers"},
    {"layers_over", [](ModelParts& p) { p.dimensions.layers = kLayersMax + 1; }, "out_of_range: layers"},
    {"layers_other", [](ModelParts& p) { p.dimensions.layers = 3; }, "bad_graph: operation 0: layers"},
    {"dim_over", [](ModelParts& p) { p.dimensions.dim = kDimMax + 1; }, "out_of_range: dim"},
    {"ffn_over", [](ModelParts& p) { p.dimensions.ffn = kDepthMax + 1; }, "out_of_range: ffn"},
    {"heads_over", [](ModelParts& p) { p.dimensions.heads = kHeadsMax + 1; }, "out_of_range: heads"},
    {"heads_uneven", [](ModelParts& p) { p.dimensions.heads = 5; }, "wrong_shape: kv_heads"},
    {"head_dim_over", [](ModelParts& p) { p.dimensions.head_dim = kHeadDimMax + 2; },
     "out_of_range: head_dim"},
    {"head_dim_odd", [](ModelParts& p) { p.dimensions.head_dim = 15; }, "out_of_range: head_dim"},
    {"context_most", [](ModelParts& p) { p.dimensions.context = kContextMax; }, "none"},
    {"context_over", [](ModelParts& p) { p.dimensions.context = kContextMax + 1; }, "out_of_range: context"},
    {"fx_least", [](ModelParts& p) { p.fx = 14; }, "none"},
    {"fx_under", [](ModelParts& p) { p.fx = 13; }, "out_of_range: fx"},
    {"fx_most", [](ModelParts& p) { p.fx = 16; }, "none"},
    {"fx_over", [](ModelParts& p) { p.fx = 17; }, "out_of_range: fx"},
    {"epsilon_most", [](ModelParts& p) { p.epsilon = kEpsilonMax; }, "none"},
    {"epsilon_over", [](ModelParts& p) { p.epsilon = kEpsilonMax + 1; }, "out_of_range: epsilon"},
    {"rope_short", [](ModelParts& p) { p.rope.pop_back(); }, "wrong_shape: rope"},
    {"end_token",
     [](ModelParts& p) {
         p.end_tokens = {271, 272};
     },
     "out_of_range: end_tokens"},
    {"embedding_most", [](ModelParts& p) { p.embedding.codes = with<int16_t>(p.embedding.codes, 5, 32'639); },
     "none"},
    {"embedding_over", [](ModelParts& p) { p.embedding.codes = with<int16_t>(p.embedding.codes, 5, 32'640); },
     "out_of_range: embedding"},
    {"embedding_ew", [](ModelParts& p) { p.embedding.ew = with<uint8_t>(p.embedding.ew, 9, 31); },
     "out_of_range: embedding.ew"},
    {"mw_least", [](ModelParts& p) { p.linears[2].mw = with<uint16_t>(p.linears[2].mw, 0, 512); }, "none"},
    {"mw_under", [](ModelParts& p) { p.linears[2].mw = with<uint16_t>(p.linears[2].mw, 0, 511); },
     "out_of_range: linear.2.mw"},
    {"mw_most", [](ModelParts& p) { p.linears[2].mw = with<uint16_t>(p.linears[2].mw, 255, 1023); }, "none"},
    {"mw_over", [](ModelParts& p) { p.linears[2].mw = with<uint16_t>(p.linears[2].mw, 255, 1024); },
     "out_of_range: linear.2.mw"},
    {"ew_least", [](ModelParts& p) { p.linears[0].ew = with<uint8_t>(p.linears[0].ew, 3, 8); }, "none"},
    {"ew_under", [](ModelParts& p) { p.linears[0].ew = with<uint8_t>(p.linears[0].ew, 3, 7); },
     "out_of_range: linear.0.ew"},
    {"ew_most", [](ModelParts& p) { p.linears[0].ew = with<uint8_t>(p.linears[0].ew, 3, 30); }, "none"},
    {"ew_over", [](ModelParts& p) { p.linears[0].ew = with<uint8_t>(p.linears[0].ew, 3, 31); },
     "out_of_range: linear.0.ew"},
    {"mw_short", [](ModelParts& p) { p.linears[1].mw = p.linears[1].mw.first(63); },
     "wrong_shape: linear.1.mw"},
    {"ew_short", [](ModelParts& p) { p.linears[1].ew = p.linears[1].ew.first(63); },
     "wrong_shape: linear.1.ew"},
    {"weights_short", [](ModelParts& p) { p.linears[1].weights = p.linears[1].weights.first(64); },
     "wrong_shape: linear.1"},
    {"bias_short", [](ModelParts& p) { p.linears[0].bias = p.linears[0].bias.first(1); },
     "wrong_shape: linear.0.bias"},
    {"bias_least", [](ModelParts& p) { p.linears[0].bias = with<int32_t>(p.linears[0].bias, 1, -INT32_MAX); },
     "none"},
    {"bias_under", [](ModelParts& p) { p.linears[0].bias = with<int32_t>(p.linears[0].bias, 1, INT32_MIN); },
     "out_of_range: linear.0.bias"},
    {"k_over", [](ModelParts& p) { p.linears[0].k = kDepthMax + 1; }, "out_of_range: linear.0.k"},
    {"n_over", [](ModelParts& p) { p.linears[0].n = kWidthMax + 1; }, "out_of_range: linear.0.n"},
    {"gain_most", [](ModelParts& p) { p.norms[4].gq = with<int32_t>(p.norms[4].gq, 63, 32'768); }, "none"},
    {"gain_over", [](ModelParts& p) { p.norms[4].gq = with<int32_t>(p.norms[4].gq, 63, -32'769); },
     "out_of_range: norm.4"},
    {"ge_most", [](ModelParts& p) { p.norms[4].ge = -kGainExponentMax; }, "none"},
    {"ge_over", [](ModelParts& p) { p.norms[4].ge = kGainExponentMax + 1; }, "out_of_range: norm.4.ge"},
    {"ge_folded",
     [](ModelParts& p) {
         p.norms[4] = {{}, 1};
     },
     "out_of_range: norm.4.ge"},
    {"gain_short", [](ModelParts& p) { p.norms[0].gq = p.norms[0].gq.first(63); },
     "bad_graph: operation 1: width of the norm"},
    {"empty_graph", [](ModelParts& p) { p.graph.ops.clear(); }, "bad_graph: operation 0: count"},
    {"unknown_kind", [](ModelParts& p) { p.graph.ops[7].kind = 19; },
     "unknown_operation: operation 7 has kind 19"},
    {"two_embeddings", [](ModelParts& p) { p.graph.ops[7] = p.graph.ops[0]; },
     "bad_graph: operation 7: the embedding is the first and only one"},
    {"later_input", [](ModelParts& p) { p.graph.ops[1].a = 1; }, "bad_graph: operation 1: input"},
    {"codes_where_rows_belong", [](ModelParts& p) { p.graph.ops[7].b = 5; },
     "bad_graph: operation 7: inputs"},
    {"other_widths", [](ModelParts& p) { p.graph.ops[7].b = 2; }, "bad_graph: operation 7: widths"},
    {"linear_twice", [](ModelParts& p) { p.graph.ops[6].linear = 0; }, "bad_graph: operation 6: linear"},
    {"linear_beyond", [](ModelParts& p) { p.graph.ops[6].linear = 9; }, "bad_graph: operation 6: linear"},
    {"norm_twice", [](ModelParts& p) { p.graph.ops[8].norm = 0; }, "bad_graph: operation 8: norm"},
    {"norm_unused", [](ModelParts& p) { p.norms.push_back({}); }, "bad_graph: operation 0: unused norm 5"},
    {"planes_0", [](ModelParts& p) { p.graph.ops[1].planes = 0; }, "bad_graph: operation 1: planes"},
    {"planes_3", [](ModelParts& p) { p.graph.ops[1].planes = 3; }, "bad_graph: operation 1: planes"},
    {"planes_of_linear", [](ModelParts& p) { p.graph.ops[2].planes = 1; }, "bad_graph: operation 2: planes"},
    {"second_input_of_quant", [](ModelParts& p) { p.graph.ops[5].b = 0; }, "bad_graph: operation 5: b"},
    {"after_the_head", [](ModelParts& p) { p.graph.ops.push_back({.kind = 2, .a = 0, .planes = 1}); },
     "bad_graph: operation 29: after the head"},
    {"no_head", [](ModelParts& p) { p.graph.ops.pop_back(); }, "bad_graph: operation 28: no head at the end"},
};

class Build : public testing::TestWithParam<BuildCase> {};
TEST_P(Build, FindsTheBrokenRule) {
    ModelParts parts = make_toy(full_toy());
    GetParam().spoil(parts);
    EXPECT_EQ(build_error(std::move(parts)), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(Model, Build, testing::ValuesIn(kBuildCases),
                         [](const auto& tested) { return tested.param.name; });

Bytes file_of(const ModelParts& parts) {
    GgufWriter writer;
    write_model(parts, writer);
    return writer.finish();
}

TEST(ModelFile, KeepsTheModel) {
    for (const bool full : {false, true}) {
        const ModelParts parts = make_toy(full ? full_toy() : regtest_toy());
        const Bytes file = file_of(parts);
        const auto loaded = Model::load(file);
        ASSERT_TRUE(loaded) << loaded.error().text();
        const auto built = Model::build(parts);
        EXPECT_EQ((ModelTree{*loaded, 32}.root()), (ModelTree{*built, 32}.root()));
        EXPECT_EQ(loaded->parts().end_tokens, parts.end_tokens);
        EXPECT_EQ(file_of(loaded->parts()), file);
    }
}

std::string load_error(ByteView file) {
    const auto model = Model::load(file);
    return model ? "none" : model.error().text();
}

TEST(ModelFile, KeepsItsMemory) {
    auto bytes = std::make_shared<const Bytes>(file_of(make_toy(regtest_toy())));
    const std::weak_ptr<const Bytes> watch = bytes;
    {
        const auto model = Model::load(*bytes, Backend::kScalar, bytes);
        bytes.reset();
        EXPECT_FALSE(watch.expired());
        EXPECT_EQ((ModelTree{*model, 32}.root()),
                  (ModelTree{*Model::build(make_toy(regtest_toy())), 32}.root()));
    }
    EXPECT_TRUE(watch.expired());
}

TEST(ModelFile, RefusesOtherArchitecturesByName) {
    GgufWriter writer;
    writer.add_text("general.architecture", "mamba");
    EXPECT_EQ(load_error(writer.finish()), "unknown_architecture: mamba");
    writer.add_text("general.architecture", kModelArchitecture);
    writer.add_number("dai.version", kModelVersion + 1);
    EXPECT_EQ(load_error(writer.finish()), "out_of_range: dai.version");
    EXPECT_EQ(load_error(as_bytes("GGML")).substr(0, 13), "bad_container");
}

/// The file written again, without the tensor or field `left_out`, or with tensor `retyped` as i32.
std::string error_of_changed(const Bytes& bytes, std::string_view left_out, std::string_view retyped = {}) {
    const auto file = GgufFile::parse(bytes);
    GgufWriter writer;
    for (const auto& field : file->fields()) {
        if (field.key != left_out) writer.add_value(field.key, field.value);
    }
    for (const GgufTensor& tensor : file->tensors()) {
        if (tensor.name == left_out) continue;
        Bytes data{tensor.data.begin(), tensor.data.end()};
        const bool change = tensor.name == retyped;
        if (change) data.resize(4);
        writer.add_tensor(tensor.name, change ? GgufType::kF32 : tensor.type,
                          change ? std::vector<uint64_t>{1} : tensor.dims, std::move(data));
    }
    const Bytes changed = writer.finish();
    return load_error(changed);
}

TEST(ModelFile, NamesWhatIsMissing) {
    const Bytes bytes = file_of(make_toy(full_toy()));
    const auto file = GgufFile::parse(bytes);
    for (const auto& field : file->fields()) {
        const bool optional = field.key == "dai.end_tokens" || field.key == "dai.linear_names";
        EXPECT_EQ(error_of_changed(bytes, field.key),
                  optional ? "none" : "missing: " + std::string{field.key});
    }
    for (const GgufTensor& tensor : file->tensors()) {
        const std::string name{tensor.name};
        const std::string expected = name.ends_with(".bias") ? "none"
                                     : name.starts_with("norm.") && name != "norm.exponents"
                                         ? "none"
                                         : "missing: " + name;
        EXPECT_EQ(error_of_changed(bytes, name), expected);
        EXPECT_EQ(error_of_changed(bytes, {}, name), "wrong_type: " + name);
    }
}

TEST(ModelFile, RefusesMisalignedBytes) {
    const Bytes bytes = file_of(make_toy(regtest_toy()));
    Bytes shifted{0};
    shifted.insert(shifted.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(load_error(ByteView{shifted}.subspan(1)), "misaligned: rope");
}

TEST(ModelFile, SurvivesEveryTruncation) {
    const Bytes bytes = file_of(make_toy(regtest_toy()));
    for (size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
        EXPECT_NE(load_error(ByteView{bytes}.first(size)), "none") << size;
    }
}

}  // namespace
}  // namespace daidd::inference
