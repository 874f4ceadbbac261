#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "worker/private_chain.h"

namespace daidd::worker {

/// A private chain and its worker, started.
struct Running {
    /// Blocks within which what is expected must have happened.
    static constexpr int kBlocksMax = 60;
    static constexpr int kReceiptsMore = 5;

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

    /// Mines as many blocks as a receipt can be drawn for; each one's unit runs again to the same. Whether
    /// one of them ran a receipt.
    bool mine_a_window() {
        bool ran = false;
        for (uint32_t i = 0; i < chain.params.challenge_window; ++i) {
            const auto hashes = generate(1);
            if (hashes.empty()) return false;
            const auto block = chain.chain->snapshot()->read_block(hashes[0]);
            const auto parent = chain.chain->snapshot()->find_header(block->block.header.previous);
            const auto verdict = worker->verifier().verify(*block, parent->beacon, height());
            EXPECT_TRUE(verdict && verdict->identical());
            ran = ran || block->seal.kind == uint8_t(work::Kind::kReceipt);
        }
        return ran;
    }

    /// Two units in five run a receipt while there is one to draw: should a window have gone by without,
    /// which happens once in 160 times, others follow.
    void expect_receipt_in_unit(bool ran) {
        for (int more = 0; more < kReceiptsMore && !ran; ++more) {
            ASSERT_NE(receipt_of(chain.send_job("Again?", 8)), kZeroHash);
            ran = mine_a_window();
        }
        EXPECT_TRUE(ran) << "no unit ran a receipt";
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
