#include "import/hugging_face.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <set>

#include "import/hugging_face_bert.h"
#include "import/hugging_face_json.h"
#include "import/hugging_face_names.h"
#include "import/hugging_face_tokenizer.h"
#include "import/safetensors.h"
#include "inference/gguf_writer.h"
#include "inference/model.h"

namespace daidd::import {

using inference::GgufError;
using inference::GgufFile;
using inference::GgufReason;
using inference::GgufTensor;
using inference::GgufType;
using inference::GgufValueType;
using nlohmann::json;

namespace {

struct Architecture {
    std::string_view model_type, gguf;
    bool interleaves;  ///< GGUF interleaves the halves of q's and k's heads
};
constexpr Architecture kArchitectures[] = {{"llama", "llama", true},
                                           {"mistral", "llama", true},
                                           {"qwen2", "qwen2", false},
                                           {"qwen3", "qwen3", false}};

constexpr TensorName kModelTensors[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};
constexpr TensorName kLayerTensors[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"}};
constexpr TensorNames kNames{kModelTensors, "model.layers.", kLayerTensors};
/// Frequencies that old checkpoints hold although the configuration says them.
constexpr std::string_view kRotaryBuffer = "self_attn.rotary_emb.inv_freq";

/// What translating the tensors needs of config.json.
struct Config {
    Architecture architecture;
    uint32_t heads = 0, kv_heads = 0;
    uint32_t vocabulary = 0;
    bool ties_head = false;
    std::vector<uint32_t> end_tokens;
    std::optional<uint32_t> begin_token;
};

/// Token ids that are one number or a list of them.
std::vector<uint32_t> read_tokens(HuggingFaceJson& config, const char* member, uint32_t vocabulary) {
    const json* found = config.find(member);
    std::vector<uint32_t> tokens;
    if (found == nullptr) return tokens;
    for (const json& id : found->is_array() ? *found : json::array({*found})) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocabulary) {
            config.fail(GgufReason::kBadValue, member);
            return {};
        }
        tokens.push_back(id.get<uint32_t>());
    }
    return tokens;
}

/// What the integer model would compute in another way.
void check_behaviour(HuggingFaceJson& config, uint32_t context) {
    if (config.text("hidden_act", "silu") != "silu") config.fail(GgufReason::kBadValue, "hidden_act");
    if (config.real("partial_rotary_factor", 1) != 1) {
        config.fail(GgufReason::kBadValue, "partial_rotary_factor");
    }
    const uint32_t window = config.number("sliding_window", UINT32_MAX, 1, UINT32_MAX);
    if (config.flag("use_sliding_window", true) && window < context) {
        config.fail(GgufReason::kBadValue, "sliding_window");
    }
}

class ConfigReader {
public:
    explicit ConfigReader(ByteView bytes) : config_{"config", bytes} {}

    Result<Config, GgufError> read(inference::GgufWriter& writer) {
        const std::string type = config_.text("model_type", std::nullopt);
        if (config_.error()) return Fail{*config_.error()};
        const auto* found = std::ranges::find(kArchitectures, type, &Architecture::model_type);
        if (found == std::end(kArchitectures)) {
            return Fail{GgufError{GgufReason::kBadValue, "config.model_type = " + type}};
        }
        Config out;
        out.architecture = *found;
        prefix_ = std::string{found->gguf} + ".";
        writer.add_text("general.architecture", found->gguf);
        read_shape(writer, out);
        read_rotation(writer);
        out.ties_head = config_.flag("tie_word_embeddings", false);
        out.end_tokens = read_tokens(config_, "eos_token_id", out.vocabulary);
        const auto begin = read_tokens(config_, "bos_token_id", out.vocabulary);
        if (!begin.empty()) out.begin_token = begin.front();
        if (config_.error()) return Fail{*config_.error()};
        return out;
    }

private:
    void add_real(inference::GgufWriter& writer, const std::string& key, double value) const {
        writer.add_value(
            prefix_ + key,
            {.type = GgufValueType::kF32, .numbers = {std::bit_cast<uint32_t>(float(value))}, .texts = {}});
    }

    void read_shape(inference::GgufWriter& writer, Config& out) {
        const auto add = [&](const char* key, uint32_t value) { writer.add_number(prefix_ + key, value); };
        const auto number = [&](const char* member, uint32_t max) {
            return config_.number(member, std::nullopt, 1, max);
        };
        out.vocabulary = number("vocab_size", inference::kVocabularyMax);
        out.heads = number("num_attention_heads", inference::kHeadsMax);
        out.kv_heads = config_.number("num_key_value_heads", out.heads, 1, inference::kHeadsMax);
        const uint32_t dim = number("hidden_size", inference::kDimMax);
        const uint32_t context = number("max_position_embeddings", UINT32_MAX);
        const uint32_t head_dim = config_.number("head_dim", dim / out.heads, 2, inference::kHeadDimMax);
        add("block_count", number("num_hidden_layers", inference::kLayersMax));
        add("embedding_length", dim);
        add("feed_forward_length", number("intermediate_size", inference::kDepthMax));
        add("attention.head_count", out.heads);
        add("attention.head_count_kv", out.kv_heads);
        add("attention.key_length", head_dim);
        add("attention.value_length", head_dim);
        add("context_length", context);
        add_real(writer, "attention.layer_norm_rms_epsilon", config_.real("rms_norm_eps", std::nullopt));
        check_behaviour(config_, context);
    }

