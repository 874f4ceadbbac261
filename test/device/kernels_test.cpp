#include <gtest/gtest.h>

#include "device/checker.h"
#include "device/test_device.h"
#include "inference/noised.h"

namespace daidd::device {
namespace {

using namespace inference;

// Every kernel against the scalar specification, bit for bit, over random shapes with tails and values up to
// the limits, and at the limits of the shapes.
class Kernels : public OnDevice {
protected:
    void SetUp() override {
        OnDevice::SetUp();
        if (device != nullptr) operations.emplace(device);
    }

    /// check(checker, shapes, fx), `rounds` times, with every kind of values in turn.
    template <class Check>
    void each_round(uint64_t seed, int rounds, const Check& check) {
        Draw shapes{seed};
        for (int round = 0; round < rounds; ++round) {
            for (const Fill fill : {Fill::kSpread, Fill::kExtreme, Fill::kZero}) {
                if (round % 4 != 0 && fill != Fill::kSpread) continue;
                Checker checker{*operations, shapes.next(), fill};
                const Checker::Verdict bad = check(checker, shapes, uint32_t(shapes.in(kFxMin, kFxMax)));
                ASSERT_FALSE(bad) << info_of(*bad).name << " differs in round " << round << ", fill "
                                  << int(fill);
            }
        }
    }
    void at_limit(const std::function<Checker::Verdict(Checker&)>& check) {
        for (const Fill fill : {Fill::kSpread, Fill::kExtreme}) {
            Checker checker{*operations, 1, fill};
            const Checker::Verdict bad = check(checker);
            ASSERT_FALSE(bad) << info_of(*bad).name << " differs, fill " << int(fill);
        }
    }

