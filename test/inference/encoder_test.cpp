#include "inference/encoder_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "crypto/hash.h"
#include "inference/bert.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/random.h"
#include "inference/reference.h"
#include "inference/toys.h"
#include "inference/unit_row.h"

namespace daidd::inference {
namespace {

/// test/vectors/inference/encoders.json, made by contrib/make_inference_vectors.py.
nlohmann::json encoder_vectors() {
    return nlohmann::json::parse(std::ifstream{std::string{DAIDD_VECTORS} + "/inference/encoders.json"});
}

ToyShape shape_of(const nlohmann::json& vector) {
    const std::vector<uint32_t> d = vector["dimensions"];
    ToyShape shape;
    shape.dimensions = {d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]};
    shape.fx = vector["fx"];
    shape.seed = *parse_hash(vector["seed"].get<std::string>());
    return shape;
}

ToyShape small_shape() {
    ToyShape shape;
    shape.dimensions = {.vocabulary = 50,
                        .layers = 2,
                        .dim = 24,
                        .ffn = 40,
                        .heads = 3,
                        .kv_heads = 3,
                        .head_dim = 8,
                        .context = 12};
    shape.fx = 16;
    return shape;
}

TEST(Encoder, RootsTraceAndEmbeddingAreTheVectors) {
    for (const auto& vector : encoder_vectors()) {
        SCOPED_TRACE(vector["name"].get<std::string>());
        const auto model = Model::build(make_toy_encoder(shape_of(vector)));
        ASSERT_TRUE(model) << model.error().text();
        const ModelTree tree{*model, 32};
        EXPECT_EQ(to_hex(*tree.manifest().constants), vector["constants_root"]);
        EXPECT_EQ(to_hex(tree.manifest().bytes()), vector["manifest"]);
        EXPECT_EQ(to_hex(tree.root()), vector["model_root"]);
        const std::vector<uint32_t> tokens = vector["tokens"];
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            for (const unsigned threads : {1u, 3u}) {
                TraceRecorder trace{*model};
                const auto embedding = encode_text(*model, backend, tokens, threads, &trace);
                ASSERT_TRUE(embedding);
                EXPECT_EQ(*embedding, vector["embedding"].get<std::vector<int32_t>>()) << to_string(backend);
                ASSERT_EQ(trace.tensors.size(), vector["trace"].size());
                for (size_t t = 0; t < trace.tensors.size(); ++t) {
                    EXPECT_EQ(to_hex(crypto::hash("trace", {trace.tensors[t]})), vector["trace"][t])
                        << to_string(backend) << " tensor " << t;
                }
            }
        }
    }
}

TEST(Encoder, EveryPositionSeesEveryOther) {
    const Model model = *Model::build(make_toy_encoder(small_shape()));
    const std::vector<uint32_t> tokens{1, 2, 3, 4, 5, 6};
    // The last tensor's rows: what every position ends as.
    const auto rows_of = [&](const std::vector<uint32_t>& text) {
        TraceRecorder trace{model};
        EXPECT_TRUE(encode_text(model, Backend::kScalar, text, 1, &trace));
        const uint32_t bytes = model.plan().tensors.back().row_bytes;
        std::vector<Bytes> rows;
        for (auto at = trace.tensors.back().begin(); at != trace.tensors.back().end(); at += bytes) {
            rows.emplace_back(at, at + bytes);
        }
        return rows;
    };
    const auto expected = rows_of(tokens);
    ASSERT_EQ(expected.size(), tokens.size());
    for (size_t changed = 0; changed < tokens.size(); ++changed) {
        auto other = tokens;
        other[changed] = 7;
        const auto rows = rows_of(other);
        for (size_t r = 0; r < rows.size(); ++r) EXPECT_NE(rows[r], expected[r]) << changed << " " << r;
    }
}

TEST(Encoder, ATokenTellsItsPosition) {
    const Model model = *Model::build(make_toy_encoder(small_shape()));
    EXPECT_NE(*encode_text(model, Backend::kScalar, std::vector<uint32_t>{1, 2, 3}),
              *encode_text(model, Backend::kScalar, std::vector<uint32_t>{3, 2, 1}));
}

