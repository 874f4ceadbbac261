#include "node/chain_spec.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace daidd::node {
namespace {

using consensus::Params;
using nlohmann::json;

/// A spec that keeps regtest's rules but for one key.
json with(const std::string& key, const json& value) { return {{"base", "regtest"}, {key, value}}; }

std::string error_of(const json& spec) {
    const auto params = parse_chain_spec(spec.dump());
    return params ? "" : params.error();
}

json model_json(const consensus::BaseModel& model) {
    return {{"name", model.name},
            {"root", to_hex(model.root)},
            {"manifest", to_hex(model.manifest.encode())},
            {"first_height", model.first_height}};
}
json corpus_json(const consensus::Corpus& corpus) {
    return {{"name", corpus.name}, {"root", to_hex(corpus.root)}, {"tokens", corpus.tokens}};
}
const consensus::BaseModel& toy() { return consensus::regtest_params().models[0]; }
const consensus::Corpus& embedded() { return consensus::regtest_params().corpora[0]; }

struct NumberCase {
    std::string key;
    uint64_t value;  ///< valid, and not regtest's
    uint64_t max;    ///< of its type; the rules may allow less
    uint64_t (*get)(const Params&);
};

template <auto Field>
NumberCase number_case(const std::string& key, uint64_t value) {
    using Number = std::remove_cvref_t<decltype(std::declval<Params>().*Field)>;
    return {key, value, uint64_t(std::numeric_limits<Number>::max()),
            [](const Params& params) { return uint64_t(params.*Field); }};
}

const std::vector<NumberCase>& number_cases() {
    static const std::vector<NumberCase> cases = {
        number_case<&Params::magic>("magic", 1),
        number_case<&Params::p2p_port>("p2p_port", 65'535),
        number_case<&Params::rpc_port>("rpc_port", 65'535),
        number_case<&Params::coin_type>("coin_type", (1u << 31) - 1),
        number_case<&Params::genesis_time>("genesis_time", 1),
        number_case<&Params::genesis_bits>("genesis_bits", 0x1d00'ffff),
        number_case<&Params::spacing_s>("spacing_s", 1),
        number_case<&Params::half_life_s>("half_life_s", 600),
        number_case<&Params::future_drift_s>("future_drift_s", 61),
        number_case<&Params::subsidy>("subsidy", 0),
        number_case<&Params::halving_blocks>("halving_blocks", 1),
        number_case<&Params::treasury_percent>("treasury_percent", 100),
        number_case<&Params::maturity>("maturity", 17),
        number_case<&Params::challenge_window>("challenge_window", 9),
        number_case<&Params::reply_window>("reply_window", 4),
        number_case<&Params::draw_slots>("draw_slots", 1),
        number_case<&Params::prefill_price>("prefill_price", 0),
        number_case<&Params::decode_price>("decode_price", 7),
        number_case<&Params::fee_treasury_percent>("fee_treasury_percent", 100),
        number_case<&Params::job_prompt_tokens_max>("job_prompt_tokens_max", 1),
        number_case<&Params::job_answer_tokens_max>("job_answer_tokens_max", 1),
        number_case<&Params::job_deadline_blocks_max>("job_deadline_blocks_max", 1),
        number_case<&Params::assign_bits>("assign_bits", 32),
        number_case<&Params::receipt_bond>("receipt_bond", 1),
        number_case<&Params::block_weight_max>("block_weight_max", 3'999'999),
        number_case<&Params::commands_bytes_max>("commands_bytes_max", 999'999),
        number_case<&Params::witness_bytes_max>("witness_bytes_max", 1),
    };
    return cases;
}

TEST(ChainSpec, TheBaseAloneIsTheBase) {
    const auto params = parse_chain_spec(R"({"base": "regtest"})");
    ASSERT_TRUE(params) << params.error();
    EXPECT_EQ(consensus::spec_hash(*params), consensus::spec_hash(consensus::regtest_params()));
    EXPECT_EQ(params->rpc_port, consensus::regtest_params().rpc_port);
    for (const char* base : {"main", "test"}) {
        json spec{{"base", base}};
        EXPECT_EQ(error_of(spec), "models: the chain has no base model");
        auto model = toy();
        model.manifest.unit_tokens = consensus::main_params().unit_tokens;
        spec["models"] = json::array({model_json(model)});
        spec["corpora"] = json::array({corpus_json(embedded())});
        const auto whole = parse_chain_spec(spec.dump());
        ASSERT_TRUE(whole) << whole.error();
        EXPECT_EQ(whole->name, base);
        EXPECT_EQ(whole->models[0].manifest.unit_tokens, consensus::main_params().unit_tokens);
    }
}

TEST(ChainSpec, EveryNumberIsRead) {
    for (const auto& [key, value, max, get] : number_cases()) {
        EXPECT_NE(get(consensus::regtest_params()), value) << key;
        json spec = with("commands_bytes_max", 999'999);  // else no other block_weight_max is valid
        spec[key] = value;
        const auto params = parse_chain_spec(spec.dump());
        ASSERT_TRUE(params) << params.error();
        EXPECT_EQ(get(*params), value) << key;
    }
}

TEST(ChainSpec, ANumberOfTheWrongKindIsNamed) {
    const std::string wrong = ": must be a whole number, not negative";
    for (const auto& [key, value, max, get] : number_cases()) {
        for (const json& bad : {json(-1), json("1"), json(true), json(nullptr), json::array({1})})
            EXPECT_EQ(error_of(with(key, bad)), key + wrong);
        for (const char* text : {"1.0", "1e3", "18446744073709551616"})
            EXPECT_EQ(parse_chain_spec(R"({"base":"regtest",")" + key + "\":" + text + "}").error(),
                      key + wrong);
        if (max == UINT64_MAX) continue;
        EXPECT_EQ(error_of(with(key, max + 1)), key + ": too large");
        EXPECT_NE(error_of(with(key, max)), key + ": too large");
    }
}

TEST(ChainSpec, TextsAndTheSwitchAreRead) {
    for (const auto& [key, field] : {std::pair{"name", &Params::name}, std::pair{"hrp", &Params::hrp},
                                     std::pair{"genesis_message", &Params::genesis_message}}) {
        const auto params = parse_chain_spec(with(key, "other").dump());
        ASSERT_TRUE(params) << params.error();
        EXPECT_EQ(*params.*field, "other");
        EXPECT_EQ(error_of(with(key, 1)), std::string{key} + ": must be a text");
    }
    const auto params = parse_chain_spec(with("retarget", true).dump());
    ASSERT_TRUE(params) << params.error();
    EXPECT_TRUE(params->retarget);
    EXPECT_EQ(error_of(with("retarget", 1)), "retarget: must be true or false");
}

TEST(ChainSpec, WeightsAreAsManyAsTheKinds) {
    const auto params = parse_chain_spec(with("kind_weights", {1, 0, 0}).dump());
    ASSERT_TRUE(params) << params.error();
    EXPECT_EQ(params->kind_weights, (std::array<uint32_t, consensus::kKinds>{1, 0, 0}));
    EXPECT_EQ(error_of(with("kind_weights", {1, 2})), "kind_weights: must be 3 numbers");
    EXPECT_EQ(error_of(with("kind_weights", {1, 2, 3, 4})), "kind_weights: must be 3 numbers");
    EXPECT_EQ(error_of(with("kind_weights", 1)), "kind_weights: must be 3 numbers");
    EXPECT_EQ(error_of(with("kind_weights", {1, 2, "3"})),
              "kind_weights: must be a whole number, not negative");
    EXPECT_EQ(error_of(with("kind_weights", {0, 0, 0})), "kind_weights: must not all be 0");
}

TEST(ChainSpec, ListsReplaceTheBases) {
    json model = model_json(toy());
    model["name"] = "other";
    model["first_height"] = 1;
    json corpus = corpus_json(embedded());
    corpus["name"] = "text";
    corpus["tokens"] = 32;
    const json spec{{"base", "regtest"}, {"models", {model}}, {"corpora", {corpus}}};
    const auto params = parse_chain_spec(spec.dump());
    ASSERT_TRUE(params) << params.error();
    ASSERT_EQ(params->models.size(), 1u);
    EXPECT_EQ(params->models[0].name, "other");
    EXPECT_EQ(params->models[0].root, toy().root);
    EXPECT_EQ(params->models[0].manifest.encode(), toy().manifest.encode());
    EXPECT_EQ(params->models[0].first_height, 1u);
    ASSERT_EQ(params->corpora.size(), 1u);
    EXPECT_EQ(params->corpora[0].name, "text");
    EXPECT_EQ(params->corpora[0].root, embedded().root);
    EXPECT_EQ(params->corpora[0].tokens, 32u);
}

struct ElementCase {
    std::string key;
    json value;  ///< discarded: the key is taken out
    std::string error;
};
const json kMissing = json(json::value_t::discarded);

void expect_elements(const std::string& list, const json& good, const std::vector<ElementCase>& cases) {
    for (const auto& [key, value, error] : cases) {
        json element = good;
        if (value.is_discarded()) {
            element.erase(key);
        } else {
            element[key] = value;
        }
        EXPECT_EQ(error_of(with(list, json::array({good, element}))), list + "[1]." + key + ": " + error);
    }
    EXPECT_EQ(error_of(with(list, json::object())), list + ": must be a list");
    EXPECT_EQ(error_of(with(list, json::array({1}))), list + "[0]: must be an object");
}

TEST(ChainSpec, WhatIsWrongInAModelIsNamed) {
    const std::string short_manifest = to_hex(toy().manifest.encode()).substr(2);
    expect_elements("models", model_json(toy()),
                    {{"name", kMissing, "missing"},
                     {"name", 1, "must be a text"},
                     {"root", kMissing, "missing"},
                     {"root", "00", "must be 64 hex digits"},
                     {"root", std::string(64, 'g'), "must be 64 hex digits"},
                     {"manifest", kMissing, "missing"},
                     {"manifest", "0", "does not decode"},
                     {"manifest", short_manifest, "does not decode"},
                     {"manifest", 1, "must be a text"},
                     {"first_height", kMissing, "missing"},
                     {"first_height", -1, "must be a whole number, not negative"},
                     {"first_height", uint64_t{1} << 32, "too large"},
                     {"other", 1, "unknown key"}});
    EXPECT_EQ(error_of(with("models", json::array())), "models: the chain has no base model");
}

TEST(ChainSpec, WhatIsWrongInACorpusIsNamed) {
    expect_elements("corpora", corpus_json(embedded()),
                    {{"name", kMissing, "missing"},
                     {"name", nullptr, "must be a text"},
                     {"root", kMissing, "missing"},
                     {"root", std::string(63, '0'), "must be 64 hex digits"},
                     {"tokens", kMissing, "missing"},
                     {"tokens", "1", "must be a whole number, not negative"},
                     {"other", 1, "unknown key"}});
    EXPECT_EQ(error_of(with("corpora", json::array())), "corpora: no corpus fills a unit");
}

TEST(ChainSpec, TheDocumentIsChecked) {
    EXPECT_EQ(error_of(json::array()), "spec: must be an object");
    EXPECT_EQ(error_of(1), "spec: must be an object");
    EXPECT_EQ(error_of(json::object()), "spec.base: missing");
    EXPECT_EQ(error_of({{"base", 1}}), "base: must be a text");
    EXPECT_EQ(error_of({{"base", "other"}}), "base: must be main, test or regtest, not 'other'");
    EXPECT_EQ(error_of(with("unknown", 1)), "unknown: unknown key");
    for (const char* text :
         {"", "{", R"({"base":"regtest"} x)", R"({"base":"regtest",})", "{'base':'regtest'}"})
        EXPECT_TRUE(parse_chain_spec(text).error().starts_with("not JSON: ")) << text;
    EXPECT_EQ(parse_chain_spec(R"({"base":"regtest","magic":1,"magic":2})").error(),
              "not JSON: member \"magic\" is there twice");
}

struct RuleCase {
    std::string key;
    json last_valid, first_invalid;
    std::string error;
};
// That the rules are asked at all; each rule has its test in test/consensus.
const RuleCase kRuleCases[] = {
    {"magic", 1, 0, "magic: must not be 0"},
    {"name", "a-1", "A", "name: 1 to 64 of a-z, 0-9 and -"},
    {"name", std::string(64, 'a'), std::string(65, 'a'), "name: 1 to 64 of a-z, 0-9 and -"},
    {"maturity", 17, 16, "maturity: must exceed challenge_window + 2 reply_window"},
    {"treasury_percent", 100, 101, "treasury_percent: at most 100"},
    {"assign_bits", 32, 33, "assign_bits: at most 32"},
};

TEST(ChainSpec, TheRulesOfASpecHold) {
    for (const auto& [key, last_valid, first_invalid, error] : kRuleCases) {
        EXPECT_EQ(error_of(with(key, last_valid)), "");
        EXPECT_EQ(error_of(with(key, first_invalid)), error);
    }
}

TEST(LoadChain, KnowsTheNetworksAndReadsFiles) {
    EXPECT_EQ(load_chain("regtest")->name, "regtest");
    for (const std::string name : {"main", "test"}) {
        EXPECT_EQ(load_chain(name).error(),
                  "network '" + name + "' has no base model yet; use -regtest or -chain=FILE");
    }
    EXPECT_TRUE(load_chain("/nowhere.json").error().starts_with("-chain: /nowhere.json: "));
    EXPECT_TRUE(load_chain("/").error().starts_with("-chain: /: ")) << load_chain("/").error();

    const std::string path = testing::TempDir() + "daidd-spec-" + std::to_string(::getpid()) + ".json";
    const auto load = [&](const std::string& text) {
        std::ofstream{path, std::ios::binary | std::ios::trunc} << text;
        return load_chain(path);
    };
    EXPECT_EQ(load(with("unknown", 1).dump()).error(), "-chain: " + path + ": unknown: unknown key");
    EXPECT_EQ(load(with("name", "other").dump())->name, "other");
    std::string text = with("name", "other").dump();
    text.resize(kSpecBytesMax, ' ');
    EXPECT_EQ(load(text)->name, "other");
    EXPECT_EQ(load(text + ' ').error(), "-chain: " + path + ": too large");
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace daidd::node
