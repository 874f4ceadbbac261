#include "mempool/select.h"

#include <queue>

namespace daidd::mempool {

namespace {

/// A transaction with those it hangs on that are not taken yet: what has to go into the block together.
struct Package {
    std::vector<size_t> members;  ///< ascending: parents first
    Rate rate{0, 0};
    size_t weight = 0;
    size_t commands_bytes = 0;
};

class Selection {
public:
    Selection(const std::vector<Candidate>& candidates, size_t weight_max, size_t commands_bytes_max,
              const Tip& tip, const consensus::Params& params)
        : candidates_{candidates},
          weight_left_{weight_max},
          commands_left_{commands_bytes_max},
          tip_{tip},
          params_{params},
          state_{*tip.snapshot},
          status_(candidates.size(), Status::kWaits),
          children_(candidates.size()) {
        for (size_t index = 0; index < candidates.size(); ++index) {
            for (const size_t parent : candidates[index].parents) children_[parent].push_back(index);
        }
    }

    std::vector<Transaction> run() {
        for (size_t index = 0; index < candidates_.size(); ++index) queue(index);
        size_t failures = 0;
        while (!queue_.empty() && failures < kSelectFailuresMax) {
            const Turn turn = queue_.top();
            queue_.pop();
            if (status_[turn.index] != Status::kWaits) continue;
            const auto package = package_of(turn.index);
            if (!package) {
                status_[turn.index] = Status::kDropped;
            } else if (package->rate != turn.rate) {
                continue;  // it was queued again when that changed
            } else if (package->weight > weight_left_ || package->commands_bytes > commands_left_) {
                ++failures;
            } else if (apply(*package)) {
                failures = 0;
                take(*package);
            }
        }
        return std::move(taken_);
    }

private:
    enum class Status : uint8_t { kWaits, kTaken, kDropped };
    struct Turn {
        Rate rate;
        size_t index = 0;
        /// The best rate first; of equals the one that came first.
        bool operator<(const Turn& other) const {
            if (rate != other.rate) return rate < other.rate;
            return index > other.index;
        }
    };

    /// Nothing if something that it hangs on was dropped.
    std::optional<Package> package_of(size_t index) const {
        Package package;
        std::set<size_t> members{index};
        std::vector<size_t> open{index};
        while (!open.empty()) {
            const Candidate& candidate = candidates_[open.back()];
            open.pop_back();
            package.rate.fee += candidate.entry.fee;
            package.rate.vsize += candidate.entry.vsize;
            package.weight += candidate.entry.weight;
            package.commands_bytes += candidate.commands_bytes;
            for (const size_t parent : candidate.parents) {
                if (status_[parent] == Status::kDropped) return std::nullopt;
                if (status_[parent] == Status::kWaits && members.insert(parent).second) {
                    open.push_back(parent);
                }
            }
        }
        package.members.assign(members.begin(), members.end());
        return package;
    }

    void queue(size_t index) {
        if (const auto package = package_of(index)) queue_.push({package->rate, index});
    }

    bool apply(const Package& package) {
        ledger::Overlay trial{state_};
        for (const size_t index : package.members) {
            const auto& tx = *candidates_[index].entry.tx;
            if (ledger::apply_transaction(tx, tip_.next, params_, trial, false)) continue;
            status_[index] = Status::kDropped;
            return false;
        }
        trial.flush_into(state_);
        return true;
    }

    void take(const Package& package) {
        for (const size_t index : package.members) {
            status_[index] = Status::kTaken;
            taken_.push_back(*candidates_[index].entry.tx);
        }
        weight_left_ -= package.weight;
        commands_left_ -= package.commands_bytes;
        // What hangs on them has fewer to bring along now.
        std::set<size_t> changed;
        std::vector<size_t> open = package.members;
        while (!open.empty()) {
            const size_t index = open.back();
            open.pop_back();
            for (const size_t child : children_[index]) {
                if (status_[child] == Status::kWaits && changed.insert(child).second) open.push_back(child);
            }
        }
        for (const size_t index : changed) queue(index);
    }

    const std::vector<Candidate>& candidates_;
    size_t weight_left_;
    size_t commands_left_;
    const Tip& tip_;
    const consensus::Params& params_;
    ledger::Overlay state_;
    std::vector<Status> status_;
    std::vector<std::vector<size_t>> children_;
    std::priority_queue<Turn> queue_;
    std::vector<Transaction> taken_;
};

}  // namespace

std::vector<Candidate> candidates_of(const Graph& graph) {
    std::vector<Candidate> candidates;
    std::map<Hash256, size_t> places;
    for (const Node* node : graph.ordered()) {
        Candidate candidate{node->entry, node->facts.commands_bytes, {}};
        for (const auto& parent : node->parents) candidate.parents.push_back(places.at(parent));
        places.emplace(node->entry.txid, candidates.size());
        candidates.push_back(std::move(candidate));
    }
    return candidates;
}

std::vector<Transaction> select_best(const std::vector<Candidate>& candidates, size_t weight_max,
                                     size_t commands_bytes_max, const Tip& tip,
                                     const consensus::Params& params) {
    return Selection{candidates, weight_max, commands_bytes_max, tip, params}.run();
}

}  // namespace daidd::mempool
