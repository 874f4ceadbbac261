#include "inference/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

namespace daidd::inference {

namespace {

/// A decoded token hands out work 150 times, some 40 µs apart: sleeping in between would cost as much as the
/// work. After so many looks, some 150 µs, a thread sleeps.
constexpr int kLooks = 4000;

/// Not a yield: on a busy machine that gives away whole time slices.
void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

template <class T>
void wait_while(const std::atomic<T>& value, T old) {
    for (int i = 0; i < kLooks; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        pause();
    }
    value.wait(old, std::memory_order_acquire);
}

}  // namespace

struct Parallel::State {
    std::atomic<uint64_t> round{0};
    std::atomic<unsigned> busy{0};
    // Written before `round` moves on, read after.
    const std::function<void(uint32_t, uint32_t, unsigned)>* work = nullptr;
    uint32_t count = 0;
    unsigned parts = 1;
    bool stop = false;
    std::vector<std::thread> threads;

    void run_part(unsigned part) const {
        const auto begin = uint32_t(count * uint64_t{part} / parts);
        const auto end = uint32_t(count * (uint64_t{part} + 1) / parts);
        if (begin < end) (*work)(begin, end, part);
    }

    void serve(unsigned part) {
        for (uint64_t seen = 0;; ++seen) {
            wait_while(round, seen);
            if (stop) return;
            run_part(part);
            if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) busy.notify_one();
        }
    }

    void next_round() {
        round.fetch_add(1, std::memory_order_release);
        round.notify_all();
    }
};

Parallel::Parallel(unsigned threads) : state_{std::make_unique<State>()} {
    for (unsigned i = 1; i < threads; ++i) state_->threads.emplace_back([this, i] { state_->serve(i); });
    state_->parts = size();
}

Parallel::~Parallel() {
    state_->stop = true;
    state_->next_round();
    for (std::thread& thread : state_->threads) thread.join();
}

unsigned Parallel::size() const { return unsigned(state_->threads.size() + 1); }

void Parallel::run(uint32_t count, const std::function<void(uint32_t, uint32_t, unsigned)>& work) {
    State& state = *state_;
    if (state.threads.empty() || count <= 1) {
        if (count > 0) work(0, count, 0);
        return;
    }
    state.work = &work;
    state.count = count;
    state.busy.store(unsigned(state.threads.size()), std::memory_order_relaxed);
    state.next_round();
    state.run_part(0);
    for (unsigned left = state.busy.load(std::memory_order_acquire); left != 0;
         left = state.busy.load(std::memory_order_acquire)) {
        wait_while(state.busy, left);
    }
}

}  // namespace daidd::inference
