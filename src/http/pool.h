#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace daidd::http {

/// A fixed number of threads and a bounded queue of tasks before them.
class Pool {
public:
    /// Called with true to run, or with false when the pool stops before the task's turn.
    using Task = std::function<void(bool run)>;

    Pool(size_t threads, size_t queue_max);
    ~Pool();

    /// False, and the task is dropped, when `queue_max` tasks wait or the pool was stopped.
    bool submit(Task task);
    /// Tells waiting tasks that they will not run, waits for running ones, joins.
    void stop();

private:
    void work();

    const size_t queue_max_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Task> tasks_;
    bool stopped_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace daidd::http
