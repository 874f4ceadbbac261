#include "device/device_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "device/checker.h"
#include "device/test_device.h"
#include "inference/toy.h"

namespace daidd::device {
namespace {

using namespace inference;

/// Shapes that fit no tile, biases, gains, two planes, grouped heads.
ToyShape odd_toy() {
    ToyShape shape = regtest_toy();
    shape.dimensions = {.vocabulary = 275,
                        .layers = 3,
                        .dim = 52,
                        .ffn = 91,
                        .heads = 6,
                        .kv_heads = 3,
                        .head_dim = 10,
                        .context = 300};
    shape.fx = 16;
    shape.bias = shape.gains = true;
    shape.planes = 2;
    shape.seed[0] = 7;
    return shape;
}

Model build(const ToyShape& shape) {
    auto model = Model::build(make_toy(shape), Backend::kScalar);
    EXPECT_TRUE(model) << (model ? "" : model.error().text());
    return *model;
}

struct Outcome {
    BigVector<int32_t> logits;
    std::vector<Bytes> trace;
    bool operator==(const Outcome&) const = default;
};

Outcome run_scalar(const Model& model, std::span<const uint32_t> tokens) {
    Sequence sequence{model, uint32_t(tokens.size())};
    TraceRecorder trace{model};
    const auto logits = inference::forward(model, Backend::kScalar, sequence, tokens,
                                           {.logits = Logits::kAll, .trace = &trace});
    return {*logits, trace.tensors};
}

/// In calls of `chunk` tokens, each in chunks of at most `rows_max` rows.
Outcome run_device(DeviceModel& model, std::span<const uint32_t> tokens, size_t chunk, uint32_t rows_max) {
    DeviceSequence sequence = model.make_sequence(uint32_t(tokens.size()));
    TraceRecorder trace{model.model()};
    Outcome out;
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
        const auto part = tokens.subspan(begin, std::min(chunk, tokens.size() - begin));
        const auto logits =
            model.forward(sequence, part, {.logits = Logits::kAll, .trace = &trace}, rows_max);
        EXPECT_TRUE(logits);
        out.logits.insert(out.logits.end(), logits->begin(), logits->end());
    }
    out.trace = trace.tensors;
    return out;
}

class OnDeviceModel : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, OnDeviceModel, testing::ValuesIn(kTestDevices), device_name);

TEST_P(OnDeviceModel, RefusesWhatItCannotRun) {
    const Model model = build(regtest_toy());
    auto on_device = DeviceModel::upload(device, model);
    ASSERT_TRUE(on_device) << on_device.error();
    DeviceSequence sequence = on_device->make_sequence(4);
    const auto error = [&](std::vector<uint32_t> tokens) {
        const auto result = on_device->forward(sequence, tokens);
        return result ? std::string_view{"none"} : to_string(result.error());
    };
    EXPECT_EQ(error({}), "no_tokens");
    EXPECT_EQ(error({271, 272}), "unknown_token");
    EXPECT_EQ(error({1, 2, 3, 4, 5}), "too_long");
    EXPECT_EQ(sequence.length(), 0u);
    EXPECT_EQ(error({1, 2, 3, 4}), "none");
    EXPECT_EQ(error({1}), "too_long");
    EXPECT_EQ(on_device->greedy(sequence, std::vector<uint32_t>{1}).error(), ForwardError::kTooLong);
    sequence.truncate(3);
    EXPECT_EQ(error({1}), "none");
}

/// Says how much memory it has, and counts what is written to it.
class SizedDevice final : public PassingDevice {
public:
    explicit SizedDevice(std::shared_ptr<Device> inner)
        : PassingDevice{std::move(inner)}, info_{inner_->info()} {}

    const DeviceInfo& info() const override { return info_; }
    void write(const BufferPtr& buffer, ByteView bytes) override {
        written += bytes.size();
        PassingDevice::write(buffer, bytes);
    }

    DeviceInfo info_;
    uint64_t written = 0;
};

TEST_P(OnDeviceModel, IsRefusedWhereItsNumbersDoNotFit) {
    for (const ToyShape& shape : {regtest_toy(), odd_toy()}) {
        const Model model = build(shape);
        const auto sized = std::make_shared<SizedDevice>(device);
        (void)Operations{sized};
        const uint64_t tables = sized->written, needed = DeviceModel::number_bytes(model);
        sized->info_.memory_bytes = needed - 1;
        const auto refused = DeviceModel::upload(sized, model);
        ASSERT_FALSE(refused);
        EXPECT_TRUE(refused.error().starts_with("the model's numbers take 1 MiB of memory, it has 0 MiB"))
            << refused.error();
        EXPECT_EQ(sized->written, tables) << "nothing is copied";
        sized->info_.memory_bytes = needed;
        EXPECT_TRUE(DeviceModel::upload(sized, model));
        EXPECT_EQ(sized->written, 2 * tables + needed);
    }
}