    std::optional<Operations> operations;
};

INSTANTIATE_TEST_SUITE_P(Devices, Kernels, testing::ValuesIn(kTestDevices), device_name);

uint32_t some(Draw& shapes, int64_t low, int64_t high) { return uint32_t(shapes.in(low, high)); }

TEST_P(Kernels, EmbedTheSame) {
    each_round(1, 12, [](Checker& checker, Draw& shapes, uint32_t fx) {
        return checker.embedding(some(shapes, 1, 9), some(shapes, 1, 300), fx);
    });
}

TEST_P(Kernels, GainAddAndActivateTheSame) {
    each_round(2, 24, [](Checker& checker, Draw& shapes, uint32_t fx) {
        return checker.elements(some(shapes, 1, 5), some(shapes, 1, 400), fx);
    });
}

TEST_P(Kernels, QuantiseAndNormaliseTheSame) {
    each_round(3, 40, [](Checker& checker, Draw& shapes, uint32_t fx) {
        const int32_t q[] = {kQOnePlane, kQTwoPlanes, kQHead};
        return checker.quantise(some(shapes, 1, 4), some(shapes, 1, 400), q[shapes.next() % 3], fx);
    });
}

TEST_P(Kernels, QuantiseAndNormaliseTheSameAtTheWidestRow) {
    at_limit([](Checker& checker) { return checker.quantise(1, kDimMax, kQTwoPlanes, kFxMax); });
}

TEST_P(Kernels, ChooseTheSame) {
    each_round(4, 12, [](Checker& checker, Draw& shapes, uint32_t) {
        return checker.argmax(some(shapes, 1, 4), some(shapes, 1, 500));
    });
}

TEST_P(Kernels, MultiplyTheSame) {
    each_round(5, 40, [](Checker& checker, Draw& shapes, uint32_t fx) {
        return checker.linear(some(shapes, 1, 70), some(shapes, 1, 140), some(shapes, 1, 90),
                              some(shapes, 1, 2), fx);
    });
}

TEST_P(Kernels, MultiplyTheSameAtTheLargestDepth) {
    at_limit([](Checker& checker) { return checker.linear(2, 17, kDepthMax, 2, kFxMin); });
}

TEST_P(Kernels, AttendTheSame) {
    each_round(6, 24, [](Checker& checker, Draw& shapes, uint32_t fx) {
        const uint32_t kv_heads = some(shapes, 1, 3), first = some(shapes, 0, 1) * some(shapes, 0, 700);
        const AttentionShape shape{.rows = some(shapes, 1, 5),
                                   .first = first,
                                   .layer = some(shapes, 0, 2),
                                   .heads = kv_heads * some(shapes, 1, 3),
                                   .kv_heads = kv_heads,
                                   .head_dim = 2 * some(shapes, 1, 40),
                                   .capacity = first + some(shapes, 5, 9)};
        return checker.attention(shape, fx);
    });
}

TEST_P(Kernels, AttendTheSameAtTheLongestContextAndTheWidestHead) {
    at_limit([](Checker& checker) {
        return checker.attention({.rows = 1,
                                  .first = kContextMax - 1,
                                  .heads = 1,
                                  .kv_heads = 1,
                                  .head_dim = 2,
                                  .capacity = kContextMax},
                                 kFxMin);
    });
    at_limit([](Checker& checker) {
        // The last position of one split and the first of the next.
        return checker.attention({.rows = 2,
                                  .first = kSplitPositions - 1,
                                  .heads = 2,
                                  .kv_heads = 1,
                                  .head_dim = kHeadDimMax,
                                  .capacity = kSplitPositions + 1},
                                 kFxMax);
    });
}

// The largest int32 sum of one split, and the least: doc/numerics.md §9.
TEST_P(Kernels, SumASplitOfValuesAtItsBound) {
    constexpr uint32_t head_dim = 16;
    const AttentionShape shape{.rows = 1,
                               .first = kSplitPositions,
                               .heads = 1,
                               .kv_heads = 1,
                               .head_dim = head_dim,
                               .capacity = kSplitPositions + 1};
    std::vector<int8_t> values(size_t{shape.capacity} * head_dim, 127);
    for (size_t i = 1; i < values.size(); i += 2) values[i] = -127;
    // Beyond the largest weight: they are cut to it.
    const std::vector<int64_t> weights(shape.positions(), 1 << 14);
    const std::vector<int32_t> states(3, 0);
    const DeviceCache cache{shape.capacity, nullptr, nullptr,
                            operations->upload(std::span<const int8_t>{values}), nullptr};
    const AttentionScratch scratch{operations->upload(std::span<const int64_t>{weights}),
                                   operations->upload(std::span<const int32_t>{states}),
                                   device->allocate(AttentionScratch::partial_bytes(shape))};
    operations->values(cache, shape, scratch);
    const auto sums = operations->download<int32_t>(scratch.partial, 2 * head_dim);
    for (uint32_t i = 0; i < head_dim; ++i) {
        EXPECT_EQ(sums[i], (i % 2 == 0 ? 1 : -1) * 512 * 16383 * 127);
        EXPECT_EQ(sums[head_dim + i], (i % 2 == 0 ? 1 : -1) * 16383 * 127) << "the position behind the split";
    }
}

TEST_P(Kernels, FoldTheSame) {
    each_round(7, 24, [](Checker& checker, Draw& shapes, uint32_t) {
        const uint32_t r = 8 * some(shapes, 1, 16), k = r * some(shapes, 1, 6);
        return checker.noised(some(shapes, 1, 3), some(shapes, 1, 6), k, r);
    });
}

TEST_P(Kernels, FoldTheSameAtTheDeepestSlice) {
    at_limit([](Checker& checker) { return checker.noised(1, 1, 4096, kStepMax); });
}

TEST_P(Kernels, HashTheSame) {
    each_round(8, 20, [](Checker& checker, Draw& shapes, uint32_t) {
        return checker.blake2s(some(shapes, 1, 300), some(shapes, 1, 200), shapes.next() % 2 == 0);
    });
    // Both sides of a whole block: the last one is compressed differently.
    for (const uint32_t size : {63u, 64u, 65u, 128u}) {
        at_limit([&](Checker& checker) { return checker.blake2s(2, size, false); });
    }
}

}  // namespace
}  // namespace daidd::device
