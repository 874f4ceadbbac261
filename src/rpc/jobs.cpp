#include "rpc/jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "consensus/check.h"
#include "consensus/script.h"
#include "rpc/address.h"
#include "rpc/encode.h"
#include "rpc/pool.h"
#include "rpc/results.h"
#include "rpc/table.h"

namespace daidd::rpc {

using consensus::JobCommand;
using ledger::JobRecord;
using ledger::JobStatus;

std::optional<FoundJob> find_job(Context& context, const chain::Snapshot& snapshot, const Hash256& id) {
    if (auto record = ledger::find_job(snapshot, id)) return FoundJob{std::move(*record), true};
    for (const auto& tx : pooled(context)) {
        const Hash256 txid = consensus::txid(tx);
        for (uint32_t i = 0; i < tx.outputs.size(); ++i) {
            if (consensus::job_id({txid, i}) != id) continue;
            const auto push = consensus::parse_command(tx.outputs[i].script);
            if (!push || push->type != uint8_t(consensus::CommandType::kJob)) return std::nullopt;
            auto job = decode<JobCommand>(push->payload);
            if (!job) return std::nullopt;
            JobRecord record;
            record.job = std::move(*job);
            record.escrow = tx.outputs[i].value;
            return FoundJob{std::move(record), false};
        }
    }
    return std::nullopt;
}

std::optional<std::string> text_of(const Context& context, const Hash256& model,
                                   const std::vector<uint32_t>& tokens) {
    const Language* language = context.find_language(model);
    if (language == nullptr) return std::nullopt;
    return language->tokenizer.decode(tokens);
}

std::string key_address(const Context& context, const crypto::PublicKey& key) {
    return address_of(consensus::taproot_script(key), context.chain->params());
}

namespace {

constexpr int64_t kListDefault = 10;
constexpr int64_t kListMax = 1000;

std::string_view status_of(const FoundJob& job) {
    if (!job.in_block) return "pending";
    switch (JobStatus(job.record.status)) {
    case JobStatus::kOpen: return "open";
    case JobStatus::kAnswered: return "answered";
    case JobStatus::kSettled: return "settled";
    case JobStatus::kRefunded: return "refunded";
    }
    return "unknown";
}

/// In 2⁻¹⁶, as a decimal number: sixteen fraction bits have at most sixteen decimals.
Json fixed16_json(uint32_t value) {
    std::string digits = std::to_string(value >> 16) + ".";
    uint64_t rest = value & 0xffff;
    do {
        rest *= 10;
        digits += char('0' + (rest >> 16));
        rest &= 0xffff;
    } while (rest != 0);
    return decimal(digits);
}

Json text_json(const Context& context, const Hash256& model, const std::vector<uint32_t>& tokens) {
    const auto text = text_of(context, model, tokens);
    return text ? Json(*text) : Json();
}

bool is_zero(const crypto::PublicKey& key) { return key == crypto::PublicKey{}; }

bool is_answered_by_tokens(const JobCommand& job) { return job.kind == uint8_t(consensus::JobKind::kInfer); }

Json job_json(const Context& context, const chain::Snapshot& snapshot, const Hash256& id,
              const FoundJob& found) {
    const JobRecord& record = found.record;
    const JobCommand& job = record.job;
    const auto* model = context.chain->params().find_model(job.model);
    Json json = {{"job", to_hex(id)},
                 {"status", status_of(found)},
                 {"model", to_hex(job.model)},
                 {"model_name", model == nullptr ? "" : model->name},
                 {"kind", kind_name(job.kind)},
                 {"prompt", text_json(context, job.model, job.prompt)},
                 {"prompt_tokens", job.prompt.size()},
                 {"max_tokens", job.answer_tokens_max},
                 {"temperature", fixed16_json(job.sampling.temperature)},
                 {"min_p", fixed16_json(job.sampling.min_p)},
                 {"seed", job.sampling.seed},
                 {"worker", is_zero(job.worker) ? Json() : Json(key_address(context, job.worker))},
                 {"refund_address", key_address(context, job.refund)},
                 {"escrow", amount_json(record.escrow)},
                 {"deadline", job.deadline}};
    if (!found.in_block) return json;
    json["height"] = record.height;
    json["confirmations"] = int64_t(snapshot.tip().height) - int64_t(record.height) + 1;
    if (record.receipt == kZeroHash) return json;
    const auto receipt = ledger::find_receipt(snapshot, record.receipt);
    json["receipt"] = to_hex(record.receipt);
    if (!receipt) return json;
    if (is_answered_by_tokens(job)) {
        json["answer"] = text_json(context, job.model, receipt->receipt.answer);
        json["answer_tokens"] = receipt->receipt.answer.size();
    } else {
        json["result"] = result_json(job.kind, receipt->receipt.result);
    }
    json["cost"] = amount_json(receipt->cost);
    json["refund"] = amount_json(record.escrow - receipt->cost);
    json["answered_by"] = key_address(context, receipt->receipt.worker);
    json["answered_height"] = receipt->height;
    return json;
}

Json getjob(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Hash256 id = call.id(0);
    const auto job = find_job(context, *snapshot, id);
    if (!job) throw Error{Code::kInvalidAddressOrKey, "No such job"};
    return job_json(context, *snapshot, id, *job);
}

Json listjobs(Context& context, const Call& call) {
    const int64_t count = call.integer_or(0, kListDefault);
    if (count < 0 || count > kListMax) {
        throw Error{Code::kInvalidParameter, "count must be from 0 to " + std::to_string(kListMax)};
    }
    const auto snapshot = context.chain->snapshot();
    Json list = Json::array();
    for (const Hash256& id : snapshot->recent_jobs(size_t(count))) {
        if (auto record = ledger::find_job(*snapshot, id)) {
            list.push_back(job_json(context, *snapshot, id, {std::move(*record), true}));
        }
    }
    return list;
}

Json getreceipt(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Hash256 id = call.id(0);
    const auto record = ledger::find_receipt(*snapshot, id);
    if (!record) throw Error{Code::kInvalidAddressOrKey, "No such receipt"};
    const auto job = ledger::find_job(*snapshot, record->receipt.job);
    if (!job) throw Error{Code::kDatabase, "The receipt's job is missing"};
    const auto block = snapshot->header_at(record->height);
    const uint32_t due = record->height + context.chain->params().challenge_window;
    Json json = {{"receipt", to_hex(id)},
                 {"job", to_hex(record->receipt.job)},
                 {"model", to_hex(job->job.model)},
                 {"kind", kind_name(job->job.kind)},
                 {"worker", key_address(context, record->receipt.worker)},
                 {"prompt", text_json(context, job->job.model, job->job.prompt)},
                 {"prompt_tokens", job->job.prompt},
                 {"tokens_root", to_hex(record->tokens_root)},
                 {"signature", to_hex(record->receipt.signature)},
                 {"cost", amount_json(record->cost)},
                 {"worker_share", amount_json(record->worker_share)},
                 {"treasury_share", amount_json(record->treasury_share)},
                 {"bond", amount_json(record->bond)},
                 {"height", record->height},
                 {"blockhash", block ? Json(to_hex_reversed(block->hash)) : Json()},
                 {"confirmations", int64_t(snapshot->tip().height) - int64_t(record->height) + 1},
                 {"settled", record->settled != 0},
                 {"settles_at_height", due},
                 {"job_command", to_hex(encode(job->job))},
                 {"receipt_command", to_hex(encode(record->receipt))}};
    if (is_answered_by_tokens(job->job)) {
        json["answer"] = text_json(context, job->job.model, record->receipt.answer);
        json["answer_tokens"] = record->receipt.answer;
    } else {
        json["result"] = result_json(job->job.kind, record->receipt.result);
    }
    return json;
}

/// A receipt to verify: from the chain, or as getreceipt showed it and somebody kept it.
struct Kept {
    Hash256 id{};
    JobCommand job;
    consensus::ReceiptCommand receipt;
};

const Json& member_of(const Json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end())
        throw Error{Code::kInvalidParameter, std::string{"the receipt has no "} + name};
    require_type(*found, "string");
    return *found;
}

template <class Command>
Command command_of(const Json& object, const char* name) {
    const auto bytes = parse_hex(member_of(object, name).get_ref<const std::string&>());
    if (!bytes) throw Error{Code::kDeserialization, std::string{name} + " is not hexadecimal"};
    auto command = decode<Command>(*bytes);
    if (!command) {
        throw Error{Code::kDeserialization,
                    std::string{name} + ": " + std::string{to_string(command.error())}};
    }
    return std::move(*command);
}

Hash256 id_of(const Json& value) {
    require_type(value, "string");
    const auto id = parse_hash(value.get_ref<const std::string&>());
    if (!id) throw Error{Code::kInvalidParameter, "receipt must be 64 hexadecimal digits or an object"};
    return *id;
}

Kept kept_of(const chain::Snapshot& snapshot, const Json& value) {
    if (value.is_object()) {
        return {id_of(member_of(value, "receipt")), command_of<JobCommand>(value, "job_command"),
                command_of<consensus::ReceiptCommand>(value, "receipt_command")};
    }
    const Hash256 id = id_of(value);
    auto record = ledger::find_receipt(snapshot, id);
    if (!record) throw Error{Code::kInvalidAddressOrKey, "No such receipt"};
    auto job = ledger::find_job(snapshot, record->receipt.job);
    if (!job) throw Error{Code::kDatabase, "The receipt's job is missing"};
    return {id, std::move(job->job), std::move(record->receipt)};
}

Json verifyreceipt(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Kept kept = kept_of(*snapshot, call.any(0));
    std::vector<uint32_t> tokens = kept.job.prompt;
    tokens.insert(tokens.end(), kept.receipt.answer.begin(), kept.receipt.answer.end());
    const Hash256 root = consensus::tokens_root(tokens);
    const bool signed_by_worker = crypto::verify(
        kept.receipt.worker, consensus::receipt_message(kept.receipt, root), kept.receipt.signature);
    const auto record = ledger::find_receipt(*snapshot, kept.id);
    const bool in_chain = record && record->tokens_root == root && record->receipt.job == kept.receipt.job &&
                          record->receipt.result == kept.receipt.result;

    Json json = {{"receipt", to_hex(kept.id)},
                 {"job", to_hex(kept.receipt.job)},
                 {"in_chain", in_chain},
                 {"signature_valid", signed_by_worker},
                 {"tokens_root", to_hex(root)}};
    const auto* model = context.worker->find_model(kept.job.model);
    if (model == nullptr) {
        json["rerun"] = "no model";
        json["valid"] = nullptr;
        return json;
    }
    const auto report = worker::verify_receipt(*model, kept.job, kept.receipt, kept.id, context.threads);
    if (!report) {
        json["rerun"] = "impossible: " + report.error();
        json["valid"] = false;
        return json;
    }
    json["rerun"] = report->identical() ? "identical" : "different";
    if (report->first_difference) {
        json["first_difference"] = *report->first_difference;
        json["expected_token"] = report->expected_token ? Json(*report->expected_token) : Json();
    }
    if (report->result_difference) {
        json["first_difference"] = *report->result_difference;
        json["expected_result"] = result_json(kept.job.kind, report->expected_result);
    }
    if (is_answered_by_tokens(kept.job)) {
        json["trace_root"] = to_hex(report->trace_root);
        json["op_roots"] = report->op_roots.size();
    }
    json["valid"] = report->identical() && signed_by_worker;
    return json;
}

Json gettreasuryinfo(Context& context, const Call&) {
    const auto snapshot = context.chain->snapshot();
    const auto& params = context.chain->params();
    const auto treasury = ledger::treasury(*snapshot);
    const auto subsidy = consensus::block_subsidy(snapshot->tip().height + 1, params);
    return {{"balance", amount_json(treasury.balance)},
            {"from_subsidy", amount_json(treasury.from_subsidy)},
            {"from_fees", amount_json(treasury.from_fees)},
            {"spent", amount_json(treasury.from_subsidy + treasury.from_fees - treasury.balance)},
            {"share_of_next_subsidy", amount_json(consensus::treasury_share(subsidy, params))},
            {"fee_percent", params.fee_treasury_percent},
            {"height", snapshot->tip().height}};
}

Json getmodelinfo(Context& context, const Call&) {
    const auto& params = context.chain->params();
    Json models = Json::array();
    for (const auto& base : params.models) {
        const auto* local = context.worker->find_model(base.root);
        Json json = {{"name", base.name},
                     {"root", to_hex(base.root)},
                     {"first_height", base.first_height},
                     {"vocabulary", base.manifest.vocabulary},
                     {"linears", base.manifest.linears.size()},
                     {"mined_operations", base.manifest.operations.size()},
                     {"trace_tensors", base.manifest.tensors},
                     {"loaded", local != nullptr}};
        if (local != nullptr) {
            const auto& dimensions = local->model.dimensions();
            json["layers"] = dimensions.layers;
            json["dim"] = dimensions.dim;
            json["context"] = dimensions.context;
        }
        models.push_back(std::move(json));
    }
    const auto server = context.worker->server().info();
    return {{"models", std::move(models)},
            {"unit_tokens", params.unit_tokens},
            {"prefill_price", amount_json(params.prefill_price)},
            {"decode_price", amount_json(params.decode_price)},
            {"serving", server.running},
            {"answered", server.answered},
            {"tokens_generated", server.tokens},
            {"current_job", server.current ? Json(to_hex(*server.current)) : Json()}};
}

constexpr Arg kJobArgs[] = {{"job", ArgType::kId, true, "The job's id"}};
constexpr Arg kListArgs[] = {{"count", ArgType::kNumber, false, "How many of the newest (default: 10)"}};
constexpr Arg kReceiptArgs[] = {{"receipt", ArgType::kId, true, "The receipt's id"}};
constexpr Arg kVerifyArgs[] = {
    {"receipt", ArgType::kAny, true, "The receipt's id, or what getreceipt returned"}};

const Method kMethods[] = {
    {"jobs", "getjob", kJobArgs, getjob, "Returns a job, and its answer if there is one."},
    {"jobs",
     "getmodelinfo",
     {},
     getmodelinfo,
     "Returns the chain's models and what this node does with them."},
    {"jobs", "getreceipt", kReceiptArgs, getreceipt,
     "Returns a receipt. Keep it: verifyreceipt takes it back."},
    {"jobs", "gettreasuryinfo", {}, gettreasuryinfo, "Returns the balance of the AI model's treasury."},
    {"jobs", "listjobs", kListArgs, listjobs, "Returns the newest jobs of the chain."},
    {"jobs", "verifyreceipt", kVerifyArgs, verifyreceipt,
     "Checks a receipt's signature and, where the model is, runs the answer again."},
};

}  // namespace

std::span<const Method> job_methods() { return kMethods; }

}  // namespace daidd::rpc
