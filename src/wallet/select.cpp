#include "wallet/select.h"

#include <algorithm>
#include <cassert>

#include "wallet/wallet.h"

namespace daidd::wallet {
namespace {

// A taproot input: outpoint 36, empty script 1, sequence 4; its witness: one item of 64 bytes, two counts.
constexpr size_t kInputWeight = 4 * (36 + 1 + 4) + (1 + 1 + 64);
// A taproot output: value 8, script length 1, script 34.
constexpr size_t kTaprootOutputWeight = 4 * (8 + 1 + 34);
constexpr size_t kSearchStepsMax = 20'000;

size_t compact_size_bytes(size_t value) { return value < 253 ? 1 : value <= 0xffff ? 3 : 5; }

Amount sum_of(const std::vector<Candidate>& coins) {
    Amount sum = 0;
    for (const Candidate& coin : coins) sum += coin.value;
    return sum;
}

class Selector {
public:
    Selector(std::vector<Candidate> candidates, const Payment& payment)
        : coins_{std::move(candidates)}, payment_{payment} {
        for (const TxOut& output : payment.outputs) target_ += output.value;
        // Never selected: a coin that pays less than its own input.
        input_fee_ = fee_of(payment.fee_rate, kInputWeight);
        std::erase_if(coins_, [this](const Candidate& coin) { return coin.value <= input_fee_; });
        std::ranges::sort(coins_, [](const Candidate& a, const Candidate& b) {
            return a.value != b.value ? a.value > b.value : a.outpoint < b.outpoint;
        });
    }

    Result<Selection, Error> run() {
        if (auto found = without_change()) return *found;
        if (auto found = one_coin()) return *found;
        return largest_first();
    }

private:
    Amount fee(size_t inputs, bool change) const {
        return fee_of(payment_.fee_rate, signed_weight(inputs, payment_.outputs, change));
    }
    /// What `inputs` coins must be worth together.
    Amount needed(size_t inputs, bool change) const {
        return target_ + (payment_.subtract_fee ? 0 : fee(inputs, change));
    }

    /// With change where the rest is worth it; nothing if the coins are not enough.
    std::optional<Selection> finish(std::vector<Candidate> chosen) const {
        const Amount sum = sum_of(chosen);
        const Amount rest = sum - needed(chosen.size(), true);
        Selection selection{.coins = std::move(chosen), .change = {}};
        const size_t inputs = selection.coins.size();
        if (rest >= kDustLimit) {
            selection.change = rest;
            selection.fee = fee(inputs, true);
            selection.deducted = payment_.subtract_fee ? selection.fee : 0;
            return selection;
        }
        const Amount surplus = sum - needed(inputs, false);
        if (surplus < 0) return std::nullopt;
        // Too little for an output of its own: it goes to the fee, or pays that part of it.
        if (payment_.subtract_fee) {
            selection.deducted = std::max<Amount>(fee(inputs, false) - surplus, 0);
            selection.fee = selection.deducted + surplus;
        } else {
            selection.fee = fee(inputs, false) + surplus;
        }
        return selection;
    }

    /// Depth first over the coins, largest first (as Core's branch and bound), for a sum within what a
    /// change output would cost of the need.
    std::optional<Selection> without_change() const {
        if (payment_.subtract_fee) return std::nullopt;
        const Amount low = needed(0, false);
        const Amount high = low + fee_of(payment_.fee_rate, kTaprootOutputWeight);
        Amount left = 0;
        for (const Candidate& coin : coins_) left += coin.value - input_fee_;
        std::vector<size_t> path;
        Amount sum = 0;
        size_t at = 0;
        for (size_t step = 0; step < kSearchStepsMax; ++step) {
            const bool dead = sum > high || sum + left < low || path.size() > kInputsMax;
            if (!dead && sum >= low) {
                if (auto found = finish_exact(path)) return found;
            }
            if (!dead && sum < low && at < coins_.size()) {
                left -= coins_[at].value - input_fee_;
                sum += coins_[at].value - input_fee_;
                path.push_back(at++);
                continue;
            }
            if (path.empty()) return std::nullopt;
            // The last coin that was taken is left out instead; those behind it are open again.
            while (at > path.back() + 1) left += coins_[--at].value - input_fee_;
            sum -= coins_[path.back()].value - input_fee_;
            path.pop_back();
        }
        return std::nullopt;
    }

    std::optional<Selection> finish_exact(const std::vector<size_t>& path) const {
        std::vector<Candidate> chosen;
        chosen.reserve(path.size());
        for (const size_t i : path) chosen.push_back(coins_[i]);
        const Amount paid = sum_of(chosen) - target_;
        // Input fees are rounded up one by one, so this fails only where counts grow by a byte.
        if (chosen.empty() || paid < fee(chosen.size(), false)) return std::nullopt;
        Selection selection{.coins = std::move(chosen), .change = {}};
        selection.fee = paid;
        return selection;
    }

    std::optional<Selection> one_coin() const {
        for (size_t i = coins_.size(); i-- > 0;) {
            if (auto found = finish({coins_[i]})) return found;
        }
        return std::nullopt;
    }

    Result<Selection, Error> largest_first() const {
        std::vector<Candidate> chosen;
        Amount sum = 0;
        for (const Candidate& coin : coins_) {
            if (chosen.size() == kInputsMax) {
                return Fail{Error{.kind = ErrorKind::kTooManyInputs,
                                  .detail = "the coins are too small",
                                  .needed = needed(kInputsMax, false),
                                  .available = sum}};
            }
            chosen.push_back(coin);
            sum += coin.value;
            if (sum < needed(chosen.size(), false)) continue;
            if (auto found = finish(chosen)) return *found;
        }
        return Fail{Error{.kind = ErrorKind::kInsufficientFunds,
                          .detail = "not enough coins that can be spent now",
                          .needed = needed(std::max<size_t>(chosen.size(), 1), false),
                          .available = sum}};
    }

    std::vector<Candidate> coins_;
    const Payment& payment_;
    Amount target_ = 0;
    Amount input_fee_ = 0;
};

}  // namespace

size_t signed_weight(size_t inputs, const std::vector<TxOut>& outputs, bool change) {
    // version 4, lock time 4; marker and flag weigh one each.
    size_t bytes = 8 + compact_size_bytes(inputs) + compact_size_bytes(outputs.size() + (change ? 1 : 0));
    for (const TxOut& output : outputs) {
        bytes += 8 + compact_size_bytes(output.script.size()) + output.script.size();
    }
    return 4 * bytes + 2 + inputs * kInputWeight + (change ? kTaprootOutputWeight : 0);
}

Amount fee_of(FeeRate rate, size_t weight) {
    const auto virtual_bytes = Amount((weight + 3) / 4);
    return (rate * virtual_bytes + 999) / 1'000;
}

Result<Selection, Error> select_coins(std::vector<Candidate> candidates, const Payment& payment) {
    return Selector{std::move(candidates), payment}.run();
}

}  // namespace daidd::wallet
