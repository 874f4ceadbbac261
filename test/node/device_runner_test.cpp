#include "node/device_runner.h"

#include "device/test_device.h"
#include "inference/manifest.h"
#include "inference/toy.h"

namespace daidd::node {
namespace {

using consensus::Uint256;
using device::kTestDevices;
using Run = std::shared_ptr<const work::UnitRun>;

const Uint256 kEveryTicket = ~Uint256{0};
/// The highest target a chain may have.
const Uint256 kCap = (Uint256{1} << 236) - 1;

worker::LocalModel local_model(uint8_t planes) {
    inference::ToyShape shape = inference::regtest_toy();
    shape.planes = planes;
    auto model = inference::Model::build(inference::make_toy(shape));
    EXPECT_TRUE(model);
    const uint32_t unit_tokens = consensus::regtest_params().unit_tokens;
    return {"toy", work::model_root(*model, unit_tokens), *model, work::manifest_of(*model, unit_tokens)};
}

class OnDeviceUnits : public device::OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, OnDeviceUnits, testing::ValuesIn(kTestDevices), device::device_name);

/// The units of one lane, run here and on the device.
struct Lanes {
    Lanes(const worker::LocalModel& on, work::PassRunner& by) : model{on}, runner{by} {
        preimage.model = model.root;
    }

    /// The next unit, with its tickets drawn in the pass under this parent and target.
    void run_next(const work::Drawing& drawing) {
        work::Content content;
        content.tokens = work::start_tokens(work::unit_id(preimage), model.manifest.vocabulary,
                                            model.manifest.unit_tokens);
        here.insert(here.begin(),
                    work::run_unit(model.model, model.manifest, preimage, content, 1, &drawing));
        auto run = work::run_unit(runner, model.model, model.manifest, preimage, content, 1, &drawing);
        ASSERT_TRUE(run) << run.error();
        there.insert(there.begin(), *run);
        ASSERT_EQ(work::op_roots_of(*there[0]), work::op_roots_of(*here[0]));
        ASSERT_EQ(work::trace_root_of(*there[0]), work::trace_root_of(*here[0]));
        preimage.seq = uint16_t(preimage.seq + 1);
        preimage.previous = work::link(work::id_of(*here[0]), work::trace_root_of(*here[0]));
    }
    std::optional<work::Win> find(const std::vector<Run>& units, const work::Drawing& drawing) const {
        const std::vector<Run> previous{units.begin() + 1,
                                        units.begin() + ptrdiff_t(std::min<size_t>(units.size(), 3))};
        return work::find_win(model.model, consensus::regtest_params(), drawing.parent_hash, drawing.target,
                              *units[0], previous, {});
    }

