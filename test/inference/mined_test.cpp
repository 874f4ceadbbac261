#include "inference/mined.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>

#include "inference/mined_kernels.h"
#include "inference/random.h"
#include "inference/sum_bounds.h"

namespace daidd::inference {
namespace {

/// (operand, slice, tile, group) → words.
using Words = std::map<std::array<uint32_t, 4>, std::vector<uint32_t>>;

/// Draws from every slice but those of operand `skipped`, with pseudo-random noise.
class Recorder final : public TicketDrawer {
public:
    Recorder(uint32_t groups, uint64_t seed, int skipped) : groups_{groups}, seed_{seed}, skipped_{skipped} {}

    std::vector<uint8_t> noise(const MinedSlice& slice, Parallel& /*parallel*/) override {
        if (slice.operand == skipped_) return {};
        Random random{seed_ + 64 * slice.operand + slice.index};
        std::vector<uint8_t> noise(size_t{groups_} * 16 * slice.step);
        // Now and then only the extremes: they reach the largest sums.
        const bool extreme = random.in(0, 3) == 0;
        for (uint8_t& e : noise)
            e = uint8_t(extreme ? (random.in(0, 1) == 0 ? 64 : 191) : random.in(64, 191));
        if (everywhere) std::ranges::fill(noise, *everywhere);
        noises[{slice.operand, slice.index}] = noise;
        return noise;
    }
    void draw(const MinedSlice& slice, uint32_t tile, uint32_t first_group, std::span<const uint32_t> drawn,
              unsigned) override {
        const size_t steps = slice.slice.columns / slice.step;
        const std::lock_guard lock{mutex_};
        for (uint32_t g = 0; g < drawn.size() / steps; ++g) {
            const auto of_group = drawn.subspan(g * steps, steps);
            const std::array<uint32_t, 4> key{slice.operand, slice.index, tile, first_group + g};
            EXPECT_TRUE(words.emplace(key, std::vector<uint32_t>(of_group.begin(), of_group.end())).second)
                << "drawn twice";
        }
    }

    std::optional<uint8_t> everywhere;  // in the place of random noise
    Words words;
    std::map<std::pair<uint32_t, uint32_t>, std::vector<uint8_t>> noises;

private:
    uint32_t groups_;
    uint64_t seed_;
    int skipped_;
    std::mutex mutex_;
};

/// A matrix and codes for it, all numbers within the limits of a model.
struct Product {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    Linear linear;
    CodeRows codes;