    /// `rope_theta` and `rope_scaling`, which newer files put together as `rope_parameters`.
    void read_rotation(inference::GgufWriter& writer) {
        HuggingFaceJson together{config_, "rope_parameters"};
        HuggingFaceJson scaling{config_, "rope_scaling"};
        add_real(writer, "rope.freq_base", config_.real("rope_theta", together.real("rope_theta", 10'000)));
        for (HuggingFaceJson* rope : {&together, &scaling}) {
            const std::string type = rope->text("rope_type", rope->text("type", "default"));
            if (type == "linear") {
                writer.add_text(prefix_ + "rope.scaling.type", type);
                add_real(writer, "rope.scaling.factor", rope->real("factor", std::nullopt));
            } else if (type != "default") {
                rope->fail(GgufReason::kBadValue, "rope_type");
            }
            if (rope->error()) return config_.adopt(*rope->error());
        }
    }

    HuggingFaceJson config_;
    std::string prefix_;
};

struct Memory {
    Bytes fields;
    std::deque<std::string> names;
    std::deque<Bytes> tensors;
};

/// Row j + i · half of a head becomes 2j + i. Requires an even number of rows in each of `heads`.
Bytes interleaved(ByteView rows, uint64_t heads, uint64_t head_dim) {
    const uint64_t bytes = rows.size() / (heads * head_dim), half = head_dim / 2;
    Bytes out(rows.size());
    for (uint64_t h = 0; h < heads; ++h) {
        for (uint64_t r = 0; r < head_dim; ++r) {
            const uint64_t to = h * head_dim + r % half * 2 + r / half;
            std::ranges::copy(rows.subspan((h * head_dim + r) * bytes, bytes),
                              out.begin() + ptrdiff_t(to * bytes));
        }
    }
    return out;
}

Result<GgufTensor, GgufError> translate(const SafeTensor& tensor, const Config& config, Memory& memory) {
    const auto name = kNames.gguf_name(tensor.name);
    if (!name) return Fail{GgufError{GgufReason::kBadValue, tensor.name}};
    const auto type = float_type_of(tensor);
    if (!type) return Fail{GgufError{GgufReason::kWrongType, tensor.name}};
    GgufTensor out{.name = memory.names.emplace_back(*name),
                   .type = *type,
                   .dims = {tensor.shape.rbegin(), tensor.shape.rend()},
                   .data = tensor.data};
    const bool is_q = name->ends_with("attn_q.weight") || name->ends_with("attn_q.bias");
    const bool is_k = name->ends_with("attn_k.weight") || name->ends_with("attn_k.bias");
    if (!config.architecture.interleaves || !(is_q || is_k)) return out;
    const uint64_t heads = is_q ? config.heads : config.kv_heads;
    const uint64_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
    if (rows == 0 || rows % (2 * heads) != 0) return Fail{GgufError{GgufReason::kBadShape, tensor.name}};
    out.data = memory.tensors.emplace_back(interleaved(tensor.data, heads, rows / heads));
    return out;
}

}  // namespace

Result<HuggingFaceModel, GgufError> read_hugging_face(const HuggingFaceFiles& files) {
    HuggingFaceJson kind{"config", files.config};
    if (kind.text("model_type", "") == "bert") return read_hugging_face_bert(files);
    inference::GgufWriter writer;
    const auto config = ConfigReader{files.config}.read(writer);
    if (!config) return Fail{config.error()};
    if (auto error = add_tokenizer_fields(files, config->vocabulary, config->end_tokens, config->begin_token,
                                          writer)) {
        return Fail{*error};
    }
    const auto memory = std::make_shared<Memory>();
    memory->fields = writer.finish();
    const auto fields = GgufFile::parse(memory->fields);
    if (!fields) return Fail{fields.error()};

    std::vector<GgufTensor> tensors;
    bool has_head = false;
    for (const ByteView shard : files.weights) {
        const auto file = SafetensorsFile::parse(shard);
        if (!file) return Fail{file.error()};
        for (const SafeTensor& tensor : file->tensors()) {
            const bool is_head = tensor.name == "lm_head.weight";
            if (tensor.name.ends_with(kRotaryBuffer) || (is_head && config->ties_head)) continue;
            auto translated = translate(tensor, *config, *memory);
            if (!translated) return Fail{translated.error()};
            tensors.push_back(*std::move(translated));
            has_head |= is_head;
        }
    }
    // Where GGUF has no head the embedding is the head: only the configuration may say so here.
    if (!has_head && !config->ties_head) return Fail{GgufError{GgufReason::kMissing, "lm_head.weight"}};
    auto file = GgufFile::compose(fields->fields(), std::move(tensors));
    if (!file) return Fail{file.error()};
    return HuggingFaceModel{*std::move(file), memory};
}

Result<std::vector<std::string>, GgufError> read_shard_names(ByteView index) {
    HuggingFaceJson file{"index", index};
    const json* map = file.find("weight_map");
    if (!file.error() && (map == nullptr || !map->is_object())) file.fail(GgufReason::kMissing, "weight_map");
    if (file.error()) return Fail{*file.error()};
    std::set<std::string> names;
    for (const auto& [tensor, shard] : map->items()) {
        const std::string name = shard.is_string() ? shard.get<std::string>() : "";
        if (!name.ends_with(".safetensors") || name.find('/') != name.npos) {
            return Fail{GgufError{GgufReason::kBadValue, "index.weight_map[" + tensor + "]"}};
        }
        names.insert(name);
        if (names.size() > kHuggingFaceShardsMax) {
            return Fail{GgufError{GgufReason::kOverLimit, "index.weight_map"}};
        }
    }
    return std::vector<std::string>{names.begin(), names.end()};
}

}  // namespace daidd::import
