#include <gtest/gtest.h>

#include "chain/header_tree.h"
#include "chain/spoils.h"

namespace daidd::chain {
namespace {

std::string token(const std::optional<Rejection>& rejection) {
    return rejection ? rejection->token : "accepted";
}
std::string accept(Chain& chain, const work::SealedBlock& block, int64_t now_s = kNowS) {
    return token(chain.accept_header(work::sealed_header(block), now_s));
}

std::string name_of(const testing::TestParamInfo<Spoil>& test) { return test.param.name; }

class Header : public BaseWithVictim, public testing::TestWithParam<Spoil> {};

TEST_P(Header, IsJudgedByWhatItShows) {
    const auto block = spoiled(GetParam());
    const auto rejection = chain->accept_header(work::sealed_header(block), kNowS);
    ASSERT_EQ(token(rejection), GetParam().in_header ? GetParam().token : "accepted");
    if (rejection) {
        EXPECT_EQ(rejection->peer_fault, GetParam().peer_fault);
    }
    EXPECT_EQ(chain->snapshot()->find_header(hash_of(block)).has_value(), !GetParam().in_header);
}
INSTANTIATE_TEST_SUITE_P(AcceptHeader, Header, testing::ValuesIn(kUncredited), name_of);

class AcceptHeader : public BaseWithVictim, public testing::Test {};

TEST_F(AcceptHeader, WantsTheParentFirst) {
    const auto& branch = Branches::instance().b;
    const auto rejection = chain->accept_header(work::sealed_header(branch[1]), kNowS);
    ASSERT_EQ(token(rejection), "prev-blk-not-found");
    EXPECT_FALSE(rejection->peer_fault);
    EXPECT_EQ(rejection->detail, to_hex_reversed(hash_of(branch[0])));
    EXPECT_EQ(accept(*chain, branch[0]), "accepted");
    EXPECT_EQ(accept(*chain, branch[1]), "accepted");
    EXPECT_EQ(accept(*chain, branch[1]), "accepted") << "it is known";
}

TEST_F(AcceptHeader, CreditsNoWorkAndIsForgottenAtTheEnd) {
    const HeaderInfo tip = chain->snapshot()->tip();
    const Dump before = chain.dump();
    for (const auto& block : Branches::instance().b) {
        ASSERT_EQ(accept(*chain, block), "accepted");
        const auto info = chain->snapshot()->find_header(hash_of(block));
        ASSERT_TRUE(info);
        EXPECT_EQ(info->work, tip.work);
        EXPECT_FALSE(info->have_block);
        EXPECT_FALSE(info->failed);
    }
    EXPECT_EQ(chain->snapshot()->tip().hash, tip.hash);
    const auto tips = chain->snapshot()->tips();
    ASSERT_EQ(tips.size(), 2u);
    EXPECT_EQ(tips[0].hash, tip.hash);
    EXPECT_EQ(tips[1].hash, hash_of(Branches::instance().b.back()));

    chain.reopen();
    EXPECT_FALSE(chain->snapshot()->find_header(hash_of(Branches::instance().b[0])));
    EXPECT_EQ(difference(chain.dump(), before), "");
}

TEST_F(AcceptHeader, TellsTheBeaconThatTheBlockWillHave) {
    ASSERT_EQ(accept(*chain, honest), "accepted");
    const auto info = *chain->snapshot()->find_header(hash_of(honest));
    EXPECT_EQ(info.beacon, work::next_beacon(chain->snapshot()->tip().beacon, honest.seal.ticket));
    EXPECT_EQ(info.height, kBaseBlocks + 1);
    ASSERT_EQ(submit(*chain, honest), "connected");
    EXPECT_EQ(chain->snapshot()->tip().beacon, info.beacon);
    EXPECT_EQ(chain->snapshot()->tip().median_time_past, info.median_time_past);
}

TEST_F(AcceptHeader, RefusesWhatFailedAndWhatFollowsIt) {
    const auto& branch = Branches::instance().b;
    ASSERT_EQ(accept(*chain, branch[0]), "accepted");
    ASSERT_TRUE(chain->invalidate(hash_of(branch[0])));
    EXPECT_EQ(accept(*chain, branch[0]), "duplicate-invalid");
    EXPECT_EQ(submit(*chain, branch[0]), "duplicate-invalid");
    EXPECT_EQ(accept(*chain, branch[1]), "bad-prevblk");
    ASSERT_TRUE(chain->reconsider(hash_of(branch[0])));
    EXPECT_EQ(accept(*chain, branch[1]), "accepted");
}

TEST_F(AcceptHeader, TakesTheFirstAndTheLastTimeThatIsAllowed) {
    auto block = honest;
    for (const uint32_t time :
         {chain->snapshot()->tip().median_time_past + 1, uint32_t(kNowS) + chain->params().future_drift_s}) {
        block.block.header.time = time;
        sealer.sign(block);
        EXPECT_EQ(accept(*chain, block), "accepted") << time;
    }
}

TEST_F(AcceptHeader, ForgetsThemAllOneBeyondTheLimit) {
    auto sealed = work::sealed_header(honest);
    const Hash256 first = consensus::block_hash(sealed.header);
    const auto next = [&] {
        const auto rejection = chain->accept_header(sealed, kNowS);
        ++sealed.header.time;
        sealed.signature = sealer.key().sign(work::header_message(sealed.header), kZeroHash);
        return token(rejection);
    };
    for (size_t i = 0; i < kUncreditedMax; ++i) ASSERT_EQ(next(), "accepted") << i;
    EXPECT_EQ(chain->snapshot()->tips().size(), kUncreditedMax + 1);
    EXPECT_TRUE(chain->snapshot()->find_header(first));

    EXPECT_EQ(next(), "accepted");
    EXPECT_EQ(chain->snapshot()->tips().size(), 1u);
    EXPECT_FALSE(chain->snapshot()->find_header(first));
    EXPECT_EQ(accept(*chain, honest), "accepted") << "it can be told again";
}

}  // namespace
}  // namespace daidd::chain
