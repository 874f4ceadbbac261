#pragma once

#include <memory>

#include "worker/miner.h"
#include "worker/server.h"
#include "worker/verifier.h"

namespace daidd::worker {

struct Options {
    bool mine = false;             ///< go on mining until stopped
    crypto::PublicKey mine_key{};  ///< zeros: the wallet's worker key
    bool serve = true;             ///< answer jobs, when the wallet has a key
    bool verify_work = true;       ///< re-run what others sealed
    unsigned threads = 0;          ///< compute threads; 0: one a core
};

/// Options::threads as a number of threads.
unsigned threads_of(unsigned threads);

/// Mines, serves and re-runs in one process. Serving goes first, mining is never starved (gate.h).
/// Without a model nothing of it runs and the calls that need one say so.
class Worker final : public chain::Listener {
public:
    /// `corpora` are the tokens of the spec's corpora, in its order. All arguments outlive the worker.
    Worker(chain::Chain& chain, std::vector<LocalModel> models, work::Corpora corpora, Ports ports,
           Options options);
    ~Worker() override;

    /// Starts the threads and hears of blocks from here on.
    void start();
    /// Ends what runs and joins the threads. Idempotent.
    void stop();

    const std::vector<LocalModel>& models() const;
    const LocalModel* find_model(const Hash256& root) const;
    Miner& miner();
    Server& server();
    Verifier& verifier();
    /// Something new waits for a block: a miner that paces itself wakes up.
    void poke();

    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void tip_changed(const chain::HeaderInfo& tip) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::worker
