#include <gtest/gtest.h>

#include <bit>

#include "inference/forward.h"
#include "inference/kernels.h"
#include "inference/manifest.h"
#include "inference/noised.h"
#include "inference/paged_head.h"
#include "inference/toys.h"

// Where kernels_test.cpp draws shapes at random, here is every one: each tail of a register, each number of
// rows, each size of a head, both ends of what a model may have.
namespace daidd::inference {
namespace {

class EveryShape : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
        fast = &kernels_of(GetParam());
    }
    const Kernels& scalar = kernels_of(Backend::kScalar);
    const Kernels* fast = nullptr;
    Scratch scratch;
    Random random{11};

    /// Random, or only the two extremes.
    std::vector<int8_t> codes(size_t count, int low, int high) {
        std::vector<int8_t> out(count);
        const bool extreme = random.next() % 2 == 0;
        for (int8_t& c : out)
            c = int8_t(!extreme ? random.in(low, high) : random.next() % 2 == 0 ? low : high);
        return out;
    }
    std::vector<int32_t> row(size_t size) {
        std::vector<int32_t> out(size);
        for (int32_t& x : out) x = random.spread(31);
        out[random.next() % size] = INT32_MAX;
        out[random.next() % size] = -INT32_MAX;
        return out;
    }
    void multiply(uint32_t n, uint32_t k, uint32_t rows, uint32_t planes);
    void attend(uint32_t head_dim, uint32_t count);
    void transform(size_t size);
};

