#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/model_file.h"
#include "inference/random.h"
#include "inference/reference.h"
#include "inference/toys.h"

// The operations that Llama does not have: norms that yield rows, GEGLU, windows, rotary constants of
// windows.
namespace daidd::inference {
namespace {

TEST(NormRow, FollowsTheFunction) {
    Random random{1};
    for (int i = 0; i < 2000; ++i) {
        std::vector<int32_t> x(size_t(random.in(1, 300))), gq(x.size()), y(x.size());
        const int bits = int(random.in(8, 31));
        double squares = 0;
        for (int32_t& v : x) squares += std::pow(double(v = random.spread(bits)), 2);
        for (int32_t& g : gq) g = int32_t(random.in(-kGainMax, kGainMax));
        const auto ge = int32_t(random.in(-6, 2));
        const uint64_t epsilon = 2684;
        norm_row(x, gq, ge, epsilon, 14, y);
        const double root = std::sqrt(std::max(1.0, squares / double(x.size()) + double(epsilon)));
        for (size_t c = 0; c < x.size(); ++c) {
            const double gain = std::ldexp(gq[c], -15 - ge), expected = 16384.0 * x[c] / root * gain;
            EXPECT_NEAR(y[c], expected, std::abs(expected) * 2e-4 + std::abs(gain) / 128 + 0.51);
        }
    }
}

// The mean is rounded down to whole units, so one element of a wide row can stand out further than √n.
TEST(NormRow, LargestElementStaysBelowItsBound) {
    for (const int32_t most : {1, 181, 182, 256, 1 << 24, (1 << 24) + 1, INT32_MAX}) {
        for (const int32_t sign : {1, -1}) {
            std::vector<int32_t> x(kDimMax), y(kDimMax);
            x[5] = sign * most;
            const NormFactor factor = norm_factor(x, 0);
            EXPECT_TRUE(factor.m > 1 << 29 && factor.m <= 1 << 30) << most;
            EXPECT_TRUE(factor.shift >= 8 && factor.shift <= 39) << most;
            const int64_t z = rsh(int64_t{x[5]} * factor.m, factor.shift);
            EXPECT_LE(std::abs(z), int64_t{181} << 22) << most;
            norm_row(x, std::vector<int32_t>(kDimMax, kGainMax), -kGainExponentMax, 0, 16, y);
            // 181 · 2^16 is within an int32 before its 16 fraction bits.
            EXPECT_EQ(y[5], sign * INT32_MAX) << most;
            EXPECT_EQ(y[4], 0);
        }
    }
}

TEST(NormRow, SmallestRowsAndLargestEpsilon) {
    std::vector<int32_t> y(1);
    norm_row(std::vector<int32_t>{0}, std::vector<int32_t>{kGainMax}, 0, 0, 14, y);
    EXPECT_EQ(y[0], 0);
    norm_row(std::vector<int32_t>{1}, std::vector<int32_t>{kGainMax}, 0, 0, 14, y);
    EXPECT_EQ(y[0], 1 << 14);
    norm_row(std::vector<int32_t>{-1}, std::vector<int32_t>{kGainMax}, 0, kEpsilonMax, 16, y);
    EXPECT_EQ(y[0], -1) << "epsilon of one: the square root of 1 + 2^-32";
}

double gelu(double x) {
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

TEST(Geglu, FollowsTheFunction) {
    Random random{5};
    for (int i = 0; i < 20'000; ++i) {
        const int32_t gate = random.spread(20), up = random.spread(20);
        const double expected = gelu(gate / 16384.0) * up / 16384.0;
        EXPECT_NEAR(gated_element(kGeluTanh, gate, up, 14) / 16384.0, expected,
                    std::abs(up / 16384.0) * 5e-4 + 1e-4);
    }
    EXPECT_EQ(gated_element(kGeluTanh, INT32_MAX, INT32_MAX, 14), INT32_MAX);
    EXPECT_EQ(gated_element(kGeluTanh, INT32_MAX, -INT32_MAX, 16), -INT32_MAX);
    EXPECT_EQ(gated_element(kGeluTanh, -INT32_MAX, INT32_MAX, 14), 0);
    EXPECT_EQ(gate_element(kGeluTanh, 16 << 14, 14), 65536);
    EXPECT_EQ(gate_element(kGeluTanh, 0, 14), 32768);
}

std::vector<uint32_t> random_tokens(size_t count) {
    Random random{count};
    std::vector<uint32_t> tokens(count);
    for (uint32_t& token : tokens) token = uint32_t(random.next() % 272);
    return tokens;
}

/// The logits of every position.
std::vector<BigVector<int32_t>> logits_of(const Model& model, const std::vector<uint32_t>& tokens) {
    Sequence sequence{model, uint32_t(tokens.size())};
    const auto all = *forward(model, best_backend(), sequence, tokens, {.logits = Logits::kAll});
    std::vector<BigVector<int32_t>> rows;
    for (size_t i = 0; i < all.size(); i += 272) {
        rows.emplace_back(all.begin() + long(i), all.begin() + long(i) + 272);
    }
    return rows;
}

// Two layers of a window of 5 positions reach 2 · 4 positions back and not one more.
TEST(Window, SeesSoFarAndNoFurther) {
    const Model model = build(windowed_toy(5));
    auto tokens = random_tokens(20);
    const auto before = logits_of(model, tokens);
    tokens[3] ^= 1;
    const auto after = logits_of(model, tokens);
    for (size_t i = 0; i < tokens.size(); ++i) {
        EXPECT_EQ(before[i] != after[i], i >= 3 && i <= 3 + 8) << "position " << i;
    }
}

TEST(Window, OfOnePositionSeesItself) {
    const Model model = build(windowed_toy(1));
    auto tokens = random_tokens(6);
    const auto before = logits_of(model, tokens);
    tokens[2] ^= 1;
    const auto after = logits_of(model, tokens);
    for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(before[i] != after[i], i == 2) << "position " << i;
}

// Windows longer than a page begin in the middle of one.
TEST(Window, CrossesPages) {
    const Model model = build(windowed_toy(70));
    auto tokens = random_tokens(200);
    const auto before = logits_of(model, tokens);
    tokens[40] ^= 1;
    const auto after = logits_of(model, tokens);
    for (size_t i = 0; i < tokens.size(); ++i) {
        EXPECT_EQ(before[i] != after[i], i >= 40 && i <= 40 + 2 * 69) << "position " << i;
    }
    for (const Backend backend : kBackends) {
        if (!is_supported(backend)) continue;
        for (const size_t chunk : {1u, 33u}) {
            Sequence sequence{model, 200};
            for (size_t at = 0; at < tokens.size(); at += chunk) {
                const auto part = std::span{tokens}.subspan(at, std::min(chunk, tokens.size() - at));
                const auto logits = *forward(model, backend, sequence, part);
                ASSERT_EQ(logits, after[at + part.size() - 1]) << to_string(backend) << " " << at;
            }
        }
    }
}

TEST(Window, AsWideAsTheTextIsNone) {
    const auto tokens = random_tokens(20);
    EXPECT_EQ(logits_of(build(windowed_toy(20)), tokens), logits_of(build(regtest_toy()), tokens));
    EXPECT_NE(logits_of(build(windowed_toy(19)), tokens), logits_of(build(regtest_toy()), tokens));
}

TEST(Trace, NormsThatYieldRowsTraceWhatTheyRead) {
    const Model model = build(gemma_toy());
    // Per layer: qkv codes, the heads' norm, q, k, v, o codes, the norm after it, residual, gate/up codes,
    // down high and low, the norm after it, residual; before them a residual, after them head high and low.
    const auto& tensors = model.plan().tensors;
    ASSERT_EQ(tensors.size(), 1u + 3 * 13 + 2);
    const uint32_t bytes[] = {71, 4 * 128, 23, 23, 23, 71, 256, 256, 71, 135, 135, 256, 256};
    for (size_t t = 0; t < std::size(bytes); ++t) EXPECT_EQ(tensors[1 + t].row_bytes, bytes[t]) << t;
}

/// Rows of traced tensors, as a dispute opens them.
class Traced {
public:
    Traced(const Model& model, const std::vector<uint32_t>& tokens) : model_{model}, trace_{model} {
        Sequence sequence{model, uint32_t(tokens.size())};
        EXPECT_TRUE(forward(model, best_backend(), sequence, tokens, {.trace = &trace_}));
    }
    ByteView row(size_t tensor, uint32_t r) const {
        const size_t bytes = model_.plan().tensors[tensor].row_bytes;
        return ByteView{trace_.tensors[tensor]}.subspan(r * bytes, bytes);
    }
    std::vector<int32_t> residual(size_t tensor, uint32_t r) const {
        const ByteView bytes = row(tensor, r);
        std::vector<int32_t> values(bytes.size() / 4);
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }
    std::span<const int8_t> codes(size_t tensor, uint32_t r) const {
        const ByteView bytes = row(tensor, r);
        return {reinterpret_cast<const int8_t*>(bytes.data()), bytes.size() - kTailBytes};
    }
    Scale scale(size_t tensor, uint32_t r) const {
        const ByteView bytes = row(tensor, r);
        const size_t at = bytes.size() - kTailBytes;
        int16_t exponent;
        std::memcpy(&exponent, bytes.data() + at + 1, 2);
        return {bytes[at], exponent};
    }

private:
    const Model& model_;
    TraceRecorder trace_;
};

// From traced rows, one element at a time: what is after a norm follows from what it read, which follows from
// the operand of the linear before it.
TEST(Trace, OfTheNormsIsProvableOneElementAtATime) {
    const Model model = build(gemma_toy());
    const Traced traced{model, random_tokens(12)};
    const ModelParts& parts = model.parts();
    const Dimensions& d = model.dimensions();
    constexpr size_t kResidual = 0, kQkvCodes = 1, kHeads = 2, kQ = 3, kOCodes = 6, kAfter = 7, kNext = 8;
    for (uint32_t r = 0; r < 12; ++r) {
        const Linear& o = parts.linears[1];
        const auto after = traced.residual(kAfter, r), next = traced.residual(kNext, r);
        const Norm& norm = parts.norms[2];
        const NormFactor factor = norm_factor(after, parts.epsilon);
        for (uint32_t c = 0; c < d.dim; ++c) {
            EXPECT_EQ(after[c], linear_element(traced.codes(kOCodes, r), {}, traced.scale(kOCodes, r),
                                               o.row(c), o.mw[c], o.ew[c], 0, parts.fx));
            EXPECT_EQ(next[c], add_element(traced.residual(kResidual, r)[c],
                                           norm_element(after[c], factor, norm.gq[c], norm.ge, parts.fx)));
        }

        const Linear& qkv = parts.linears[0];
        const auto heads = traced.residual(kHeads, r), x = traced.residual(kResidual, r);
        const Scale qkv_factor = norm_scale(x, traced.scale(kQkvCodes, r), parts.epsilon, 0, parts.fx);
        for (uint32_t c = 0; c < qkv.n; ++c) {
            EXPECT_EQ(heads[c], linear_element(traced.codes(kQkvCodes, r), {}, qkv_factor, qkv.row(c),
                                               qkv.mw[c], qkv.ew[c], 0, parts.fx));
        }
        const uint32_t head = 4;  // the first key
        std::vector<int32_t> k(d.head_dim);
        norm_row(std::span{heads}.subspan(head * d.head_dim, d.head_dim), parts.norms[1].gq.last(d.head_dim),
                 0, parts.epsilon, parts.fx, k);
        for (uint32_t j = 0; j < d.head_dim / 2; ++j) {
            rotate(k[2 * j], k[2 * j + 1], rotation(r, parts.local_rope[j]));
        }
        std::vector<int8_t> codes(d.head_dim);
        EXPECT_EQ(quant_row(k, kQHead, parts.fx, codes, {}).scale, traced.scale(kQ + 1, r * d.kv_heads));
        EXPECT_TRUE(std::ranges::equal(codes, traced.codes(kQ + 1, r * d.kv_heads)));
    }
}

std::string build_error(ModelParts parts) {
    const auto model = Model::build(std::move(parts));
    return model ? "none" : model.error().text();
}

struct BuildCase {
    std::string name;
    void (*spoil)(ModelParts&);
    std::string expected;
};
void PrintTo(const BuildCase& c, std::ostream* out) { *out << c.name; }

// Operations of the first layer: 0 embedding, 1 norm + quant, 2 qkv, 3 heads' norm, 4 rope, 5 attention, 6
// quant, 7 o, 8 norm, 9 add, 10 norm + quant, 11 gate and up, 12 GEGLU.
const BuildCase kBuildCases[] = {
    {"valid", [](ModelParts&) {}, "none"},
    {"no_window", [](ModelParts& p) { p.window = 0; }, "bad_graph: operation 5: window"},
    {"window_least", [](ModelParts& p) { p.window = 1; }, "none"},
    {"window_most", [](ModelParts& p) { p.window = kContextMax; }, "none"},
    {"window_over", [](ModelParts& p) { p.window = kContextMax + 1; }, "out_of_range: window"},
    {"window_unused",
     [](ModelParts& p) {
         for (Op& op : p.graph.ops) {
             if (op.op() == OpKind::kLocalAttention) op.kind = uint8_t(OpKind::kAttention);
         }
     },
     "bad_graph: operation 0: unused window"},
    {"no_local_rope", [](ModelParts& p) { p.local_rope.clear(); }, "bad_graph: operation 4: local rope"},
    {"local_rope_short", [](ModelParts& p) { p.local_rope.pop_back(); },
     "bad_graph: operation 4: local rope"},
    {"local_rope_unused",
     [](ModelParts& p) {
         for (Op& op : p.graph.ops) {
             if (op.op() == OpKind::kLocalRopeQuant) op.kind = uint8_t(OpKind::kRopeQuant);
         }
     },
     "bad_graph: operation 0: unused local rope"},
    {"norm_of_codes", [](ModelParts& p) { p.graph.ops[8].a = 6; }, "bad_graph: operation 8: input"},
    {"norm_missing", [](ModelParts& p) { p.graph.ops[8].norm = kNoIndex; }, "bad_graph: operation 8: norm"},
    {"norm_twice", [](ModelParts& p) { p.graph.ops[8].norm = 0; }, "bad_graph: operation 8: norm"},
    {"norm_without_gain", [](ModelParts& p) { p.norms[2].gq = {}; },
     "bad_graph: operation 8: width of the norm"},
    {"norm_gain_short", [](ModelParts& p) { p.norms[2].gq = p.norms[2].gq.first(63); },
     "bad_graph: operation 8: width of the norm"},
    {"norm_with_planes", [](ModelParts& p) { p.graph.ops[8].planes = 1; }, "bad_graph: operation 8: planes"},
    {"heads_of_another_row", [](ModelParts& p) { p.graph.ops[3].a = 0; }, "bad_graph: operation 3: input"},
    {"heads_gain_short", [](ModelParts& p) { p.norms[1].gq = p.norms[1].gq.first(31); },
     "bad_graph: operation 3: width of the norm"},
    {"norm_of_linear", [](ModelParts& p) { p.graph.ops[7].norm = 2; }, "bad_graph: operation 7: norm"},
    {"geglu_of_codes", [](ModelParts& p) { p.graph.ops[12].a = 10; }, "bad_graph: operation 12: input"},
};

class BuildFamily : public testing::TestWithParam<BuildCase> {};
TEST_P(BuildFamily, FindsTheBrokenRule) {
    ModelParts parts = make_toy(gemma_toy());
    GetParam().spoil(parts);
    EXPECT_EQ(build_error(std::move(parts)), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(Model, BuildFamily, testing::ValuesIn(kBuildCases),
                         [](const auto& tested) { return tested.param.name; });

Bytes file_of(const ModelParts& parts) {
    GgufWriter writer;
    write_model(parts, writer);
    return writer.finish();
}

TEST(ModelFile, KeepsWindowAndLocalRope) {
    const ModelParts parts = make_toy(gemma_toy());
    const Bytes file = file_of(parts);
    const auto loaded = Model::load(file);
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->parts().window, 7u);
    EXPECT_EQ(loaded->parts().local_rope, parts.local_rope);
    EXPECT_EQ((ModelTree{*loaded, 32}.root()), (ModelTree{*Model::build(parts), 32}.root()));
    EXPECT_EQ(file_of(loaded->parts()), file);
}

TEST(ModelFile, OfALlamaSaysNothingOfThem) {
    const Bytes bytes = file_of(make_toy(regtest_toy()));
    const auto file = GgufFile::parse(bytes);
    EXPECT_EQ(file->find_value("dai.window"), nullptr);
    EXPECT_EQ(file->find_tensor("rope.local"), nullptr);
}

TEST(ModelTree, RootCommitsToWindowAndLocalRope) {
    const auto root_of = [](const ModelParts& parts) { return constants_root(*Model::build(parts)); };
    const ModelParts parts = make_toy(gemma_toy());
    ModelParts changed = parts;
    ++changed.window;
    EXPECT_NE(root_of(changed), root_of(parts));
    changed = parts;
    ++changed.local_rope[2];
    EXPECT_NE(root_of(changed), root_of(parts));
}

}  // namespace
}  // namespace daidd::inference
