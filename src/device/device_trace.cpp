#include "device/device_trace.h"

#include <algorithm>

namespace daidd::device {

using namespace inference;

namespace {

/// codes ‖ mantissa u8 ‖ exponent i16 ‖ index u32, or zeros if the row was zero. `info`: m, e, index, amax.
void append_row(Bytes& out, const uint8_t* codes, uint32_t width, const uint32_t* info) {
    const size_t begin = out.size();
    out.resize(begin + width + kTailBytes);
    if (info[3] == 0) return;
    std::copy_n(codes, width, out.begin() + ptrdiff_t(begin));
    const uint32_t e = info[1], index = info[2];
    const uint8_t tail[kTailBytes] = {uint8_t(info[0]),    uint8_t(e),          uint8_t(e >> 8),
                                      uint8_t(index),      uint8_t(index >> 8), uint8_t(index >> 16),
                                      uint8_t(index >> 24)};
    std::copy_n(tail, kTailBytes, out.end() - ptrdiff_t(kTailBytes));
}

}  // namespace

void DeviceTrace::residual(uint16_t tensor, const BufferPtr& rows, uint32_t count) {
    const Bytes bytes = operations_.download<uint8_t>(rows, size_t{count} * plan_.tensors[tensor].row_bytes);
    tensors_[tensor].insert(tensors_[tensor].end(), bytes.begin(), bytes.end());
}

void DeviceTrace::codes(uint16_t tensor, const DeviceCodes& codes) {
    const size_t stride = row_stride(codes.width);
    const Bytes bytes = operations_.download<uint8_t>(codes.codes, codes.planes * codes.rows * stride);
    const auto info = operations_.download<uint32_t>(codes.info, size_t{4} * codes.rows);
    for (size_t p = 0; p < codes.planes; ++p) {
        for (size_t r = 0; r < codes.rows; ++r) {
            append_row(tensors_[tensor + p], &bytes[(p * codes.rows + r) * stride], codes.width,
                       &info[4 * r]);
        }
    }
}

void DeviceTrace::heads(uint16_t tensor, const DeviceCodes& heads, const AttentionShape& shape) {
    const size_t stride = row_stride(heads.width);
    const Bytes bytes = operations_.download<uint8_t>(heads.codes, heads.rows * stride);
    const auto info = operations_.download<uint32_t>(heads.info, size_t{4} * heads.rows);
    for (size_t item = 0; item < heads.rows; ++item) {
        const size_t head = item % shape.all_heads();
        const size_t part = head < shape.heads ? 0 : head < shape.heads + shape.kv_heads ? 1 : 2;
        append_row(tensors_[tensor + part], &bytes[item * stride], heads.width, &info[4 * item]);
    }
}

void DeviceTrace::deliver(TraceSink& sink, uint32_t first_position, Parallel& parallel) const {
    for (size_t t = 0; t < tensors_.size(); ++t) {
        sink.rows(uint16_t(t), plan_.tensors[t], first_position, tensors_[t], parallel);
    }
}

}  // namespace daidd::device
