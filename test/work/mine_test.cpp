#include "work/mine.h"

#include <gtest/gtest.h>

#include <set>

#include "crypto/hash.h"
#include "work/ticket.h"
#include "work/toy_chain.h"
#include "work/vectors.h"

namespace daidd::work {
namespace {

using consensus::Uint256;

const Uint256 kEveryTicket = ~Uint256{0};
/// The highest target a chain may have.
const Uint256 kCap = (Uint256{1} << 236) - 1;

const ToyChain& chain() {
    static const ToyChain instance{inference::regtest_toy()};
    return instance;
}

Hash256 parent(size_t number) { return crypto::hash("toy", {as_bytes("parent " + std::to_string(number))}); }

Sealed sealed_by(const ToyLane& lane, const Win& win, const Hash256& parent_hash, const Uint256& target) {
    Sealed sealed{.context = lane.context(target),
                  .pools = {lane.chain.pool},
                  .seal = win.seal,
                  .witness = win.witness};
    sealed.context.parent_hash = parent_hash;
    sealed.context.seal_root = seal_root(win.seal);
    return sealed;
}

TEST(Mine, EveryUnitOfALaneIsSealedCheckedAndRerun) {
    ToyLane lane{chain()};
    lane.run_next();
    std::set<Kind> kinds;
    // At the cap one unit in thirty has no winner; here none is without.
    const Uint256 target = kCap << 3;
    for (uint16_t seq = 1; seq <= 8; ++seq) {
        lane.run_next();
        const auto win = lane.find(target, parent(seq));
        ASSERT_TRUE(win) << "seq " << seq;
        EXPECT_EQ(verdict(chain().params, sealed_by(lane, *win, parent(seq), target)), "ok");
        kinds.insert(Kind(win->seal.kind));
        EXPECT_EQ(content_of(*lane.units[0]).receipt.has_value(), win->seal.kind == 1);

        const auto reports = rerun_seal(chain().model, chain().params.models[0].manifest, lane.base.beacon,
                                        win->seal, win->witness, 1);
        ASSERT_EQ(reports.size(), seq == 1 ? 2u : 3u);
        for (size_t i = 0; i < reports.size(); ++i) {
            EXPECT_TRUE(reports[i].identical());
            EXPECT_EQ(reports[i].unit, id_of(*lane.units[i]));
            EXPECT_EQ(reports[i].seq, seq - i);
            EXPECT_EQ(reports[i].op_roots, op_roots_of(*lane.units[i]));
        }
    }
    EXPECT_EQ(kinds, (std::set<Kind>{Kind::kCorpus, Kind::kReceipt}));
}

TEST(Mine, WinsComeFromEveryOperation) {
    ToyLane lane{chain()};
    lane.run_next();
    lane.run_next();
    // Few enough winners that every operation has the first one under some parent.
    const Uint256 target = kCap >> 5;
    const size_t operations = chain().params.models[0].manifest.operations.size();
    std::set<uint16_t> ops;
    std::set<uint32_t> groups;
    for (size_t number = 0; number < 2000 && ops.size() < operations; ++number) {
        const auto win = lane.find(target, parent(number));
        if (!win) continue;
        ops.insert(win->seal.op);
        groups.insert(win->seal.group);
        const Sealed sealed = sealed_by(lane, *win, parent(number), target);
        EXPECT_EQ(check_seal(chain().params, sealed.context, sealed.seal, sealed.witness)
                      .value_or(Refused{"ok"})
                      .step,
                  "ok");
    }
    EXPECT_EQ(ops.size(), operations);
    EXPECT_EQ(groups.size(), 2u);
}

TEST(Mine, SlicesBeyondTheFirstGiveTickets) {
    inference::ToyShape shape = inference::regtest_toy();
    shape.dimensions.ffn = 4096 + 2048;
    const ToyChain wide{shape};
    ToyLane lane{wide};
    lane.run_next();
    lane.run_next();
    std::set<uint8_t> slices;
    for (size_t number = 0; number < 100 && slices.size() < 2; ++number) {
        const Uint256 target = kCap >> 7;
        const auto win = lane.find(target, parent(number));
        if (!win) continue;
        slices.insert(win->seal.slice);
        EXPECT_EQ(verdict(wide.params, sealed_by(lane, *win, parent(number), target)), "ok");
    }
    EXPECT_EQ(slices.size(), 2u);
}

/// The unit of `run` once more, its tickets drawn meanwhile.
std::shared_ptr<const UnitRun> drawn_again(const ToyChain& on, const UnitRun& run, const Drawing& drawing,
                                           unsigned threads) {
    return run_unit(on.model, on.params.models[0].manifest, preimage_of(run), content_of(run), threads,
                    &drawing);
}

TEST(Mine, TicketsDrawnInThePassAreThoseDrawnAfterIt) {
    for (const auto backend : inference::kBackends) {
        if (!inference::is_supported(backend)) continue;
        const ToyChain on{inference::regtest_toy(), backend};
        ToyLane lane{on};
        lane.run_next();
        lane.run_next();
        size_t won = 0, lost = 0;
        for (size_t number = 0; number < 6; ++number) {
            // Every ticket, some of them, few enough that most units have none.
            const Uint256 target = number < 1 ? kEveryTicket : kCap >> (number < 3 ? 0 : 5);
            const auto after = lane.find(target, parent(number));
            const auto run =
                drawn_again(on, *lane.units[0], {parent(number), target, {}}, unsigned(1 + number % 3));
            EXPECT_EQ(trace_root_of(*run), trace_root_of(*lane.units[0]));
            const auto found =
                find_win(on.model, on.params, parent(number), target, *run, {lane.units[1]}, {});
            ASSERT_EQ(found.has_value(), after.has_value());
            ++(found ? won : lost);
            if (!found) continue;
            EXPECT_EQ(encode(found->seal), encode(after->seal));
            EXPECT_EQ(encode(found->witness), encode(after->witness));
        }
        EXPECT_GT(won, 0u);
        EXPECT_GT(lost, 0u);
    }
}

TEST(Mine, TicketsDrawnUnderAnotherParentOrTargetDoNotCount) {
    ToyLane lane{chain()};
    lane.run_next();
    lane.run_next();
    const auto run = drawn_again(chain(), *lane.units[0], {parent(1), kEveryTicket, {}}, 1);
    const auto find = [&](const Hash256& under, const Uint256& target) {
        return find_win(chain().model, chain().params, under, target, *run, {lane.units[1]}, {});
    };
    EXPECT_FALSE(find(parent(1), 0)) << "the target is lower now";
    const auto win = find(parent(2), kEveryTicket);
    ASSERT_TRUE(win);
    EXPECT_EQ(verdict(chain().params, sealed_by(lane, *win, parent(2), kEveryTicket)), "ok");
}

TEST(Mine, ADrawingThatWasStoppedIsDoneAgain) {
    ToyLane lane{chain()};
    lane.run_next();
    lane.run_next();
    const Drawing stopped{parent(1), kEveryTicket, [] { return true; }};
    const auto run = drawn_again(chain(), *lane.units[0], stopped, 1);
    const auto win =
        find_win(chain().model, chain().params, parent(1), kEveryTicket, *run, {lane.units[1]}, {});
    ASSERT_TRUE(win);
    EXPECT_EQ(verdict(chain().params, sealed_by(lane, *win, parent(1), kEveryTicket)), "ok");
}

TEST(Mine, StartUnitsGiveNoTickets) {
    ToyLane lane{chain()};
    lane.run_next();
    EXPECT_FALSE(lane.find(kEveryTicket, parent(0)));
    lane.run_next();
    EXPECT_TRUE(lane.find(kEveryTicket, parent(0)));
    EXPECT_FALSE(lane.find(0, parent(0)));
}

TEST(Mine, StopEndsTheSearch) {
    ToyLane lane{chain()};
    lane.run_next();
    lane.run_next();
    int asked = 0;
    const auto stop = [&] { return ++asked == 3; };
    EXPECT_FALSE(
        find_win(chain().model, chain().params, parent(0), 0, *lane.units[0], {lane.units[1]}, stop));
    EXPECT_EQ(asked, 3);
}

TEST(Mine, TicketsHashedTogetherAreThoseHashedAlone) {
    Bytes scratch;  // longer and shorter ones follow each other
    for (size_t count = 1; count <= 20; ++count) {
        for (const size_t words_each : {1, 9, 24, 32}) {
            std::vector<Hash256> seeds(count), tickets(count);
            std::vector<uint32_t> words(count * words_each);
            for (size_t i = 0; i < count; ++i) seeds[i][i] = uint8_t(i + 1);
            for (size_t i = 0; i < words.size(); ++i) words[i] = uint32_t(i * 2'654'435'761u);
            const uint16_t tile = 0x0102;
            hash_tickets(seeds, tile, words, tickets, scratch);
            for (size_t i = 0; i < count; ++i) {
                const auto own = std::span{words}.subspan(i * words_each, words_each);
                EXPECT_EQ(tickets[i], ticket_of(seeds[i], tile, own)) << i << " of " << count;
            }
        }
    }
}

TEST(Mine, BackendsAndThreadsGiveTheSameTrace) {
    const ToyChain scalar{inference::regtest_toy(), inference::Backend::kScalar};
    EXPECT_EQ(scalar.params.models[0].root, chain().params.models[0].root);
    const Hash256 key = parent(1);
    for (const size_t size : {1, 15, 16, 17, 40}) {
        std::vector<uint32_t> tokens = byte_tokens("traces have sixteen rows a group, the last may be short");
        tokens.resize(size);
        const auto roots = trace_op_roots(chain().model, key, tokens, 1);
        EXPECT_EQ(roots.size(), chain().params.models[0].manifest.tensors);
        EXPECT_EQ(trace_op_roots(chain().model, key, tokens, 3), roots) << size;
        EXPECT_EQ(trace_op_roots(scalar.model, key, tokens, 1), roots) << size;
        EXPECT_NE(trace_op_roots(chain().model, parent(2), tokens, 1), roots) << "the key is in every leaf";
    }
}

TEST(Rerun, NamesTheFirstDifference) {
    ToyLane lane{chain()};
    lane.run_next();
    lane.run_next();
    const UnitRun& unit = *lane.units[0];
    const auto& manifest = chain().params.models[0].manifest;
    const auto rerun = [&](const std::vector<uint32_t>& tokens, const std::vector<Hash256>& claimed) {
        return rerun_unit(chain().model, manifest, preimage_of(unit), tokens, claimed, 1);
    };
    const auto& tokens = content_of(unit).tokens;
    const auto& roots = op_roots_of(unit);
    EXPECT_TRUE(rerun(tokens, roots).identical());

    for (const size_t tensor : {size_t{0}, size_t{7}, roots.size() - 1}) {
        auto claimed = roots;
        claimed[tensor][31] ^= 1;
        EXPECT_EQ(rerun(tokens, claimed).first_difference, tensor);
    }
    auto missing = roots;
    missing.pop_back();
    EXPECT_EQ(rerun(tokens, missing).first_difference, roots.size() - 1);

    auto other = tokens;
    other[3] ^= 1;
    EXPECT_EQ(rerun(other, roots).first_difference, 0u);
    other[3] = manifest.vocabulary;
    EXPECT_EQ(rerun(other, roots).first_difference, 0u);
    EXPECT_TRUE(rerun(other, roots).op_roots.empty());
}

}  // namespace
}  // namespace daidd::work
