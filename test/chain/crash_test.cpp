#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "chain/spoils.h"

namespace daidd::chain {
namespace {

constexpr size_t kOldBlocks = 3;
constexpr size_t kNewBlocks = 4;
constexpr int kCrashed = 137;
constexpr int kSurvived = 3;

/// A database of three blocks above the base, which four of the other branch are about to replace: the
/// fourth disconnects three and connects four.
const Directory& before_the_crash() {
    static const Directory directory;
    static const bool filled = [] {
        DiskChain chain{base_directory()};
        chain.submit(Branches::instance().a, 0, kOldBlocks);
        chain.close();
        copy_database(chain.directory().path(), directory.path());
        return true;
    }();
    EXPECT_TRUE(filled);
    return directory;
}

/// By tip, what the database of a chain holds that has only seen the way there.
const std::map<Hash256, Dump>& replayed() {
    static const auto dumps = [] {
        std::map<Hash256, Dump> by_tip;
        const auto replay = [&](const std::vector<work::SealedBlock>& branch, size_t count) {
            DiskChain chain{base_directory()};
            by_tip[chain->snapshot()->tip().hash] = chain.dump();
            for (size_t i = 0; i < count; ++i) {
                chain.submit(branch, i, i + 1);
                by_tip[hash_of(branch[i])] = chain.dump();
            }
        };
        replay(Branches::instance().a, kOldBlocks);
        replay(Branches::instance().b, kNewBlocks);
        return by_tip;
    }();
    return dumps;
}

/// How a process ended that submitted these blocks to the database in `directory` with this crash point.
int submit_and_crash(const std::string& directory, const std::string& point,
                     const std::vector<work::SealedBlock>& blocks) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("DAIDD_CRASH_AT", point.c_str(), 1);
        const auto database = open_database(directory);
        const auto chain = Chain::open(*database, consensus::regtest_params());
        for (size_t i = 0; chain && i < blocks.size(); ++i) (*chain)->submit(blocks[i], kNowS);
        ::_exit(kSurvived);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int submit_new_branch_and_crash(const std::string& directory, const std::string& point) {
    const auto& b = Branches::instance().b;
    return submit_and_crash(directory, point, {b.begin(), b.begin() + kNewBlocks});
}

struct CrashPoint {
    const char* name;
    int times;  ///< it is reached
};
const CrashPoint kPoints[] = {
    {"store-before-commit", kNewBlocks},      {"store-after-commit", kNewBlocks},
    {"disconnect-before-commit", kOldBlocks}, {"connect-before-commit", kNewBlocks},
    {"connect-after-commit", kNewBlocks},
};
void PrintTo(const CrashPoint& point, std::ostream* out) { *out << point.name; }

class Crash : public testing::TestWithParam<CrashPoint> {};

TEST_P(Crash, LeavesATipFromWhichTheRestConnects) {
    const auto& b = Branches::instance().b;
    for (int turn = 1; turn <= GetParam().times; ++turn) {
        const std::string point = GetParam().name + (":" + std::to_string(turn));
        SCOPED_TRACE(point);
        const Directory directory;
        copy_database(before_the_crash().path(), directory.path());
        ASSERT_EQ(submit_new_branch_and_crash(directory.path(), point), kCrashed);
        {
            const auto database = open_database(directory.path());
            const Hash256 tip = read_tip(store::ReadTransaction{*database});
            ASSERT_TRUE(replayed().contains(tip));
            EXPECT_EQ(difference(dump_of(*database), replayed().at(tip)), "");
        }
        DiskChain chain{directory};
        const auto tip = chain->snapshot()->tip();
        ASSERT_TRUE(replayed().contains(tip.hash));
        EXPECT_EQ(difference(chain.dump(), replayed().at(tip.hash)), "");
        for (const HeaderInfo& info : chain->snapshot()->tips()) EXPECT_LE(info.work, tip.work);

        chain.submit(b, 0, kNewBlocks);
        EXPECT_EQ(chain->snapshot()->tip().hash, hash_of(b[kNewBlocks - 1]));
        EXPECT_EQ(difference(chain.dump(), replayed().at(hash_of(b[kNewBlocks - 1]))), "");
    }
}

TEST_P(Crash, IsNotReachedOnceMore) {
    const Directory directory;
    copy_database(before_the_crash().path(), directory.path());
    const std::string point = GetParam().name + (":" + std::to_string(GetParam().times + 1));
    EXPECT_EQ(submit_new_branch_and_crash(directory.path(), point), kSurvived);
}

TEST(CrashOnABrokenBlock, IsJudgedAgainWhenTheChainIsOpened) {
    for (const Spoil& spoil : kBroken) {
        SCOPED_TRACE(spoil.name);
        BaseWithVictim base;
        const auto block = base.spoiled(spoil);
        const Dump before = base.chain.dump();
        base.chain.close();
        const std::string& directory = base.chain.directory().path();
        ASSERT_EQ(submit_and_crash(directory, "store-after-commit", {block}), kCrashed);
        base.chain.open();
        EXPECT_EQ(difference(base.chain.dump(), before), "");
        EXPECT_EQ(submit(*base.chain, block), "duplicate-invalid");
        EXPECT_EQ(submit(*base.chain, base.honest), "connected");
    }
}

INSTANTIATE_TEST_SUITE_P(Points, Crash, testing::ValuesIn(kPoints), [](const auto& test) {
    std::string name = test.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace daidd::chain
