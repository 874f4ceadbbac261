#pragma once

#include "device/operations.h"
#include "device/pool.h"
#include "inference/forward.h"

namespace daidd::device {

/// As inference::Sequence, with the keys and values on the device.
class DeviceSequence {
public:
    uint32_t length() const { return length_; }
    uint32_t capacity() const { return cache_.capacity; }
    /// Forgets all positions from `length` on. Requires length <= length().
    void truncate(uint32_t length) {
        assert(length <= length_);
        length_ = length;
    }

private:
    friend class DeviceModel;
    explicit DeviceSequence(DeviceCache cache) : cache_{std::move(cache)} {}

    DeviceCache cache_;
    uint32_t length_ = 0;
};

/// A model whose numbers lie on a device: walks the same graph as inference::forward and gives the same bits.
/// Not for two threads at once.
class DeviceModel {
public:
    /// Copies every number to the device. The error names an operation of the graph that devices have no
    /// kernel for, or says that the device's memory is too small for the numbers alone. Throws DeviceFailure,
    /// as all that follows does.
    static Result<DeviceModel, std::string> upload(std::shared_ptr<Device> device,
                                                   const inference::Model& model);

    /// What upload() takes of a device's memory.
    static uint64_t number_bytes(const inference::Model& model);

    const inference::Model& model() const { return model_; }
    /// Requires 0 < capacity <= the model's context.
    DeviceSequence make_sequence(uint32_t capacity) const;

    /// As inference::forward, whose contract this has; options.threads only serve what traces and draws
    /// tickets. Many tokens run in chunks of at most `rows_max` rows, which bounds the device's memory; a
    /// trace is kept here as a whole, and tickets are folded when it is complete. After a DeviceFailure the
    /// sequence is as it was.
    Result<BigVector<int32_t>, inference::ForwardError> forward(DeviceSequence& sequence,
                                                                std::span<const uint32_t> tokens,
                                                                const inference::ForwardOptions& options = {},
                                                                uint32_t rows_max = kRowsMax);
    /// The token of the largest logit after `tokens`, which are appended: logits stay on the device.
    Result<uint32_t, inference::ForwardError> greedy(DeviceSequence& sequence,
                                                     std::span<const uint32_t> tokens);

    static constexpr uint32_t kRowsMax = 256;

private:
    class Pass;
    DeviceModel(Operations operations, inference::Model model);

    std::optional<inference::ForwardError> check(const DeviceSequence& sequence,
                                                 std::span<const uint32_t> tokens) const;
    /// The head's output of the last chunk; null if options.logits says none.
    BufferPtr run(DeviceSequence& sequence, std::span<const uint32_t> tokens,
                  const inference::ForwardOptions& options, uint32_t rows_max, BigVector<int32_t>* logits);

    Operations operations_;
    inference::Model model_;
    Pool pool_;
    std::vector<DeviceLinear> linears_;
    std::vector<BufferPtr> gains_;  // null where a norm's gain is folded
    BufferPtr embedding_codes_, embedding_scales_, turns_;
};

}  // namespace daidd::device
