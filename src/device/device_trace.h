#pragma once

#include "device/operations.h"
#include "inference/forward.h"

namespace daidd::device {

/// Collects trace rows from a device, chunk by chunk, and hands them to a sink as it wants them: each tensor
/// once.
class DeviceTrace {
public:
    DeviceTrace(const Operations& operations, const inference::Plan& plan)
        : operations_{operations}, plan_{plan}, tensors_(plan.tensors.size()) {}

    void residual(uint16_t tensor, const BufferPtr& rows, uint32_t count);
    /// One tensor a plane, from `tensor` on.
    void codes(uint16_t tensor, const DeviceCodes& codes);
    /// q, k and v: `heads` holds all heads of `rows` positions.
    void heads(uint16_t tensor, const DeviceCodes& heads, const AttentionShape& shape);

    void deliver(inference::TraceSink& sink, uint32_t first_position, inference::Parallel& parallel) const;
    ByteView rows(uint16_t tensor) const { return tensors_[tensor]; }

private:
    const Operations& operations_;
    const inference::Plan& plan_;
    std::vector<Bytes> tensors_;
};

}  // namespace daidd::device
