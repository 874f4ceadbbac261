#include "import/hugging_face_bert.h"

#include <algorithm>
#include <bit>
#include <deque>

#include "import/hugging_face_json.h"
#include "import/hugging_face_names.h"
#include "import/safetensors.h"
#include "inference/gguf_writer.h"
#include "inference/model.h"
#include "inference/tokenizer.h"

namespace daidd::import {

using inference::GgufError;
using inference::GgufFile;
using inference::GgufReason;
using inference::GgufTensor;
using inference::GgufType;
using inference::GgufValue;
using inference::GgufValueType;
using nlohmann::json;

namespace {

constexpr TensorName kModelTensors[] = {{"embeddings.word_embeddings", "token_embd"},
                                        {"embeddings.token_type_embeddings", "token_types"},
                                        {"embeddings.position_embeddings", "position_embd"},
                                        {"embeddings.LayerNorm", "token_embd_norm"}};
constexpr TensorName kLayerTensors[] = {{"attention.self.query", "attn_q"},
                                        {"attention.self.key", "attn_k"},
                                        {"attention.self.value", "attn_v"},
                                        {"attention.output.dense", "attn_output"},
                                        {"attention.output.LayerNorm", "attn_output_norm"},
                                        {"intermediate.dense", "ffn_up"},
                                        {"output.dense", "ffn_down"},
                                        {"output.LayerNorm", "layer_output_norm"}};
constexpr TensorNames kNames{kModelTensors, "encoder.layer.", kLayerTensors};
constexpr std::string_view kPositionIds = "embeddings.position_ids";
constexpr std::string_view kPooler = "pooler.";
/// Checkpoints of a model with a task's head name the encoder within it.
constexpr std::string_view kModelPrefix = "bert.";

// tokenizer.ggml.token_type, GGUF's own numbers.
constexpr uint64_t kNormal = 1, kControl = 3, kUnused = 5;
constexpr uint32_t kMeanPooling = 1;  // bert.pooling_type
constexpr std::string_view kContinues = "##";
constexpr const char* kBegins = "\xE2\x96\x81";  // U+2581: how GGUF writes the beginning of a word

/// The vocabulary's size, or why this is no such model.
Result<uint32_t, GgufError> add_config(ByteView bytes, inference::GgufWriter& writer) {
    HuggingFaceJson config{"config", bytes};
    const auto number = [&](const char* member, uint32_t max) {
        return config.number(member, std::nullopt, 1, max);
    };
    const uint32_t vocabulary = number("vocab_size", inference::kTokenizerVocabularyMax);
    writer.add_text("general.architecture", "bert");
    writer.add_number("bert.block_count", number("num_hidden_layers", inference::kLayersMax));
    writer.add_number("bert.embedding_length", number("hidden_size", inference::kDimMax));
    writer.add_number("bert.feed_forward_length", number("intermediate_size", inference::kDepthMax));
    writer.add_number("bert.attention.head_count", number("num_attention_heads", inference::kHeadsMax));
    writer.add_number("bert.context_length", number("max_position_embeddings", inference::kContextMax));
    writer.add_number("bert.pooling_type", kMeanPooling);
    writer.add_value("bert.attention.causal", {.type = GgufValueType::kBool, .numbers = {0}, .texts = {}});
    const auto epsilon = float(config.real("layer_norm_eps", 1e-12));
    writer.add_value(
        "bert.attention.layer_norm_epsilon",
        {.type = GgufValueType::kF32, .numbers = {std::bit_cast<uint32_t>(epsilon)}, .texts = {}});
    if (config.text("hidden_act", "gelu") != "gelu") config.fail(GgufReason::kBadValue, "hidden_act");
    if (config.text("position_embedding_type", "absolute") != "absolute")
        config.fail(GgufReason::kBadValue, "position_embedding_type");
    if (config.flag("is_decoder", false)) config.fail(GgufReason::kBadValue, "is_decoder");
    if (config.error()) return Fail{*config.error()};
    return vocabulary;
}

/// Where nothing is said of how positions become one row, it is their mean, as sentence-transformers has it.
std::optional<GgufError> check_pooling(ByteView bytes) {
    if (bytes.empty()) return std::nullopt;
    HuggingFaceJson pooling{"1_Pooling/config", bytes};
    constexpr const char* kMean = "pooling_mode_mean_tokens";
    if (!pooling.flag(kMean, false)) pooling.fail(GgufReason::kBadValue, kMean);
    for (const char* member :
         {"pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
          "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"}) {
        if (pooling.flag(member, false)) pooling.fail(GgufReason::kBadValue, member);
    }
    return pooling.error();
}

std::optional<GgufError> check_steps(const HuggingFaceJson& file, HuggingFaceJson& model) {
    HuggingFaceJson normalizer{file, "normalizer"}, splitter{file, "pre_tokenizer"};
    if (model.text("type", "") != "WordPiece") model.fail(GgufReason::kBadValue, "type");
    if (model.text("continuing_subword_prefix", "##") != kContinues)
        model.fail(GgufReason::kBadValue, "continuing_subword_prefix");
    if (model.number("max_input_chars_per_word", 100, 0, UINT32_MAX) != 100)
        model.fail(GgufReason::kBadValue, "max_input_chars_per_word");
    if (normalizer.text("type", "") != "BertNormalizer") normalizer.fail(GgufReason::kBadValue, "type");
    for (const char* member : {"clean_text", "handle_chinese_chars", "lowercase"}) {
        if (!normalizer.flag(member, true)) normalizer.fail(GgufReason::kBadValue, member);
    }
    // Where it is null, accents go with case.
    if (!normalizer.flag("strip_accents", true)) normalizer.fail(GgufReason::kBadValue, "strip_accents");
    if (splitter.text("type", "") != "BertPreTokenizer") splitter.fail(GgufReason::kBadValue, "type");
    for (const auto* part : {&model, &normalizer, &splitter}) {
        if (part->error()) return part->error();
    }
    return std::nullopt;
}

/// Texts and types by id, as GGUF writes them.
struct Vocabulary {
    std::vector<std::string> texts;
    std::vector<uint64_t> types;
};

std::optional<GgufError> read_vocabulary(const HuggingFaceJson& file, const HuggingFaceJson& model,
                                         Vocabulary& out) {
    const json* vocab = model.find("vocab");
    if (vocab == nullptr || !vocab->is_object()) {
        return GgufError{GgufReason::kWrongType, model.name_of("vocab")};
    }
    for (const auto& [text, id] : vocab->items()) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() >= out.texts.size() || text.empty() ||
            !out.texts[id.get<size_t>()].empty()) {
            return GgufError{GgufReason::kBadValue, model.name_of("vocab") + "[" + text + "]"};
        }
        const bool continues = text.starts_with(kContinues) && text.size() > kContinues.size();
        out.texts[id.get<size_t>()] = continues ? text.substr(kContinues.size()) : kBegins + text;
        out.types[id.get<size_t>()] = kNormal;
    }
    const json* added = file.find("added_tokens");
    for (const json& token : added == nullptr || !added->is_array() ? json::array() : *added) {
        const json content = token.is_object() ? token.value("content", json{}) : json{};
        const json id = token.is_object() ? token.value("id", json{}) : json{};
        if (!content.is_string() || !id.is_number_unsigned() || id.get<uint64_t>() >= out.texts.size()) {
            return GgufError{GgufReason::kBadValue, file.name_of("added_tokens")};
        }
        out.texts[id.get<size_t>()] = content.get<std::string>();
        out.types[id.get<size_t>()] = kControl;
    }
    for (size_t id = 0; id < out.texts.size(); ++id) {
        if (out.texts[id].empty()) out.texts[id] = "[PAD" + std::to_string(id) + "]";
    }
    return std::nullopt;
}

