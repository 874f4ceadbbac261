#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace daidd::inference {

/// A few threads that split a range between them. Which thread takes what never changes a result: every
/// part writes its own output. Not safe to share between callers.
class Parallel {
public:
    /// `threads` counts the caller; 0 and 1 make no thread.
    explicit Parallel(unsigned threads);
    ~Parallel();
    Parallel(const Parallel&) = delete;
    Parallel& operator=(const Parallel&) = delete;

    unsigned size() const;
    /// Calls work(begin, end, part) for disjoint parts of [0, count), part < size(), and waits for all.
    void run(uint32_t count, const std::function<void(uint32_t, uint32_t, unsigned)>& work);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace daidd::inference
