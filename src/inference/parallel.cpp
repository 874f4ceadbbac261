#include "inference/parallel.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace daidd::inference {

struct Parallel::State {
    std::mutex mutex;
    std::condition_variable wake, done;
    const std::function<void(uint32_t, uint32_t, unsigned)>* work = nullptr;
    uint32_t count = 0;
    uint64_t round = 0;
    unsigned busy = 0;
    bool stop = false;
    std::vector<std::thread> threads;

    void run_part(unsigned part) const {
        const uint64_t parts = threads.size() + 1;
        const auto begin = uint32_t(count * uint64_t{part} / parts);
        const auto end = uint32_t(count * (uint64_t{part} + 1) / parts);
        if (begin < end) (*work)(begin, end, part);
    }

    void serve(unsigned part) {
        uint64_t seen = 0;
        while (true) {
            {
                std::unique_lock lock{mutex};
                wake.wait(lock, [&] { return stop || round != seen; });
                if (stop) return;
                seen = round;
            }
            run_part(part);
            const std::scoped_lock lock{mutex};
            if (--busy == 0) done.notify_one();
        }
    }
};

Parallel::Parallel(unsigned threads) : state_{std::make_unique<State>()} {
    // All are made before any runs: run_part() reads the vector's size.
    const std::scoped_lock lock{state_->mutex};
    for (unsigned i = 1; i < threads; ++i) state_->threads.emplace_back([this, i] { state_->serve(i); });
}

Parallel::~Parallel() {
    {
        const std::scoped_lock lock{state_->mutex};
        state_->stop = true;
    }
    state_->wake.notify_all();
    for (std::thread& thread : state_->threads) thread.join();
}

unsigned Parallel::size() const { return unsigned(state_->threads.size() + 1); }

void Parallel::run(uint32_t count, const std::function<void(uint32_t, uint32_t, unsigned)>& work) {
    State& state = *state_;
    if (state.threads.empty()) {
        if (count > 0) work(0, count, 0);
        return;
    }
    {
        const std::scoped_lock lock{state.mutex};
        state.work = &work;
        state.count = count;
        state.busy = unsigned(state.threads.size());
        ++state.round;
    }
    state.wake.notify_all();
    state.run_part(0);
    std::unique_lock lock{state.mutex};
    state.done.wait(lock, [&] { return state.busy == 0; });
}

}  // namespace daidd::inference
