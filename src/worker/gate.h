#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

namespace daidd::worker {

/// Shares the processor between answers and mining. There are as many places as compute threads; a step of
/// work holds one. A waiting served token takes the next place that is given back, so it never waits for more
/// than one mining step. A waiting mining step takes a place after at most kServedBurst served steps, so a
/// long answer never stops mining. Steps are short: one token of each answer; one unit, or one group of
/// tickets, of mining.
class Gate {
public:
    static constexpr unsigned kServedBurst = 16;

    explicit Gate(unsigned places);

    void serve(const std::function<void()>& step);
    void mine(const std::function<void()>& step);

private:
    void leave();

    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned free_;
    unsigned serving_waiting_ = 0;
    unsigned mining_waiting_ = 0;
    unsigned served_since_mining_ = 0;
};

}  // namespace daidd::worker
