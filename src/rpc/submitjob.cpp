#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "consensus/check.h"
#include "consensus/script.h"
#include "rpc/address.h"
#include "rpc/jobs.h"
#include "rpc/pool.h"
#include "rpc/results.h"
#include "rpc/table.h"
#include "rpc/wallet_access.h"
#include "worker/result.h"

namespace daidd::rpc {

using consensus::Amount;
using consensus::JobCommand;

namespace {

constexpr uint32_t kAnswerTokensDefault = 128;
constexpr uint32_t kDeadlineBlocksDefault = 100;

/// A decimal number as a fraction of 2¹⁶, rounded down; -8 beyond [0, max].
uint32_t fixed16_of(const Json& value, uint32_t max, const std::string& name) {
    const auto number = is_number(value) ? parse_amount(number_text(value)) : std::nullopt;
    // 2¹⁶ · 8 · 10⁸ is far below 2⁶³.
    const auto scale = Amount{1} << 16;
    if (!number || *number < 0 || *number > Amount{max} * consensus::kCoin / scale) {
        throw Error{Code::kInvalidParameter,
                    name + " must be a number from 0 to " + std::to_string(max >> 16)};
    }
    return uint32_t(*number * scale / consensus::kCoin);
}

uint32_t count_of(const Json& value, int64_t most, const std::string& name) {
    const int64_t count = integer_of(value);
    if (count < 1 || count > most) {
        throw Error{Code::kInvalidParameter, name + " must be from 1 to " + std::to_string(most)};
    }
    return uint32_t(count);
}

/// What "options" may say.
struct Wish {
    uint8_t kind = uint8_t(consensus::JobKind::kInfer);
    uint32_t answer_tokens = kAnswerTokensDefault;
    uint32_t deadline_blocks = kDeadlineBlocksDefault;
    consensus::Sampling sampling;
    const consensus::BaseModel* model = nullptr;
    crypto::PublicKey worker{};
    std::optional<Amount> escrow;
    wallet::FeeRate fee_rate = wallet::SendRequest{}.fee_rate;
    std::string system;
    bool raw = false;
    bool dry_run = false;
};

std::string text_member(const Json& value) {
    require_type(value, "string");
    return value.get<std::string>();
}

bool flag_member(const Json& value) {
    require_type(value, "bool");
    return value.get<bool>();
}

const consensus::BaseModel* model_named(const consensus::Params& params, const std::string& name) {
    for (const auto& model : params.models) {
        if (model.name == name || to_hex(model.root) == name) return &model;
    }
    throw Error{Code::kInvalidParameter, "No model of that name or root: " + name};
}

uint64_t seed_of(const Json& value) {
    const int64_t seed = integer_of(value);
    if (seed < 0) throw Error{Code::kInvalidParameter, "seed must not be negative"};
    return uint64_t(seed);
}

uint8_t open_kind_of(const std::string& name) {
    const auto kind = parse_kind(name);
    if (!kind) throw Error{Code::kInvalidParameter, "No kind of that name: " + name};
    if (!consensus::is_open(*kind))
        throw Error{Code::kInvalidParameter, "Jobs of kind " + name + " are not open yet"};
    return *kind;
}

/// What only an answer in tokens has a use for.
constexpr std::array<std::string_view, 6> kAnswerOptions{"max_tokens", "temperature", "min_p",
                                                         "seed",       "system",      "raw"};

void refuse_answer_options(const Json& options, uint8_t kind) {
    for (const auto& [name, value] : options.items()) {
        if (std::ranges::find(kAnswerOptions, name) != kAnswerOptions.end()) {
            throw Error{Code::kInvalidParameter,
                        name + " is not of jobs of kind " + std::string{kind_name(kind)}};
        }
    }
}

Wish wish_of(const Json& options, const consensus::Params& params) {
    Wish wish;
    wish.answer_tokens = std::min(wish.answer_tokens, params.job_answer_tokens_max);
    wish.deadline_blocks = std::min(wish.deadline_blocks, params.job_deadline_blocks_max);
    if (!params.models.empty()) wish.model = &params.models.front();
    if (options.is_null()) return wish;
    for (const auto& [name, value] : options.items()) {
        if (name == "kind") {
            wish.kind = open_kind_of(text_member(value));
        } else if (name == "max_tokens") {
            wish.answer_tokens = count_of(value, params.job_answer_tokens_max, name);
        } else if (name == "deadline_blocks") {
            wish.deadline_blocks = count_of(value, params.job_deadline_blocks_max, name);
        } else if (name == "temperature") {
            wish.sampling.temperature = fixed16_of(value, consensus::kTemperatureMax, name);
        } else if (name == "min_p") {
            wish.sampling.min_p = fixed16_of(value, consensus::kMinPMax, name);
        } else if (name == "seed") {
            wish.sampling.seed = seed_of(value);
        } else if (name == "model") {
            wish.model = model_named(params, text_member(value));
        } else if (name == "worker") {
            wish.worker = address_key(text_member(value), params);
        } else if (name == "escrow") {
            wish.escrow = amount_of(value);
        } else if (name == "fee_rate") {
            wish.fee_rate = fee_rate_of(value);
        } else if (name == "system") {
            wish.system = text_member(value);
        } else if (name == "raw") {
            wish.raw = flag_member(value);
        } else if (name == "dry_run") {
            wish.dry_run = flag_member(value);
        } else {
            throw Error{Code::kInvalidParameter, "Unknown option " + name};
        }
    }
    if (wish.kind != uint8_t(consensus::JobKind::kInfer)) {
        refuse_answer_options(options, wish.kind);
        wish.answer_tokens = 0;
        wish.raw = true;
    }
    return wish;
}

const Language& language_of(const Context& context, const Wish& wish) {
    const Language* language = context.find_language(wish.model->root);
    if (language == nullptr) {
        throw Error{Code::kInvalidParameter,
                    "This node has no tokenizer of that model: start it with -model=FILE, or give the prompt "
                    "as tokens"};
    }
    return *language;
}

/// A separator and the tokens of each text after it: the highest token that none of them has.
std::vector<uint32_t> prompt_of_documents(const Context& context, const Json& texts, const Wish& wish) {
    const auto& tokenizer = language_of(context, wish).tokenizer;
    std::vector<std::vector<uint32_t>> documents;
    std::set<uint32_t> used;
    for (const Json& text : texts) {
        documents.push_back(tokenizer.encode_whole(text_member(text)));
        if (documents.back().empty()) throw Error{Code::kInvalidParameter, "A document is empty"};
        used.insert(documents.back().begin(), documents.back().end());
    }
    uint32_t separator = wish.model->manifest.vocabulary;
    do {
        if (separator == 0) throw Error{Code::kInvalidParameter, "The documents use the whole vocabulary"};
        --separator;
    } while (used.contains(separator));
    std::vector<uint32_t> prompt;
    for (const auto& document : documents) {
        prompt.push_back(separator);
        prompt.insert(prompt.end(), document.begin(), document.end());
    }
    return prompt;
}

/// The tokens of a text, as a conversation unless it is to be taken as it is; or of an array, themselves.
std::vector<uint32_t> prompt_of(const Context& context, const Json& text, const Wish& wish) {
    const bool is_index = wish.kind == uint8_t(consensus::JobKind::kIndex);
    if (is_index && text.is_string()) return prompt_of_documents(context, Json::array({text}), wish);
    if (is_index && !text.empty() && text[0].is_string()) return prompt_of_documents(context, text, wish);
    if (text.is_array()) {
        std::vector<uint32_t> tokens;
        for (const Json& token : text) {
            const int64_t id = integer_of(token);
            if (id < 0 || id >= int64_t(wish.model->manifest.vocabulary)) {
                throw Error{Code::kInvalidParameter,
                            "Token " + std::to_string(id) + " is not in the vocabulary"};
            }
            tokens.push_back(uint32_t(id));
        }
        return tokens;
    }
    require_type(text, "string");
    const auto& prompt = text.get_ref<const std::string&>();
    const Language& language = language_of(context, wish);
    if (wish.raw || !language.chat) return language.tokenizer.encode_whole(prompt);
    std::vector<inference::Message> messages;
    if (!wish.system.empty()) messages.push_back({inference::Role::kSystem, wish.system});
    messages.push_back({inference::Role::kUser, prompt});
    return language.chat->render(messages);
}

/// The virtual size of a payment of `outputs` and change by these many key-path inputs.
size_t estimated_vsize(const std::vector<consensus::TxOut>& outputs, size_t inputs) {
    consensus::Transaction tx;
    tx.inputs.resize(inputs);
    for (auto& input : tx.inputs) input.witness = {Bytes(64)};
    tx.outputs = outputs;
    tx.outputs.push_back({0, consensus::taproot_script({})});
    return consensus::virtual_size(tx);
}

Amount estimated_fee(const wallet::Wallet& wallet, const wallet::SendRequest& request) {
    Amount spend = 0;
    for (const auto& output : request.outputs) spend += output.value;
    Amount sum = 0;
    size_t inputs = 0;
    for (const auto& coin : wallet.coins()) {
        if (!coin.trusted || coin.locked) continue;
        sum += coin.value;
        ++inputs;
        const Amount fee = (Amount(estimated_vsize(request.outputs, inputs)) * request.fee_rate + 999) / 1000;
        if (sum >= spend + fee) return fee;
    }
    throw Error{Code::kWalletInsufficientFunds, "Insufficient funds"};
}

Json submitjob(Context& context, const Call& call) {
    const auto& params = context.chain->params();
    const Wish wish = wish_of(call.any(1), params);
    if (wish.model == nullptr) throw Error{Code::kMisc, "This chain has no model yet"};
    const auto wallet = wallet_of(context, call);

    JobCommand job;
    job.model = wish.model->root;
    job.kind = wish.kind;
    job.answer_tokens_max = wish.answer_tokens;
    job.sampling = wish.sampling;
    job.worker = wish.worker;
    job.deadline = context.chain->snapshot()->tip().height + wish.deadline_blocks;
    job.prompt = prompt_of(context, call.any(0), wish);
    if (job.prompt.empty()) throw Error{Code::kInvalidParameter, "The prompt is empty"};
    if (job.prompt.size() > params.job_prompt_tokens_max) {
        throw Error{Code::kInvalidParameter, "The prompt has " + std::to_string(job.prompt.size()) +
                                                 " tokens, more than " +
                                                 std::to_string(params.job_prompt_tokens_max)};
    }
    if (job.prompt.size() < consensus::prompt_tokens_min(job.kind)) {
        throw Error{Code::kInvalidParameter, "The prompt is too short for this kind"};
    }
    if (const auto* model = context.worker->find_model(job.model)) {
        if (const auto misfit = worker::misfit_of(*model, job)) {
            throw Error{Code::kInvalidParameter, "The model cannot run it: " + *misfit};
        }
    }
    const Amount most = ledger::cost_of(job.prompt.size(), wish.answer_tokens, params).total;
    const Amount escrow = wish.escrow.value_or(most);

    wallet::SendRequest request;
    request.fee_rate = wish.fee_rate;
    // A dry run leaves no trace in the wallet, a key handed out included; any key has the same size.
    if (!wish.dry_run) job.refund = wallet->new_change_key();
    request.outputs = {{escrow, consensus::command_script(consensus::CommandType::kJob, encode(job))}};
    if (wish.dry_run) {
        const Amount fee = estimated_fee(*wallet, request);
        return {{"spend", amount_json(escrow)},
                {"fee", amount_json(fee)},
                {"largest_loss", amount_json(escrow + fee)},
                {"prompt_tokens", job.prompt.size()},
                {"max_tokens", job.answer_tokens_max},
                {"deadline", job.deadline}};
    }
    const auto sent = send_from(context, *wallet, request);
    return {{"job", to_hex(consensus::job_id({sent.txid, 0}))},
            {"txid", to_hex_reversed(sent.txid)},
            {"escrow", amount_json(escrow)},
            {"fee", amount_json(sent.fee)},
            {"prompt_tokens", job.prompt.size()},
            {"max_tokens", job.answer_tokens_max},
            {"deadline", job.deadline}};
}

constexpr Arg kArgs[] = {
    {"prompt", ArgType::kTextOrArray, true,
     "The question as text, or an array of tokens; of kind index an array of texts"},
    {"options", ArgType::kObject, false,
     "kind, max_tokens, temperature, min_p, seed, model, worker, escrow, deadline_blocks, fee_rate, system, "
     "raw, dry_run"},
};

const Method kMethods[] = {
    {"jobs", "submitjob", kArgs, submitjob,
     "Pays for an answer, or for a result: sends a job to the chain. With dry_run it only says what that "
     "would "
     "cost."},
};

}  // namespace

std::span<const Method> submit_methods() { return kMethods; }

}  // namespace daidd::rpc
