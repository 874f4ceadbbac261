#include "http/pool.h"

namespace daidd::http {

Pool::Pool(size_t threads, size_t queue_max) : queue_max_{queue_max} {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Pool::~Pool() { stop(); }

bool Pool::submit(Task task) {
    const std::lock_guard lock{mutex_};
    if (stopped_ || tasks_.size() >= queue_max_) return false;
    tasks_.push_back(std::move(task));
    changed_.notify_one();
    return true;
}

void Pool::stop() {
    std::deque<Task> dropped;
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        dropped.swap(tasks_);
    }
    changed_.notify_all();
    for (Task& task : dropped) task(false);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Pool::work() {
    for (;;) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        Task task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task(true);
    }
}

}  // namespace daidd::http