/// The trace, and the embedding after it.
std::vector<Bytes> run_encoder(const Model& model, Backend backend, unsigned threads, size_t count) {
    TraceRecorder trace{model};
    const auto embedding = *encode_text(model, backend, random_tokens(model, count), threads, &trace);
    const auto* bytes = reinterpret_cast<const uint8_t*>(embedding.data());
    trace.tensors.emplace_back(bytes, bytes + 4 * embedding.size());
    return trace.tensors;
}

/// What feeds the GELU of the last layer becomes what is pooled, through a layer norm of its own or as it is:
/// the only rows that may be wider than the model.
ModelParts wide_encoder(uint32_t width, bool normed) {
    ToyShape shape = small_shape();
    shape.dimensions.ffn = width;
    ModelParts parts = make_toy_encoder(shape);
    auto& ops = parts.graph.ops;
    const auto gelu = std::ranges::find(ops.rbegin(), ops.rend(), OpKind::kGelu, &Op::op);
    ops.back().a = gelu->a;
    if (!normed) return parts;
    const auto numbers = std::make_shared<const std::vector<int32_t>>(2 * size_t{width}, kGainMax);
    parts.memory =
        std::make_shared<const std::pair<decltype(parts.memory), decltype(numbers)>>(parts.memory, numbers);
    ops.back() = {
        .kind = uint8_t(OpKind::kLayerNorm), .a = ops.back().a, .norm = uint16_t(parts.norms.size())};
    ops.push_back({.kind = uint8_t(OpKind::kMeanPool), .a = uint16_t(ops.size() - 1)});
    parts.norms.push_back({*numbers, 0});
    return parts;
}

/// Norms as strong as can be, so that everything behind them saturates, or as weak, so that it is zero.
ModelParts encoder_of_gains(int32_t exponent) {
    ModelParts parts = make_toy_encoder(small_shape());
    for (Norm& norm : parts.norms) norm.ge = exponent;
    return parts;
}

struct EncoderCase {
    const char* name;
    ModelParts (*make)();
    std::vector<size_t> counts;
};

/// The toy's dimensions with some of them spoiled.
template <class Spoil>
ModelParts encoder_with(const Spoil& spoil) {
    ToyShape shape = small_shape();
    spoil(shape);
    return make_toy_encoder(shape);
}

const EncoderCase kEncoderCases[] = {
    {"small", [] { return make_toy_encoder(small_shape()); }, {1, 2, 11, 12}},
    {"least",
     [] {
         return encoder_with([](ToyShape& shape) {
             shape.dimensions = {1, 1, 2, 1, 1, 1, 2, 1};
             shape.fx = kFxMin;
         });
     },
     {1}},
    {"pages",
     [] { return encoder_with([](ToyShape& shape) { shape.dimensions.context = 150; }); },
     {63, 64, 65, 129, 150}},
    {"widest_head",
     [] {
         return encoder_with([](ToyShape& shape) {
             shape.dimensions.dim = shape.dimensions.head_dim = kHeadDimMax;
             shape.dimensions.heads = shape.dimensions.kv_heads = 1;
         });
     },
     {12}},
    {"strongest_norms", [] { return encoder_of_gains(-kGainExponentMax); }, {12}},
    {"weakest_norms", [] { return encoder_of_gains(kGainExponentMax); }, {12}},
    {"widest_pool", [] { return wide_encoder(kDimMax, false); }, {3}},
    {"widest_norm", [] { return wide_encoder(kDimMax, true); }, {3}},
};

class EncoderBackend : public testing::TestWithParam<Backend> {};

