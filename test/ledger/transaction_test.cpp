#include <functional>

#include "ledger/fixture.h"

namespace daidd::ledger::test {
namespace {

constexpr uint32_t kTime = 1'800'000'000;
constexpr uint32_t kDelay = 5;
constexpr uint32_t kByTime = 1u << 22;
constexpr uint32_t kDisabled = 1u << 31;

/// A payment of an ordinary coin and of a coinbase's that just became spendable.
class Payment : public LedgerTest {
public:
    Payment() {
        context.median_time_past = kTime;
        // A block every 600 s, so that heights and times cannot be taken for each other.
        context.median_time_at = [](uint32_t height) { return kTime - 600 * (kHeight - 1 - height); };
        tx = spend({add_coin(3 * kCoin, 1), add_coin(2 * kCoin, 2, kHeight - params.maturity, true)},
                   {pay(4 * kCoin, 3), pay(kCoin / 2, 4)});
    }
    void set_coin(size_t input, const Coin& coin) {
        state.put(Table::kCoin, coin_key(tx.inputs[input].previous), encode(coin));
    }
    /// Locks input 0, whose coin is from the block at `height`.
    void lock(uint32_t sequence, uint32_t height) {
        tx.inputs[0].sequence = sequence;
        set_coin(0, {pay(3 * kCoin, 1), height, 0});
    }
    /// An output of `type` whose payload is `payload`.
    void add_command(uint8_t type, ByteView payload) {
        tx.outputs[1] = {kCoin / 2, consensus::command_script(CommandType{type}, payload)};
    }

