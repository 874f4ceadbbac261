#include "mempool/judge.h"

#include <gtest/gtest.h>

#include "mempool/fake_chain.h"

namespace daidd::mempool::test {
namespace {

using consensus::CommandType;
using consensus::kCoin;

constexpr Amount kFee = 10'000;

TxOut command(CommandType type, const Bytes& payload, Amount value) {
    return {value, consensus::command_script(type, payload)};
}
TxOut job_output(uint32_t deadline = 100) {
    auto job = consensus::test::job();
    job.deadline = deadline;
    return command(CommandType::kJob, encode(job), kCoin / 10);
}

constexpr uint32_t kNextHeight = 53;

/// What every transaction is made from in a table's row.
struct World : FakeChain {
    World() {
        for (auto& outpoint : coins) outpoint = coin();
        old_coinbase = coin(kCoin, kNextHeight - params.maturity, true);
        young_coinbase = coin(kCoin, kNextHeight - params.maturity + 1, true);
        young = coin(kCoin, 50);
        too_rich = coin(consensus::kMoneyMax);
        connected = spend({coins[5]}, kFee);
        job = pay({coins[6]}, {job_output()}, kFee);
        connect({connected, job});
        connect({});  // the beacon that assigns the job
        EXPECT_EQ(now->tip().height + 1, kNextHeight);
        make_pool();
        waiting = spend({coins[0]}, kFee);
        EXPECT_EQ(token_of(pool->accept(waiting)), "");
    }

    Transaction receipt_of(const OutPoint& job_at, const OutPoint& from, bool good = true) {
        consensus::ReceiptCommand receipt;
        receipt.job = consensus::job_id(job_at);
        receipt.worker = key.public_key();
        receipt.answer = {5, 6};
        auto tokens = consensus::test::job().prompt;
        tokens.insert(tokens.end(), receipt.answer.begin(), receipt.answer.end());
        receipt.signature = key.sign(consensus::receipt_message(receipt, consensus::tokens_root(tokens)));
        if (!good) receipt.signature[40] ^= 1;
        return pay({from}, {command(CommandType::kReceipt, encode(receipt), params.receipt_bond)}, kFee);
    }
    Transaction changed(Transaction tx, const std::function<void(Transaction&)>& change) const {
        change(tx);
        sign(tx);
        return tx;
    }

