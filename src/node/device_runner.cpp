#include "node/device_runner.h"

#include <mutex>

#include "device/device_model.h"
#include "device/devices.h"

namespace daidd::node {
namespace {

std::string name_of(const device::DeviceInfo& info) { return info.id + " (" + info.name + ")"; }

class OnDevice final : public work::PassRunner {
public:
    /// Requires a model that runs sequences of `capacity` tokens. Throws DeviceFailure.
    OnDevice(std::string name, device::DeviceModel model, uint32_t capacity)
        : name_{std::move(name)}, model_{std::move(model)}, sequence_{model_.make_sequence(capacity)} {}

    const std::string& name() const override { return name_; }

    std::optional<std::string> run(std::span<const uint32_t> tokens,
                                   const inference::ForwardOptions& options) override {
        const std::lock_guard lock{mutex_};
        try {
            sequence_.truncate(0);
            const auto ran = model_.forward(sequence_, tokens, options);
            assert(ran);
        } catch (const device::DeviceFailure& failure) {
            return name_ + ": " + failure.what();
        }
        return std::nullopt;
    }

private:
    const std::string name_;
    std::mutex mutex_;
    device::DeviceModel model_;
    device::DeviceSequence sequence_;
};

/// One unit with all its tickets, there and here.
std::optional<std::string> check_unit(work::PassRunner& runner, const worker::LocalModel& model,
                                      unsigned threads) {
    const work::UnitPreimage preimage{.model = model.root, .seq = 1};
    const Hash256 id = work::unit_id(preimage);
    work::Content content;
    content.tokens = work::start_tokens(id, model.manifest.vocabulary, model.manifest.unit_tokens);
    const auto expected = work::trace_op_roots(model.model, id, content.tokens, threads);
    const work::Drawing every_ticket;  // under a target of 0 none wins, so none is left out
    const auto run = work::run_unit(runner, model.model, model.manifest, preimage, std::move(content),
                                    threads, &every_ticket);
    if (!run) return run.error() + " (running its first unit)";
    if (work::op_roots_of(**run) == expected) return std::nullopt;
    return runner.name() + ": the trace of a unit differs from this processor's";
}

}  // namespace

DeviceRunner make_device_runner(std::shared_ptr<device::Device> device, const worker::LocalModel& model,
                                unsigned threads) {
    const std::string name = name_of(device->info());
    try {
        auto uploaded = device::DeviceModel::upload(std::move(device), model.model);
        if (!uploaded) return Fail{name + ": " + uploaded.error()};
        const auto runner =
            std::make_shared<OnDevice>(name, *std::move(uploaded), model.manifest.unit_tokens);
        if (auto error = check_unit(*runner, model, threads)) return Fail{*std::move(error)};
        return std::shared_ptr<work::PassRunner>{runner};
    } catch (const device::DeviceFailure& failure) {
        return Fail{name + ": " + failure.what() + " (copying the model)"};
    }
}

DeviceRunner make_device_runner(std::string_view id, const worker::LocalModel& model, unsigned threads) {
    auto device = device::open_device(id);
    if (!device) return Fail{device.error()};
    return make_device_runner(*std::move(device), model, threads);
}

}  // namespace daidd::node
