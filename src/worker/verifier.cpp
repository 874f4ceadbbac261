#include "worker/verifier.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

#include "util/log.h"

namespace daidd::worker {

bool Verdict::identical() const {
    return std::ranges::all_of(units, [](const work::UnitReport& unit) { return unit.identical(); });
}

struct Verifier::Impl {
    struct Waiting {
        Hash256 block{};
        uint32_t height = 0;
    };

    std::optional<Waiting> next() {
        std::unique_lock lock{mutex};
        wake.wait(lock, [this] { return stopping || !queue.empty(); });
        if (stopping) return std::nullopt;
        const Waiting waiting = queue.back();  // the newest: what is being built on matters most
        queue.pop_back();
        return waiting;
    }

    void judge(const Waiting& waiting, Verifier& verifier) {
        const auto snapshot = chain.snapshot();
        const auto block = snapshot->read_block(waiting.block);
        if (!block) return;
        const auto parent = snapshot->find_header(block->block.header.previous);
        if (!parent) return;
        const auto verdict = verifier.verify(*block, parent->beacon, waiting.height);
        if (!verdict) return;
        for (const auto& unit : verdict->units) {
            if (unit.identical()) continue;
            log(LogLevel::kError, "verifier",
                "BLOCK " + to_hex_reversed(waiting.block) + " at height " + std::to_string(waiting.height) +
                    ": unit " + to_hex(unit.unit) + " differs from what was sealed, first in tensor " +
                    std::to_string(*unit.first_difference));
        }
        const std::lock_guard lock{mutex};
        verdicts.push_front(*verdict);
        if (verdicts.size() > kVerdictsMax) verdicts.pop_back();
    }

    void run(Verifier& verifier) {
        while (const auto waiting = next()) {
            try {
                judge(*waiting, verifier);
            } catch (const std::exception& exception) {
                log(LogLevel::kError, "verifier", exception.what());
            }
        }
    }

    chain::Chain& chain;
    const std::vector<LocalModel>& models;
    Gate& gate;
    unsigned threads;

    std::mutex mutex;  ///< guards what follows
    std::condition_variable wake;
    std::deque<Waiting> queue;  ///< newest at the back
    std::deque<Verdict> verdicts;
    uint64_t dropped = 0;
    bool is_running = false;
    bool stopping = false;
    std::thread thread;
};

Verifier::Verifier(chain::Chain& chain, const std::vector<LocalModel>& models, Gate& gate, unsigned threads)
    : impl_{new Impl{chain, models, gate, threads, {}, {}, {}, {}, 0, false, false, {}}} {}

Verifier::~Verifier() { stop(); }

void Verifier::start() {
    if (impl_->thread.joinable() || impl_->models.empty()) return;
    impl_->is_running = true;
    impl_->stopping = false;
    impl_->thread = std::thread{[this] { impl_->run(*this); }};
}

void Verifier::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
        impl_->is_running = false;
    }
    impl_->wake.notify_all();
    if (impl_->thread.joinable()) impl_->thread.join();
}

bool Verifier::running() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->is_running;
}

void Verifier::enqueue(const Hash256& block, uint32_t height) {
    {
        const std::lock_guard lock{impl_->mutex};
        if (!impl_->is_running) return;
        if (impl_->queue.size() >= kVerifyQueueMax) {
            impl_->queue.pop_front();
            ++impl_->dropped;
        }
        impl_->queue.push_back({block, height});
    }
    impl_->wake.notify_all();
}

std::vector<Verdict> Verifier::verdicts() const {
    const std::lock_guard lock{impl_->mutex};
    return {impl_->verdicts.begin(), impl_->verdicts.end()};
}

std::optional<Verdict> Verifier::find(const Hash256& block) const {
    const std::lock_guard lock{impl_->mutex};
    const auto found = std::ranges::find(impl_->verdicts, block, &Verdict::block);
    if (found == impl_->verdicts.end()) return std::nullopt;
    return *found;
}

uint64_t Verifier::blocks_dropped() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->dropped;
}

Result<Verdict, std::string> Verifier::verify(const work::SealedBlock& block, const Hash256& parent_beacon,
                                              uint32_t height) {
    if (height == 0) return Fail{std::string{"the genesis block has no seal"}};
    const auto model = std::ranges::find(impl_->models, block.seal.model, &LocalModel::root);
    if (model == impl_->models.end()) return Fail{"the model " + to_hex(block.seal.model) + " is not here"};
    Verdict verdict;
    verdict.block = consensus::block_hash(block.block.header);
    verdict.height = height;
    impl_->gate.mine([&] {
        verdict.units = work::rerun_seal(model->model, model->manifest, parent_beacon, block.seal,
                                         block.witness, impl_->threads);
    });
    return verdict;
}

}  // namespace daidd::worker
