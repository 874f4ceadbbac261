#include "device/pool.h"

#include <bit>

namespace daidd::device {

BufferPtr Pool::take(size_t bytes) {
    const size_t size = std::bit_ceil(std::max<size_t>(bytes, 256));
    BufferPtr buffer;
    if (const auto found = state_->free.find(size); found != state_->free.end()) {
        buffer = std::move(found->second);
        state_->free.erase(found);
    } else {
        buffer = state_->device->allocate(size);
    }
    const Buffer* raw = buffer.get();
    return {raw, [state = state_, buffer = std::move(buffer), size](const Buffer*) mutable {
                state->free.emplace(size, std::move(buffer));
            }};
}

}  // namespace daidd::device
