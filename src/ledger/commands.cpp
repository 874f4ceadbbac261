#include "ledger/commands.h"

#include <algorithm>
#include <cassert>

#include "consensus/check_command.h"
#include "consensus/uint256.h"
#include "crypto/hash.h"
#include "ledger/lookup.h"
#include "ledger/state_tree.h"

namespace daidd::ledger {

namespace {

using consensus::JobCommand;
using consensus::JobKind;
using consensus::ReceiptCommand;

bool is_zero(const Hash256& bytes) { return bytes == kZeroHash; }

/// Index of the first token that the vocabulary does not have.
std::optional<size_t> first_unknown(const std::vector<uint32_t>& tokens, uint32_t vocabulary) {
    const auto found =
        std::find_if(tokens.begin(), tokens.end(), [&](uint32_t token) { return token >= vocabulary; });
    if (found == tokens.end()) return std::nullopt;
    return size_t(found - tokens.begin());
}

Broken out_of(std::string_view token, std::string_view what, uint64_t value, uint64_t max) {
    return {token, std::string(what) + " " + std::to_string(value) + ", at most " + std::to_string(max)};
}

/// Requires price and tokens not negative; the result stays within an Amount, above all money at worst.
Amount price_of(Amount price, size_t tokens) {
    if (price == 0 || tokens == 0) return 0;
    if (uint64_t(price) > uint64_t(consensus::kMoneyMax) / tokens) return consensus::kMoneyMax + 1;
    return Amount(uint64_t(price) * tokens);
}

std::optional<Broken> check_job(const JobCommand& job, Amount escrow, const BlockContext& context,
                                const consensus::Params& params, const StateView& state) {
    const consensus::BaseModel* model = params.find_model(job.model);
    if (model == nullptr) return Broken{"bad-job-model", "no such base model"};
    if (context.height < model->first_height) {
        return Broken{"bad-job-model", "model starts at height " + std::to_string(model->first_height)};
    }
    if (!is_zero(job.adapter)) return Broken{"bad-job-adapter", "adapters are not open yet"};
    if (const auto broken = consensus::check_kind(job, params)) return broken;
    if (!is_zero(job.worker) && !crypto::is_valid(job.worker)) {
        return Broken{"bad-job-worker", "the worker's key is not on the curve"};
    }
    if (!crypto::is_valid(job.refund)) return Broken{"bad-job-refund", "the refund key is not on the curve"};
    if (job.deadline <= context.height) {
        return Broken{"bad-job-deadline", "deadline " + std::to_string(job.deadline) + " has passed at " +
                                              std::to_string(context.height)};
    }
    if (job.deadline - context.height > params.job_deadline_blocks_max) {
        return out_of("bad-job-deadline", "blocks to the deadline", job.deadline - context.height,
                      params.job_deadline_blocks_max);
    }
    if (job.prompt.size() < consensus::prompt_tokens_min(job.kind) ||
        job.prompt.size() > params.job_prompt_tokens_max) {
        return out_of("bad-job-prompt", "prompt tokens", job.prompt.size(), params.job_prompt_tokens_max);
    }
    if (const auto index = first_unknown(job.prompt, model->manifest.vocabulary)) {
        return Broken{"bad-job-token", "prompt token " + std::to_string(*index)};
    }
    const Amount most = cost_of(job.prompt.size(), job.answer_tokens_max, params).total;
    if (escrow < most) {
        return Broken{"bad-job-escrow",
                      std::to_string(escrow) + " units, the answer may cost " + std::to_string(most)};
    }
    if (list_size(state, Table::kSchedule, job.deadline + 1) >= kRefundsPerBlockMax) {
        return Broken{"bad-job-deadline-full", "too many jobs end at " + std::to_string(job.deadline)};
    }
    return std::nullopt;
}

/// The answer or the result, whichever the job's kind asks for.
std::optional<Broken> check_given(const ReceiptCommand& receipt, const JobCommand& job,
                                  const consensus::Params& params) {
    const bool answers = job.kind == uint8_t(JobKind::kInfer);
    if (answers == receipt.answer.empty() || receipt.answer.size() > job.answer_tokens_max) {
        return out_of("bad-receipt-answer", "answer tokens", receipt.answer.size(), job.answer_tokens_max);
    }
    const consensus::BaseModel* model = params.find_model(job.model);
    assert(model != nullptr);  // the job would not have been opened
    if (const auto index = first_unknown(receipt.answer, model->manifest.vocabulary)) {
        return Broken{"bad-receipt-token", "answer token " + std::to_string(*index)};
    }
    const auto [least, most] = consensus::result_size(job.kind);
    const size_t size = receipt.result.size();
    if (size < least || size > most) {
        return Broken{"bad-receipt-result",
                      std::to_string(size) + " bytes of a result of kind " + std::to_string(job.kind)};
    }
    return std::nullopt;
}

std::optional<Broken> check_receipt(const ReceiptCommand& receipt, const std::optional<JobRecord>& record,
                                    Amount bond, const BlockContext& context,
                                    const consensus::Params& params) {
    if (!record) return Broken{"bad-receipt-job", "no such job"};
    if (record->status != uint8_t(JobStatus::kOpen)) {
        return Broken{"bad-receipt-closed", "the job is not open"};
    }
    // The beacon of the block after the job's own assigns it; the job's sealer does not know it.
    const uint32_t first = record->height + kAssignBlocks;
    if (context.height < first) {
        return Broken{"bad-receipt-early", "the job is assigned from height " + std::to_string(first)};
    }
    if (context.height > record->job.deadline) {
        return Broken{"bad-receipt-late", "the deadline was " + std::to_string(record->job.deadline)};
    }
    if (!is_assigned(receipt.job, *record, receipt.worker, context.height,
                     context.beacon_at(record->height + 1), params)) {
        return Broken{"bad-receipt-worker", "this worker may not answer the job at this height"};
    }
    if (const auto broken = check_given(receipt, record->job, params)) return broken;
    if (bond < params.receipt_bond) {
        return Broken{"bad-receipt-bond",
                      std::to_string(bond) + " units, at least " + std::to_string(params.receipt_bond)};
    }
    return std::nullopt;
}

Hash256 tokens_root_of(const JobRecord& record, const ReceiptCommand& receipt) {
    std::vector<uint32_t> tokens = record.job.prompt;
    tokens.insert(tokens.end(), receipt.answer.begin(), receipt.answer.end());
    return consensus::tokens_root(tokens);
}

}  // namespace

Cost cost_of(size_t prompt_tokens, size_t answer_tokens, const consensus::Params& params) {
    Cost cost;
    cost.total = price_of(params.prefill_price, prompt_tokens) + price_of(params.decode_price, answer_tokens);
    // In two parts, so that no product leaves 64 bits.
    cost.treasury =
        cost.total / 100 * params.fee_treasury_percent + cost.total % 100 * params.fee_treasury_percent / 100;
    cost.worker = cost.total - cost.treasury;
    return cost;
}

bool is_assigned(const Hash256& job, const JobRecord& record, const crypto::PublicKey& worker,
                 uint32_t height, const Hash256& beacon, const consensus::Params& params) {
    if (height < record.height + kAssignBlocks) return false;
    if (!is_zero(record.job.worker)) return worker == record.job.worker;
    const uint32_t waited = height - record.height - kAssignBlocks;
    if (waited >= params.assign_bits) return true;
    const unsigned zero_bits = std::min(params.assign_bits - waited, 256u);
    const Hash256 draw = crypto::hash("assign", {beacon, job, worker});
    return consensus::Uint256::from_bytes(draw).bit_length() <= 256 - zero_bits;
}

std::optional<Broken> apply_job(const JobCommand& job, const consensus::OutPoint& output, Amount escrow,
                                const BlockContext& context, const consensus::Params& params,
                                StateView& state) {
    if (const auto broken = check_job(job, escrow, context, params, state)) return broken;
    const Hash256 id = consensus::job_id(output);
    JobRecord record;
    record.job = job;
    record.escrow = escrow;
    record.height = context.height;
    record.status = uint8_t(JobStatus::kOpen);
    put_record(state, Table::kJob, id, encode(record));
    state.put(Table::kOpenJob, open_job_key(context.height, id), Bytes{1});
    list_append(state, Table::kJobOrder, context.height, Bytes(id.begin(), id.end()));
    list_append(state, Table::kSchedule, job.deadline + 1, Bytes(id.begin(), id.end()));
    return std::nullopt;
}

std::optional<Broken> apply_receipt(const ReceiptCommand& receipt, const consensus::OutPoint& output,
                                    Amount bond, const BlockContext& context, const consensus::Params& params,
                                    StateView& state, bool verify_signatures) {
    auto job = find_job(state, receipt.job);
    if (const auto broken = check_receipt(receipt, job, bond, context, params)) return broken;
    const Hash256 tokens_root = tokens_root_of(*job, receipt);
    if (verify_signatures && !crypto::verify(receipt.worker, consensus::receipt_message(receipt, tokens_root),
                                             receipt.signature)) {
        return Broken{"bad-receipt-signature", "not by the worker's key"};
    }

    const Hash256 id = consensus::receipt_id(output);
    const Cost cost = cost_of(job->job.prompt.size(), receipt.answer.size(), params);
    ReceiptRecord record;
    record.receipt = receipt;
    record.bond = bond;
    record.height = context.height;
    record.cost = cost.total;
    record.worker_share = cost.worker;
    record.treasury_share = cost.treasury;
    record.tokens_root = tokens_root;
    put_record(state, Table::kReceipt, id, encode(record));

    job->status = uint8_t(JobStatus::kAnswered);
    job->receipt = id;
    put_record(state, Table::kJob, receipt.job, encode(*job));
    state.erase(Table::kOpenJob, open_job_key(job->height, receipt.job));
    list_append(state, Table::kPool, context.height,
                encode(work::PoolItem{tokens_root, uint64_t(cost.treasury), id}));
    return std::nullopt;
}

}  // namespace daidd::ledger
