#include "worker/lane.h"

#include <algorithm>

#include "util/log.h"

namespace daidd::worker {
namespace {

/// A unit is run under b, its parent or its grandparent to have a successor under b (protocol §3).
constexpr size_t kPredecessorAges = 3;
constexpr uint16_t kSeqLast = 65'535;
constexpr size_t kMadeMax = 4096;

/// prompt ‖ answer of the receipt that was drawn; empty if the chain does not have it.
std::vector<uint32_t> receipt_tokens(const chain::Snapshot& snapshot, const work::PoolItem& item) {
    const auto receipt = ledger::find_receipt(snapshot, item.receipt);
    if (!receipt) return {};
    const auto job = ledger::find_job(snapshot, receipt->receipt.job);
    if (!job) return {};
    auto tokens = job->job.prompt;
    tokens.insert(tokens.end(), receipt->receipt.answer.begin(), receipt->receipt.answer.end());
    return tokens;
}

}  // namespace

std::shared_ptr<const inference::ModelTree> LaneShared::tree_of(const LocalModel& model) {
    {
        const std::lock_guard lock{mutex};
        const auto found = trees.find(model.root);
        if (found != trees.end()) return found->second;
    }
    auto tree =
        std::make_shared<const inference::ModelTree>(model.model, model.manifest.unit_tokens, threads);
    const std::lock_guard lock{mutex};
    return trees.emplace(model.root, std::move(tree)).first->second;
}

void LaneShared::remember(const Hash256& block) {
    const std::lock_guard lock{mutex};
    if (made.size() >= kMadeMax) made.erase(made.begin());
    made.push_back(block);
}

work::PassRunner* LaneShared::runner_of(const LocalModel& model) {
    const std::lock_guard lock{mutex};
    return has_runner_failed ? nullptr : model.runner.get();
}

void LaneShared::give_up_runner(const std::string& failure) {
    {
        const std::lock_guard lock{mutex};
        if (has_runner_failed) return;
        has_runner_failed = true;
        info.last_error = failure;
    }
    log(LogLevel::kError, "miner", failure + "; units run on this processor from here on");
}

Lane::Lane(LaneShared& shared, const LocalModel& model, const crypto::PublicKey& key)
    : shared_{shared}, model_{model}, key_{key} {
    restart();
}

void Lane::restart() {
    units_.clear();
    number_ = uint16_t(shared_.lanes_begun++);
}

work::UnitPreimage Lane::next_preimage(const std::vector<Hash256>& beacons) {
    if (!units_.empty()) {
        const auto& last = work::preimage_of(*units_[0]);
        const auto window = std::span{beacons}.first(std::min(beacons.size(), kPredecessorAges));
        const bool too_old = std::ranges::find(window, last.beacon) == window.end();
        if (too_old || last.seq == kSeqLast) {
            restart();
            const std::lock_guard lock{shared_.mutex};
            ++shared_.info.lanes_restarted;
        }
    }
    work::UnitPreimage preimage;
    preimage.model = model_.root;
    preimage.miner = key_;
    preimage.beacon = beacons.front();
    preimage.lane = number_;
    if (!units_.empty()) {
        preimage.seq = uint16_t(work::preimage_of(*units_[0]).seq + 1);
        preimage.previous = work::link(work::id_of(*units_[0]), work::trace_root_of(*units_[0]));
    }
    return preimage;
}

Lane::Run Lane::run_unit(const work::UnitPreimage& preimage, work::Content content,
                         const work::Drawing& drawing) {
    if (work::PassRunner* const runner = shared_.runner_of(model_)) {
        auto run = work::run_unit(*runner, model_.model, model_.manifest, preimage, content, shared_.threads,
                                  &drawing);
        if (run) return *std::move(run);
        shared_.give_up_runner(run.error());
    }
    return work::run_unit(model_.model, model_.manifest, preimage, std::move(content), shared_.threads,
                          &drawing);
}

Result<std::optional<Hash256>, std::string> Lane::step(const std::function<bool()>& stopping) {
    auto work = shared_.chain.work_template();
    const auto snapshot = shared_.chain.snapshot();
    if (snapshot->tip().hash != work.context.parent_hash) return std::optional<Hash256>{};
    work.context.miner = key_;
    const auto preimage = next_preimage(work.context.beacons);
    auto content =
        work::content_of(shared_.chain.params(), shared_.corpora, preimage, work.pools.front(),
                         [&](const work::PoolItem& item) { return receipt_tokens(*snapshot, item); });
    const auto kind = size_t(content.kind);
    const auto stop = [&] {
        return stopping() || shared_.chain.snapshot()->tip().hash != work.context.parent_hash;
    };
    const work::Drawing drawing{work.context.parent_hash, work.context.target, stop};
    Run run;
    shared_.gate.mine([&] { run = run_unit(preimage, std::move(content), drawing); });
    {
        const std::lock_guard lock{shared_.mutex};
        ++shared_.info.units;
        if (preimage.seq > 0) ++shared_.info.units_of_kind[kind];
    }
    const std::vector<Run> previous(units_.begin(),
                                    units_.begin() + std::ptrdiff_t(std::min<size_t>(units_.size(), 2)));
    units_.insert(units_.begin(), run);
    if (units_.size() > 2) units_.resize(2);
    if (preimage.seq == 0 || stop()) return std::optional<Hash256>{};
    const auto tree = shared_.tree_of(model_);
    std::optional<work::Win> win;
    shared_.gate.mine([&] {
        win = work::find_win(model_.model, shared_.chain.params(), work.context.parent_hash,
                             work.context.target, *run, previous, stop, tree.get());
    });
    if (!win) return std::optional<Hash256>{};
    return seal(work.context, *std::move(win));
}

Result<std::optional<Hash256>, std::string> Lane::seal(const work::SealContext& context, work::Win win) {
    const int64_t now_s = shared_.ports.now_s();
    auto block = shared_.chain.make_block(context, win.seal, shared_.ports.select_transactions(), now_s);
    if (!block && block.error().token != "stale-tip") {
        // A transaction that went bad meanwhile must not cost the win.
        block = shared_.chain.make_block(context, win.seal, {}, now_s);
    }
    if (!block) {
        if (block.error().token == "stale-tip") return std::optional<Hash256>{};
        return Fail{"a block cannot be made: " + block.error().token + " " + block.error().detail};
    }
    work::SealedBlock sealed;
    sealed.block = *std::move(block);
    sealed.seal = win.seal;
    sealed.witness = std::move(win.witness);
    const auto signature = shared_.ports.sign(key_, work::header_message(sealed.block.header));
    if (!signature) return Fail{std::string{"the miner key signs the block: it must be of a loaded wallet"}};
    sealed.signature = *signature;
    const Hash256 hash = consensus::block_hash(sealed.block.header);
    shared_.remember(hash);
    const auto result = shared_.chain.submit(sealed, now_s);
    if (result.status == chain::SubmitStatus::kRejected) {
        return Fail{"our block was refused: " + result.rejection->token + " " + result.rejection->detail};
    }
    const std::lock_guard lock{shared_.mutex};
    ++shared_.info.blocks;
    return std::optional{hash};
}

}  // namespace daidd::worker
