#include <gtest/gtest.h>

#include "work/reference_toy.h"
#include "work/vectors.h"

namespace daidd::work {
namespace {

using consensus::Uint256;

/// A forger's chain: five beacons, all receipts drawable, and a lane whose unit 1 draws a receipt that the
/// corpus must pad.
class Forger {
public:
    Forger() : sealed_{sealed_from(poui_vectors().at("seals")[1])} {
        sealed_.context.target = ~Uint256{0};  // every ticket wins
        for (uint16_t lane = 100; lane < 200 && !is_padded(); ++lane) {
            base_ = {.model = chain_.toy.root(), .miner = sealed_.context.miner, .lane = lane};
            const auto units = run({{}, {}});
            first_ = units[1].content;
            window_ = draw(chain_.params, units[1].id, sealed_.pools[0]).window;
        }
        EXPECT_TRUE(is_padded());
    }

    std::vector<ReferenceUnit> run(const std::vector<Deviation>& plan) const {
        std::vector<ReferenceUnit> units;
        for (const Deviation& deviation : plan) {
            // Where another beacon is named, its own pool is drawn from.
            const Hash256 beacon = deviation.beacon.value_or(old(0));
            const auto at = std::find(sealed_.context.beacons.begin(), sealed_.context.beacons.end(), beacon);
            const Pool& pool = sealed_.pools[size_t(at - sealed_.context.beacons.begin())];
            units.push_back(next_unit(chain_, base_, beacon, pool, units, deviation));
        }
        return units;
    }

    /// What a node says about a seal of the plan's last unit.
    std::string attempt(const std::vector<Deviation>& plan) const {
        const auto units = run(plan);
        const auto ticket = tickets_of(chain_, units.back(), sealed_.context.parent_hash, true);
        Sealed sealed = sealed_;
        Win win = seal_for(chain_, units, ticket[0]);
        sealed.seal = win.seal;
        sealed.witness = std::move(win.witness);
        sealed.context.seal_root = seal_root(sealed.seal);
        return verdict(chain_.params, sealed);
    }

    const Hash256& old(size_t age) const { return sealed_.context.beacons[age]; }
    const std::vector<uint32_t>& receipt() const { return first_.source.receipt; }
    uint64_t window() const { return window_; }
    const ReferenceChain& chain() const { return chain_; }

    Deviation content(Kind kind, const std::vector<uint32_t>& receipt, uint64_t window) const {
        Deviation deviation;
        deviation.content = padded_content(chain_.params, chain_.corpora, kind, receipt, window);
        return deviation;
    }

private:
    bool is_padded() const { return !receipt().empty() && receipt().size() < chain_.params.unit_tokens; }

