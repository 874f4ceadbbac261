#include "import/hugging_face_tokenizer.h"

#include <algorithm>

#include "import/hugging_face_json.h"
#include "inference/tokenizer.h"

namespace daidd::import {

using inference::GgufError;
using inference::GgufReason;
using inference::GgufValue;
using inference::GgufValueType;
using nlohmann::json;

namespace {

// tokenizer.ggml.token_type, GGUF's own numbers.
constexpr uint64_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

// What Split steps look for (tokenizer.json of Llama 3 and of Qwen 2): they differ in how many digits a piece
// has.
#define DAIDD_WORDS R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)"
#define DAIDD_REST R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr std::string_view kLlama3 = DAIDD_WORDS R"(\p{N}{1,3})" DAIDD_REST;
constexpr std::string_view kQwen2 = DAIDD_WORDS R"(\p{N})" DAIDD_REST;
#undef DAIDD_WORDS
#undef DAIDD_REST

bool has(const json& object, const char* member, const json& value) {
    return object.is_object() && object.value(member, json{}) == value;
}

/// GGUF's name of the pre-tokenizer, or nothing if it is none that we know.
std::optional<std::string> pretokenizer_name(const json& step) {
    const auto is_byte_level = [](const json& s, bool splits) {
        return has(s, "type", "ByteLevel") && has(s, "add_prefix_space", false) &&
               (splits ? !has(s, "use_regex", false) : has(s, "use_regex", false));
    };
    if (is_byte_level(step, true)) return "gpt-2";
    if (!has(step, "type", "Sequence") || !step.contains("pretokenizers")) return std::nullopt;
    const json& steps = step["pretokenizers"];
    if (!steps.is_array() || steps.size() != 2) return std::nullopt;
    if (has(steps[0], "type", "Digits") && has(steps[0], "individual_digits", true) &&
        is_byte_level(steps[1], true)) {
        return "smollm";
    }
    if (!has(steps[0], "type", "Split") || !has(steps[0], "behavior", "Isolated") ||
        !has(steps[0], "invert", false) || !is_byte_level(steps[1], false)) {
        return std::nullopt;
    }
    const json pattern = steps[0].value("pattern", json{});
    const json regex = pattern.is_object() ? pattern.value("Regex", json{}) : json{};
    if (regex == kLlama3) return "llama-bpe";
    if (regex == kQwen2) return "qwen2";
    return std::nullopt;
}

GgufValue texts_value(const std::vector<std::string>& texts) {
    return {GgufValueType::kArray, GgufValueType::kText, {}, {texts.begin(), texts.end()}};
}

/// Token texts and types by id; empty where no token has the id.
class Vocabulary {
public:
    explicit Vocabulary(uint32_t size) : texts(size), types(size, kUnused) {}

    /// False if the id is outside or another token has it.
    bool put(const std::string& text, const json& id, uint64_t type, bool may_replace) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() >= texts.size() || text.empty()) return false;
        std::string& at = texts[id.get<size_t>()];
        if (!at.empty() && !(may_replace && at == text)) return false;
        at = text;
        types[id.get<size_t>()] = type;
        return true;
    }

    std::vector<std::string> texts;
    std::vector<uint64_t> types;
};

std::optional<GgufError> read_vocabulary(const HuggingFaceJson& file, const HuggingFaceJson& model,
                                         Vocabulary& vocabulary) {
    const json* vocab = model.find("vocab");
    if (vocab == nullptr || !vocab->is_object()) {
        return GgufError{GgufReason::kWrongType, model.name_of("vocab")};
    }
    for (const auto& [text, id] : vocab->items()) {
        if (!vocabulary.put(text, id, kNormal, false)) {
            return GgufError{GgufReason::kBadValue, model.name_of("vocab") + "[" + text + "]"};
        }
    }
    const json* added = file.find("added_tokens");
    for (const json& token : added == nullptr || !added->is_array() ? json::array() : *added) {
        const std::string name = file.name_of("added_tokens");
        if (!token.is_object()) return GgufError{GgufReason::kWrongType, name};
        const json content = token.value("content", json{}), id = token.value("id", json{});
        const uint64_t type = has(token, "special", true) ? kControl : kUserDefined;
        if (!content.is_string() || !vocabulary.put(content.get<std::string>(), id, type, true)) {
            return GgufError{GgufReason::kBadValue, name + "[" + content.dump() + "]"};
        }
    }
    for (size_t id = 0; id < vocabulary.texts.size(); ++id) {
        if (vocabulary.texts[id].empty()) vocabulary.texts[id] = "[PAD" + std::to_string(id) + "]";
    }
    return std::nullopt;
}

