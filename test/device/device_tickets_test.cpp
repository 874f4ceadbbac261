#include "device/device_tickets.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "device/checker.h"
#include "device/device_model.h"
#include "device/test_device.h"
#include "inference/toy.h"

namespace daidd::device {
namespace {

using namespace inference;

/// (operand, slice, tile, group) → words.
using Words = std::map<std::array<uint32_t, 4>, std::vector<uint32_t>>;

/// Draws from every slice but those of operand `skipped`, with noise that follows from the operand's rows in
/// the trace, as a unit's does.
class Recorder final : public TicketDrawer {
public:
    Recorder(const Model& model, const TraceRecorder& trace, uint32_t groups, int skipped)
        : model_{model}, trace_{trace}, groups_{groups}, skipped_{skipped} {}

    std::vector<uint8_t> noise(const MinedSlice& slice, Parallel& /*parallel*/) override {
        EXPECT_TRUE(last_ < std::pair(int(slice.operand), int(slice.index)))
            << "operands come in order, slices once";
        last_ = {slice.operand, slice.index};
        const Bytes& rows = trace_.tensors[model_.plan().operands[slice.operand].tensor];
        EXPECT_FALSE(rows.empty()) << "rows go to the trace before they are drawn from";
        if (slice.operand == skipped_) return {};
        Draw draw{rows[0] + 256u * slice.operand + slice.index};
        std::vector<uint8_t> noise(size_t{groups_} * kTile * slice.step);
        for (uint8_t& e : noise) e = uint8_t(draw.in(64, 191));
        return noise;
    }
    void draw(const MinedSlice& slice, uint32_t tile, uint32_t first_group, std::span<const uint32_t> drawn,
              unsigned part) override {
        const size_t steps = slice.slice.columns / slice.step;
        const std::lock_guard lock{mutex_};
        parts_max = std::max(parts_max, part + 1);
        for (uint32_t g = 0; g < drawn.size() / steps; ++g) {
            const auto of_group = drawn.subspan(g * steps, steps);
            const std::array<uint32_t, 4> key{slice.operand, slice.index, tile, first_group + g};
            EXPECT_TRUE(words.emplace(key, std::vector<uint32_t>(of_group.begin(), of_group.end())).second)
                << "drawn twice";
        }
    }

