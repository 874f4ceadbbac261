#include "worker/worker.h"

#include <algorithm>
#include <thread>

#include "util/log.h"

namespace daidd::worker {

unsigned threads_of(unsigned threads) {
    return threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
}

struct Worker::Impl {
    Impl(chain::Chain& on, std::vector<LocalModel> local, work::Corpora texts, Ports wired, Options chosen)
        : chain{on},
          models{std::move(local)},
          corpora{std::move(texts)},
          ports{std::move(wired)},
          options{chosen},
          gate{threads_of(chosen.threads)},
          miner{chain, models, corpora, ports, gate, 1},
          server{chain, models, ports, gate},
          verifier{chain, models, gate, 1} {}

    chain::Chain& chain;
    const std::vector<LocalModel> models;
    const work::Corpora corpora;
    const Ports ports;
    const Options options;
    Gate gate;
    Miner miner;
    Server server;
    Verifier verifier;
    bool started = false;
};

Worker::Worker(chain::Chain& chain, std::vector<LocalModel> models, work::Corpora corpora, Ports ports,
               Options options)
    : impl_{std::make_unique<Impl>(chain, std::move(models), std::move(corpora), std::move(ports), options)} {
}

Worker::~Worker() { stop(); }

void Worker::start() {
    if (impl_->started) return;
    impl_->started = true;
    impl_->chain.add_listener(this);
    if (impl_->options.verify_work) impl_->verifier.start();
    if (impl_->options.serve) impl_->server.start();
    if (!impl_->options.mine) return;
    auto key = impl_->options.mine_key;
    if (key == crypto::PublicKey{}) {
        const auto own = impl_->ports.worker_key();
        if (!own) return log(LogLevel::kError, "worker", "cannot mine: there is no wallet to mine to");
        key = *own;
    }
    if (const auto error = impl_->miner.start(key)) log(LogLevel::kError, "worker", "cannot mine: " + *error);
}

void Worker::stop() {
    if (!impl_->started) return;
    impl_->started = false;
    impl_->miner.stop();
    impl_->server.stop();
    impl_->verifier.stop();
    impl_->chain.remove_listener(this);
}

const std::vector<LocalModel>& Worker::models() const { return impl_->models; }

const LocalModel* Worker::find_model(const Hash256& root) const {
    const auto found = std::ranges::find(impl_->models, root, &LocalModel::root);
    return found == impl_->models.end() ? nullptr : &*found;
}

Miner& Worker::miner() { return impl_->miner; }
Server& Worker::server() { return impl_->server; }
Verifier& Worker::verifier() { return impl_->verifier; }

void Worker::poke() {
    impl_->miner.poke();
    impl_->server.poke();
}

void Worker::block_connected(const work::SealedBlock&, const chain::HeaderInfo& info) {
    // What was sealed here was run here.
    if (!impl_->miner.made(info.hash)) impl_->verifier.enqueue(info.hash, info.height);
}

void Worker::block_disconnected(const work::SealedBlock&, const chain::HeaderInfo&) {}

void Worker::tip_changed(const chain::HeaderInfo&) { poke(); }

}  // namespace daidd::worker