/// Merges are "left right", or since 2024 ["left", "right"].
std::optional<GgufError> read_merges(const HuggingFaceJson& model, std::vector<std::string>& merges) {
    const json* list = model.find("merges");
    const std::string name = model.name_of("merges");
    if (list == nullptr || !list->is_array()) return GgufError{GgufReason::kWrongType, name};
    for (const json& merge : *list) {
        if (merge.is_string()) {
            merges.push_back(merge.get<std::string>());
        } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
        } else {
            return GgufError{GgufReason::kWrongType, name + "[" + std::to_string(merges.size()) + "]"};
        }
    }
    return std::nullopt;
}

/// Whether the post-processor puts a token before every text.
bool begins_with_token(const json& step) {
    if (has(step, "type", "Sequence") && step.contains("processors") && step["processors"].is_array()) {
        return std::ranges::any_of(step["processors"], begins_with_token);
    }
    if (!has(step, "type", "TemplateProcessing")) return false;
    const json single = step.value("single", json{});
    return single.is_array() && !single.empty() && single[0].is_object() &&
           single[0].contains("SpecialToken");
}

std::optional<GgufError> check_model(const HuggingFaceJson& file, HuggingFaceJson& model) {
    if (model.text("type", "BPE") != "BPE") model.fail(GgufReason::kBadValue, "type");
    if (model.flag("byte_fallback", false)) model.fail(GgufReason::kBadValue, "byte_fallback");
    for (const char* member : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        if (!model.text(member, "").empty()) model.fail(GgufReason::kBadValue, member);
    }
    if (model.error()) return model.error();
    const json* normalizer = file.find("normalizer");
    if (normalizer != nullptr && !has(*normalizer, "type", "NFC")) {
        return GgufError{GgufReason::kBadValue, file.name_of("normalizer")};
    }
    return std::nullopt;
}

}  // namespace

std::optional<GgufError> add_tokenizer_fields(const HuggingFaceFiles& files, uint32_t vocabulary,
                                              const std::vector<uint32_t>& end_tokens,
                                              std::optional<uint32_t> begin_token,
                                              inference::GgufWriter& writer) {
    const HuggingFaceJson file{"tokenizer", files.tokenizer};
    HuggingFaceJson model{file, "model"};
    if (auto error = check_model(file, model)) return error;
    const json* pretokenizer = file.find("pre_tokenizer");
    const auto pre = pretokenizer == nullptr ? std::nullopt : pretokenizer_name(*pretokenizer);
    if (!pre) return GgufError{GgufReason::kBadValue, file.name_of("pre_tokenizer")};
    if (vocabulary > inference::kTokenizerVocabularyMax) {
        return GgufError{GgufReason::kOverLimit, "config.vocab_size"};
    }
    Vocabulary tokens{vocabulary};
    if (auto error = read_vocabulary(file, model, tokens)) return error;
    std::vector<std::string> merges;
    if (auto error = read_merges(model, merges)) return error;

    writer.add_text("tokenizer.ggml.model", "gpt2");
    writer.add_text("tokenizer.ggml.pre", *pre);
    writer.add_value("tokenizer.ggml.tokens", texts_value(tokens.texts));
    writer.add_value("tokenizer.ggml.token_type",
                     {GgufValueType::kArray, GgufValueType::kI32, tokens.types, {}});
    writer.add_value("tokenizer.ggml.merges", texts_value(merges));
    if (!end_tokens.empty()) writer.add_number("tokenizer.ggml.eos_token_id", end_tokens.front());
    if (end_tokens.size() > 1) writer.add_number("tokenizer.ggml.eot_token_id", end_tokens.back());
    if (begin_token) writer.add_number("tokenizer.ggml.bos_token_id", *begin_token);

    static constexpr uint8_t kNothing[] = {'{', '}'};
    HuggingFaceJson config{"tokenizer_config",
                           files.tokenizer_config.empty() ? ByteView{kNothing} : files.tokenizer_config};
    const json* post = file.find("post_processor");
    const bool begins = config.flag("add_bos_token", post != nullptr && begins_with_token(*post));
    writer.add_value("tokenizer.ggml.add_bos_token",
                     {.type = GgufValueType::kBool, .numbers = {begin_token && begins}, .texts = {}});
    const json* chat = config.find("chat_template");
    if (chat != nullptr && chat->is_string())
        writer.add_text("tokenizer.chat_template", chat->get<std::string>());
    return config.error();
}

}  // namespace daidd::import
