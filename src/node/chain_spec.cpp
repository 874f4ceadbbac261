#include "node/chain_spec.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "rpc/json.h"
#include "util/mapped_file.h"

namespace daidd::node {
namespace {

using consensus::Params;
using json = rpc::Json;

/// What is wrong with a key's value. Thrown and caught in this file.
struct BadKey {
    std::string text;
};

template <class Number>
Number number_of(const json& value, const std::string& key) {
    if (!value.is_number_unsigned()) throw BadKey{key + ": must be a whole number, not negative"};
    const auto number = value.get<uint64_t>();
    if (number > uint64_t(std::numeric_limits<Number>::max())) throw BadKey{key + ": too large"};
    return Number(number);
}

std::string text_of(const json& value, const std::string& key) {
    if (!value.is_string()) throw BadKey{key + ": must be a text"};
    return value.get<std::string>();
}

Hash256 root_of(const json& value, const std::string& key) {
    const auto hash = parse_hash(text_of(value, key));
    if (!hash) throw BadKey{key + ": must be 64 hex digits"};
    return *hash;
}

/// The value of a key that must be there; every key of the object must be known.
const json& at(const json& object, const std::string& where, const char* key) {
    if (!object.is_object()) throw BadKey{where + ": must be an object"};
    const auto found = object.find(key);
    if (found == object.end()) throw BadKey{where + "." + key + ": missing"};
    return *found;
}

void only(const json& object, const std::string& where, std::initializer_list<std::string_view> keys) {
    for (const auto& [key, value] : object.items()) {
        if (std::ranges::find(keys, std::string_view{key}) == keys.end()) {
            throw BadKey{where + "." + key + ": unknown key"};
        }
    }
}

void read_models(Params& params, const json& list) {
    if (!list.is_array()) throw BadKey{"models: must be a list"};
    params.models.clear();
    for (size_t i = 0; i < list.size(); ++i) {
        const std::string where = "models[" + std::to_string(i) + "]";
        consensus::BaseModel model;
        model.name = text_of(at(list[i], where, "name"), where + ".name");
        model.root = root_of(at(list[i], where, "root"), where + ".root");
        const auto bytes = parse_hex(text_of(at(list[i], where, "manifest"), where + ".manifest"));
        const auto manifest = bytes ? consensus::Manifest::decode(*bytes)
                                    : Result<consensus::Manifest, DecodeError>{Fail{DecodeError::kTruncated}};
        if (!manifest) throw BadKey{where + ".manifest: does not decode"};
        model.manifest = *manifest;
        model.first_height = number_of<uint32_t>(at(list[i], where, "first_height"), where + ".first_height");
        only(list[i], where, {"name", "root", "manifest", "first_height"});
        params.models.push_back(std::move(model));
    }
}

void read_corpora(Params& params, const json& list) {
    if (!list.is_array()) throw BadKey{"corpora: must be a list"};
    params.corpora.clear();
    for (size_t i = 0; i < list.size(); ++i) {
        const std::string where = "corpora[" + std::to_string(i) + "]";
        consensus::Corpus corpus;
        corpus.name = text_of(at(list[i], where, "name"), where + ".name");
        corpus.root = root_of(at(list[i], where, "root"), where + ".root");
        corpus.tokens = number_of<uint64_t>(at(list[i], where, "tokens"), where + ".tokens");
        only(list[i], where, {"name", "root", "tokens"});
        params.corpora.push_back(std::move(corpus));
    }
}

void read_weights(Params& params, const json& list) {
    if (!list.is_array() || list.size() != params.kind_weights.size()) {
        throw BadKey{"kind_weights: must be " + std::to_string(params.kind_weights.size()) + " numbers"};
    }
    for (size_t i = 0; i < list.size(); ++i)
        params.kind_weights[i] = number_of<uint32_t>(list[i], "kind_weights");
}

using Reader = std::function<void(Params&, const json&, const std::string& key)>;

template <class Number>
Reader number(Number Params::*field) {
    return [field](Params& params, const json& value, const std::string& key) {
        params.*field = number_of<Number>(value, key);
    };
}
Reader text(std::string Params::*field) {
    return [field](Params& params, const json& value, const std::string& key) {
        params.*field = text_of(value, key);
    };
}

std::map<std::string, Reader> make_readers() {
    return {
        {"name", text(&Params::name)},
        {"hrp", text(&Params::hrp)},
        {"genesis_message", text(&Params::genesis_message)},
        {"magic", number(&Params::magic)},
        {"p2p_port", number(&Params::p2p_port)},
        {"rpc_port", number(&Params::rpc_port)},
        {"coin_type", number(&Params::coin_type)},
        {"genesis_time", number(&Params::genesis_time)},
        {"genesis_bits", number(&Params::genesis_bits)},
        {"retarget",
         [](Params& params, const json& value, const std::string& key) {
             if (!value.is_boolean()) throw BadKey{key + ": must be true or false"};
             params.retarget = value.get<bool>();
         }},
        {"spacing_s", number(&Params::spacing_s)},
        {"half_life_s", number(&Params::half_life_s)},
        {"future_drift_s", number(&Params::future_drift_s)},
        {"subsidy", number(&Params::subsidy)},
        {"halving_blocks", number(&Params::halving_blocks)},
        {"treasury_percent", number(&Params::treasury_percent)},
        {"maturity", number(&Params::maturity)},
        {"challenge_window", number(&Params::challenge_window)},
        {"reply_window", number(&Params::reply_window)},
        {"unit_tokens", number(&Params::unit_tokens)},
        {"draw_slots", number(&Params::draw_slots)},
        {"prefill_price", number(&Params::prefill_price)},
        {"decode_price", number(&Params::decode_price)},
        {"fee_treasury_percent", number(&Params::fee_treasury_percent)},
        {"job_prompt_tokens_max", number(&Params::job_prompt_tokens_max)},
        {"job_answer_tokens_max", number(&Params::job_answer_tokens_max)},
        {"job_deadline_blocks_max", number(&Params::job_deadline_blocks_max)},
        {"assign_bits", number(&Params::assign_bits)},
        {"receipt_bond", number(&Params::receipt_bond)},
        {"block_weight_max", number(&Params::block_weight_max)},
        {"commands_bytes_max", number(&Params::commands_bytes_max)},
        {"witness_bytes_max", number(&Params::witness_bytes_max)},
        {"kind_weights",
         [](Params& params, const json& value, const std::string&) { read_weights(params, value); }},
        {"models", [](Params& params, const json& value, const std::string&) { read_models(params, value); }},
        {"corpora",
         [](Params& params, const json& value, const std::string&) { read_corpora(params, value); }},
    };
}

Params base_of(const json& spec) {
    const std::string base = text_of(at(spec, "spec", "base"), "base");
    if (base == "main") return consensus::main_params();
    if (base == "test") return consensus::test_params();
    if (base == "regtest") return consensus::regtest_params();
    throw BadKey{"base: must be main, test or regtest, not '" + base + "'"};
}

}  // namespace

Result<Params, std::string> parse_chain_spec(const std::string& text) {
    const auto spec = rpc::parse_json(text);
    if (!spec) return Fail{"not JSON: " + spec.error()};
    try {
        Params params = base_of(*spec);
        const auto readers = make_readers();
        for (const auto& [key, value] : spec->items()) {
            if (key == "base") continue;
            const auto reader = readers.find(key);
            if (reader == readers.end()) throw BadKey{key + ": unknown key"};
            reader->second(params, value, key);
        }
        if (auto wrong = consensus::check_params(params)) return Fail{*std::move(wrong)};
        return params;
    } catch (const BadKey& bad) {
        return Fail{bad.text};
    }
}

Result<Params, std::string> load_chain(const std::string& chain) {
    for (const auto* params :
         {&consensus::main_params(), &consensus::test_params(), &consensus::regtest_params()}) {
        if (chain != params->name) continue;
        if (params->models.empty()) {
            return Fail{"network '" + chain + "' has no base model yet; use -regtest or -chain=FILE"};
        }
        return *params;
    }
    const auto file = map_file(chain);
    if (!file) return Fail{"-chain: " + file.error()};
    if (file->bytes.size() > kSpecBytesMax) return Fail{"-chain: " + chain + ": too large"};
    auto params = parse_chain_spec(std::string{as_text(file->bytes)});
    if (!params) return Fail{"-chain: " + chain + ": " + params.error()};
    return params;
}

}  // namespace daidd::node
