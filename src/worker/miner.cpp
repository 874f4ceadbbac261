#include "worker/miner.h"

#include <algorithm>
#include <thread>

#include "crypto/hash.h"
#include "util/log.h"
#include "worker/lane.h"

namespace daidd::worker {
namespace {

using std::chrono::steady_clock;

/// After an error the miner tries again so much later.
constexpr std::chrono::seconds kRetry{1};

}  // namespace

struct Miner::Impl {
    Impl(chain::Chain& chain, const std::vector<LocalModel>& models, const work::Corpora& corpora,
         const Ports& ports, Gate& gate, unsigned threads)
        : shared{chain, models, corpora, ports, gate, threads, {}, {}, {}, {}, {}, {}} {}

    /// The first base model that is here.
    const LocalModel* model() const {
        for (const auto& local : shared.models) {
            const auto* base = shared.chain.params().find_model(local.root);
            if (base != nullptr && base->first_height <= shared.chain.snapshot()->tip().height + 1)
                return &local;
        }
        return nullptr;
    }

    /// Why nothing can be mined to this key.
    std::optional<std::string> check(const crypto::PublicKey& key) const {
        if (model() == nullptr) return "no base model of this chain is here: start daidd with -model=FILE";
        const Hash256 probe = crypto::hash("minerkey", {key});
        if (!shared.ports.sign(key, probe)) {
            return "the miner key signs the block: the address must be of a loaded wallet";
        }
        return std::nullopt;
    }

    /// Whether something waits for a block: a transaction, or a young job that the next beacon assigns.
    bool something_waits() const {
        if (shared.ports.has_transactions()) return true;
        const auto snapshot = shared.chain.snapshot();
        for (const auto& id : snapshot->open_jobs()) {
            const auto job = ledger::find_job(*snapshot, id);
            if (job && job->height + ledger::kAssignBlocks > snapshot->tip().height) return true;
        }
        return false;
    }

    void wait_for_pace(steady_clock::time_point last_block) {
        const auto& params = shared.chain.params();
        if (params.retarget || shared.chain.snapshot()->tip().height <= params.maturity) return;
        const auto due = last_block + kPacedBlockInterval;
        while (!stopping && steady_clock::now() < due && !something_waits()) {
            std::unique_lock lock{wake_mutex};
            wake.wait_until(lock, due, [this] { return poked || stopping; });
            poked = false;
        }
    }

    void run(const crypto::PublicKey key) {
        Lane lane{shared, *model(), key};
        auto last_block = steady_clock::now() - kPacedBlockInterval;
        while (!stopping) {
            wait_for_pace(last_block);
            if (stopping) return;
            std::string error;
            try {
                const auto made = lane.step([this] { return stopping.load(); });
                if (!made) error = made.error();
                if (made && *made) last_block = steady_clock::now();
            } catch (const std::exception& exception) {
                error = exception.what();
            }
            if (error.empty()) continue;
            log(LogLevel::kError, "miner", error);
            {
                const std::lock_guard lock{shared.mutex};
                shared.info.last_error = error;
            }
            std::unique_lock lock{wake_mutex};
            wake.wait_for(lock, kRetry, [this] { return stopping.load(); });
        }
    }

    LaneShared shared;
    std::atomic<bool> stopping{false};
    std::mutex wake_mutex;
    std::condition_variable wake;
    bool poked = false;
    std::mutex control;  ///< start and stop
    std::thread thread;
};

Miner::Miner(chain::Chain& chain, const std::vector<LocalModel>& models, const work::Corpora& corpora,
             const Ports& ports, Gate& gate, unsigned threads)
    : impl_{std::make_unique<Impl>(chain, models, corpora, ports, gate, threads)} {}

Miner::~Miner() { stop(); }

std::optional<std::string> Miner::start(const crypto::PublicKey& key) {
    if (auto error = impl_->check(key)) return error;
    const std::lock_guard lock{impl_->control};
    if (impl_->thread.joinable()) return "it is mining already";
    impl_->stopping = false;
    {
        const std::lock_guard info_lock{impl_->shared.mutex};
        impl_->shared.info.running = true;
        impl_->shared.info.key = key;
    }
    impl_->thread = std::thread{[this, key] { impl_->run(key); }};
    return std::nullopt;
}

void Miner::stop() {
    {
        const std::lock_guard wake_lock{impl_->wake_mutex};
        impl_->stopping = true;
    }
    impl_->wake.notify_all();
    const std::lock_guard lock{impl_->control};
    if (impl_->thread.joinable()) impl_->thread.join();
    const std::lock_guard info_lock{impl_->shared.mutex};
    impl_->shared.info.running = false;
}

Result<std::vector<Hash256>, std::string> Miner::generate(size_t count, const crypto::PublicKey& key) {
    if (auto error = impl_->check(key)) return Fail{*std::move(error)};
    Lane lane{impl_->shared, *impl_->model(), key};
    std::vector<Hash256> hashes;
    while (hashes.size() < count) {
        if (impl_->stopping) return Fail{std::string{"the node is shutting down"}};
        const auto made = lane.step([this] { return impl_->stopping.load(); });
        if (!made) return Fail{made.error()};
        if (*made) hashes.push_back(**made);
    }
    return hashes;
}

MinerInfo Miner::info() const {
    const LocalModel* const model = impl_->model();
    const work::PassRunner* const runner = model == nullptr ? nullptr : impl_->shared.runner_of(*model);
    const std::lock_guard lock{impl_->shared.mutex};
    MinerInfo info = impl_->shared.info;
    if (runner != nullptr) info.device = runner->name();
    return info;
}

bool Miner::made(const Hash256& block) const {
    const std::lock_guard lock{impl_->shared.mutex};
    return std::ranges::find(impl_->shared.made, block) != impl_->shared.made.end();
}

void Miner::poke() {
    {
        const std::lock_guard lock{impl_->wake_mutex};
        impl_->poked = true;
    }
    impl_->wake.notify_all();
}

}  // namespace daidd::worker
