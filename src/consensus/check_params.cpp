#include <algorithm>

#include "consensus/command.h"
#include "consensus/params.h"
#include "consensus/uint256.h"

namespace daidd::consensus {

namespace {

// Above these the arithmetic of units, traces and seals is not defined (protocol, "Units", "Tickets").
constexpr uint32_t kUnitTokensStep = 16;
constexpr uint32_t kUnitTokensMax = 1 << 15;
constexpr uint32_t kLinearInputsMax = 32'768;
constexpr uint32_t kPercent = 100;
constexpr uint32_t kAssignBitsMax = 32;
constexpr size_t kHrpMax = 16;
/// All that can fall due at once must fit a block (doc/protocol.md, "Settlement"): 4,096 refunds are 704,512
/// units of weight, and what a block's receipts are paid weighs less than 58 % of a block.
constexpr uint32_t kBlockWeightMin = 1'700'000;
/// A block with its witness fits one message of the peer-to-peer protocol.
constexpr uint32_t kWitnessBytesMax = 1 << 20;

using Problem = std::optional<std::string>;

Problem problem(std::string_view field, std::string_view what) {
    return std::string(field) + ": " + std::string(what);
}

bool is_lower_alphanumeric(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Problem check_identity(const Params& params) {
    if (params.name.empty() || params.name.size() > kNameMax || !is_lower_alphanumeric(params.name))
        return problem("name", "1 to 64 of a-z, 0-9 and -");
    if (params.hrp.empty() || params.hrp.size() > kHrpMax || !is_lower_alphanumeric(params.hrp))
        return problem("hrp", "1 to 16 of a-z, 0-9 and -");
    if (params.magic == 0) return problem("magic", "must not be 0");
    if (params.p2p_port == 0) return problem("p2p_port", "must not be 0");
    if (params.rpc_port == 0) return problem("rpc_port", "must not be 0");
    if (params.rpc_port == params.p2p_port) return problem("rpc_port", "must not be the p2p_port");
    if (params.coin_type >= 1u << 31) return problem("coin_type", "must be below 2^31");
    if (params.genesis_message.size() < 2 || params.genesis_message.size() > kNameMax)
        return problem("genesis_message", "2 to 64 bytes");
    return std::nullopt;
}

Problem check_difficulty(const Params& params) {
    if (params.genesis_time == 0) return problem("genesis_time", "must not be 0");
    const auto target = target_from_bits(params.genesis_bits);
    const auto cap = target_from_bits(kTargetCapBits);
    if (!target || *target > *cap || bits_from_target(*target) != params.genesis_bits)
        return problem("genesis_bits", "must be a target in shortest form, at most 1e0fffff");
    if (params.spacing_s == 0) return problem("spacing_s", "must not be 0");
    if (params.half_life_s == 0) return problem("half_life_s", "must not be 0");
    if (params.future_drift_s == 0) return problem("future_drift_s", "must not be 0");
    return std::nullopt;
}

/// Everything that subsidies can ever add up to.
bool supply_is_money(Amount subsidy, uint32_t halving_blocks) {
    Amount left = kMoneyMax;
    for (; subsidy > 0; subsidy /= 2) {
        if (subsidy > left / halving_blocks) return false;
        left -= subsidy * halving_blocks;
    }
    return true;
}

Problem check_money(const Params& params) {
    if (params.halving_blocks == 0) return problem("halving_blocks", "must not be 0");
    if (!is_money(params.subsidy) || !supply_is_money(params.subsidy, params.halving_blocks))
        return problem("subsidy", "all subsidies must sum to at most 84,096,000 coins");
    if (params.treasury_percent > kPercent) return problem("treasury_percent", "at most 100");
    if (params.challenge_window == 0) return problem("challenge_window", "must not be 0");
    if (params.reply_window == 0) return problem("reply_window", "must not be 0");
    // A coinbase must still be frozen when its last dispute ends.
    if (params.maturity <= uint64_t{params.challenge_window} + 2 * uint64_t{params.reply_window})
        return problem("maturity", "must exceed challenge_window + 2 reply_window");
    return std::nullopt;
}

Problem check_manifest(const Manifest& manifest) {
    if (manifest.vocabulary == 0) return problem("models.manifest.vocabulary", "must not be 0");
    if (manifest.tensors == 0) return problem("models.manifest.tensors", "must not be 0");
    if (manifest.linears.empty() || manifest.linears.size() > 0xffff)
        return problem("models.manifest.linears", "1 to 65535");
    if (manifest.operations.empty() || manifest.operations.size() > 0xffff)
        return problem("models.manifest.operations", "1 to 65535");
    for (const auto& linear : manifest.linears)
        if (linear.k == 0 || linear.n == 0 || linear.k > kLinearInputsMax)
            return problem("models.manifest.linears", "k is 1 to 32768, n at least 1");
    for (const auto& operation : manifest.operations)
        if (operation.tensor >= manifest.tensors || operation.linear >= manifest.linears.size() ||
            operation.plane > 2)
            return problem("models.manifest.operations", "no such tensor, linear or plane");
    return std::nullopt;
}

Problem check_models(const Params& params) {
    if (params.models.empty()) return problem("models", "the chain has no base model");
    if (params.models.size() > kModelsMax) return problem("models", "at most 64");
    for (auto model = params.models.begin(); model != params.models.end(); ++model) {
        if (model->name.empty() || model->name.size() > kNameMax)
            return problem("models.name", "1 to 64 bytes");
        if (std::any_of(params.models.begin(), model,
                        [&](const BaseModel& other) { return other.root == model->root; }))
            return problem("models.root", "listed twice");
        if (model->manifest.unit_tokens != params.unit_tokens)
            return problem("models.manifest.unit_tokens", "must be the chain's unit_tokens");
        if (auto found = check_manifest(model->manifest)) return found;
    }
    if (std::none_of(params.models.begin(), params.models.end(),
                     [](const BaseModel& model) { return model.first_height <= 1; }))
        return problem("models.first_height", "block 1 has no model");
    return std::nullopt;
}

Problem check_work(const Params& params) {
    if (params.unit_tokens == 0 || params.unit_tokens % kUnitTokensStep != 0 ||
        params.unit_tokens > kUnitTokensMax)
        return problem("unit_tokens", "a multiple of 16 up to 32768");
    uint64_t weights = 0;
    for (const uint32_t weight : params.kind_weights) weights += weight;
    if (weights == 0) return problem("kind_weights", "must not all be 0");
    if (params.draw_slots == 0) return problem("draw_slots", "must not be 0");
    if (auto found = check_models(params)) return found;
    if (params.corpora.size() > kCorporaMax) return problem("corpora", "at most 64");
    bool has_window = false;
    uint64_t tokens_in_all = 0;
    for (const Corpus& corpus : params.corpora) {
        if (corpus.name.empty() || corpus.name.size() > kNameMax)
            return problem("corpora.name", "1 to 64 bytes");
        has_window = has_window || corpus.tokens >= params.unit_tokens;
        if (corpus.tokens >= (uint64_t{1} << 32) || (tokens_in_all += corpus.tokens) >= (uint64_t{1} << 32))
            return problem("corpora.tokens", "below 2^32 in all");
    }
    if (!has_window) return problem("corpora", "no corpus fills a unit");
    return std::nullopt;
}

Problem check_jobs(const Params& params) {
    if (!is_money(params.prefill_price)) return problem("prefill_price", "out of range");
    if (!is_money(params.decode_price)) return problem("decode_price", "out of range");
    if (params.fee_treasury_percent > kPercent) return problem("fee_treasury_percent", "at most 100");
    if (params.job_prompt_tokens_max == 0 || params.job_prompt_tokens_max > kPromptTokensMax)
        return problem("job_prompt_tokens_max", "1 to 24000");
    if (params.job_answer_tokens_max == 0 || params.job_answer_tokens_max > kAnswerTokensMax)
        return problem("job_answer_tokens_max", "1 to 24000");
    if (params.job_deadline_blocks_max == 0) return problem("job_deadline_blocks_max", "must not be 0");
    if (params.assign_bits > kAssignBitsMax) return problem("assign_bits", "at most 32");
    if (!is_money(params.receipt_bond)) return problem("receipt_bond", "out of range");
    return std::nullopt;
}

Problem check_limits(const Params& params) {
    if (params.block_weight_max < kBlockWeightMin || params.block_weight_max > kTxBytesMax)
        return problem("block_weight_max", "1700000 to 4000000");
    if (params.commands_bytes_max > params.block_weight_max / 4)
        return problem("commands_bytes_max", "at most a quarter of block_weight_max");
    if (params.witness_bytes_max == 0 || params.witness_bytes_max > kWitnessBytesMax)
        return problem("witness_bytes_max", "1 to 1048576");
    return std::nullopt;
}

}  // namespace

std::optional<std::string> check_params(const Params& params) {
    for (const auto check :
         {check_identity, check_difficulty, check_money, check_work, check_jobs, check_limits})
        if (auto found = check(params)) return found;
    return std::nullopt;
}

}  // namespace daidd::consensus
