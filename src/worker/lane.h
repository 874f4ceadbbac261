#pragma once

#include <atomic>
#include <map>

#include "inference/manifest.h"
#include "worker/gate.h"
#include "worker/miner.h"

namespace daidd::worker {

/// What every lane of a miner works with.
struct LaneShared {
    chain::Chain& chain;
    const std::vector<LocalModel>& models;
    const work::Corpora& corpora;
    const Ports& ports;
    Gate& gate;
    unsigned threads;

    std::atomic<uint32_t> lanes_begun{0};  ///< each lane its own number
    std::mutex mutex;                      ///< guards what follows
    MinerInfo info;
    std::map<Hash256, std::shared_ptr<const inference::ModelTree>> trees;
    bool has_runner_failed = false;
    std::vector<Hash256> made;  ///< the last blocks that were sealed here, newest last

    std::shared_ptr<const inference::ModelTree> tree_of(const LocalModel& model);
    void remember(const Hash256& block);
    /// What runs the model's units; null: this processor.
    work::PassRunner* runner_of(const LocalModel& model);
    /// Says why, the first time; from here on units run on this processor.
    void give_up_runner(const std::string& failure);
};

/// A chain of units of one miner (protocol §3) and the blocks that come of it. One thread at a time.
class Lane {
public:
    Lane(LaneShared& shared, const LocalModel& model, const crypto::PublicKey& key);

    /// Runs the next unit and looks for a win in it. The hash of the block that was accepted, if one was.
    /// `stopping` ends the work early.
    Result<std::optional<Hash256>, std::string> step(const std::function<bool()>& stopping);

private:
    using Run = std::shared_ptr<const work::UnitRun>;

    void restart();
    work::UnitPreimage next_preimage(const std::vector<Hash256>& beacons);
    Run run_unit(const work::UnitPreimage& preimage, work::Content content, const work::Drawing& drawing);
    Result<std::optional<Hash256>, std::string> seal(const work::SealContext& context, work::Win win);

    LaneShared& shared_;
    const LocalModel& model_;
    const crypto::PublicKey key_;
    uint16_t number_ = 0;
    std::vector<Run> units_;  ///< nearest first, at most three
};

}  // namespace daidd::worker