    using LedgerTest::add_coin;
    using LedgerTest::apply;
    using LedgerTest::context;
    using LedgerTest::kHeight;
    using LedgerTest::params;
    using LedgerTest::state;
    Transaction tx;
};

struct Case {
    std::string_view name;
    std::function<void(Payment&)> change;
    std::string_view token;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

constexpr std::string_view kMissing = "bad-txns-inputs-missingorspent";
constexpr std::string_view kPremature = "bad-txns-premature-spend-of-coinbase";
constexpr std::string_view kRange = "bad-txns-inputvalues-outofrange";
constexpr std::string_view kNonfinal = "bad-txns-nonfinal";

/// Each changes one thing in a valid payment, which is signed afterwards.
const Case kRules[] = {
    {"valid", [](Payment&) {}, "valid"},
    {"unknown_transaction", [](Payment& p) { p.tx.inputs[0].previous.txid[5] ^= 1; }, kMissing},
    {"unknown_output", [](Payment& p) { p.tx.inputs[1].previous.index = 0; }, kMissing},
    {"spent", [](Payment& p) { p.state.erase(Table::kCoin, coin_key(p.tx.inputs[1].previous)); }, kMissing},
    {"coinbase_a_block_too_young",
     [](Payment& p) {
         p.set_coin(1, {pay(2 * kCoin, 2), Payment::kHeight - p.params.maturity + 1, 1});
     },
     kPremature},
    {"coinbase_of_the_same_block",
     [](Payment& p) {
         p.set_coin(1, {pay(2 * kCoin, 2), Payment::kHeight, 1});
     },
     kPremature},
    {"young_but_no_coinbase",
     [](Payment& p) {
         p.set_coin(1, {pay(2 * kCoin, 2), Payment::kHeight, 0});
     },
     "valid"},
    {"coin_above_all_money",
     [](Payment& p) {
         p.set_coin(0, {pay(consensus::kMoneyMax + 1, 1), 1, 0});
     },
     kRange},
    {"coin_below_zero",
     [](Payment& p) {
         p.set_coin(0, {pay(-1, 1), 1, 0});
     },
     kRange},
    {"sum_above_all_money",
     [](Payment& p) {
         p.set_coin(0, {pay(consensus::kMoneyMax - 2 * kCoin + 1, 1), 1, 0});
     },
     kRange},
    {"sum_of_all_money",
     [](Payment& p) {
         p.set_coin(0, {pay(consensus::kMoneyMax - 2 * kCoin, 1), 1, 0});
     },
     "valid"},
    {"pays_all_it_spends", [](Payment& p) { p.tx.outputs[1].value = kCoin; }, "valid"},
    {"pays_a_unit_more", [](Payment& p) { p.tx.outputs[1].value = kCoin + 1; }, "bad-txns-in-belowout"},
    {"burns_a_unit_more",
     [](Payment& p) {
         p.tx.outputs[1] = {kCoin + 1, consensus::op_return_script(Bytes(2, 0))};
     },
     "bad-txns-in-belowout"},
    {"payload_with_a_byte_more",
     [](Payment& p) {
         Bytes payload = encode(consensus::test::job());
         payload.push_back(0);
         p.add_command(uint8_t(CommandType::kJob), payload);
     },
     "bad-command-payload"},
    {"payload_cut_short",
     [](Payment& p) {
         Bytes payload = encode(consensus::test::receipt());
         payload.pop_back();
         p.add_command(uint8_t(CommandType::kReceipt), payload);
     },
     "bad-command-payload"},
    {"commitment_is_the_coinbases",
     [](Payment& p) { p.add_command(uint8_t(CommandType::kCommitment), Bytes(64, 0)); }, "bad-command-type"},
    {"type_of_a_later_version",
     [](Payment& p) { p.add_command(consensus::kCommandTypeLast + 1, Bytes(64, 0)); }, "bad-command-type"},
    {"job", [](Payment& p) { p.add_command(1, encode(consensus::test::job())); }, "valid"},
    {"job_that_breaks_a_rule",
     [](Payment& p) {
         auto job = consensus::test::job();
         job.deadline = Payment::kHeight;
         p.add_command(1, encode(job));
     },
     "bad-job-deadline"},
    {"receipt_of_no_job", [](Payment& p) { p.add_command(2, encode(consensus::test::receipt())); },
     "bad-receipt-job"},
};

/// BIP65 and BIP113 for the transaction, BIP68 for its first input.
const Case kLocks[] = {
    {"from_this_height",
     [](Payment& p) {
         p.tx.inputs[0].sequence = 0xffff'fffe;
         p.tx.lock_time = Payment::kHeight;
     },
     kNonfinal},
    {"after_the_height_below",
     [](Payment& p) {
         p.tx.inputs[0].sequence = 0xffff'fffe;
         p.tx.lock_time = Payment::kHeight - 1;
     },
     "valid"},
    {"from_the_median_time",
     [](Payment& p) {
         p.tx.inputs[0].sequence = 0xffff'fffe;
         p.tx.lock_time = kTime;
     },
     kNonfinal},
    {"after_a_second_before",
     [](Payment& p) {
         p.tx.inputs[0].sequence = 0xffff'fffe;
         p.tx.lock_time = kTime - 1;
     },
     "valid"},
    {"all_inputs_final", [](Payment& p) { p.tx.lock_time = kTime + 1; }, "valid"},
    {"blocks_one_short", [](Payment& p) { p.lock(kDelay, Payment::kHeight - kDelay + 1); }, kNonfinal},
    {"blocks_passed", [](Payment& p) { p.lock(kDelay, Payment::kHeight - kDelay); }, "valid"},
    {"no_blocks", [](Payment& p) { p.lock(0, Payment::kHeight); }, "valid"},
    {"bits_between_say_nothing", [](Payment& p) { p.lock(kDelay | 0x3f'0000, Payment::kHeight - kDelay); },
     "valid"},
    {"version_1_has_no_sequence_locks",
     [](Payment& p) {
         p.lock(kDelay, Payment::kHeight);
         p.tx.version = 1;
     },
     "valid"},
    {"disabled", [](Payment& p) { p.lock(kDisabled | kDelay, Payment::kHeight); }, "valid"},
    // The coin's block at height 44 follows the median time kTime − 3600 of height 43: 7 · 512 s fit, 8 do
    // not.
    {"time_passed", [](Payment& p) { p.lock(kByTime | 7, 44); }, "valid"},
    {"time_one_step_short", [](Payment& p) { p.lock(kByTime | 8, 44); }, kNonfinal},
    {"time_exactly",
     [](Payment& p) {
         p.lock(kByTime | 7, 44);
         p.context.median_time_past = kTime - 3600 + 7 * 512;
     },
     "valid"},
    {"time_a_second_short",
     [](Payment& p) {
         p.lock(kByTime | 7, 44);
         p.context.median_time_past = kTime - 3600 + 7 * 512 - 1;
     },
     kNonfinal},
    {"time_with_no_times",
     [](Payment& p) {
         p.lock(kByTime | 7, 44);
         p.context.median_time_at = nullptr;
     },
     kNonfinal},
    {"blocks_with_no_times",
     [](Payment& p) {
         p.lock(kDelay, Payment::kHeight - kDelay);
         p.context.median_time_at = nullptr;
     },
     "valid"},
    {"every_input_counts", [](Payment& p) { p.tx.inputs[1].sequence = p.params.maturity + 1; }, kNonfinal},
};

class AppliesRule : public Payment, public testing::WithParamInterface<Case> {};
TEST_P(AppliesRule, AndWritesNothingWhenItIsBroken) {
    GetParam().change(*this);
    sign(tx, state);
    const MapState before = state;
    EXPECT_EQ(token_of(apply(tx)), GetParam().token);
    EXPECT_EQ(state == before, GetParam().token != "valid");
}
INSTANTIATE_TEST_SUITE_P(Rules, AppliesRule, testing::ValuesIn(kRules), name_of<Case>);
INSTANTIATE_TEST_SUITE_P(Locks, AppliesRule, testing::ValuesIn(kLocks), name_of<Case>);

/// Each spoils the witness of a signed payment, or what was signed.
const Case kSpoiledSignatures[] = {
    {"no_witness", [](Payment& p) { p.tx.inputs[1].witness.clear(); }, {}},
    {"empty_item", [](Payment& p) { p.tx.inputs[0].witness[0].clear(); }, {}},
    {"a_byte_short", [](Payment& p) { p.tx.inputs[0].witness[0].pop_back(); }, {}},
    {"with_sighash_byte", [](Payment& p) { p.tx.inputs[0].witness[0].push_back(1); }, {}},
    {"script_path", [](Payment& p) { p.tx.inputs[0].witness.push_back({0x51}); }, {}},
    {"annex", [](Payment& p) { p.tx.inputs[0].witness.push_back({0x50}); }, {}},
    {"a_bit", [](Payment& p) { p.tx.inputs[1].witness[0][63] ^= 1; }, {}},
    {"of_the_other_input", [](Payment& p) { std::swap(p.tx.inputs[0].witness, p.tx.inputs[1].witness); }, {}},
    {"then_other_output", [](Payment& p) { p.tx.outputs[0] = pay(4 * kCoin, 9); }, {}},
    {"then_other_amount", [](Payment& p) { p.tx.outputs[0].value -= 1; }, {}},
    {"then_other_sequence", [](Payment& p) { p.tx.inputs[1].sequence = 0; }, {}},
    {"of_another_amount_spent",
     [](Payment& p) {
         p.set_coin(0, {pay(3 * kCoin + 1, 1), 1, 0});
     },
     {}},
    {"of_another_owner",
     [](Payment& p) {
         p.set_coin(0, {pay(3 * kCoin, 9), 1, 0});
     },
     {}},
};

class ChecksSignature : public Payment, public testing::WithParamInterface<Case> {};
TEST_P(ChecksSignature, AndWritesNothingWhenItIsWrong) {
    GetParam().change(*this);
    const MapState before = state;
    EXPECT_EQ(token_of(apply(tx)), "mandatory-script-verify-flag-failed");
    EXPECT_EQ(state, before);
    EXPECT_EQ(token_of(apply_transaction(tx, context, params, state, false)), "valid")
        << "only the signature is wrong";
}
INSTANTIATE_TEST_SUITE_P(Spoiled, ChecksSignature, testing::ValuesIn(kSpoiledSignatures), name_of<Case>);

TEST_F(Payment, SpendsItsCoinsMakesNewOnesAndReturnsTheFee) {
    const auto fee = apply(tx);
    ASSERT_TRUE(fee);
    EXPECT_EQ(*fee, kCoin / 2);
    for (const auto& input : tx.inputs) EXPECT_EQ(find_coin(state, input.previous), std::nullopt);
    const Hash256 txid = consensus::txid(tx);
    for (uint32_t index = 0; index < 2; ++index) {
        const auto coin = find_coin(state, {txid, index});
        ASSERT_TRUE(coin);
        EXPECT_EQ(coin->output, tx.outputs[index]);
        EXPECT_EQ(coin->height, kHeight);
        EXPECT_EQ(coin->coinbase, 0);
    }
    EXPECT_EQ(token_of(apply(tx)), kMissing) << "its coins are spent";
}

TEST_F(Payment, MakesNoCoinOfDataOrOfACommand) {
    tx.outputs = {{kCoin, consensus::op_return_script(Bytes(2, 0))},
                  command(CommandType::kJob, consensus::test::job(), kCoin),
                  pay(kCoin, 5)};
    sign(tx, state);
    const auto fee = apply(tx);
    ASSERT_TRUE(fee);
    EXPECT_EQ(*fee, 2 * kCoin) << "what is burned or escrowed is no fee";
    const Hash256 txid = consensus::txid(tx);
    EXPECT_EQ(find_coin(state, {txid, 0}), std::nullopt);
    EXPECT_EQ(find_coin(state, {txid, 1}), std::nullopt);
    EXPECT_NE(find_coin(state, {txid, 2}), std::nullopt);
    const auto job = find_job(state, consensus::job_id({txid, 1}));
    ASSERT_TRUE(job);
    EXPECT_EQ(job->escrow, kCoin);
}

TEST_F(Payment, CarriesOutItsCommandsTogetherOrNotAtAll) {
    auto late = consensus::test::job();
    late.deadline = kHeight;
    tx.outputs = {command(CommandType::kJob, consensus::test::job(), kCoin),
                  command(CommandType::kJob, late, kCoin)};
    sign(tx, state);
    const MapState before = state;
    EXPECT_EQ(token_of(apply(tx)), "bad-job-deadline");
    EXPECT_EQ(state, before);

    tx.outputs[1] = tx.outputs[0];
    sign(tx, state);
    EXPECT_EQ(token_of(apply(tx)), "valid");
    EXPECT_EQ(list_size(state, Table::kJobOrder, kHeight), 2u);
}

TEST_F(Payment, CanSpendWhatTheOneBeforeItMade) {
    const OutPoint made{consensus::txid(tx), 0};
    ASSERT_EQ(token_of(apply(tx)), "valid");
    EXPECT_EQ(token_of(apply(spend({made}, {pay(kCoin, 1)}))), "valid");
}

TEST_F(Payment, OfManyInputsNeedsEverySignature) {
    std::vector<OutPoint> coins;
    for (uint8_t owner = 1; owner <= 40; ++owner) coins.push_back(add_coin(kCoin, owner));
    const Transaction many = spend(coins, {pay(kCoin, 1)});
    for (size_t i = 0; i < coins.size(); ++i) {
        Transaction spoiled = many;
        spoiled.inputs[i].witness[0][0] ^= 1;
        EXPECT_EQ(token_of(apply(spoiled)), "mandatory-script-verify-flag-failed") << "input " << i;
    }
    EXPECT_EQ(token_of(apply(many)), "valid");
}

}  // namespace
}  // namespace daidd::ledger::test
