#include "wallet/select.h"

#include "wallet/fixture.h"

namespace daidd::wallet {
namespace {

std::vector<Candidate> coins_of(const std::vector<Amount>& values) {
    std::vector<Candidate> coins;
    for (const Amount value : values)
        coins.push_back({.outpoint = {{}, uint32_t(coins.size())}, .value = value});
    return coins;
}

Payment payment(Amount value, FeeRate rate = 1'000) {
    return {.outputs = {pay(someone(), value)}, .fee_rate = rate};
}

std::vector<Amount> values_of(const Selection& selection) {
    std::vector<Amount> values;
    for (const Candidate& coin : selection.coins) values.push_back(coin.value);
    return values;
}

/// What is in must come out.
void expect_balanced(const Selection& selection, const Payment& payment) {
    Amount sum = 0;
    for (const Amount value : values_of(selection)) sum += value;
    Amount paid = selection.fee + selection.change.value_or(0) - selection.deducted;
    for (const TxOut& output : payment.outputs) paid += output.value;
    EXPECT_EQ(sum, paid);
    const size_t weight =
        signed_weight(selection.coins.size(), payment.outputs, selection.change.has_value());
    EXPECT_GE(selection.fee, fee_of(payment.fee_rate, weight));
    EXPECT_GE(selection.change.value_or(kDustLimit), kDustLimit);
}

TEST(Fee, OfKnownTransactions) {
    // One input, two outputs: 154 virtual bytes, as every taproot wallet pays.
    EXPECT_EQ(signed_weight(1, {pay(someone(), 1)}, true), 616u);
    EXPECT_EQ(fee_of(1'000, 616), 154);
    EXPECT_EQ(fee_of(1'001, 616), 155) << "rounds up";
    EXPECT_EQ(fee_of(0, 616), 0);
    EXPECT_EQ(fee_of(1'000, 613), 154);
    EXPECT_EQ(fee_of(1'000, 612), 153);
}

TEST(Select, ErrorSaysWhatIsMissing) {
    const auto none = select_coins({}, payment(10'000));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::kInsufficientFunds);
    EXPECT_EQ(none.error().available, 0);
    EXPECT_EQ(none.error().needed, 10'111);

    const auto few = select_coins(coins_of({5'000, 5'000}), payment(10'000));
    ASSERT_FALSE(few);
    EXPECT_EQ(few.error().kind, ErrorKind::kInsufficientFunds);
    EXPECT_EQ(few.error().available, 10'000);
    EXPECT_EQ(few.error().needed, 10'169);
}

TEST(Select, ExactlyEnoughAndOneLess) {
    const Payment request = payment(10'000);
    const auto enough = select_coins(coins_of({10'111}), request);
    ASSERT_TRUE(enough);
    EXPECT_FALSE(enough->change);
    EXPECT_EQ(enough->fee, 111);
    expect_balanced(*enough, request);
    EXPECT_FALSE(select_coins(coins_of({10'110}), request));
}

TEST(Select, ChangeAtTheDustLimit) {
    const Payment request = payment(10'000);
    const auto with = select_coins(coins_of({10'154 + kDustLimit}), request);
    ASSERT_TRUE(with);
    EXPECT_EQ(with->change, kDustLimit);
    expect_balanced(*with, request);
    const auto without = select_coins(coins_of({10'154 + kDustLimit - 1}), request);
    ASSERT_TRUE(without);
    EXPECT_FALSE(without->change);
    expect_balanced(*without, request);
}

TEST(Select, PrefersNoChange) {
    const Payment request = payment(30'000);
    const auto found = select_coins(coins_of({90'000, 20'058, 10'150, 9'000}), request);
    ASSERT_TRUE(found);
    EXPECT_EQ(values_of(*found), (std::vector<Amount>{20'058, 10'150}));
    EXPECT_FALSE(found->change);
    expect_balanced(*found, request);
}

TEST(Select, SmallestSingleCoinElseLargestFirst) {
    const auto single = select_coins(coins_of({50'000, 900'000, 300'000, 20'000}), payment(100'000));
    ASSERT_TRUE(single);
    EXPECT_EQ(values_of(*single), std::vector<Amount>{300'000});
    const auto many = select_coins(coins_of({50'000, 90'000, 30'000, 20'000}), payment(120'000));
    ASSERT_TRUE(many);
    EXPECT_EQ(values_of(*many), (std::vector<Amount>{90'000, 50'000}));
    expect_balanced(*many, payment(120'000));
}

TEST(Select, LeavesCoinsThatCostMoreThanTheyPay) {
    // At 10,000 units a 1000 virtual bytes an input costs 575.
    const auto found = select_coins(coins_of({575, 20'000, 500}), payment(19'500, 10'000));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().available, 20'000);
}

TEST(Select, InputsAtTheLimit) {
    const Amount each = 1'000;
    const std::vector<Amount> values(kInputsMax + 1, each);
    const Amount fee = fee_of(1'000, signed_weight(kInputsMax, payment(1).outputs, false));
    const Amount most = Amount(kInputsMax) * each - fee;
    const auto full = select_coins(coins_of(values), payment(most));
    ASSERT_TRUE(full);
    EXPECT_EQ(full->coins.size(), kInputsMax);
    const auto over = select_coins(coins_of(values), payment(most + 1));
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().kind, ErrorKind::kTooManyInputs);
}

TEST(Select, FeeOffTheFirstOutput) {
    Payment request = payment(50'000);
    request.subtract_fee = true;
    const auto all = select_coins(coins_of({50'000}), request);
    ASSERT_TRUE(all);
    EXPECT_FALSE(all->change);
    EXPECT_EQ(all->deducted, 111);
    EXPECT_EQ(all->fee, 111);
    expect_balanced(*all, request);
    const auto surplus = select_coins(coins_of({50'100}), request);
    ASSERT_TRUE(surplus);
    EXPECT_EQ(surplus->deducted, 11);
    expect_balanced(*surplus, request);
    const auto change = select_coins(coins_of({60'000}), request);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->change, 10'000);
    EXPECT_EQ(change->deducted, 154);
    expect_balanced(*change, request);
    EXPECT_FALSE(select_coins(coins_of({49'999}), request));
}

TEST(Select, ManyRandomCasesBalanceAndRepeat) {
    uint32_t state = 1;
    const auto random = [&] { return state = state * 1'664'525 + 1'013'904'223, state >> 8; };
    size_t found_count = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<Amount> values(1 + random() % 12);
        for (Amount& value : values) value = random() % 200'000;
        const Payment request = payment(kDustLimit + random() % 500'000, random() % 20'000);
        const auto found = select_coins(coins_of(values), request);
        if (!found) continue;
        ++found_count;
        expect_balanced(*found, request);
        EXPECT_EQ(values_of(*select_coins(coins_of(values), request)), values_of(*found));
    }
    EXPECT_GT(found_count, 100u);
}

}  // namespace
}  // namespace daidd::wallet
