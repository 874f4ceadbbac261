#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "worker/private_chain.h"

namespace daidd::worker {

/// A private chain and its worker, started.
struct Running {
    /// Blocks within which what is expected must have happened.
    static constexpr int kBlocksMax = 60;

    PrivateChain chain;
    std::unique_ptr<Worker> worker = chain.make_worker(chain.options());

    Running() { worker->start(); }
    ~Running() { worker->stop(); }

    std::vector<Hash256> generate(size_t count) {
        auto hashes = worker->miner().generate(count, chain.output_key);
        EXPECT_TRUE(hashes) << (hashes ? "" : hashes.error());
        return hashes ? *hashes : std::vector<Hash256>{};
    }
    uint32_t height() const { return chain.chain->snapshot()->tip().height; }

    /// Mines until the job has a receipt; zeros if it never gets one.
    Hash256 receipt_of(const Hash256& job) {
        for (int i = 0; i < kBlocksMax; ++i) {
            const auto record = ledger::find_job(*chain.chain->snapshot(), job);
            if (record && record->receipt != kZeroHash) return record->receipt;
            generate(1);
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
        return {};
    }
};

}  // namespace daidd::worker
