#pragma once

#include <filesystem>
#include <mutex>

#include "worker/worker.h"

namespace daidd::worker {

/// regtest on a directory that goes with it, one key that owns everything, and transactions that wait in a
/// list: what node/ wires from wallet, mempool and p2p.
class PrivateChain : public chain::Listener {
public:
    PrivateChain();
    ~PrivateChain() override;

    Ports ports();
    Options options() const {
        return {.mine = false, .mine_key = {}, .serve = true, .verify_work = true, .threads = 2};
    }
    std::unique_ptr<Worker> make_worker(Options options);

    /// Signed, paid by a mature coin of ours, change to us.
    Result<consensus::Transaction, std::string> fund(const consensus::TxOut& output);
    std::optional<std::string> send(const consensus::Transaction& tx);
    /// Puts a job for this prompt among what waits; its id.
    Hash256 send_job(std::string_view prompt, uint32_t answer_tokens_max) {
        return send_job(consensus::JobKind::kInfer, {prompt.begin(), prompt.end()}, answer_tokens_max);
    }
    Hash256 send_job(consensus::JobKind kind, std::vector<uint32_t> prompt, uint32_t answer_tokens_max = 0);

    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock&, const chain::HeaderInfo&) override {}

    const consensus::Params& params;
    crypto::SecretKey key;
    crypto::PublicKey output_key;
    std::vector<LocalModel> models;
    work::Corpora corpora;
    std::unique_ptr<chain::Chain> chain;

private:
    std::string directory_;
    std::unique_ptr<store::Database> database_;
    std::mutex mutex_;
    std::vector<consensus::Transaction> waiting_;
};

}  // namespace daidd::worker