INSTANTIATE_TEST_SUITE_P(Backends, EveryShape,
                         testing::Values(Backend::kAvx2, Backend::kAvxVnni, Backend::kAvx512, Backend::kAmx),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

void EveryShape::multiply(uint32_t n, uint32_t k, uint32_t rows, uint32_t planes) {
    const auto weights = codes(size_t{n} * k, -128, 127);
    const std::vector<uint16_t> mw(n, uint16_t(random.in(kMwMin, kMwMax)));
    const std::vector<uint8_t> ew(n, uint8_t(random.in(kEwMin, kEwMax)));
    Linear linear;
    linear.n = n;
    linear.k = k;
    linear.weights = weights;
    linear.mw = mw;
    linear.ew = ew;
    const PackedLinear packed = pack_linear(linear);
    CodeRows in;
    in.resize(rows, k, planes);
    std::ranges::copy(codes(in.codes.size(), -64, 63), in.codes.begin());
    for (Scale& s : in.factors) s = {int32_t(random.in(1 << 12, (1 << 14) - 1)), int32_t(random.in(20, 40))};
    std::vector<int32_t> expected(size_t{rows} * n), found(expected.size());
    scalar.linear(linear, &packed, in, 0, packed.blocks, 14, expected.data(), scratch);
    fast->linear(linear, &packed, in, 0, packed.blocks, 14, found.data(), scratch);
    ASSERT_EQ(found, expected) << "n " << n << " k " << k << " rows " << rows << " planes " << planes;
}

TEST_P(EveryShape, OfALinear) {
    for (uint32_t k = 1; k <= 130; ++k) multiply(1 + k % 35, k, 1 + k % 7, 1 + k % 2);
    for (uint32_t n = 1; n <= 50; ++n) multiply(n, 68 - n, 1 + n % 5, 1 + n % 2);
    for (uint32_t rows = 1; rows <= 40; ++rows) {
        multiply(17, 67, rows, 1);
        multiply(33, 20, rows, 2);
    }
    for (const uint32_t k : {kDepthMax - 1, kDepthMax}) multiply(17, k, 3, 2);
    // Codes and outputs beyond what stays in a near cache, so all weights pass twice.
    multiply(4100, 7, 150, 1);
    multiply(4100, 7, 150, 2);
    multiply(17, kDepthMax, 80, 1);
}

void EveryShape::attend(uint32_t head_dim, uint32_t count) {
    const auto q = codes(head_dim, -127, 127), k = codes(size_t{count} * head_dim, -127, 127);
    const auto v = codes(k.size(), -127, 127);
    std::vector<uint8_t> km(count), vm(count);
    std::vector<int16_t> ke(count), ve(count);
    for (uint32_t u = 0; u < count; ++u) {
        km[u] = uint8_t(random.in(128, 255));
        vm[u] = uint8_t(random.in(128, 255));
        ke[u] = int16_t(random.in(20, 30));
        ve[u] = int16_t(random.in(20, 30));
    }
    const PagedHead keys{{k.data(), km.data(), ke.data()}, count, head_dim};
    const PagedHead values{{v.data(), vm.data(), ve.data()}, count, head_dim};
    const HeadQuery query{q.data(), {int32_t(random.in(128, 255)), int32_t(random.in(20, 30))}};
    std::vector<int32_t> expected(head_dim), found(head_dim);
    scalar.attention_head(query, keys.pages(), values.pages(), count, head_dim, 14, expected.data(), scratch);
    fast->attention_head(query, keys.pages(), values.pages(), count, head_dim, 14, found.data(), scratch);
    ASSERT_EQ(found, expected) << "head_dim " << head_dim << " count " << count;
}

TEST_P(EveryShape, OfAHead) {
    for (uint32_t head_dim = 2; head_dim <= kHeadDimMax; head_dim += 2) {
        attend(head_dim, 1);
        attend(head_dim, 1 + head_dim % 64);
        attend(head_dim, kPagePositions + head_dim % 3);
    }
    for (uint32_t count = 1; count <= 3 * kPagePositions; ++count) attend(16, count);
}

void EveryShape::transform(size_t size) {
    const auto x = row(size), y = row(size);
    for (const int32_t q : {kQOnePlane, kQTwoPlanes, kQHead}) {
        std::vector<int8_t> high[2], low[2];
        for (int i = 0; i < 2; ++i) {
            high[i].resize(size);
            low[i].resize(q == kQTwoPlanes ? size : 0);
        }
        ASSERT_EQ(scalar.quant_row(x, q, 14, high[0], low[0]), fast->quant_row(x, q, 14, high[1], low[1]));
        ASSERT_EQ(high[0], high[1]) << size;
        ASSERT_EQ(low[0], low[1]) << size;
    }
    std::vector<int32_t> expected(size), found(size);
    scalar.add_row(x, y, expected);
    fast->add_row(x, y, found);
    ASSERT_EQ(expected, found) << "add " << size;
    std::vector<int32_t> gains(size);
    for (int32_t& g : gains) g = int32_t(random.in(-kGainMax, kGainMax));
    scalar.gain_row(x, gains, expected);
    fast->gain_row(x, gains, found);
    ASSERT_EQ(expected, found) << "gain " << size;
    if (size <= kDimMax) {
        ASSERT_EQ(scalar.norm_scale(x, {200, 30}, 2684, 1, 14), fast->norm_scale(x, {200, 30}, 2684, 1, 14));
    }
    if (size % 2 != 0) return;
    expected.resize(size / 2);
    found.resize(size / 2);
    for (const GateTable* table : {&kSigmoid, &kGeluTanh}) {
        scalar.gated_row(*table, x, 14, expected);
        fast->gated_row(*table, x, 14, found);
        ASSERT_EQ(expected, found) << "gated " << size;
    }
}

TEST_P(EveryShape, OfARow) {
    for (size_t size = 1; size <= 260; ++size) transform(size);
    for (const size_t size :
         {size_t{kDimMax} - 1, size_t{kDimMax}, size_t{kDepthMax} - 1, size_t{kDepthMax}}) {
        transform(size);
    }
}

TEST_P(EveryShape, OfATile) {
    for (uint32_t k = 8; k <= kSliceColumns; k += k < 520 ? 8 : 504) {
        for (const uint32_t r : {8u, 24u, 64u, kStepMax}) {
            if (k % r != 0) continue;
            const auto w = codes(size_t{16} * k, -128, 127);
            std::vector<uint8_t> rows;
            for (const int8_t x : codes(size_t{16} * k, -128, 127)) rows.push_back(uint8_t(x));
            std::vector<uint32_t> expected(k / r), found(k / r);
            noised_tile(Backend::kScalar, rows, w, k, k, r, expected);
            noised_tile(GetParam(), rows, w, k, k, r, found);
            ASSERT_EQ(found, expected) << "k " << k << " r " << r;
        }
    }
}

/// The largest sum of a tile: 4096 products of 255 and −128, and in one column of 255 and 127.
TEST(NoisedBound, OfTheDeepestTileIsReached) {
    constexpr uint32_t kDeepest = kSliceColumns;
    const std::vector<uint8_t> rows(size_t{16} * kDeepest, 255);
    std::vector<int8_t> w(size_t{16} * kDeepest, -128);
    std::fill_n(w.begin(), kDeepest, int8_t{127});
    // Fifteen equal columns leave one in the XOR.
    const uint32_t columns = uint32_t(-255 * 128 * int32_t{kDeepest}) ^ uint32_t(255 * 127 * kDeepest);
    uint32_t expected = 0;
    for (int u = 0; u < 16; ++u) expected ^= std::rotl(columns, u);
    for (const Backend backend : kBackends) {
        if (!is_supported(backend)) continue;
        std::vector<uint32_t> words(kDeepest / kStepMax);
        noised_tile(backend, rows, w, kDeepest, kDeepest, kStepMax, words);
        EXPECT_EQ(words.back(), expected) << to_string(backend);
    }
}

TEST(ContextBound, TheLastPositionIsTakenAndNoFurther) {
    ToyShape shape = odd_toy();
    shape.dimensions.context = 33;
    const Model model = build(shape);
    const auto tokens = random_tokens(model, shape.dimensions.context);
    BigVector<int32_t> expected;
    for (const Backend backend : kBackends) {
        if (!is_supported(backend)) continue;
        Sequence sequence{model, shape.dimensions.context};
        const auto logits = forward(model, backend, sequence, tokens, {.logits = Logits::kAll});
        ASSERT_TRUE(logits) << to_string(backend);
        if (expected.empty()) expected = *logits;
        EXPECT_EQ(*logits, expected) << to_string(backend);
        EXPECT_EQ(to_string(forward(model, backend, sequence, std::span{tokens}.first(1)).error()),
                  "too_long");
    }
}

}  // namespace
}  // namespace daidd::inference
