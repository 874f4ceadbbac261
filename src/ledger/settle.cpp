#include <algorithm>
#include <cassert>

#include "ledger/lookup.h"
#include "ledger/state_tree.h"

namespace daidd::ledger {

namespace {

/// What one record pays, in this order: worker, refund.
struct Due {
    Hash256 record{};
    std::vector<consensus::TxOut> outputs;
};

void pay(Due& due, const crypto::PublicKey& key, Amount amount) {
    assert(consensus::is_money(amount));
    if (amount > 0) due.outputs.push_back({amount, consensus::taproot_script(key)});
}

Due settle_receipt(const Hash256& id, StateView& state, TreasuryRecord& treasury) {
    auto receipt = find_receipt(state, id);
    assert(receipt && receipt->settled == 0);
    auto job = find_job(state, receipt->receipt.job);
    assert(job && job->status == uint8_t(JobStatus::kAnswered) && job->receipt == id);

    Due due{id, {}};
    pay(due, receipt->receipt.worker, receipt->worker_share + receipt->bond);
    pay(due, job->job.refund, job->escrow - receipt->cost);
    treasury.balance += receipt->treasury_share;
    treasury.from_fees += receipt->treasury_share;

    receipt->settled = 1;
    put_record(state, Table::kReceipt, id, encode(*receipt));
    job->status = uint8_t(JobStatus::kSettled);
    put_record(state, Table::kJob, receipt->receipt.job, encode(*job));
    return due;
}

/// Nothing for a job that was answered in time.
std::optional<Due> refund_job(const Hash256& id, StateView& state) {
    auto job = find_job(state, id);
    assert(job);
    if (job->status != uint8_t(JobStatus::kOpen)) return std::nullopt;
    Due due{id, {}};
    pay(due, job->job.refund, job->escrow);
    job->status = uint8_t(JobStatus::kRefunded);
    put_record(state, Table::kJob, id, encode(*job));
    state.erase(Table::kOpenJob, open_job_key(job->height, id));
    return due;
}

Hash256 to_id(const Bytes& bytes) {
    Hash256 id{};
    assert(bytes.size() == id.size());
    std::copy(bytes.begin(), bytes.end(), id.begin());
    return id;
}

}  // namespace

std::vector<consensus::TxOut> settle(const BlockContext& context, const consensus::Params& params,
                                     StateView& state) {
    TreasuryRecord record = treasury(state);
    const Amount share = consensus::treasury_share(consensus::block_subsidy(context.height, params), params);
    record.balance += share;
    record.from_subsidy += share;

    std::vector<Due> dues;
    if (context.height >= params.challenge_window) {
        const uint32_t committed = context.height - params.challenge_window;
        const uint32_t receipts = list_size(state, Table::kPool, committed);
        for (uint32_t index = 0; index < receipts; ++index) {
            const auto item = decode<work::PoolItem>(list_item(state, Table::kPool, committed, index));
            assert(item);
            dues.push_back(settle_receipt(item->receipt, state, record));
        }
    }
    const uint32_t jobs = list_size(state, Table::kSchedule, context.height);
    for (uint32_t index = 0; index < jobs; ++index) {
        if (auto due = refund_job(to_id(list_item(state, Table::kSchedule, context.height, index)), state)) {
            dues.push_back(*std::move(due));
        }
    }
    list_erase(state, Table::kSchedule, context.height);
    put_record(state, Table::kTreasury, kZeroHash, encode(record));

    std::sort(dues.begin(), dues.end(), [](const Due& a, const Due& b) { return a.record < b.record; });
    std::vector<consensus::TxOut> payouts;
    for (auto& due : dues) {
        payouts.insert(payouts.end(), due.outputs.begin(), due.outputs.end());
    }
    return payouts;
}

}  // namespace daidd::ledger
