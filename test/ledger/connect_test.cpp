#include "ledger/connect.h"

#include <functional>

#include "ledger/block_fixture.h"

namespace daidd::ledger::test {
namespace {

constexpr uint8_t kWorker = 3;
constexpr Amount kFee = 12'345;

/// A block with a payment and two records that fall due: three payouts.
class Connect : public LedgerTest {
public:
    Connect() {
        auto job = consensus::test::job();
        job.deadline = kHeight - 1;
        open(job, kHeight - 20);
        job.deadline = kHeight + 20;
        job.refund = key(7);
        answer(open(job, kHeight - 20), kHeight - params.challenge_window, {5}, kWorker, params.receipt_bond);
        payment = spend({add_coin(kCoin, 1)}, {pay(kCoin - kFee, 5)});
        block = make_block({payment}, context, params, state);
    }
    std::optional<Broken> connect(StateView& view) {
        return connect_block(block, context, params, view, true);
    }
    Transaction& coinbase() { return block.transactions[0]; }
    Hash256 parent_root() const { return state_root(state); }

    using LedgerTest::context;
    using LedgerTest::kHeight;
    Transaction payment;
    consensus::Block block;
};

struct Case {
    std::string_view name;
    std::function<void(Connect&)> spoil;
    std::string_view token;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

void set_height(Connect& c, uint32_t height) {
    c.coinbase().inputs[0].script_sig = consensus::height_script(height);
}

const Case kCases[] = {
    {"valid", [](Connect&) {}, "valid"},
    {"height_of_the_next", [](Connect& c) { set_height(c, Connect::kHeight + 1); }, "bad-cb-height"},
    {"height_cut_short", [](Connect& c) { c.coinbase().inputs[0].script_sig.resize(1); }, "bad-cb-height"},
    {"height_alone", [](Connect& c) { set_height(c, Connect::kHeight); }, "valid"},
    {"takes_a_unit_more", [](Connect& c) { c.coinbase().outputs[0].value += 1; }, "bad-cb-amount"},
    {"leaves_a_unit", [](Connect& c) { c.coinbase().outputs[0].value -= 1; }, "bad-cb-amount"},
    {"leaves_the_fee", [](Connect& c) { c.coinbase().outputs[0].value -= kFee; }, "bad-cb-amount"},
    {"witness_commitment_with_a_value", [](Connect& c) { c.coinbase().outputs[1].value = 1; },
     "bad-cb-amount"},
    {"commitment_with_a_value", [](Connect& c) { c.coinbase().outputs[2].value = 1; }, "bad-cb-amount"},
    {"payout_left_out", [](Connect& c) { c.coinbase().outputs.pop_back(); }, "bad-cb-payouts"},
    {"all_payouts_left_out", [](Connect& c) { c.coinbase().outputs.resize(3); }, "bad-cb-payouts"},
    {"payout_twice",
     [](Connect& c) {
         const TxOut last = c.coinbase().outputs.back();
         c.coinbase().outputs.push_back(last);
     },
     "bad-cb-payouts"},
    {"payouts_in_another_order",
     [](Connect& c) { std::swap(c.coinbase().outputs[3], c.coinbase().outputs.back()); }, "bad-cb-payouts"},
    {"payout_of_a_unit_less", [](Connect& c) { c.coinbase().outputs[3].value -= 1; }, "bad-cb-payouts"},
    {"payout_to_another", [](Connect& c) { c.coinbase().outputs[4].script = pay(0, 9).script; },
     "bad-cb-payouts"},
    {"other_state_root", [](Connect& c) { set_state_root(c.coinbase(), Hash256{1}); }, "bad-state-root"},
    {"state_root_of_the_parent", [](Connect& c) { set_state_root(c.coinbase(), c.parent_root()); },
     "bad-state-root"},
    {"transaction_left_out", [](Connect& c) { c.block.transactions.pop_back(); }, "bad-cb-amount"},
    {"transaction_twice", [](Connect& c) { c.block.transactions.push_back(c.payment); },
     "bad-txns-inputs-missingorspent"},
    {"wrong_signature", [](Connect& c) { c.block.transactions[1].inputs[0].witness[0][0] ^= 1; },
     "mandatory-script-verify-flag-failed"},
    {"other_height", [](Connect& c) { c.context.height += 1; }, "bad-cb-height"},
};

class ConnectsBlock : public Connect, public testing::WithParamInterface<Case> {};
TEST_P(ConnectsBlock, UnlessARuleIsBroken) {
    GetParam().spoil(*this);
    Overlay overlay{state};
    EXPECT_EQ(token_of(connect(overlay)), GetParam().token);
}
INSTANTIATE_TEST_SUITE_P(Cases, ConnectsBlock, testing::ValuesIn(kCases), name_of<Case>);

TEST_F(Connect, MakesCoinsOfSealerAndPayoutsOnly) {
    ASSERT_EQ(coinbase().outputs.size(), 6u) << "sealer, two commitments, worker, rest, refund";
    ASSERT_EQ(token_of(connect(state)), "valid");
    const Hash256 txid = consensus::txid(coinbase());
    for (uint32_t index = 0; index < coinbase().outputs.size(); ++index) {
        SCOPED_TRACE(index);
        const auto coin = find_coin(state, {txid, index});
        ASSERT_EQ(coin.has_value(), index != 1 && index != 2);
        if (!coin) continue;
        EXPECT_EQ(coin->output, coinbase().outputs[index]);
        EXPECT_EQ(coin->height, kHeight);
        EXPECT_EQ(coin->coinbase, 1);
    }
    EXPECT_EQ(find_coin(state, payment.inputs[0].previous), std::nullopt);
    EXPECT_TRUE(find_coin(state, {consensus::txid(payment), 0}));
    EXPECT_EQ(coinbase().outputs[0].value, 28 * kCoin + kFee);
}

TEST_F(Connect, NamesTheTransactionThatIsBroken) {
    block.transactions.push_back(payment);
    const auto broken = connect(state);
    ASSERT_TRUE(broken);
    EXPECT_TRUE(broken->detail.starts_with("transaction 2: ")) << broken->detail;
}

TEST_F(Connect, LetsNoTransactionSpendItsOwnCoinbase) {
    const OutPoint own{consensus::txid(coinbase()), 0};
    Transaction tx = payment;
    tx.inputs[0].previous = own;
    block.transactions.push_back(tx);
    EXPECT_EQ(token_of(connect(state)), "bad-txns-inputs-missingorspent");
}

TEST_F(Connect, TrustsSignaturesThatWereVerifiedBefore) {
    block.transactions[1].inputs[0].witness[0][0] ^= 1;
    EXPECT_EQ(token_of(connect_block(block, context, params, state, false)), "valid");
}

TEST_F(Connect, GivesPayoutsTheMaturityOfACoinbase) {
    ASSERT_EQ(token_of(connect(state)), "valid");
    const Transaction early = spend({{consensus::txid(coinbase()), 3}}, {pay(1, 1)});
    context.height = kHeight + params.maturity - 1;
    EXPECT_EQ(token_of(apply(early)), "bad-txns-premature-spend-of-coinbase");
    context.height = kHeight + params.maturity;
    EXPECT_EQ(token_of(apply(early)), "valid");
}

}  // namespace
}  // namespace daidd::ledger::test
