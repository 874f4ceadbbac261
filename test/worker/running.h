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

    /// Mines until a block's unit runs a receipt, for at most as many blocks as one can be drawn; every unit
    /// on the way runs again to the same.
    void expect_receipt_in_unit() {
        for (uint32_t i = 0; i < chain.params.challenge_window; ++i) {
            const auto hashes = generate(1);
            ASSERT_EQ(hashes.size(), 1u);
            const auto block = chain.chain->snapshot()->read_block(hashes[0]);
            const auto parent = chain.chain->snapshot()->find_header(block->block.header.previous);
            const auto verdict = worker->verifier().verify(*block, parent->beacon, height());
            ASSERT_TRUE(verdict);
            EXPECT_TRUE(verdict->identical());
            if (block->seal.kind == uint8_t(work::Kind::kReceipt)) return;
        }
        ADD_FAILURE() << "no unit ran a receipt";
    }

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