    Product(Random& random, uint32_t n, uint32_t k, uint32_t rows, uint32_t planes)
        : weights(size_t{n} * k), mw(n), ew(n) {
        const bool extreme = random.in(0, 4) == 0;
        for (int8_t& w : weights) w = int8_t(extreme ? 127 : random.in(-127, 127));
        for (uint16_t& m : mw) m = uint16_t(random.in(kMwMin, kMwMax));
        for (uint8_t& e : ew) e = uint8_t(random.in(kEwMin, kEwMax));
        linear = {.name = "", .n = n, .k = k, .weights = weights, .mw = mw, .ew = ew, .bias = {}};
        codes.resize(rows, k, planes);
        for (int8_t& c : codes.codes) c = int8_t(extreme ? -64 : random.in(-64, 63));
        for (Scale& f : codes.factors) f = {int32_t(random.in(128, 8191)), int32_t(random.in(20, 50))};
    }
};

Words expected_words(const Product& product, const Recorder& recorder, uint16_t first_operand) {
    Words expected;
    const std::vector<Slice> cut = slices(product.linear.k);
    for (const auto& [of, noise] : recorder.noises) {
        const Slice& slice = cut[of.second];
        const uint32_t r = step_for(slice.columns);
        for (uint32_t g = 0; g < product.codes.rows / 16; ++g) {
            std::vector<uint8_t> noised(size_t{16} * slice.columns);
            add_noise(product.codes.plane(16 * g, of.first - first_operand).data(), product.linear.k, slice,
                      std::span{noise}.subspan(size_t{16} * r * g, size_t{16} * r), noised.data());
            for (uint32_t tile = 0; tile < product.linear.n / 16; ++tile) {
                auto& words = expected[{of.first, of.second, tile, g}];
                words.resize(slice.columns / r);
                noised_tile(
                    Backend::kScalar, noised,
                    product.linear.weights.subspan(size_t{16} * tile * product.linear.k + slice.start),
                    product.linear.k, slice.columns, r, words);
            }
        }
    }
    return expected;
}

class MinedProducts : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, MinedProducts, testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

TEST_P(MinedProducts, GiveTheFoldsOfTheirNoiseAndTheCleanOutputs) {
    struct Case {
        uint32_t n, k;
    };
    // Every step; slices of their own, with and without tickets; outputs that fill no tile; more tiles than
    // go together; rows of one block of columns, of some and of a part.
    const Case cases[] = {{32, 64},   {48, 120},  {16, 256},   {33, 576},  {40, 1536}, {16, 4096},
                          {17, 4224}, {32, 8192}, {24, 4100},  {15, 576},  {16, 20},   {16, 1984},
                          {16, 2048}, {165, 960}, {134, 1024}, {165, 1088}};
    Random random{77};
    for (const auto& [n, k] : cases) {
        for (const uint32_t planes : {1u, 2u}) {
            for (const uint32_t groups : {1u, 2u, 5u, 7u}) {
                const Product product{random, n, k, 16 * groups, planes};
                const PackedLinear packed = pack_linear(product.linear);
                const bool skips = random.in(0, 5) == 0;
                Recorder recorder{groups, uint64_t(random.in(0, 1 << 20)), skips ? 7 : -1};
                Parallel parallel{groups == 5 ? 3u : 1u};
                std::vector<Scratch> scratch(parallel.size());
                std::vector<int32_t> y(size_t{product.codes.rows} * n, -1), clean(y.size());
                mined_linear({product.linear, &packed, 7, 14}, GetParam(), product.codes, recorder, parallel,
                             scratch, y.data());
                kernels_of(Backend::kScalar)
                    .linear(product.linear, nullptr, product.codes, 0, (n + 15) / 16, 14, clean.data(),
                            scratch[0]);
                ASSERT_EQ(y, clean) << "n " << n << " k " << k << " planes " << planes;
                ASSERT_EQ(recorder.words, expected_words(product, recorder, 7))
                    << "n " << n << " k " << k << " planes " << planes << " groups " << groups;

                Recorder again{groups, 5, -1};
                mined_linear({product.linear, &packed, 7, 14}, GetParam(), product.codes, again, parallel,
                             scratch, nullptr);
                ASSERT_EQ(again.words, expected_words(product, again, 7)) << "folds alone";
            }
        }
    }
}

/// Codes of one sign and about one size, whose code_weight() is at most `weight` and nearly it.
void spread(int64_t weight, std::span<int8_t> high) {
    for (size_t i = 0; i < high.size(); ++i) {
        int32_t size = 0;
        while (size < 64 && code_weight(size + 1) <= weight / int64_t(high.size() - i)) ++size;
        high[i] = int8_t(-size);
        weight -= code_weight(size);
    }
    EXPECT_LT(weight, 2 * 64);  // one more in size
}

TEST_P(MinedProducts, FindTheHeaviestRow) {
    Random random{80};
    const MinedKernels* const kernels = kernels_that_peel(GetParam());
    if (kernels == nullptr) GTEST_SKIP() << "peels nothing";
    for (const uint32_t columns : {1u, 31u, 32u, 63u, 64u, 65u, 200u, 32'768u}) {
        const size_t stride = columns + 3;
        std::vector<int8_t> codes(3 * stride, 0);
        for (int8_t& code : codes) code = int8_t(int32_t(random.next() % 128) - 64);
        if (columns == kDepthMax) std::ranges::fill(codes, int8_t{-64});
        int64_t heaviest = 0;
        for (size_t row = 0; row < 3; ++row) {
            int64_t weight = 0;
            for (size_t c = 0; c < columns; ++c) weight += code_weight(codes[row * stride + c]);
            heaviest = std::max(heaviest, weight);
        }
        EXPECT_EQ(kernels->heaviest_row(codes.data(), stride, columns, 3), heaviest) << columns;
    }
}

/// Up to the limit both planes are peeled together, and sums are nearly as large as an int32 can be; past it
/// they are larger.
TEST_P(MinedProducts, GiveTheCleanOutputsAtTheLimitOfNarrowRowsAndPastIt) {
    Random random{78};
    for (const uint32_t k : {4096u, 8192u}) {
        const int64_t most = narrow_row_max(k, int64_t{127} * 127 * k);
        for (const int64_t past : {int64_t{0}, most / 64}) {
            Product product{random, 16, k, 16, 2};
            std::ranges::fill(product.weights, int8_t{127});
            // Columns alike, as a trained model's are: their outputs go the usual way.
            std::ranges::fill(product.mw, uint16_t{600});
            std::ranges::fill(product.ew, uint8_t{20});
            std::ranges::fill(product.codes.factors, Scale{8000, 40});
            for (uint32_t row = 0; row < 16; ++row) {
                spread(most + (row == 15 ? past : 0), product.codes.plane(row, 0));
                std::ranges::fill(product.codes.plane(row, 1), int8_t{-64});
            }
            int64_t sum = 0;
            for (const int8_t high : product.codes.plane(15, 0)) sum += 127 * (-128 * high + 64);
            EXPECT_EQ(sum > INT32_MAX, past > 0);
            EXPECT_GT(sum, INT32_MAX / 1000 * 999);
            const PackedLinear packed = pack_linear(product.linear);
            Recorder recorder{1, k, -1};
            Parallel parallel{1};
            std::vector<Scratch> scratch(1);
            std::vector<int32_t> y(size_t{16} * 16, -1), clean(y.size());
            mined_linear({product.linear, &packed, 7, 14}, GetParam(), product.codes, recorder, parallel,
                         scratch, y.data());
            kernels_of(Backend::kScalar)
                .linear(product.linear, nullptr, product.codes, 0, 1, 14, clean.data(), scratch[0]);
            EXPECT_EQ(y, clean) << "k " << k << " past " << past;
            EXPECT_EQ(recorder.words, expected_words(product, recorder, 7));
        }
    }
}

/// One k a step length; 4032 has the most steps, so the largest sums of columns that share their noise.
TEST_P(MinedProducts, HoldTheLargestSumsOfEveryStepLength) {
    Random random{79};
    constexpr uint32_t kRows = 48;
    for (const uint32_t k : {120u, 496u, 992u, 4032u, 4096u}) {
        for (uint32_t i = 0; i < 16; ++i) {
            const uint32_t planes = i < 8 ? 1 : 2;
            const auto weight = int8_t(i % 2 == 0 ? -128 : 127), code = int8_t(i / 2 % 2 == 0 ? -64 : 63);
            const auto noise = uint8_t(i / 4 % 2 == 0 ? 64 : 191);
            Product product{random, 16, k, kRows, planes};
            std::fill_n(product.weights.begin(), k, weight);  // of one output: equal ones vanish in a fold
            std::ranges::fill(product.codes.codes, code);
            const PackedLinear packed = pack_linear(product.linear);
            Recorder recorder{kRows / 16, 0, -1};
            recorder.everywhere = noise;
            Parallel parallel{1};
            std::vector<Scratch> scratch(1);
            std::vector<int32_t> y(size_t{kRows} * 16, -1), clean(y.size());
            mined_linear({product.linear, &packed, 7, 14}, GetParam(), product.codes, recorder, parallel,
                         scratch, y.data());
            kernels_of(Backend::kScalar)
                .linear(product.linear, nullptr, product.codes, 0, 1, 14, clean.data(), scratch[0]);
            const auto what = testing::Message()
                              << "k " << k << " planes " << planes << " weight " << int{weight} << " code "
                              << int{code} << " noise " << int{noise};
            ASSERT_EQ(y, clean) << what;
            ASSERT_EQ(recorder.words, expected_words(product, recorder, 7)) << what;
        }
    }
}

}  // namespace
}  // namespace daidd::inference