TEST_P(OnDeviceModel, LeavesTheSequenceAsItWasWhereTheDeviceFails) {
    const Model model = build(regtest_toy());
    const auto tokens = draw_tokens(model, 6);
    const auto failing = std::make_shared<FailingDevice>(device, -1);
    auto on_device = DeviceModel::upload(failing, model);
    DeviceSequence sequence = on_device->make_sequence(6);
    ASSERT_TRUE(on_device->forward(sequence, std::span{tokens}.first(2)));
    failing->launches = 30;
    EXPECT_THROW((void)on_device->forward(sequence, std::span{tokens}.subspan(2), {}, 2), DeviceFailure);
    EXPECT_EQ(sequence.length(), 2u);
    failing->launches = -1;
    const auto again = on_device->forward(sequence, std::span{tokens}.subspan(2), {}, 2);
    const auto expected = run_scalar(model, tokens).logits;
    EXPECT_TRUE(std::equal(again->begin(), again->end(), expected.end() - ptrdiff_t(again->size())));
}

TEST_P(OnDeviceModel, GivesTheScalarBitsHoweverItRuns) {
    for (const ToyShape& shape : {regtest_toy(), odd_toy()}) {
        const Model model = build(shape);
        const auto tokens = draw_tokens(model, 37);
        const Outcome expected = run_scalar(model, tokens);
        auto on_device = DeviceModel::upload(device, model);
        ASSERT_TRUE(on_device) << on_device.error();
        EXPECT_EQ(run_device(*on_device, tokens, 37, DeviceModel::kRowsMax), expected) << "at once";
        EXPECT_EQ(run_device(*on_device, tokens, 37, 16), expected) << "at once, in chunks inside";
        EXPECT_EQ(run_device(*on_device, tokens, 5, DeviceModel::kRowsMax), expected) << "in fives";
        EXPECT_EQ(run_device(*on_device, tokens, 1, DeviceModel::kRowsMax), expected) << "token by token";
    }
}

TEST_P(OnDeviceModel, GivesTheSameBitsByALibrarysProduct) {
    const auto multiplying = std::make_shared<MultiplyingDevice>(device);
    const Model model = build(odd_toy());
    const auto tokens = draw_tokens(model, 20);
    auto on_device = DeviceModel::upload(multiplying, model);
    EXPECT_EQ(run_device(*on_device, tokens, 20, DeviceModel::kRowsMax), run_scalar(model, tokens));
    EXPECT_EQ(multiplying->products, 4 * 3 + 1) << "every linear and the head";
}

TEST_P(OnDeviceModel, GivesTheLastLogitsAloneOrNone) {
    const Model model = build(regtest_toy());
    const auto tokens = draw_tokens(model, 9);
    const auto all = run_scalar(model, tokens).logits;
    auto on_device = DeviceModel::upload(device, model);
    DeviceSequence sequence = on_device->make_sequence(9);
    for (const bool has_trace : {false, true}) {
        TraceRecorder trace{model};
        TraceSink* sink = has_trace ? &trace : nullptr;
        for (const uint32_t rows_max : {4u, DeviceModel::kRowsMax}) {
            sequence.truncate(0);
            const auto last = on_device->forward(sequence, tokens, {.trace = sink}, rows_max);
            EXPECT_EQ(last->size(), 272u);
            EXPECT_TRUE(std::equal(last->begin(), last->end(), all.end() - 272));
        }
        sequence.truncate(0);
        EXPECT_TRUE(on_device->forward(sequence, tokens, {.logits = Logits::kNone, .trace = sink})->empty());
        EXPECT_EQ(sequence.length(), 9u);
    }
}

TEST_P(OnDeviceModel, ChoosesGreedilyAndTakesBackWhatItForgot) {
    const Model model = build(odd_toy());
    const auto tokens = draw_tokens(model, 12);
    const auto logits = run_scalar(model, tokens).logits;
    const auto last = std::span{logits}.last(275);
    const auto best = uint32_t(std::ranges::max_element(last) - last.begin());
    auto on_device = DeviceModel::upload(device, model);
    DeviceSequence sequence = on_device->make_sequence(20);
    EXPECT_EQ(*on_device->greedy(sequence, tokens), best);
    EXPECT_TRUE(on_device->greedy(sequence, std::vector<uint32_t>{1, 2, 3}));
    sequence.truncate(8);
    EXPECT_EQ(*on_device->greedy(sequence, std::span{tokens}.subspan(8)), best);
}

}  // namespace
}  // namespace daidd::device