    ReferenceChain chain_;
    Sealed sealed_;
    UnitPreimage base_;
    Content first_;
    uint64_t window_ = 0;
};

const Forger& forger() {
    static const Forger instance;
    return instance;
}

const Hash256 kOther = toy_hash("other");

// What one unit of the plan deviates in.
Deviation honest() { return {}; }
Deviation with_beacon(size_t age) {
    Deviation deviation;
    deviation.beacon = forger().old(age);
    return deviation;
}
Deviation with_seq(uint16_t seq) {
    Deviation deviation;
    deviation.seq = seq;
    return deviation;
}
Deviation with_previous() {
    Deviation deviation;
    deviation.previous = kOther;
    return deviation;
}
Deviation with_model() {
    Deviation deviation;
    deviation.model = kOther;
    return deviation;
}
Deviation with_miner() {
    Deviation deviation;
    deviation.miner = kOther;
    return deviation;
}
Deviation with_lane() {
    Deviation deviation;
    deviation.lane = 4;
    return deviation;
}
Deviation with_row(std::function<void(Bytes&)> row) {
    Deviation deviation;
    deviation.row = std::move(row);
    return deviation;
}
Deviation other_padding() {
    return forger().content(Kind::kReceipt, forger().receipt(), (forger().window() + 1) % 1000);
}
Deviation other_receipt() {
    for (const auto& receipt : forger().chain().receipts) {
        if (receipt != forger().receipt())
            return forger().content(Kind::kReceipt, receipt, forger().window());
    }
    return {};
}
Deviation zero_tokens() {
    Deviation deviation;
    deviation.content = Content{};
    deviation.content->tokens.assign(32, 0);
    return deviation;
}

struct ForgeryCase {
    const char* name;
    std::vector<Deviation> (*plan)();
    const char* step;
};
void PrintTo(const ForgeryCase& test_case, std::ostream* out) { *out << test_case.name; }

using Plan = std::vector<Deviation>;
const ForgeryCase kCases[] = {
    {"honest_lane",
     [] {
         return Plan{honest(), honest(), honest()};
     },
     "ok"},
    {"oldest_beacons_allowed",
     [] {
         return Plan{with_beacon(4), with_beacon(2), honest()};
     },
     "ok"},
    {"first_of_another_model",
     [] {
         return Plan{with_model(), honest()};
     },
     "predecessor 1: model"},
    {"second_of_another_model",
     [] {
         return Plan{with_model(), honest(), honest()};
     },
     "predecessor 2: model"},
    {"first_of_another_miner",
     [] {
         return Plan{with_miner(), honest()};
     },
     "predecessor 1: miner"},
    {"second_of_another_miner",
     [] {
         return Plan{with_miner(), honest(), honest()};
     },
     "predecessor 2: miner"},
    {"first_of_another_lane",
     [] {
         return Plan{with_lane(), honest()};
     },
     "predecessor 1: lane"},
    {"second_of_another_lane",
     [] {
         return Plan{with_lane(), honest(), honest()};
     },
     "predecessor 2: lane"},
    {"start_unit_sealed", [] { return Plan{honest()}; }, "seq"},
    {"no_start_unit", [] { return Plan{with_seq(1)}; }, "sizes"},
    {"start_after_something",
     [] {
         return Plan{with_previous(), honest()};
     },
     "predecessor 1: start"},
    {"start_after_something_later",
     [] {
         return Plan{with_previous(), honest(), honest()};
     },
     "predecessor 2: start"},
    {"seq_skipped",
     [] {
         return Plan{honest(), honest(), with_seq(3)};
     },
     "predecessor 1: seq"},
    {"seq_skipped_before",
     [] {
         return Plan{honest(), with_seq(2), with_seq(3)};
     },
     "predecessor 2: seq"},
    {"first_three_blocks_old",
     [] {
         return Plan{with_beacon(3), honest()};
     },
     "predecessor 1: beacon"},
    {"second_newer_than_first",
     [] {
         return Plan{honest(), with_beacon(1), honest()};
     },
     "predecessor 2: beacon"},
    {"second_three_older_than_first",
     [] {
         return Plan{with_beacon(4), with_beacon(1), honest()};
     },
     "predecessor 2: beacon"},
    {"code_100",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[0] = 100; })};
     },
     "codes out of range"},
    {"code_64",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[0] = 64; })};
     },
     "codes out of range"},
    {"code_minus_65",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[71] = 191; })};
     },
     "codes out of range"},
    {"codes_at_the_limits",
     [] {
         return Plan{honest(), with_row([](Bytes& row) {
                         row[0] = 63;
                         row[1] = 192;
                     })};
     },
     "ok"},  // another trace, for the re-run to find
    {"mantissa_0",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[72] = 0; })};
     },
     "scale or index"},
    {"mantissa_127",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[72] = 127; })};
     },
     "scale or index"},
    {"index_72",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[75] = 72; })};
     },
     "scale or index"},
    {"index_high",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row[78] = 1; })};
     },
     "scale or index"},
    {"zero_row",
     [] {
         return Plan{honest(), with_row([](Bytes& row) { row.assign(row.size(), 0); })};
     },
     "ok"},
    {"corpus_in_place_of_the_receipt",
     [] {
         return Plan{honest(), forger().content(Kind::kCorpus, {}, forger().window())};
     },
     "kind"},
    {"corpus_under_the_receipts_kind",
     [] {
         return Plan{honest(), forger().content(Kind::kReceipt, {}, forger().window())};
     },
     "content"},
    {"other_padding",
     [] {
         return Plan{honest(), other_padding()};
     },
     "content"},
    {"other_padding_in_the_first",
     [] {
         return Plan{honest(), other_padding(), honest()};
     },
     "predecessor 1: content"},
    {"other_padding_in_the_second",
     [] {
         return Plan{honest(), other_padding(), honest(), honest()};
     },
     "predecessor 2: content"},
    {"receipt_of_another_slot",
     [] {
         return Plan{honest(), other_receipt()};
     },
     "content"},
    {"start_tokens_chosen",
     [] {
         return Plan{zero_tokens(), honest()};
     },
     "predecessor 1: content"},
};

class ForgedLane : public testing::TestWithParam<ForgeryCase> {};

TEST_P(ForgedLane, IsRefusedAtItsStep) { EXPECT_EQ(forger().attempt(GetParam().plan()), GetParam().step); }

INSTANTIATE_TEST_SUITE_P(Every, ForgedLane, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace daidd::work
