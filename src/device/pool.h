#pragma once

#include <map>

#include "device/device.h"

namespace daidd::device {

/// Buffers that go round: allocating on a device waits for it. What take() gives returns when its last
/// pointer is gone, and may then still be read by commands given before: they run in order. Sizes are rounded
/// up to powers of two, so that few are made.
class Pool {
public:
    explicit Pool(std::shared_ptr<Device> device)
        : state_{std::make_shared<State>(State{std::move(device), {}})} {}

    /// At least `bytes`, with whatever was there.
    BufferPtr take(size_t bytes);

private:
    struct State {
        std::shared_ptr<Device> device;
        std::multimap<size_t, BufferPtr> free;  // by size
    };
    std::shared_ptr<State> state_;
};

}  // namespace daidd::device
