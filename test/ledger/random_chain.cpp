#include "ledger/random_chain.h"

#include <algorithm>

namespace daidd::ledger::test {

namespace {

constexpr uint8_t kOwners = 8;  ///< keys 1 to 8 own everything, the sealer's among them

std::pair<Hash256, uint32_t> split_key(const Bytes& key) {
    Hash256 txid{};
    std::copy_n(key.begin(), 32, txid.begin());
    uint32_t index = 0;
    for (size_t i = 32; i < key.size(); ++i) index = index << 8 | key[i];
    return {txid, index};
}

Amount burned_by(const consensus::Block& block) {
    Amount burned = 0;
    for (size_t i = 1; i < block.transactions.size(); ++i)
        for (const auto& output : block.transactions[i].outputs)
            if (consensus::is_op_return(output.script) && !consensus::parse_command(output.script))
                burned += output.value;
    return burned;
}

}  // namespace

RandomChain::RandomChain(unsigned seed) : params_{consensus::test::chain()}, random_{seed} {
    // Short, so that every window passes and the subsidy halves many times over.
    params_.maturity = 3;
    params_.challenge_window = 4;
    params_.halving_blocks = 30;
    params_.assign_bits = 2;
}

BlockContext RandomChain::context() const {
    BlockContext context;
    context.height = height() + 1;
    context.beacon_at = [](uint32_t height) { return Hash256{uint8_t(height), 0xbe}; };
    return context;
}

void RandomChain::connect_one() {
    const auto block = make_block(random_transactions(), context(), params_, state_);
    Overlay overlay{state_};
    ASSERT_EQ(token_of(connect_block(block, context(), params_, overlay, true)), "valid");
    Connected connected{{}, burned_by(block)};
    for (const auto& change : overlay.changes())
        connected.old_values.push_back({change.table, change.key, state_.get(change.table, change.key)});
    overlay.flush_into(state_);
    blocks_.push_back(std::move(connected));
}

void RandomChain::disconnect_one() {
    for (const auto& old : blocks_.back().old_values) {
        if (old.value) {
            state_.put(old.table, old.key, *old.value);
        } else {
            state_.erase(old.table, old.key);
        }
    }
    blocks_.pop_back();
}

Amount RandomChain::burned() const {
    Amount burned = 0;
    for (const auto& block : blocks_) burned += block.burned;
    return burned;
}

std::vector<Transaction> RandomChain::random_transactions() {
    answerable_.clear();
    state_.for_each(Table::kOpenJob, [&](const Bytes& key, const Bytes&) {
        answerable_.emplace_back();
        std::copy(key.begin() + 4, key.end(), answerable_.back().begin());
    });
    std::vector<std::pair<OutPoint, Amount>> coins;
    state_.for_each(Table::kCoin, [&](const Bytes& key, const Bytes& value) {
        const auto coin = decode<Coin>(value);
        if (coin->coinbase != 0 && height() + 1 - coin->height < params_.maturity) return;
        const auto [txid, index] = split_key(key);
        coins.push_back({{txid, index}, coin->output.value});
    });
    std::shuffle(coins.begin(), coins.end(), random_);

    Overlay block{state_};
    std::vector<Transaction> transactions;
    for (uint64_t left = random(8); left > 0 && !coins.empty(); --left) {
        const auto [coin, value] = coins.back();
        coins.pop_back();
        Transaction tx = random_transaction(coin, value);
        sign(tx, block);
        EXPECT_EQ(token_of(apply_transaction(tx, context(), params_, block, false)), "valid");
        // The last output is always a payment; now and then the next transaction spends it.
        if (random(2) == 0)
            coins.push_back(
                {{consensus::txid(tx), uint32_t(tx.outputs.size() - 1)}, tx.outputs.back().value});
        transactions.push_back(std::move(tx));
    }
    return transactions;
}

Transaction RandomChain::random_transaction(const OutPoint& coin, Amount value) {
    Transaction tx;
    tx.inputs.emplace_back().previous = coin;
    Amount left = value;
    const auto add = [&](TxOut output) {
        left -= output.value;
        tx.outputs.push_back(std::move(output));
    };
    const uint64_t kind = random(10);
    if (kind < 4) {
        if (const auto answer = random_receipt(left)) add(*answer);
    } else if (kind < 7) {
        for (uint64_t jobs = 1 + random(2); jobs > 0 && left > kCoin; --jobs) add(random_job(left / 4));
    } else if (kind < 8) {
        add({Amount(random(uint64_t(left / 8 + 1))), consensus::op_return_script(Bytes(20, 1))});
    }
    left -= Amount(random(uint64_t(left / 16 + 1)));  // the fee
    const Amount part = Amount(random(uint64_t(left + 1)));
    tx.outputs.push_back(pay(part, uint8_t(1 + random(kOwners))));
    tx.outputs.push_back(pay(left - part, uint8_t(1 + random(kOwners))));
    return tx;
}

TxOut RandomChain::random_job(Amount value) {
    auto job = consensus::test::job();
    job.prompt.assign(2 + random(20), uint32_t(random(256)));
    constexpr uint8_t kKinds[] = {0, 0, 1, 2, 4};
    job.kind = kKinds[random(std::size(kKinds))];
    job.answer_tokens_max = job.kind == 0 ? uint32_t(1 + random(8)) : 0;
    job.refund = key(uint8_t(1 + random(kOwners)));
    job.deadline = height() + 1 + uint32_t(1 + random(10));
    if (random(4) == 0) job.worker = key(uint8_t(1 + random(kOwners)));
    const Amount cost = cost_of(job.prompt.size(), job.answer_tokens_max, params_).total;
    // A tight escrow leaves nothing to return when the answer is as long as it may be.
    return command(CommandType::kJob, job, random(3) == 0 ? cost : std::max(cost, value));
}

std::optional<TxOut> RandomChain::random_receipt(Amount value) {
    if (value < 2 * params_.receipt_bond || answerable_.empty()) return std::nullopt;
    const size_t chosen = random(answerable_.size());
    const Hash256 id = answerable_[chosen];
    const JobRecord job = find_job(state_, id).value();
    const BlockContext now = context();
    for (uint8_t worker = 1; worker <= kOwners; ++worker) {
        if (now.height > job.job.deadline ||
            !is_assigned(id, job, key(worker), now.height, now.beacon_at(job.height + 1), params_))
            continue;
        answerable_.erase(answerable_.begin() + ptrdiff_t(chosen));
        consensus::ReceiptCommand receipt;
        receipt.job = id;
        if (job.job.kind == 0) {
            receipt.answer.assign(1 + random(job.job.answer_tokens_max), uint32_t(random(256)));
        } else {
            receipt.result.assign(consensus::result_size(job.job.kind).least, uint8_t(random(256)));
        }
        sign(receipt, worker, job);
        return command(CommandType::kReceipt, receipt, params_.receipt_bond + Amount(random(1000)));
    }
    return std::nullopt;
}

}  // namespace daidd::ledger::test
