#include "inference/kernels.h"

#include <gtest/gtest.h>

#include "inference/paged_head.h"
#include "inference/random.h"

namespace daidd::inference {
namespace {

// Every kernel of a fast backend against the scalar specification, bit for bit, over random shapes with
// tails and values up to the limits.
class FastKernels : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
        fast = &kernels_of(GetParam());
    }
    const Kernels& scalar = kernels_of(Backend::kScalar);
    const Kernels* fast = nullptr;
    Scratch scratch;
};

INSTANTIATE_TEST_SUITE_P(Backends, FastKernels,
                         testing::Values(Backend::kAvx2, Backend::kAvxVnni, Backend::kAvx512, Backend::kAmx),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

std::vector<int32_t> random_row(Random& random, size_t size) {
    std::vector<int32_t> row(size);
    const int bits = int(random.in(0, 31));
    for (int32_t& x : row) x = random.spread(bits);
    if (random.next() % 8 == 0) row[random.next() % size] = INT32_MAX;
    if (random.next() % 8 == 0) row[random.next() % size] = -INT32_MAX;
    return row;
}

TEST_P(FastKernels, QuantiseTheSame) {
    Random random{1};
    for (int round = 0; round < 3000; ++round) {
        const auto x = random_row(random, size_t(random.in(1, 70)));
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        for (const int32_t q : {kQOnePlane, kQTwoPlanes, kQHead}) {
            const size_t low_size = q == kQTwoPlanes ? x.size() : 0;
            std::vector<int8_t> high[2], low[2];
            RowScale rows[2];
            for (int i = 0; i < 2; ++i) {
                high[i].resize(x.size());
                low[i].resize(low_size);
                rows[i] = (i == 0 ? scalar : *fast).quant_row(x, q, fx, high[i], low[i]);
            }
            ASSERT_EQ(rows[0], rows[1]) << "round " << round;
            ASSERT_EQ(high[0], high[1]) << "round " << round << " q " << q;
            ASSERT_EQ(low[0], low[1]) << "round " << round;
        }
    }
}

TEST_P(FastKernels, NormaliseTheSame) {
    Random random{2};
    for (int round = 0; round < 3000; ++round) {
        const auto x = random_row(random, size_t(random.in(1, 70)));
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        const Scale scale{int32_t(random.in(128, 255)), int32_t(random.in(0, 36))};
        const uint64_t epsilon = random.next() % (uint64_t{1} << random.in(1, 32));
        const auto ge = int32_t(random.in(-16, 16));
        ASSERT_EQ(scalar.norm_scale(x, scale, epsilon, ge, fx), fast->norm_scale(x, scale, epsilon, ge, fx));

        std::vector<int32_t> gains(x.size()), y[2];
        for (int32_t& g : gains) g = int32_t(random.in(-kGainMax, kGainMax));
        for (int i = 0; i < 2; ++i) {
            y[i].resize(x.size());
            (i == 0 ? scalar : *fast).gain_row(x, gains, y[i]);
        }
        ASSERT_EQ(y[0], y[1]);
        for (int i = 0; i < 2; ++i) (i == 0 ? scalar : *fast).norm_row(x, gains, ge, epsilon, fx, y[i]);
        ASSERT_EQ(y[0], y[1]) << "round " << round;
    }
}

TEST_P(FastKernels, AddAndActivateTheSame) {
    Random random{3};
    for (int round = 0; round < 3000; ++round) {
        const auto n = size_t(random.in(1, 40));
        const auto a = random_row(random, n), b = random_row(random, n), both = random_row(random, 2 * n);
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        std::vector<int32_t> sum[2], swish[2], gelu[2], exact_gelu[2];
        for (int i = 0; i < 2; ++i) {
            const Kernels& k = i == 0 ? scalar : *fast;
            sum[i].resize(n);
            swish[i].resize(n);
            gelu[i].resize(n);
            exact_gelu[i].resize(n);
            k.add_row(a, b, sum[i]);
            k.gated_row(kSigmoid, both, fx, swish[i]);
            k.gated_row(kGeluTanh, both, fx, gelu[i]);
            k.gated_row(kGeluErf, both, fx, exact_gelu[i]);
        }
        ASSERT_EQ(sum[0], sum[1]);
        ASSERT_EQ(swish[0], swish[1]) << "round " << round;
        ASSERT_EQ(gelu[0], gelu[1]) << "round " << round;
        ASSERT_EQ(exact_gelu[0], exact_gelu[1]) << "round " << round;
    }
}

struct RandomLinear {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    std::vector<int32_t> bias;
    Linear linear;

    RandomLinear(Random& random, uint32_t n, uint32_t k) : weights(size_t{n} * k), mw(n), ew(n), bias(n) {
        for (int8_t& w : weights) w = int8_t(random.in(-128, 127));
        for (uint16_t& m : mw) m = uint16_t(random.in(kMwMin, kMwMax));
        const int64_t ew_low = random.in(kEwMin, kEwMax);
        for (uint8_t& e : ew) e = uint8_t(random.in(ew_low, kEwMax));
        for (int32_t& b : bias) b = random.spread(31);
        linear.n = n;
        linear.k = k;
        linear.weights = weights;
        linear.mw = mw;
        linear.ew = ew;
        if (random.next() % 2 == 0) linear.bias = bias;
    }
};

TEST_P(FastKernels, MultiplyTheSame) {
    Random random{4};
    for (int round = 0; round < 400; ++round) {
        RandomLinear weights{random, uint32_t(random.in(1, 50)), uint32_t(random.in(1, 90))};
        const Linear& linear = weights.linear;
        const PackedLinear packed = pack_linear(linear);
        CodeRows codes;
        // Beyond what any backend takes at once, so that groups of every size and a rest occur.
        codes.resize(uint32_t(random.in(1, 30)), linear.k, uint32_t(random.in(1, 2)));
        const bool extreme = random.next() % 4 == 0;
        for (int8_t& c : codes.codes)
            c = int8_t(extreme ? (random.next() % 2 == 0 ? -64 : 63) : random.in(-64, 63));
        // Exponents from far below to far above the usual ones, so shifts of 0, below 0 and above 62 occur.
        for (Scale& s : codes.factors)
            s = {int32_t(random.in(128, (1 << 14) - 1)), int32_t(random.in(-20, 70))};
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        std::vector<int32_t> y[2];
        const uint32_t blocks = packed.blocks, middle = uint32_t(random.in(0, blocks));
        for (int i = 0; i < 2; ++i) {
            const Kernels& k = i == 0 ? scalar : *fast;
            y[i].resize(size_t{codes.rows} * linear.n);
            k.linear(linear, &packed, codes, 0, middle, fx, y[i].data(), scratch);
            k.linear(linear, &packed, codes, middle, blocks, fx, y[i].data(), scratch);
        }
        ASSERT_EQ(y[0], y[1]) << "round " << round;
    }
}

TEST_P(FastKernels, AttendTheSame) {
    Random random{5};
    for (int round = 0; round < 1500; ++round) {
        const auto head_dim = uint32_t(2 * random.in(1, 16) * (random.next() % 2 == 0 ? 8 : 1));
        // Pages end in the middle; above 1024 positions the fast sums are widened in the middle.
        const auto count = uint32_t(round % 100 == 0 ? random.in(1020, 2100)
                                    : round % 4 == 0 ? random.in(kPagePositions - 2, 2 * kPagePositions + 2)
                                                     : random.in(1, 40));
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        const int64_t e_low = random.in(-3, 30), e_high = random.in(e_low, 30);
        std::vector<int8_t> q(head_dim), k(size_t{count} * head_dim), v(k.size());
        std::vector<uint8_t> km(count), vm(count);
        std::vector<int16_t> ke(count), ve(count);
        const bool extreme = round % 3 == 0;
        const auto code = [&] {
            return int8_t(extreme ? (random.next() % 8 == 0 ? -127 : 127) : random.in(-127, 127));
        };
        for (auto* codes : {&q, &k, &v}) {
            for (int8_t& c : *codes) c = code();
        }
        for (uint32_t u = 0; u < count; ++u) {
            km[u] = uint8_t(random.in(128, 255));
            vm[u] = uint8_t(random.in(128, 255));
            ke[u] = int16_t(random.in(e_low, e_high));
            ve[u] = int16_t(random.in(e_low, e_high));
        }
        const HeadQuery query{q.data(), {int32_t(random.in(128, 255)), int32_t(random.in(-3, 30))}};
        const PagedHead keys{{k.data(), km.data(), ke.data()}, count, head_dim};
        const PagedHead values{{v.data(), vm.data(), ve.data()}, count, head_dim};
        // A window that begins in the middle of a page: what lies before it is as if it were not there.
        const auto skip = uint32_t(round % 2 == 0 ? 0 : random.in(0, std::min(count, kPagePositions) - 1));
        std::vector<int32_t> expected(head_dim), out(head_dim);
        attention_head(query, {k.data() + size_t{skip} * head_dim, km.data() + skip, ke.data() + skip},
                       {v.data() + size_t{skip} * head_dim, vm.data() + skip, ve.data() + skip}, count - skip,
                       head_dim, fx, expected.data());
        for (const Kernels* kernels : {&scalar, fast}) {
            kernels->attention_head(query, keys.pages().from(skip), values.pages().from(skip), count,
                                    head_dim, fx, out.data(), scratch);
            ASSERT_EQ(out, expected) << "round " << round << " count " << count << " skip " << skip
                                     << " head_dim " << head_dim;
        }
    }
}

}  // namespace
}  // namespace daidd::inference