std::optional<GgufError> add_tokenizer(const HuggingFaceFiles& files, uint32_t vocabulary,
                                       inference::GgufWriter& writer) {
    const HuggingFaceJson file{"tokenizer", files.tokenizer};
    HuggingFaceJson model{file, "model"};
    if (auto error = check_steps(file, model)) return error;
    Vocabulary tokens{std::vector<std::string>(vocabulary), std::vector<uint64_t>(vocabulary, kUnused)};
    if (auto error = read_vocabulary(file, model, tokens)) return error;
    writer.add_text("tokenizer.ggml.model", "bert");
    writer.add_value(
        "tokenizer.ggml.tokens",
        {GgufValueType::kArray, GgufValueType::kText, {}, {tokens.texts.begin(), tokens.texts.end()}});
    writer.add_value("tokenizer.ggml.token_type",
                     {GgufValueType::kArray, GgufValueType::kI32, tokens.types, {}});
    // GGUF spells "separator" so.
    const std::pair<const char*, std::string> named[] = {
        {"tokenizer.ggml.bos_token_id", "[CLS]"},
        {"tokenizer.ggml.cls_token_id", "[CLS]"},
        {"tokenizer.ggml.eos_token_id", "[SEP]"},
        {"tokenizer.ggml.seperator_token_id", "[SEP]"},
        {"tokenizer.ggml.unknown_token_id", model.text("unk_token", "[UNK]")}};
    for (const auto& [key, text] : named) {
        const auto found = std::ranges::find(tokens.texts, text);
        if (found == tokens.texts.end()) {
            return GgufError{GgufReason::kMissing, model.name_of("vocab") + "[" + text + "]"};
        }
        writer.add_number(key, uint32_t(found - tokens.texts.begin()));
    }
    return std::nullopt;
}

