#include "worker/gate.h"

#include <cassert>

namespace daidd::worker {

Gate::Gate(unsigned places) : free_{places} { assert(places > 0); }

void Gate::serve(const std::function<void()>& step) {
    {
        std::unique_lock lock{mutex_};
        ++serving_waiting_;
        changed_.wait(lock, [this] {
            return free_ > 0 && (mining_waiting_ == 0 || served_since_mining_ < kServedBurst);
        });
        --serving_waiting_;
        --free_;
        ++served_since_mining_;
    }
    const struct Leave {
        Gate& gate;
        ~Leave() { gate.leave(); }
    } at_end{*this};
    step();
}

void Gate::mine(const std::function<void()>& step) {
    {
        std::unique_lock lock{mutex_};
        ++mining_waiting_;
        changed_.wait(lock, [this] {
            return free_ > 0 && (serving_waiting_ == 0 || served_since_mining_ >= kServedBurst);
        });
        --mining_waiting_;
        --free_;
        served_since_mining_ = 0;
    }
    const struct Leave {
        Gate& gate;
        ~Leave() { gate.leave(); }
    } at_end{*this};
    step();
}

void Gate::leave() {
    {
        const std::lock_guard lock{mutex_};
        ++free_;
    }
    changed_.notify_all();
}

}  // namespace daidd::worker
