#include <gtest/gtest.h>

#include "worker/running.h"

namespace daidd::worker {
namespace {

/// Runs passes as this processor does, for `passes` times; then it fails, each time after it gave the trace
/// some rows.
class LimitedRunner final : public work::PassRunner {
public:
    LimitedRunner(const inference::Model& model, int passes) : model_{model}, passes_{passes} {}

    const std::string& name() const override { return name_; }
    std::optional<std::string> run(std::span<const uint32_t> tokens,
                                   const inference::ForwardOptions& options) override {
        ++asked;
        const bool fails = asked > passes_;
        Cut cut{*options.trace};
        inference::ForwardOptions given = options;
        if (fails) given.trace = &cut;
        if (fails) given.tickets = nullptr;
        inference::Sequence sequence{model_, uint32_t(tokens.size())};
        EXPECT_TRUE(inference::forward(model_, model_.backend(), sequence, tokens, given));
        return fails ? std::optional{name_ + ": it is gone"} : std::nullopt;
    }

    int asked = 0;

private:
    /// Passes the first tensor on.
    struct Cut final : inference::TraceSink {
        explicit Cut(TraceSink& to) : sink{to} {}
        void rows(uint16_t tensor, const inference::TensorInfo& info, uint32_t first, ByteView rows,
                  inference::Parallel& parallel) override {
            if (tensor == 0) sink.rows(tensor, info, first, rows, parallel);
        }
        TraceSink& sink;
    };

    const inference::Model& model_;
    const int passes_;
    const std::string name_ = "toy:0 (a toy)";
};

struct RunnerNode {
    explicit RunnerNode(int passes) {
        runner = std::make_shared<LimitedRunner>(chain.models[0].model, passes);
        chain.models[0].runner = runner;
        worker = chain.make_worker(chain.options());
    }
    MinerInfo info() const { return worker->miner().info(); }
    /// Mines blocks whose units this processor then runs to the same.
    void mine(size_t count) {
        const auto hashes = worker->miner().generate(count, chain.output_key);
        ASSERT_TRUE(hashes) << hashes.error();
        for (const Hash256& hash : *hashes) {
            const auto snapshot = chain.chain->snapshot();
            const auto block = snapshot->read_block(hash);
            const auto parent = snapshot->find_header(block->block.header.previous);
            const auto verdict = worker->verifier().verify(*block, parent->beacon, parent->height + 1);
            ASSERT_TRUE(verdict);
            EXPECT_TRUE(verdict->identical());
        }
    }

    PrivateChain chain;
    std::shared_ptr<LimitedRunner> runner;
    std::unique_ptr<Worker> worker;
};

TEST(Runner, RunsEveryUnitOfTheLanesAndNoRerun) {
    RunnerNode node{1000};
    EXPECT_EQ(node.info().device, "toy:0 (a toy)");
    node.mine(3);
    EXPECT_GE(node.info().units, 4u);
    EXPECT_EQ(uint64_t(node.runner->asked), node.info().units);
    EXPECT_EQ(node.info().last_error, "");
    EXPECT_EQ(node.info().device, "toy:0 (a toy)");
}

TEST(Runner, IsGivenUpOnceItFailsAndTheLaneGoesOn) {
    // It fails in a start unit, in the unit that follows, and in a lane under way.
    for (const int passes : {0, 1, 3}) {
        RunnerNode node{passes};
        // A block's lane needs two units at least.
        for (int block = 0; node.runner->asked <= passes; ++block) {
            ASSERT_LT(block, 4);
            node.mine(1);
        }
        EXPECT_EQ(node.info().last_error, "toy:0 (a toy): it is gone");
        EXPECT_EQ(node.info().device, "");
        node.mine(2);
        EXPECT_EQ(node.runner->asked, passes + 1) << "it is not asked again";
    }
}

TEST(Runner, IsNoneWithoutOne) {
    Running node;
    EXPECT_EQ(node.worker->miner().info().device, "");
}

}  // namespace
}  // namespace daidd::worker