struct Memory {
    Bytes fields;
    std::deque<std::string> names;
};

Result<std::vector<GgufTensor>, GgufError> translate(const HuggingFaceFiles& files, Memory& memory) {
    std::vector<GgufTensor> tensors;
    for (const ByteView shard : files.weights) {
        const auto file = SafetensorsFile::parse(shard);
        if (!file) return Fail{file.error()};
        for (const SafeTensor& tensor : file->tensors()) {
            std::string_view stem = tensor.name;
            if (stem.starts_with(kModelPrefix)) stem.remove_prefix(kModelPrefix.size());
            if (stem == kPositionIds || stem.starts_with(kPooler)) continue;
            const auto name = kNames.gguf_name(stem);
            if (!name) return Fail{GgufError{GgufReason::kBadValue, tensor.name}};
            const auto type = float_type_of(tensor);
            if (!type) return Fail{GgufError{GgufReason::kWrongType, tensor.name}};
            tensors.push_back({.name = memory.names.emplace_back(*name),
                               .type = *type,
                               .dims = {tensor.shape.rbegin(), tensor.shape.rend()},
                               .data = tensor.data});
        }
    }
    return tensors;
}

}  // namespace

Result<HuggingFaceModel, GgufError> read_hugging_face_bert(const HuggingFaceFiles& files) {
    inference::GgufWriter writer;
    const auto vocabulary = add_config(files.config, writer);
    if (!vocabulary) return Fail{vocabulary.error()};
    if (auto error = check_pooling(files.pooling)) return Fail{*error};
    if (auto error = add_tokenizer(files, *vocabulary, writer)) return Fail{*error};
    const auto memory = std::make_shared<Memory>();
    memory->fields = writer.finish();
    const auto fields = GgufFile::parse(memory->fields);
    if (!fields) return Fail{fields.error()};
    auto tensors = translate(files, *memory);
    if (!tensors) return Fail{tensors.error()};
    auto file = GgufFile::compose(fields->fields(), *std::move(tensors));
    if (!file) return Fail{file.error()};
    return HuggingFaceModel{*std::move(file), memory};
}

}  // namespace daidd::import
