#include "ledger/overlay.h"

#include <gtest/gtest.h>

#include "ledger/map_state.h"

namespace daidd::ledger::test {
namespace {

const Bytes kKey{1, 2};
const Bytes kOld{7};
const Bytes kNew{8, 9};

class OverlayTest : public testing::Test {
protected:
    OverlayTest() { base.put(Table::kCoin, kKey, kOld); }

    MapState base;
    Overlay overlay{base};
};

TEST_F(OverlayTest, ReadsThroughWhatItDoesNotHold) {
    EXPECT_EQ(overlay.get(Table::kCoin, Bytes{1}), std::nullopt);
    EXPECT_EQ(overlay.get(Table::kJob, kKey), std::nullopt) << "another table, the same key";
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), kOld);
}

TEST_F(OverlayTest, SeesItsOwnWritesAndLeavesTheBaseAlone) {
    const MapState before = base;
    overlay.put(Table::kCoin, kKey, kNew);
    overlay.put(Table::kJob, kKey, kOld);
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), kNew);
    EXPECT_EQ(overlay.get(Table::kJob, kKey), kOld);
    EXPECT_EQ(base, before);
}

TEST_F(OverlayTest, EraseHidesTheBaseUntilThePlaceIsPutAgain) {
    overlay.erase(Table::kCoin, kKey);
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), std::nullopt);
    EXPECT_EQ(base.get(Table::kCoin, kKey), kOld);
    overlay.put(Table::kCoin, kKey, kNew);
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), kNew);
}

TEST_F(OverlayTest, StacksOnAnotherOverlay) {
    overlay.erase(Table::kCoin, kKey);
    Overlay above{overlay};
    EXPECT_EQ(above.get(Table::kCoin, kKey), std::nullopt);
    above.put(Table::kCoin, kKey, kNew);
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), std::nullopt);
    above.flush_into(overlay);
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), kNew);
    EXPECT_EQ(base.get(Table::kCoin, kKey), kOld);
}

TEST_F(OverlayTest, ChangesAreTheLastWriteOfEachPlaceInOrder) {
    overlay.put(Table::kJob, Bytes{1}, kOld);
    overlay.put(Table::kCoin, Bytes{2}, kOld);
    overlay.put(Table::kCoin, Bytes{1, 0}, kOld);
    overlay.put(Table::kCoin, Bytes{1}, kOld);
    overlay.put(Table::kCoin, Bytes{1}, kNew);
    overlay.erase(Table::kCoin, Bytes{2});
    overlay.erase(Table::kCoin, Bytes{3});

    const std::vector<Overlay::Change> expected{{Table::kCoin, {1}, kNew},
                                                {Table::kCoin, {1, 0}, kOld},
                                                {Table::kCoin, {2}, std::nullopt},
                                                {Table::kCoin, {3}, std::nullopt},
                                                {Table::kJob, {1}, kOld}};
    const auto changes = overlay.changes();
    ASSERT_EQ(changes.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ(changes[i].table, expected[i].table);
        EXPECT_EQ(changes[i].key, expected[i].key);
        EXPECT_EQ(changes[i].value, expected[i].value);
    }
}

TEST_F(OverlayTest, FlushMovesPutsAndErasesAndLeavesItEmpty) {
    MapState target = base;
    overlay.erase(Table::kCoin, kKey);
    overlay.put(Table::kCoin, Bytes{3}, kNew);
    overlay.flush_into(target);

    MapState expected;
    expected.put(Table::kCoin, Bytes{3}, kNew);
    EXPECT_EQ(target, expected);
    EXPECT_TRUE(overlay.changes().empty());
    EXPECT_EQ(overlay.get(Table::kCoin, kKey), kOld);
}

}  // namespace
}  // namespace daidd::ledger::test