    Words words;
    unsigned parts_max = 0;

private:
    const Model& model_;
    const TraceRecorder& trace_;
    const uint32_t groups_;
    const int skipped_;
    std::pair<int, int> last_{-1, -1};
    std::mutex mutex_;
};

/// Two planes everywhere, outputs that fill no tile; of down: `ffn` columns.
ToyShape odd_toy(uint32_t ffn) {
    ToyShape shape = regtest_toy();
    shape.dimensions = {.vocabulary = 275,
                        .layers = 1,
                        .dim = 48,
                        .ffn = ffn,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_dim = 10,
                        .context = 300};
    shape.planes = 2;
    return shape;
}

struct Shape {
    const char* name;
    ToyShape toy;
};
const Shape kShapes[] = {
    {"regtest", regtest_toy()}, {"no whole steps", odd_toy(91)}, {"a second slice", odd_toy(4104)}};

class OnDeviceTickets : public OnDevice {
protected:
    /// Tickets of the scalar pass and of the device's over `tokens` are the same; the device's drawer.
    Words expect_same(const std::shared_ptr<Device>& on, const Model& model, size_t count, int skipped,
                      unsigned threads) {
        const auto tokens = draw_tokens(model, count);
        const auto groups = uint32_t(count / kTile);
        TraceRecorder trace{model}, device_trace{model};
        Recorder expected{model, trace, groups, skipped}, found{model, device_trace, groups, skipped};
        Sequence sequence{model, uint32_t(count)};
        EXPECT_TRUE(inference::forward(model, Backend::kScalar, sequence, tokens,
                                       {.logits = Logits::kNone, .trace = &trace, .tickets = &expected}));
        auto on_device = DeviceModel::upload(on, model);
        EXPECT_TRUE(on_device) << (on_device ? "" : on_device.error());
        DeviceSequence device_sequence = on_device->make_sequence(uint32_t(count));
        EXPECT_TRUE(on_device->forward(
            device_sequence, tokens,
            {.logits = Logits::kNone, .trace = &device_trace, .tickets = &found, .threads = threads}));
        EXPECT_EQ(device_trace.tensors, trace.tensors);
        EXPECT_EQ(found.words, expected.words);
        EXPECT_LE(found.parts_max, std::max(threads, 1u));
        return found.words;
    }
};
INSTANTIATE_TEST_SUITE_P(Devices, OnDeviceTickets, testing::ValuesIn(kTestDevices), device_name);

Model build(const ToyShape& shape) {
    auto model = Model::build(make_toy(shape), Backend::kScalar);
    EXPECT_TRUE(model) << (model ? "" : model.error().text());
    return *model;
}

TEST_P(OnDeviceTickets, AreThoseOfTheScalarPass) {
    for (const Shape& shape : kShapes) {
        SCOPED_TRACE(shape.name);
        const Model model = build(shape.toy);
        for (const unsigned threads : {0u, 3u}) {
            const Words words = expect_same(device, model, 32, /*skipped=*/-1, threads);
            EXPECT_FALSE(words.empty());
        }
    }
}

TEST_P(OnDeviceTickets, ComeFromEverySliceThatGivesThem) {
    const auto slices_of = [&](uint32_t ffn) {
        std::set<std::pair<uint32_t, uint32_t>> drawn;
        for (const auto& [key, words] : expect_same(device, build(odd_toy(ffn)), 16, -1, 1)) {
            drawn.emplace(key[0], key[1]);
        }
        return drawn;
    };
    // Operands: two planes of q ‖ k ‖ v, output, gate ‖ up, down and head; 40 columns are 5 steps of 8.
    EXPECT_EQ(slices_of(91).size(), 8u) << "91 columns of down are no whole steps";
    EXPECT_EQ(slices_of(4104).size(), 12u) << "down has two slices a plane";
}

TEST_P(OnDeviceTickets, LeaveOutWhatTheDrawerDoesNotWant) {
    const Model model = build(regtest_toy());
    const Words all = expect_same(device, model, 16, -1, 1);
    const Words most = expect_same(device, model, 16, 1, 1);
    EXPECT_TRUE(std::ranges::any_of(all, [](const auto& drawn) { return drawn.first[0] == 1; }));
    EXPECT_FALSE(std::ranges::any_of(most, [](const auto& drawn) { return drawn.first[0] == 1; }));
    EXPECT_LT(most.size(), all.size());
}

TEST_P(OnDeviceTickets, ComeTogetherUpToTheLimitAndApartBehindIt) {
    const Model model = build(odd_toy(91));
    for (const uint32_t groups : {DeviceTickets::kGroupsAtOnce, DeviceTickets::kGroupsAtOnce + 1}) {
        const Words words = expect_same(device, model, size_t{groups} * kTile, -1, 2);
        EXPECT_TRUE(words.contains({0, 0, 0, groups - 1}));
        EXPECT_FALSE(words.contains({0, 0, 0, groups}));
    }
}

TEST_P(OnDeviceTickets, EndWithADeviceThatFails) {
    const Model model = build(regtest_toy());
    const auto tokens = draw_tokens(model, 16);
    const auto failing = std::make_shared<FailingDevice>(device, -1);
    auto on_device = DeviceModel::upload(failing, model);
    DeviceSequence sequence = on_device->make_sequence(16);
    TraceRecorder trace{model};
    Recorder drawer{model, trace, 1, -1};
    const auto run = [&](TicketDrawer* tickets) {
        return on_device->forward(sequence, tokens,
                                  {.logits = Logits::kNone, .trace = &trace, .tickets = tickets});
    };
    const int before = failing->launches;
    ASSERT_TRUE(run(nullptr));
    const int pass = before - failing->launches;
    sequence.truncate(0);
    failing->launches = pass + 1;  // the second fold
    EXPECT_THROW((void)run(&drawer), DeviceFailure);
    EXPECT_EQ(sequence.length(), 0u);
    EXPECT_FALSE(drawer.words.empty());
}

}  // namespace
}  // namespace daidd::device
