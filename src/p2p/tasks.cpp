#include "p2p/tasks.h"

namespace daidd::p2p {

void Tasks::start() {
    stopped_ = false;
    thread_ = std::thread([this] { run(); });
}

void Tasks::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        queue_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

bool Tasks::post(std::function<void()> task) {
    {
        const std::lock_guard lock{mutex_};
        if (stopped_ || queue_.size() >= max_) return false;
        queue_.push_back(std::move(task));
    }
    changed_.notify_one();
    return true;
}

size_t Tasks::room() const {
    const std::lock_guard lock{mutex_};
    return stopped_ ? 0 : max_ - queue_.size();
}

void Tasks::run() {
    for (;;) {
        std::function<void()> task;
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
            if (stopped_) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task();
    }
}

}  // namespace daidd::p2p