    std::array<OutPoint, 8> coins;
    OutPoint young_coinbase, old_coinbase, young, too_rich;
    Transaction waiting, connected, job;
};

struct RejectCase {
    std::string name;
    std::function<Transaction(World&)> make;
    std::string token;  ///< "": kept
    RejectKind kind = RejectKind::kRefused;
};
void PrintTo(const RejectCase& value, std::ostream* out) { *out << value.name; }

const RejectCase kRejectCases[] = {
    {"valid", [](World& w) { return w.spend({w.coins[1]}, kFee); }, ""},
    {"no_output", [](World& w) { return w.changed(w.waiting, [](auto& tx) { tx.outputs.clear(); }); },
     "bad-txns-vout-empty", RejectKind::kInvalid},
    {"coinbase", [](World&) { return consensus::test::coinbase(); }, "coinbase", RejectKind::kInvalid},
    {"waits_already", [](World& w) { return w.waiting; }, "txn-already-in-mempool", RejectKind::kKnown},
    {"waits_with_another_signature", [](World& w) { return w.changed(w.waiting, [](auto&) {}); },
     "txn-same-nonwitness-data-in-mempool", RejectKind::kKnown},
    {"in_the_chain", [](World& w) { return w.connected; }, "txn-already-known", RejectKind::kKnown},
    {"locked_to_the_next_height",
     [](World& w) {
         return w.changed(w.spend({w.coins[1]}, kFee), [](auto& tx) {
             tx.lock_time = kNextHeight - 1;
             tx.inputs[0].sequence = 0xffff'fffe;
         });
     },
     ""},
    {"locked_beyond_the_next_height",
     [](World& w) {
         return w.changed(w.spend({w.coins[1]}, kFee), [](auto& tx) {
             tx.lock_time = kNextHeight;
             tx.inputs[0].sequence = 0xffff'fffe;
         });
     },
     "non-final"},
    {"sequence_met",
     [](World& w) {
         return w.changed(w.spend({w.young}, kFee), [](auto& tx) { tx.inputs[0].sequence = 3; });
     },
     ""},
    {"sequence_not_met",
     [](World& w) {
         return w.changed(w.spend({w.young}, kFee), [](auto& tx) { tx.inputs[0].sequence = 4; });
     },
     "non-BIP68-final"},
    {"same_coin",
     [](World& w) {
         return w.spend({w.coins[1], w.coins[0]}, kFee);
     },
     "txn-mempool-conflict"},
    {"unknown_coin",
     [](World& w) { return w.changed(w.waiting, [](auto& tx) {
                        tx.inputs[0].previous = {{1}, 0};
                    }); },
     "bad-txns-inputs-missingorspent", RejectKind::kMissingInputs},
    {"spent_in_the_chain",
     [](World& w) {
         return w.changed(w.waiting, [&](auto& tx) {
             tx.inputs[0].previous = w.coins[5];
             tx.lock_time = 1;
         });
     },
     "bad-txns-inputs-missingorspent", RejectKind::kMissingInputs},
    {"no_such_output_of_what_waits",
     [](World& w) {
         return w.changed(w.waiting, [&](auto& tx) { tx.inputs[0].previous = w.output_of(w.waiting, 1); });
     },
     "bad-txns-inputs-missingorspent", RejectKind::kMissingInputs},
    {"ripe_coinbase", [](World& w) { return w.spend({w.old_coinbase}, kFee); }, ""},
    {"last_unripe_coinbase", [](World& w) { return w.spend({w.young_coinbase}, kFee); },
     "bad-txns-premature-spend-of-coinbase"},
    {"pays_all_it_has", [](World& w) { return w.pay({w.coins[1]}, {w.to_us(kCoin)}, 0); },
     "min relay fee not met"},
    {"pays_more_than_it_has", [](World& w) { return w.pay({w.coins[1]}, {w.to_us(kCoin + 1)}, 0); },
     "bad-txns-in-belowout", RejectKind::kInvalid},
    {"more_money_than_there_is",
     [](World& w) {
         return w.pay({w.too_rich, w.coins[1]}, {}, kCoin + kFee);
     },
     "bad-txns-inputvalues-outofrange", RejectKind::kInvalid},
    {"wrong_signature",
     [](World& w) {
         auto tx = w.spend({w.coins[1]}, kFee);
         tx.inputs[0].witness[0][63] ^= 1;
         return tx;
     },
     "mandatory-script-verify-flag-failed", RejectKind::kInvalid},
    {"no_signature",
     [](World& w) {
         auto tx = w.spend({w.coins[1]}, kFee);
         tx.inputs[0].witness.clear();
         return tx;
     },
     "mandatory-script-verify-flag-failed", RejectKind::kInvalid},
    {"receipt", [](World& w) { return w.receipt_of(w.output_of(w.job), w.coins[1]); }, ""},
    {"receipt_with_a_wrong_signature",
     [](World& w) { return w.receipt_of(w.output_of(w.job), w.coins[1], false); }, "bad-receipt-signature",
     RejectKind::kInvalid},
    {"receipt_of_no_job", [](World& w) { return w.receipt_of(w.coins[2], w.coins[1]); }, "bad-receipt-job"},
    {"second_receipt_of_a_job",
     [](World& w) {
         EXPECT_EQ(token_of(w.pool->accept(w.receipt_of(w.output_of(w.job), w.coins[2]))), "");
         return w.receipt_of(w.output_of(w.job), w.coins[1]);
     },
     "txn-mempool-conflict"},
    {"job_that_ends_after_the_next_block",
     [](World& w) { return w.pay({w.coins[1]}, {job_output(54)}, kFee); }, ""},
    {"job_that_ends_with_the_next_block",
     [](World& w) { return w.pay({w.coins[1]}, {job_output(53)}, kFee); }, "bad-job-deadline"},
};

class Reject : public testing::TestWithParam<RejectCase> {};

TEST_P(Reject, NamesTheRuleAndChangesNothing) {
    World world;
    const Transaction tx = GetParam().make(world);
    const size_t before = world.pool->size();
    const size_t news = world.news.size();
    const auto checked = world.pool->check(tx);
    EXPECT_EQ(token_of(checked), GetParam().token) << (checked ? "" : checked.error().detail);
    EXPECT_EQ(world.pool->size(), before);
    const auto accepted = world.pool->accept(tx);
    EXPECT_EQ(token_of(accepted), GetParam().token);
    if (!accepted) {
        EXPECT_EQ(accepted.error().kind, GetParam().kind);
    }
    EXPECT_EQ(world.pool->size(), before + (accepted ? 1 : 0));
    EXPECT_EQ(world.news.size(), news + (accepted ? 1 : 0));
}
INSTANTIATE_TEST_SUITE_P(Cases, Reject, testing::ValuesIn(kRejectCases),
                         [](const auto& test) { return test.param.name; });

/// A transaction with an output of so many bytes that nothing can spend.
Transaction with_data(FakeChain& chain, const OutPoint& from, size_t script_bytes, Amount fee) {
    Bytes script(script_bytes, 0x6a);  // OP_RETURN, then whatever
    return chain.pay({from}, {{0, script}}, fee);
}

TEST(Alone, BoundsTheWeight) {
    FakeChain chain;
    const auto from = chain.coin();
    Transaction tx = with_data(chain, from, 90'000, 1'000'000);
    // Script bytes weigh four each; what remains is made up with bytes of the witness, which weigh one.
    tx = with_data(chain, from, 90'000 + (kTxWeightMax - consensus::weight(tx)) / 4, 1'000'000);
    ASSERT_LE(consensus::weight(tx), kTxWeightMax);
    tx.inputs[0].witness[0].resize(64 + kTxWeightMax - consensus::weight(tx));
    ASSERT_EQ(consensus::weight(tx), kTxWeightMax);
    EXPECT_EQ(check_alone(tx, chain.params), std::nullopt);
    tx.inputs[0].witness[0].push_back(0);
    const auto rejection = check_alone(tx, chain.params);
    ASSERT_TRUE(rejection);
    EXPECT_EQ(rejection->token, "tx-size");
    EXPECT_EQ(rejection->kind, RejectKind::kRefused);
}

TEST(Alone, BoundsTheCommands) {
    FakeChain chain;
    const auto tx = chain.pay({chain.coin()}, {job_output(), job_output(101)}, kFee);
    chain.params.commands_bytes_max = uint32_t(consensus::commands_bytes(tx));
    EXPECT_EQ(check_alone(tx, chain.params), std::nullopt);
    --chain.params.commands_bytes_max;
    const auto rejection = check_alone(tx, chain.params);
    ASSERT_TRUE(rejection);
    EXPECT_EQ(rejection->token, "tx-size");
}

TEST(Alone, RefusesWhatCouldBeAnInnerNodeOfTheTree) {
    FakeChain chain;
    for (const size_t script_bytes : {4, 5}) {
        const auto tx = chain.pay({chain.coin(kFee)}, {{0, Bytes(script_bytes, 0x6a)}}, kFee);
        Writer stripped;
        Transaction::write(tx, stripped, false);
        ASSERT_EQ(stripped.take().size(), 60 + script_bytes);
        const auto rejection = check_alone(tx, chain.params);
        EXPECT_EQ(rejection ? rejection->token : "", script_bytes == 4 ? "tx-size-small" : "");
    }
}

TEST(Fee, IsRoundedUp) {
    struct Case {
        Amount rate;
        size_t vsize;
        Amount fee;
    };
    for (const auto& [rate, vsize, fee] : {Case{1'000, 111, 111}, Case{1'000, 0, 0}, Case{1, 1, 1},
                                           Case{1, 1'000, 1}, Case{1, 1'001, 2}, Case{0, 100'000, 0}}) {
        EXPECT_EQ(fee_for(rate, vsize), fee) << rate << " " << vsize;
    }
}

TEST(Fee, MustReachTheRelaysRate) {
    for (const Amount rate : {Amount{1'000}, Amount{2'345}}) {
        FakeChain chain;
        const auto from = chain.coin();
        chain.make_pool({.bytes_max = kPoolBytesMax, .fee_rate_min = rate, .now_s = {}});
        const auto least = fee_for(rate, consensus::virtual_size(chain.spend({from}, 1)));
        EXPECT_EQ(token_of(chain.pool->accept(chain.spend({from}, least - 1))), "min relay fee not met");
        EXPECT_EQ(token_of(chain.pool->accept(chain.spend({from}, least))), "");
    }
}

TEST(Fee, IsThatOfTheLedger) {
    FakeChain chain;
    const auto from = chain.coin();
    chain.make_pool();
    const auto tx = chain.pay({from}, {job_output(), chain.to_us(1'000)}, 4'321);
    const auto entry = chain.pool->accept(tx);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->fee, 4'321);
    EXPECT_EQ(entry->txid, consensus::txid(tx));
    EXPECT_EQ(entry->weight, consensus::weight(tx));
    EXPECT_EQ(entry->vsize, consensus::virtual_size(tx));
    EXPECT_EQ(entry->time_s, chain.now_s);
    EXPECT_EQ(entry->height, 50u);
}

TEST(Rate, ComparesWithoutRounding) {
    EXPECT_LT((Rate{1, 3}), (Rate{1, 2}));
    EXPECT_EQ((Rate{2, 6}), (Rate{1, 3}));
    EXPECT_LT((Rate{consensus::kMoneyMax - 1, 0xffff'ffff}), (Rate{consensus::kMoneyMax, 0xffff'ffff}));
    // In doubles these two are the same.
    EXPECT_LT((Rate{1'000'000'000'000'000, 999'999'999}), (Rate{1'000'000'000'000'001, 999'999'999}));
}

/// Families whose jobs each fit a deadline, and together do not.
TEST(Jobs, OfSeveralFamiliesMayBeTooManyForOneHeight) {
    FakeChain chain;
    const std::array from{chain.coin(), chain.coin(), chain.coin()};
    for (uint32_t i = 0; i + 2 < ledger::kRefundsPerBlockMax; ++i) {
        ledger::list_append(*chain.now, ledger::Table::kSchedule, 101, Bytes(32, 1));
    }
    chain.make_pool();
    const auto two = [&](const OutPoint& coin) {
        return chain.pay({coin}, {job_output(), job_output()}, kFee);
    };
    const auto a = two(from[0]), b = two(from[1]);
    ASSERT_EQ(token_of(chain.pool->accept(a)), "");
    ASSERT_EQ(token_of(chain.pool->accept(b)), "");
    const auto both = chain.spend({chain.output_of(a, 2), chain.output_of(b, 2)}, kFee);
    const auto result = chain.pool->accept(both);
    EXPECT_EQ(token_of(result), "bad-job-deadline-full");
    EXPECT_EQ(result.error().kind, RejectKind::kRefused);
    EXPECT_EQ(chain.pool->select(4'000'000, 100'000).size(), 1u);
    // The next tip takes one of them, and what came first stays.
    chain.mine();
    EXPECT_EQ(chain.pool->txids(), std::vector{consensus::txid(a)});
}

}  // namespace
}  // namespace daidd::mempool::test