TEST_P(EncoderBackend, EqualsTheScalarOne) {
    if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    for (const auto& c : kEncoderCases) {
        const auto model = Model::build(c.make());
        ASSERT_TRUE(model) << c.name << ": " << model.error().text();
        for (const size_t count : c.counts) {
            const auto expected = run_encoder(*model, Backend::kScalar, 1, count);
            for (const unsigned threads : {1u, 3u}) {
                EXPECT_EQ(run_encoder(*model, GetParam(), threads, count), expected)
                    << c.name << " " << count << " " << threads;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Backends, EncoderBackend,
                         testing::Values(Backend::kAvx2, Backend::kAvxVnni, Backend::kAvx512, Backend::kAmx),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

TEST(Encoder, RefusesWhatItCannotRun) {
    const Model encoder = *Model::build(make_toy_encoder(small_shape()));
    const Model decoder = *Model::build(make_toy(regtest_toy()));
    const auto error = [](const Model& model, std::vector<uint32_t> tokens) {
        const auto result = encode_text(model, Backend::kScalar, tokens);
        return result ? std::string_view{"none"} : to_string(result.error());
    };
    EXPECT_EQ(error(encoder, {}), "no_tokens");
    EXPECT_EQ(error(encoder, {49, 50}), "unknown_token");
    EXPECT_EQ(error(encoder, std::vector<uint32_t>(12, 1)), "none");
    EXPECT_EQ(error(encoder, std::vector<uint32_t>(13, 1)), "too_long");
    EXPECT_EQ(error(decoder, {1}), "not_an_encoder");
    Sequence sequence{encoder, 4};
    const auto logits = forward(encoder, Backend::kScalar, sequence, std::vector<uint32_t>{1});
    EXPECT_EQ(logits.error(), ForwardError::kNotADecoder);
    EXPECT_EQ(sequence.length(), 0u);
}

TEST(EncoderGraph, RefusesWhatDoesNotFit) {
    // Of two layers: 0 embedding, 1 position, 2 layer norm, …, the last is the pool.
    const auto op = [](OpKind kind, uint16_t a, uint16_t linear = kNoIndex, uint16_t norm = kNoIndex) {
        return Op{.kind = uint8_t(kind), .a = a, .linear = linear, .norm = norm};
    };
    const struct {
        const char* name;
        std::function<void(ModelParts&)> spoil;
    } cases[] = {
        {"positions: fewer than the context", [](ModelParts& p) { ++p.dimensions.context; }},
        {"positions: a table with biases",
         [](ModelParts& p) { p.linears[0].bias = p.linears[1].bias.first(12); }},
        {"positions: a matrix twice", [](ModelParts& p) { p.graph.ops[1].linear = 1; }},
        {"positions: not a row", [](ModelParts& p) { p.graph.ops[1].a = 1; }},
        {"layer norm: of the codes", [](ModelParts& p) { p.graph.ops[2].a = 3; }},
        {"layer norm: gains alone",
         [](ModelParts& p) { p.norms[0].gq = p.norms[0].gq.first(p.dimensions.dim); }},
        {"layer norm: no such norm", [](ModelParts& p) { p.graph.ops[2].norm = 5; }},
        {"layer norm: of a row that is not traced",
         [&](ModelParts& p) {
             p.graph.ops.pop_back();
             p.graph.ops.push_back(op(OpKind::kGelu, uint16_t(p.graph.ops.size() - 1)));
             p.norms.push_back(p.norms[0]);
             p.graph.ops.push_back(op(OpKind::kLayerNorm, uint16_t(p.graph.ops.size() - 1), kNoIndex, 5));
             p.graph.ops.push_back(op(OpKind::kMeanPool, uint16_t(p.graph.ops.size() - 1)));
         }},
        {"pool: of codes", [](ModelParts& p) { p.graph.ops.back().a = 3; }},
        {"pool: not the last",
         [&](ModelParts& p) {
             p.graph.ops.push_back(op(OpKind::kMeanPool, uint16_t(p.graph.ops.size() - 2)));
         }},
        {"no pool", [](ModelParts& p) { p.graph.ops.pop_back(); }},
        {"pool: wider than a row may be", [](ModelParts& p) { p = wide_encoder(kDimMax + 1, false); }},
        {"layer norm: wider than a row may be", [](ModelParts& p) { p = wide_encoder(kDimMax + 1, true); }},
        {"planes where none belong", [](ModelParts& p) { p.graph.ops[1].planes = 1; }}};
    ASSERT_TRUE(Model::build(make_toy_encoder(small_shape())));
    for (const auto& c : cases) {
        ModelParts parts = make_toy_encoder(small_shape());
        c.spoil(parts);
        const auto model = Model::build(parts);
        ASSERT_FALSE(model) << c.name;
        EXPECT_EQ(model.error().reason, ModelErrorReason::kBadGraph)
            << c.name << ": " << model.error().text();
    }
    // What sees behind itself cannot predict.
    ModelParts parts = make_toy(regtest_toy());
    for (Op& each : parts.graph.ops) {
        if (each.op() == OpKind::kAttention) each.kind = uint8_t(OpKind::kFullAttention);
    }
    EXPECT_EQ(Model::build(parts).error().text(), "bad_graph: operation 0: full attention before a head");
}

TEST(Encoder, AFileOfItIsTheSameModel) {
    const ModelParts parts = make_toy_encoder(small_shape());
    GgufWriter writer;
    write_model(parts, writer);
    const Bytes file = writer.finish();
    const auto loaded = Model::load(file);
    ASSERT_TRUE(loaded) << loaded.error().text();
    const Model model = *Model::build(parts);
    EXPECT_EQ(ModelTree(*loaded, 32).root(), ModelTree(model, 32).root());
    EXPECT_EQ(run_encoder(*loaded, best_backend(), 1, 12), run_encoder(model, Backend::kScalar, 1, 12));
}

TEST(Encoder, EveryNumberIsInTheRoot) {
    const ModelParts parts = make_toy_encoder(small_shape());
    const auto root_of = [](const ModelParts& p) { return ModelTree{*Model::build(p), 32}.root(); };
    const size_t dim = parts.dimensions.dim;
    std::vector<int32_t> numbers(parts.norms[0].gq.begin(), parts.norms[0].gq.end());
    std::vector<int8_t> table(parts.linears[0].weights.begin(), parts.linears[0].weights.end());
    std::vector<uint8_t> scales(parts.linears[0].ew.begin(), parts.linears[0].ew.end());
    const struct {
        const char* name;
        std::function<void(ModelParts&)> change;
    } cases[] = {{"gain", [&](ModelParts& p) { numbers[0] ^= 1, p.norms[0].gq = numbers; }},
                 {"bias", [&](ModelParts& p) { numbers[dim] ^= 1, p.norms[0].gq = numbers; }},
                 {"position", [&](ModelParts& p) { table.back() ^= 1, p.linears[0].weights = table; }},
                 {"its scale", [&](ModelParts& p) { scales.back() ^= 1, p.linears[0].ew = scales; }},
                 {"epsilon", [](ModelParts& p) { ++p.epsilon; }},
                 {"operation", [](ModelParts& p) {
                      auto& ops = p.graph.ops;
                      std::ranges::find(ops, OpKind::kFullAttention, &Op::op)->kind =
                          uint8_t(OpKind::kAttention);
                  }}};
    std::set<Hash256> roots{root_of(parts)};
    for (const auto& c : cases) {
        ModelParts changed = parts;
        c.change(changed);
        EXPECT_TRUE(roots.insert(root_of(changed)).second) << c.name;
    }
}

TEST(MeanDirection, IsThatOfTheSum) {
    const std::vector<int32_t> rows{3, 0, 0, 0, 4, 0};
    EXPECT_EQ(mean_direction(rows, 3), (std::vector<int32_t>{644'245'094, 858'993'459, 0})) << "0.6 and 0.8";
    EXPECT_EQ(mean_direction(std::vector<int32_t>{5, -7, -5, 7}, 2), (std::vector<int32_t>{0, 0}));
    const std::vector<int32_t> most(size_t{kContextMax} * 2, int32_t{kSatMax});
    EXPECT_EQ(mean_direction(most, 2), *unit_row(std::vector<int32_t>{1, 1}));
}

double real(int32_t x, uint32_t fx) { return std::ldexp(double(x), -int(fx)); }

TEST(LayerNorm, IsTheFormula) {
    Random random{4};
    for (int round = 0; round < 200; ++round) {
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        const auto n = size_t(random.in(2, 600));
        std::vector<int32_t> x(n), numbers(2 * n), y(n);
        const int64_t offset = random.in(-(1 << 20), 1 << 20);
        for (int32_t& v : x) v = int32_t(offset + random.in(-(1 << 18), 1 << 18));
        for (int32_t& v : numbers) v = int32_t(random.in(-kGainMax, kGainMax));
        const Norm norm{numbers, int32_t(random.in(-2, 2))};
        layer_norm_row(x, norm, 0, fx, y);
        double mean = 0, variance = 0;
        for (const int32_t v : x) mean += v / double(n);
        for (const int32_t v : x) variance += (v - mean) * (v - mean) / double(n);
        for (size_t i = 0; i < n; ++i) {
            const double unit = std::ldexp(1.0, -15 - norm.ge);
            const double exact =
                (x[i] - mean) / std::sqrt(variance) * numbers[i] * unit + numbers[n + i] * unit;
            EXPECT_NEAR(real(y[i], fx), exact, 4 * std::ldexp(1.0, -int(fx)) + 1e-5 * std::fabs(exact));
        }
    }
}

TEST(LayerNorm, HoldsAtItsLimits) {
    for (const uint32_t fx : {kFxMin, kFxMax}) {
        for (const int32_t ge : {-kGainExponentMax, kGainExponentMax}) {
            const std::vector<int32_t> numbers(2 * kDimMax, kGainMax);
            std::vector<int32_t> y(kDimMax);
            // One element as far from all others as can be, and rows without any variance.
            std::vector<int32_t> x(kDimMax, -int32_t{kSatMax});
            layer_norm_row(x, {numbers, ge}, 0, fx, y);
            EXPECT_EQ(y[0], sat(rsh(kGainMax, 15 + ge - int(fx)))) << "the bias alone";
            x[7] = int32_t{kSatMax};
            layer_norm_row(x, {numbers, ge}, kEpsilonMax, fx, y);
            // √(n − 1) standard deviations above the mean, and once that is the bias.
            const double exact = (std::sqrt(kDimMax - 1.0) + 1) * std::ldexp(1.0, -ge);
            const double most = real(int32_t{kSatMax}, fx);
            EXPECT_NEAR(real(y[7], fx), std::min(exact, most), 1e-4 * exact + std::ldexp(1.0, 1 - int(fx)));
        }
    }
}

TEST(CentreRow, RoundsTheMeanHalvesUp) {
    const auto centred = [](std::vector<int32_t> x) {
        centre_row(x, x);
        return x;
    };
    EXPECT_EQ(centred({1, 2}), (std::vector<int32_t>{-1, 0}));    // 1.5 → 2
    EXPECT_EQ(centred({-1, -2}), (std::vector<int32_t>{0, -1}));  // −1.5 → −1
    EXPECT_EQ(centred({1, 1, 2}), (std::vector<int32_t>{0, 0, 1}));
    EXPECT_EQ(centred({-1, -1, -2}), (std::vector<int32_t>{0, 0, -1}));
    const auto most = int32_t{kSatMax};
    EXPECT_EQ(centred({most, -most, -most}), (std::vector<int32_t>{most, -1431655765, -1431655765}));
}

TEST(Gelu, IsTheFunction) {
    Random random{5};
    for (const uint32_t fx : {kFxMin, kFxMax}) {
        for (int i = 0; i < 20'000; ++i) {
            const auto x = int32_t(random.in(-(20 << fx), 20 << fx));
            const double v = real(x, fx), exact = v * std::erfc(-v / std::sqrt(2.0)) / 2;
            EXPECT_NEAR(real(gelu_element(x, fx), fx), exact,
                        2e-5 * std::fabs(v) + std::ldexp(1.0, -int(fx)));
        }
        EXPECT_EQ(gelu_element(int32_t{kSatMax}, fx), kSatMax);
        EXPECT_EQ(gelu_element(-int32_t{kSatMax}, fx), 0);
        EXPECT_EQ(gelu_element(0, fx), 0);
        // As a gated row computes it.
        for (const int32_t x : {int32_t{kSatMax}, -int32_t{kSatMax}, 1, -1, 3 << fx, -(3 << fx)}) {
            EXPECT_EQ(gated_element(kGeluErf, x, 1 << fx, fx), gelu_element(x, fx)) << x;
        }
    }
}

TEST(Position, SaturatesAtBothEnds) {
    const std::vector<int8_t> codes{-128, 127, 1, -1};
    const std::vector<uint16_t> mw{1023, 512};
    const std::vector<uint8_t> ew{8, 30};
    Linear table;
    table.n = table.k = 2;
    table.weights = codes;
    table.mw = mw;
    table.ew = ew;
    const auto most = int32_t{kSatMax};
    EXPECT_EQ(position_element(table, 0, 0, -most, 16), -most);
    EXPECT_EQ(position_element(table, 0, 1, most, 16), most);
    EXPECT_EQ(position_element(table, 0, 1, 5, 16), 5 + 127 * 1023 * 256);
    EXPECT_EQ(position_element(table, 1, 0, 5, 16), 5) << "512 · 2^−14 is less than half";
}

}  // namespace
}  // namespace daidd::inference
