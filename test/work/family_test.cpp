#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "inference/toys.h"
#include "work/mine.h"
#include "work/toy_chain.h"

// A unit of a model with every operation that Llama does not have is mined, judged and run again like any
// other.
namespace daidd::work {
namespace {

class MineFamily : public testing::TestWithParam<bool> {};

TEST_P(MineFamily, UnitsOfAGemmaAreSealedCheckedAndRerun) {
    const ToyChain chain{GetParam() ? inference::paired_toy() : inference::gemma_toy()};
    ToyLane lane{chain};
    lane.run_next();
    const consensus::Uint256 target = ((consensus::Uint256{1} << 236) - 1) << 3;
    for (uint16_t seq = 1; seq <= 2; ++seq) {
        lane.run_next();
        const Hash256 parent = crypto::hash("toy", {as_bytes("parent " + std::to_string(seq))});
        const auto win = lane.find(target, parent);
        ASSERT_TRUE(win) << "seq " << seq;
        SealContext context = lane.context(target);
        context.parent_hash = parent;
        context.seal_root = seal_root(win->seal);
        const auto refused = check_seal(chain.params, context, win->seal, win->witness);
        EXPECT_FALSE(refused) << refused->step;
        const auto reports = rerun_seal(chain.model, chain.params.models[0].manifest, lane.base.beacon,
                                        win->seal, win->witness, 1);
        ASSERT_EQ(reports.size(), size_t{seq} + 1);
        for (const UnitReport& report : reports) EXPECT_TRUE(report.identical());
    }
}

INSTANTIATE_TEST_SUITE_P(Toys, MineFamily, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "pairs" : "one_linear_a_matrix"; });

TEST(MineFamilyTrace, AForgedNormIsFound) {
    const ToyChain chain{inference::gemma_toy()};
    ToyLane lane{chain};
    lane.run_next();
    const auto& unit = *lane.units[0];
    // Tensor 7 is what the norm after the first attention reads.
    std::vector<Hash256> claimed = op_roots_of(unit);
    claimed[7][0] ^= 1;
    const UnitReport report = rerun_unit(chain.model, chain.params.models[0].manifest, preimage_of(unit),
                                         content_of(unit).tokens, claimed, 1);
    EXPECT_FALSE(report.identical());
    EXPECT_EQ(report.first_difference, 7u);
}

}  // namespace
}  // namespace daidd::work
