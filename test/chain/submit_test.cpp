#include <gtest/gtest.h>

#include "chain/spoils.h"

namespace daidd::chain {
namespace {

std::string name_of(const testing::TestParamInfo<Spoil>& test) { return test.param.name; }

class Submit : public BaseWithVictim, public testing::TestWithParam<Spoil> {};
class Uncredited : public Submit {};
class Mutated : public Submit {};
class Credited : public Submit {};

void expect_refused_without_a_trace(BaseWithVictim& base, const Spoil& spoil) {
    const auto block = base.spoiled(spoil);
    const Hash256 hash = hash_of(block);
    const Dump before = base.chain.dump();
    for (int times = 0; times < 2; ++times) {
        const auto result = base.chain->submit(block, kNowS);
        ASSERT_EQ(verdict(result), spoil.token);
        EXPECT_EQ(result.rejection->peer_fault, spoil.peer_fault);
    }
    EXPECT_FALSE(base.chain->snapshot()->find_header(hash));
    EXPECT_EQ(difference(base.chain.dump(), before), "");
    EXPECT_EQ(submit(*base.chain, base.honest), "connected");
}

TEST_P(Uncredited, LeavesNoTraceOfTheHash) { expect_refused_without_a_trace(*this, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Submit, Uncredited, testing::ValuesIn(kUncredited), name_of);

TEST_P(Mutated, DoesNotMarkTheHash) {
    ASSERT_EQ(hash_of(spoiled(GetParam())), hash_of(honest)) << "the header covers none of it";
    expect_refused_without_a_trace(*this, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Submit, Mutated, testing::ValuesIn(kMutated), name_of);

/// What a block is that was worked for and breaks a rule: credited and failed, now and after a restart.
void expect_credited_and_failed(BaseWithVictim& base, const work::SealedBlock& block,
                                const std::string& token) {
    const Hash256 hash = hash_of(block);
    const HeaderInfo tip = base.chain->snapshot()->tip();
    const Dump before = base.chain.dump();
    const auto result = base.chain->submit(block, kNowS);
    ASSERT_EQ(verdict(result), token);
    EXPECT_TRUE(result.rejection->peer_fault);
    EXPECT_EQ(difference(base.chain.dump(), before), "") << "the state is as if it had never come";

    const auto work = consensus::work_of(*consensus::target_from_bits(block.block.header.bits));
    for (int restarts = 0; restarts < 2; ++restarts) {
        const auto info = base.chain->snapshot()->find_header(hash);
        ASSERT_TRUE(info);
        EXPECT_TRUE(info->failed);
        EXPECT_TRUE(info->have_block);
        EXPECT_EQ(info->work, tip.work + work);
        EXPECT_EQ(base.chain->snapshot()->tip().hash, tip.hash);
        EXPECT_EQ(submit(*base.chain, block), "duplicate-invalid");
        base.chain.reopen();
    }
}

TEST_P(Credited, KeepsTheWorkAndFailsForGood) {
    const auto block = spoiled(GetParam());
    expect_credited_and_failed(*this, block, GetParam().token);
    auto child = honest;
    child.block.header.previous = hash_of(block);
    sealer.sign(child);
    EXPECT_EQ(submit(*chain, child), "bad-prevblk");
    EXPECT_EQ(submit(*chain, honest), "connected");
}

TEST_P(Credited, IsJudgedAgainWhenReconsidered) {
    const auto block = spoiled(GetParam());
    ASSERT_EQ(submit(*chain, block), GetParam().token);
    const Dump before = chain.dump();
    EXPECT_TRUE(chain->reconsider(hash_of(block)));
    EXPECT_TRUE(chain->snapshot()->find_header(hash_of(block))->failed);
    EXPECT_EQ(difference(chain.dump(), before), "");
    EXPECT_EQ(submit(*chain, block), "duplicate-invalid");
}
INSTANTIATE_TEST_SUITE_P(Submit, Credited, testing::ValuesIn(kBroken), name_of);

class SubmitWrongDraw : public BaseWithVictim, public testing::Test {
protected:
    static void change_kind(work::Content& content) {
        content.kind = content.kind == work::Kind::kCorpus ? work::Kind::kTraining : work::Kind::kCorpus;
    }
    static void change_token(work::Content& content) { content.tokens[0] ^= 1; }
};

TEST_F(SubmitWrongDraw, KindIsCreditedAndFails) {
    expect_credited_and_failed(*this, sealer.seal(*chain, {}, change_kind), "seal: kind");
}

TEST_F(SubmitWrongDraw, ContentIsCreditedAndFails) {
    expect_credited_and_failed(*this, sealer.seal(*chain, {}, change_token), "seal: content");
}

/// Nothing commits to what stands beside the block: a copy that a relay spoiled is forgotten.
void expect_bad_copy(BaseWithVictim& base, const work::SealedBlock& bad, const std::string& token) {
    const Hash256 hash = hash_of(bad);
    const HeaderInfo tip = base.chain->snapshot()->tip();
    const Dump before = base.chain.dump();
    for (int restarts = 0; restarts < 2; ++restarts) {
        const auto result = base.chain->submit(bad, kNowS);
        ASSERT_EQ(verdict(result), token);
        EXPECT_TRUE(result.rejection->copy_only);
        EXPECT_TRUE(result.rejection->peer_fault);
        const auto info = base.chain->snapshot()->find_header(hash);
        ASSERT_TRUE(info);
        EXPECT_FALSE(info->failed);
        EXPECT_FALSE(info->have_block);
        EXPECT_EQ(info->work, tip.work);
        EXPECT_FALSE(base.chain->snapshot()->read_block(hash));
        EXPECT_FALSE(base.chain->snapshot()->read_sealed_header(hash));
        EXPECT_EQ(difference(base.chain.dump(), before), "");
        base.chain.reopen();
    }
}

TEST_F(SubmitWrongDraw, ASpoiledCopyIsForgottenAndAnotherConnects) {
    // The second unit of the lane that can seal opens two before it.
    const auto good = sealer.seal(*chain);
    ASSERT_EQ(good.witness.previous.size(), 2u);
    for (const size_t unit : {size_t{0}, size_t{1}}) {
        auto bad = good;
        bad.witness.previous[unit].tokens[0] ^= 1;
        expect_bad_copy(*this, bad, "seal: predecessor " + std::to_string(unit + 1) + ": content");
    }
    auto bad = good;
    bad.witness.source.leaves.pop_back();
    expect_bad_copy(*this, bad, "seal: content");
    // In one run: what was said of the copy before does not stick to the hash.
    EXPECT_EQ(submit(*chain, bad), "seal: content");
    EXPECT_EQ(submit(*chain, good), "connected");
    EXPECT_TRUE(chain->snapshot()->find_header(hash_of(good))->have_block);
}

TEST_F(SubmitWrongDraw, ASpoiledCopyInTheMiddleOfABranchLeavesTheRestOfIt) {
    const auto &a = Branches::instance().a, &b = Branches::instance().b;
    chain.submit(a, 0, 2);
    auto bad = b[1];
    bad.witness.previous[0].tokens[0] ^= 1;
    chain.submit({b[0], bad});
    const Dump before = chain.dump();
    // Only now is the copy tried; the block above it waits for a better one.
    EXPECT_EQ(submit(*chain, b[2]), "stored");
    EXPECT_EQ(difference(chain.dump(), before), "");
    EXPECT_FALSE(chain->snapshot()->find_header(hash_of(b[1]))->have_block);
    chain.reopen();
    EXPECT_EQ(submit(*chain, b[2]), "duplicate");
    EXPECT_EQ(submit(*chain, b[1]), "connected");
    EXPECT_EQ(chain->snapshot()->tip().hash, hash_of(b[2]));
}

TEST_F(SubmitWrongDraw, ContentOfAUnitBeforeCanNeverConnect) {
    for (const size_t later : {size_t{1}, size_t{2}}) {
        Sealer cheat{3};
        std::optional<work::SealedBlock> block;
        // A unit of other tokens than were drawn, then one or two honest ones.
        while (!block) {
            cheat.run(*chain);
            cheat.run(*chain, change_token);
            for (size_t i = 0; i < later; ++i) cheat.run(*chain);
            block = cheat.find(*chain, {});
        }
        expect_bad_copy(*this, *block, "seal: predecessor " + std::to_string(later) + ": content");
    }
    EXPECT_EQ(submit(*chain, honest), "connected");
}

using SubmitVerdict = SubmitWrongDraw;

TEST_F(SubmitVerdict, EmptyBodyIsRefused) {
    auto block = honest;
    block.block.transactions.clear();
    EXPECT_EQ(submit(*chain, block), "bad-blk-length");
    EXPECT_EQ(submit(*chain, honest), "connected");
}

TEST_F(SubmitVerdict, SaysWhereTheBlockWent) {
    const auto other = Sealer{2}.seal(*chain);
    EXPECT_EQ(submit(*chain, honest), "connected");
    EXPECT_EQ(submit(*chain, honest), "duplicate");
    EXPECT_EQ(submit(*chain, other), "stored");
    EXPECT_EQ(submit(*chain, other), "duplicate");
    EXPECT_EQ(submit(*chain, Branches::instance().base[3]), "duplicate");
    work::SealedBlock genesis;
    genesis.block = consensus::genesis_block(chain->params());
    EXPECT_EQ(submit(*chain, genesis), "duplicate");
}

TEST_F(SubmitVerdict, TakesTheFirstAndTheLastTimeThatIsAllowed) {
    const uint32_t first = chain->snapshot()->tip().median_time_past + 1;
    const uint32_t last = uint32_t(kNowS) + chain->params().future_drift_s;
    for (const uint32_t time : {first, last}) {
        auto block = honest;
        block.block.header.time = time;
        sealer.sign(block);
        EXPECT_EQ(submit(*chain, block, kNowS), time == first ? "connected" : "stored");
    }
}

TEST_F(SubmitVerdict, AHeaderThatWasKnownBeforeIsCreditedWithItsBlock) {
    ASSERT_EQ(chain->accept_header(work::sealed_header(honest), kNowS), std::nullopt);
    const auto work_before = chain->snapshot()->find_header(hash_of(honest))->work;
    EXPECT_EQ(work_before, chain->snapshot()->tip().work);
    auto mutated = honest;
    mutated.witness.rows.pop_back();
    EXPECT_EQ(submit(*chain, mutated), "seal: sizes");
    EXPECT_EQ(submit(*chain, honest), "connected");
    EXPECT_GT(chain->snapshot()->tip().work, work_before);
}

}  // namespace
}  // namespace daidd::chain
