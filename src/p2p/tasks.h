#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace daidd::p2p {

/// A thread with a bounded queue: what would block the sockets runs here (validation, reading from disk).
class Tasks {
public:
    explicit Tasks(size_t max) : max_{max} {}
    ~Tasks() { stop(); }

    void start();
    /// Drops what is queued, waits for the task that runs.
    void stop();
    /// False when the queue is full or stopped: the caller drops the work and, if need be, asks again later.
    bool post(std::function<void()> task);
    /// How many more post() takes. With one thread posting it takes at least as many.
    size_t room() const;

private:
    void run();

    size_t max_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool stopped_ = true;
    std::thread thread_;
};

}  // namespace daidd::p2p