    const worker::LocalModel& model;
    work::PassRunner& runner;
    work::UnitPreimage preimage;
    std::vector<Run> here, there;  ///< nearest first
};

TEST_P(OnDeviceUnits, HaveTheTracesSealsAndWitnessesOfThisProcessor) {
    for (const uint8_t planes : {uint8_t{1}, uint8_t{2}}) {
        const worker::LocalModel model = local_model(planes);
        const auto runner = make_device_runner(device, model, 1);
        ASSERT_TRUE(runner) << runner.error();
        EXPECT_EQ((*runner)->name(), device->info().id + " (" + device->info().name + ")");
        Lanes lanes{model, **runner};
        size_t won = 0, lost = 0;
        // Every ticket wins, at the cap most units have a winner, under it few and at 0 none.
        const Uint256 targets[] = {kEveryTicket, kCap, kCap >> 2, kCap >> 4, kCap >> 5, 0};
        for (uint16_t seq = 0; seq < 12; ++seq) {
            work::Drawing drawing{.parent_hash = {}, .target = targets[seq % std::size(targets)], .stop = {}};
            drawing.parent_hash[0] = uint8_t(seq);
            lanes.run_next(drawing);
            ASSERT_FALSE(HasFatalFailure());
            const auto expected = lanes.find(lanes.here, drawing), found = lanes.find(lanes.there, drawing);
            ASSERT_EQ(found.has_value(), expected.has_value()) << "seq " << seq;
            EXPECT_FALSE(found && seq == 0) << "start units give no tickets";
            ++(found ? won : lost);
            if (!found) continue;
            EXPECT_EQ(encode(found->seal), encode(expected->seal)) << "seq " << seq;
            EXPECT_EQ(encode(found->witness), encode(expected->witness)) << "seq " << seq;
        }
        EXPECT_GT(won, 3u);
        EXPECT_GT(lost, 2u);
    }
}

TEST_P(OnDeviceUnits, AreDrawnAgainHereUnderAnotherParent) {
    const worker::LocalModel model = local_model(1);
    const auto runner = make_device_runner(device, model, 1);
    ASSERT_TRUE(runner) << runner.error();
    Lanes lanes{model, **runner};
    work::Drawing drawing{.parent_hash = {}, .target = kEveryTicket, .stop = {}};
    for (int unit = 0; unit < 2; ++unit) lanes.run_next(drawing);
    drawing.parent_hash[0] = 1;
    const auto expected = lanes.find(lanes.here, drawing), found = lanes.find(lanes.there, drawing);
    ASSERT_TRUE(expected && found);
    EXPECT_EQ(encode(found->seal), encode(expected->seal));
    EXPECT_EQ(encode(found->witness), encode(expected->witness));
}

TEST_P(OnDeviceUnits, NameTheDeviceWhenItFails) {
    const worker::LocalModel model = local_model(1);
    const auto failing = std::make_shared<device::FailingDevice>(device, -1);
    const auto runner = make_device_runner(failing, model, 1);
    ASSERT_TRUE(runner) << runner.error();
    const work::UnitPreimage preimage{.model = model.root, .seq = 1};
    work::Content content;
    content.tokens =
        work::start_tokens(work::unit_id(preimage), model.manifest.vocabulary, model.manifest.unit_tokens);
    const work::Drawing drawing;
    const auto run = [&] {
        return work::run_unit(**runner, model.model, model.manifest, preimage, content, 1, &drawing);
    };
    const int before = failing->launches;
    ASSERT_TRUE(run());
    const int launches = before - failing->launches;
    // In its first operation and in its last fold.
    for (const int left : {0, launches - 1}) {
        failing->launches = left;
        const auto failed = run();
        ASSERT_FALSE(failed) << left;
        EXPECT_EQ(failed.error(), (*runner)->name() + ": the device is gone");
    }
    failing->launches = -1;
    const auto again = run();
    ASSERT_TRUE(again) << "a failed run leaves nothing behind";
    EXPECT_EQ(work::op_roots_of(**again),
              work::trace_op_roots(model.model, work::unit_id(preimage), content.tokens, 1));
}

/// Computes what the self-test cannot see: the first residual that is read is off by one bit.
class SlyDevice final : public device::PassingDevice {
public:
    using PassingDevice::PassingDevice;
    void read(const device::BufferPtr& buffer, size_t offset, std::span<uint8_t> out) override {
        PassingDevice::read(buffer, offset, out);
        if (!has_lied_) out[0] ^= 1;
        has_lied_ = true;
    }

private:
    bool has_lied_ = false;
};

/// Has room for `bytes` in all.
class SmallDevice final : public device::PassingDevice {
public:
    SmallDevice(std::shared_ptr<device::Device> inner, uint64_t bytes)
        : PassingDevice{std::move(inner)}, bytes_{bytes} {}
    device::BufferPtr allocate(size_t bytes) override {
        if (bytes > bytes_ - taken) throw device::DeviceFailure{"there is no memory left"};
        taken += bytes;
        return PassingDevice::allocate(bytes);
    }

    uint64_t taken = 0;

private:
    const uint64_t bytes_;
};

TEST_P(OnDeviceUnits, AreNotRunOnADeviceThatFailsTheFirstOne) {
    const worker::LocalModel model = local_model(1);
    const std::string name = device->info().id + " (" + device->info().name + "): ";
    const auto refusal = [&](const std::shared_ptr<device::Device>& on) {
        const auto runner = make_device_runner(on, model, 1);
        return runner ? "none" : runner.error();
    };
    EXPECT_EQ(refusal(std::make_shared<SlyDevice>(device)),
              name + "the trace of a unit differs from this processor's");
    EXPECT_EQ(refusal(std::make_shared<SmallDevice>(device, 1000)),
              name + "there is no memory left (copying the model)");
    const auto large = std::make_shared<SmallDevice>(device, UINT64_MAX);
    EXPECT_EQ(refusal(large), "none");
    EXPECT_EQ(refusal(std::make_shared<SmallDevice>(device, large->taken)), "none");
    EXPECT_EQ(refusal(std::make_shared<SmallDevice>(device, large->taken - 1)),
              name + "there is no memory left (running its first unit)");
}

TEST(DeviceRunners, RefuseWhatIsNoDevice) {
    const worker::LocalModel model = local_model(1);
    const auto refusal = [&](const char* id) {
        const auto runner = make_device_runner(id, model, 1);
        return runner ? "none" : runner.error();
    };
    EXPECT_EQ(refusal("gpu"), "unknown device 'gpu' (known: opencl:N, cuda:N)");
    EXPECT_TRUE(refusal("opencl:999").starts_with("opencl:999: there is no OpenCL device 999"));
    EXPECT_TRUE(refusal("cuda:999").starts_with("cuda:999: there is no CUDA device 999"));
}

}  // namespace
}  // namespace daidd::node
