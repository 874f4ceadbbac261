#include "import/hugging_face.h"

#include <gtest/gtest.h>

#include <bit>

#include "import/convert.h"
#include "import/safetensors_writer.h"
#include "import/small_llama.h"
#include "inference/manifest.h"

namespace daidd::import {
namespace {

using inference::Backend;
using inference::GgufFile;
using inference::GgufType;
using inference::Model;
using nlohmann::json;

/// The directory of a small model, in memory. Tests change a part of it before it is read.
struct SmallDirectory {
    json config, tokenizer, tokenizer_config;
    std::map<std::string, WrittenTensor> tensors;

    explicit SmallDirectory(const SmallLlama& model);

    std::string error() const {
        const auto read = model();
        return read ? "none" : to_string(read.error());
    }
    Result<HuggingFaceModel, inference::GgufError> model() const {
        for (Bytes* file : {&config_file_, &tokenizer_file_, &tokenizer_config_file_}) {
            const std::string text = (file == &config_file_      ? config
                                      : file == &tokenizer_file_ ? tokenizer
                                                                 : tokenizer_config)
                                         .dump();
            file->assign(text.begin(), text.end());
        }
        weights_ = write_safetensors(tensors);
        return read_hugging_face({config_file_, tokenizer_file_, tokenizer_config_file_, {weights_}});
    }

private:
    mutable Bytes config_file_, tokenizer_file_, tokenizer_config_file_, weights_;
};

/// By the other way than the importer's: row `r` of the file is row r of the GGUF tensor, but that within
/// each head of q and k the even rows come first.
Bytes halves(const Bytes& data, uint32_t heads, uint32_t head_dim) {
    const size_t row = data.size() / (heads * head_dim);
    Bytes out;
    for (uint32_t h = 0; h < heads; ++h) {
        for (const uint32_t odd : {0u, 1u}) {
            for (uint32_t j = 0; j < head_dim / 2; ++j) {
                const auto from = data.begin() + ptrdiff_t((h * head_dim + 2 * j + odd) * row);
                out.insert(out.end(), from, from + ptrdiff_t(row));
            }
        }
    }
    return out;
}

std::string hugging_face_name(std::string name) {
    const std::pair<const char*, const char*> parts[] = {
        {"blk.", "model.layers."},
        {"attn_norm", "input_layernorm"},
        {"attn_q.", "self_attn.q_proj."},
        {"attn_k.", "self_attn.k_proj."},
        {"attn_v.", "self_attn.v_proj."},
        {"attn_output", "self_attn.o_proj"},
        {"ffn_norm", "post_attention_layernorm"},
        {"ffn_gate", "mlp.gate_proj"},
        {"ffn_up", "mlp.up_proj"},
        {"ffn_down", "mlp.down_proj"},
        {"token_embd", "model.embed_tokens"},
        {"output_norm", "model.norm"},
    };
    if (name == "output.weight") return "lm_head.weight";
    for (const auto& [from, to] : parts) {
        const auto at = name.find(from);
        if (at != name.npos) name.replace(at, std::string_view{from}.size(), to);
    }
    return name;
}

SmallDirectory::SmallDirectory(const SmallLlama& model) {
    const auto& s = model.shape;
    config = {{"model_type", "llama"},
              {"vocab_size", model.vocabulary.tokens.size()},
              {"hidden_size", s.dim},
              {"intermediate_size", s.ffn},
              {"num_hidden_layers", s.layers},
              {"num_attention_heads", s.heads},
              {"num_key_value_heads", s.kv_heads},
              {"head_dim", s.head_dim},
              {"max_position_embeddings", 64},
              {"rms_norm_eps", 0x1p-16},
              {"rope_theta", 10000.0},
              {"rope_scaling", nullptr},
              {"hidden_act", "silu"},
              {"eos_token_id", model.vocabulary.end_token},
              {"tie_word_embeddings", s.tied}};
    for (const auto& [name, tensor] : model.tensors) {
        WrittenTensor out{"F32", {tensor.dims.rbegin(), tensor.dims.rend()}, tensor.data};
        if (name.ends_with("attn_q.weight")) out.data = halves(tensor.data, s.heads, s.head_dim);
        if (name.ends_with("attn_k.weight")) out.data = halves(tensor.data, s.kv_heads, s.head_dim);
        tensors[hugging_face_name(name)] = std::move(out);
    }
    tokenizer = {{"model", {{"type", "BPE"}, {"vocab", json::object()}, {"merges", model.vocabulary.merges}}},
                 {"added_tokens", json::array()},
                 {"normalizer", nullptr},
                 {"pre_tokenizer",
                  {{"type", "Sequence"},
                   {"pretokenizers",
                    {{{"type", "Digits"}, {"individual_digits", true}},
                     {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}}}}};
    for (size_t id = 0; id < model.vocabulary.tokens.size(); ++id) {
        const std::string& text = model.vocabulary.tokens[id];
        if (model.vocabulary.types[id] == 1) {
            tokenizer["model"]["vocab"][text] = id;
        } else {
            tokenizer["added_tokens"].push_back({{"id", id}, {"content", text}, {"special", true}});
        }
    }
    tokenizer_config = {{"add_bos_token", false}};
}

/// Everything but names for people.
void expect_same_model(const Bytes& found, const Bytes& expected) {
    const auto a = GgufFile::parse(found), b = GgufFile::parse(expected);
    ASSERT_EQ(a->tensors().size(), b->tensors().size());
    for (size_t i = 0; i < a->tensors().size(); ++i) {
        const auto &x = a->tensors()[i], &y = b->tensors()[i];
        EXPECT_EQ(x.name, y.name);
        EXPECT_EQ(x.type, y.type);
        EXPECT_EQ(x.dims, y.dims);
        EXPECT_TRUE(std::ranges::equal(x.data, y.data)) << x.name;
    }
    const auto p = Model::load(found, Backend::kScalar), q = Model::load(expected, Backend::kScalar);
    ASSERT_TRUE(p && q);
    EXPECT_EQ(p->parts().end_tokens, q->parts().end_tokens);
    EXPECT_EQ(inference::ModelTree(*p, 32).root(), inference::ModelTree(*q, 32).root());
}

TEST(HuggingFace, ConvertsToTheBitsOfTheGgufFile) {
    const SmallLlama::Shape shapes[] = {
        {}, {.layers = 1, .dim = 64, .ffn = 32, .heads = 8, .kv_heads = 8}, {.head_dim = 4, .tied = true}};
    for (const auto& shape : shapes) {
        for (const Precision precision : {Precision::kFast, Precision::kExact}) {
            const SmallLlama source{shape, /*seed=*/3};
            const ImportOptions options{.precision = precision, .threads = 1, .progress = {}};
            const Bytes gguf = source.file();
            const auto expected = convert(*GgufFile::parse(gguf), options);
            ASSERT_TRUE(expected);
            const SmallDirectory directory{source};
            const auto model = directory.model();
            ASSERT_TRUE(model) << to_string(model.error());
            const auto found = convert(model->file, options);
            ASSERT_TRUE(found) << to_string(found.error());
            expect_same_model(*found, *expected);
        }
    }
}

TEST(HuggingFace, KeepsHeadsAsTheyAreWhereGgufDoes) {
    const SmallLlama source;
    SmallDirectory directory{source};
    directory.config["model_type"] = "qwen2";
    directory.tensors["model.layers.0.self_attn.q_proj.bias"] = {"BF16", {32}, Bytes(64, 1)};
    const auto model = directory.model();
    ASSERT_TRUE(model) << to_string(model.error());
    EXPECT_EQ(*model->file.text_at("general.architecture"), "qwen2");
    EXPECT_EQ(*model->file.number_at("qwen2.block_count", 9), 2u);
    const auto* q = model->file.find_tensor("blk.1.attn_q.weight");
    EXPECT_TRUE(
        std::ranges::equal(q->data, directory.tensors["model.layers.1.self_attn.q_proj.weight"].data));
    EXPECT_EQ(model->file.find_tensor("blk.0.attn_q.bias")->type, GgufType::kBf16);
}

TEST(HuggingFace, TakesTheTokenizerAsItIs) {
    SmallLlama source;
    source.vocabulary.merges.resize(2);
    SmallDirectory directory{source};
    auto& merges = directory.tokenizer["model"]["merges"];
    const std::string first = merges[0];
    merges[0] = {first.substr(0, first.find(' ')), first.substr(first.find(' ') + 1)};
    directory.config["vocab_size"] = source.vocabulary.tokens.size() + 1;
    directory.config["eos_token_id"] = {1, 2, 3};
    directory.config["bos_token_id"] = 5;
    directory.tokenizer["post_processor"] = {{"type", "TemplateProcessing"},
                                             {"single", {{{"SpecialToken", {{"id", "x"}}}}}}};
    directory.tokenizer_config = {{"chat_template", "{{ x }}"}};
    const auto model = directory.model();
    ASSERT_TRUE(model) << to_string(model.error());
    const auto& file = model->file;
    EXPECT_EQ((**file.texts_at("tokenizer.ggml.merges"))[0], first);
    const std::string padding = "[PAD" + std::to_string(source.vocabulary.tokens.size()) + "]";
    EXPECT_EQ((**file.texts_at("tokenizer.ggml.tokens")).back(), padding);
    EXPECT_EQ((**file.numbers_at("tokenizer.ggml.token_type")).back(), 5u);
    EXPECT_EQ(*file.number_at("tokenizer.ggml.eos_token_id", 9), 1u);
    EXPECT_EQ(*file.number_at("tokenizer.ggml.eot_token_id", 9), 3u);
    EXPECT_EQ(*file.number_at("tokenizer.ggml.bos_token_id", 9), 5u);
    EXPECT_EQ(file.find_value("tokenizer.ggml.add_bos_token")->numbers[0], 1u);
    EXPECT_EQ(*file.text_at("tokenizer.chat_template"), "{{ x }}");
}

TEST(HuggingFace, KnowsPretokenizersByTheirPattern) {
    const auto split = [](const std::string& pattern) {
        return json{{"type", "Sequence"},
                    {"pretokenizers",
                     {{{"type", "Split"},
                       {"pattern", {{"Regex", pattern}}},
                       {"behavior", "Isolated"},
                       {"invert", false}},
                      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    };
    const std::string rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    const std::string words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
    const std::pair<json, std::string> cases[] = {
        {{{"type", "ByteLevel"}, {"add_prefix_space", false}}, "gpt-2"},
        {split(words + R"(\p{N}{1,3})" + rest), "llama-bpe"},
        {split(words + R"(\p{N})" + rest), "qwen2"},
        {split(words + R"(\p{N}{1,2})" + rest), ""},
        {{{"type", "ByteLevel"}, {"add_prefix_space", true}}, ""},
        {{{"type", "Metaspace"}}, ""},
        {nullptr, ""}};
    for (const auto& [pretokenizer, expected] : cases) {
        SmallDirectory directory{SmallLlama{}};
        directory.tokenizer["pre_tokenizer"] = pretokenizer;
        const auto model = directory.model();
        if (expected.empty()) {
            EXPECT_EQ(directory.error(), "tokenizer.pre_tokenizer: bad value") << pretokenizer;
        } else {
            ASSERT_TRUE(model) << pretokenizer << to_string(model.error());
            EXPECT_EQ(*model->file.text_at("tokenizer.ggml.pre"), expected);
        }
    }
}

struct SpoiledDirectory {
    const char* name;
    void (*spoil)(SmallDirectory&);
    const char* error;
};
void PrintTo(const SpoiledDirectory& c, std::ostream* out) { *out << c.name; }

const SpoiledDirectory kSpoiled[] = {
    {"good", [](SmallDirectory&) {}, "none"},
    {"config_is_no_object", [](auto& d) { d.config = 1; }, "config: bad value"},
    {"no_model_type", [](auto& d) { d.config.erase("model_type"); }, "config.model_type: missing"},
    {"other_model_type", [](auto& d) { d.config["model_type"] = "gpt_neox"; },
     "config.model_type = gpt_neox: bad value"},
    {"no_hidden_size", [](auto& d) { d.config.erase("hidden_size"); }, "config.hidden_size: missing"},
    {"heads_are_a_text", [](auto& d) { d.config["num_attention_heads"] = "4"; },
     "config.num_attention_heads: wrong type"},
    {"heads_over_limit", [](auto& d) { d.config["num_attention_heads"] = 257; },
     "config.num_attention_heads: bad value"},
    {"activation", [](auto& d) { d.config["hidden_act"] = "gelu"; }, "config.hidden_act: bad value"},
    {"partial_rotation", [](auto& d) { d.config["partial_rotary_factor"] = 0.5; },
     "config.partial_rotary_factor: bad value"},
    {"window_of_the_context", [](auto& d) { d.config["sliding_window"] = 64; }, "none"},
    {"window_one_shorter", [](auto& d) { d.config["sliding_window"] = 63; },
     "config.sliding_window: bad value"},
    {"window_not_used",
     [](auto& d) {
         d.config.update({{"sliding_window", 63}, {"use_sliding_window", false}});
     },
     "none"},
    {"rope_type",
     [](auto& d) {
         d.config["rope_scaling"] = {{"rope_type", "llama3"}};
     },
     "config.rope_scaling.rope_type: bad value"},
    {"rope_parameters",
     [](auto& d) {
         d.config["rope_parameters"] = {{"type", "yarn"}};
     },
     "config.rope_parameters.rope_type: bad value"},
    {"rope_is_a_list", [](auto& d) { d.config["rope_scaling"] = json::array(); },
     "config.rope_scaling: wrong type"},
    {"end_token_outside", [](auto& d) { d.config["eos_token_id"] = d.config["vocab_size"]; },
     "config.eos_token_id: bad value"},
    {"no_head", [](auto& d) { d.tensors.erase("lm_head.weight"); }, "lm_head.weight: missing"},
    {"frequencies_are_skipped",
     [](auto& d) {
         d.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {"F32", {1}, Bytes(4)};
     },
     "none"},
    {"unknown_tensor",
     [](auto& d) {
         d.tensors["model.layers.0.mlp.other.weight"] = {"F32", {1}, Bytes(4)};
     },
     "model.layers.0.mlp.other.weight: bad value"},
    {"layer_twice",
     [](auto& d) {
         d.tensors["model.layers.00.mlp.up_proj.weight"] = d.tensors["model.layers.0.mlp.up_proj.weight"];
     },
     "blk.0.ffn_up.weight: duplicate"},
    {"layer_is_no_number",
     [](auto& d) {
         d.tensors["model.layers.x.mlp.up_proj.weight"] = {"F32", {1}, Bytes(4)};
     },
     "model.layers.x.mlp.up_proj.weight: bad value"},
    {"integers",
     [](auto& d) {
         d.tensors["model.norm.weight"] = {"I8", {32}, Bytes(32)};
     },
     "model.norm.weight: wrong type"},
    {"scalar",
     [](auto& d) {
         d.tensors["model.norm.weight"] = {"F32", {}, Bytes(4)};
     },
     "output_norm.weight: over limit"},
    {"odd_heads",
     [](auto& d) {
         d.tensors["model.layers.0.self_attn.q_proj.weight"] = {"F32", {4, 32}, Bytes(512)};
     },
     "model.layers.0.self_attn.q_proj.weight: bad shape"},
    {"no_vocabulary", [](auto& d) { d.tokenizer["model"].erase("vocab"); },
     "tokenizer.model.vocab: wrong type"},
    {"token_twice", [](auto& d) { d.tokenizer["model"]["vocab"]["xyz"] = 0; },
     "tokenizer.model.vocab[xyz]: bad value"},
    {"token_outside", [](auto& d) { d.tokenizer["model"]["vocab"]["xyz"] = d.config["vocab_size"]; },
     "tokenizer.model.vocab[xyz]: bad value"},
    {"merge_of_three",
     [](auto& d) {
         d.tokenizer["model"]["merges"][1] = {"a", "b", "c"};
     },
     "tokenizer.model.merges[1]: wrong type"},
    {"other_tokenizer", [](auto& d) { d.tokenizer["model"]["type"] = "Unigram"; },
     "tokenizer.model.type: bad value"},
    {"byte_fallback", [](auto& d) { d.tokenizer["model"]["byte_fallback"] = true; },
     "tokenizer.model.byte_fallback: bad value"},
    {"normalizer",
     [](auto& d) {
         d.tokenizer["normalizer"] = {{"type", "Lowercase"}};
     },
     "tokenizer.normalizer: bad value"},
    {"composed_text",
     [](auto& d) {
         d.tokenizer["normalizer"] = {{"type", "NFC"}};
     },
     "none"},
};

class RefusedDirectory : public testing::TestWithParam<SpoiledDirectory> {};

TEST_P(RefusedDirectory, NamesItsField) {
    SmallDirectory directory{SmallLlama{}};
    GetParam().spoil(directory);
    EXPECT_EQ(directory.error(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Directories, RefusedDirectory, testing::ValuesIn(kSpoiled),
                         [](const auto& c) { return std::string{c.param.name}; });

TEST(HuggingFace, ShardsAreFilesBesideTheIndex) {
    const auto names = [](const std::string& text) {
        const auto read = read_shard_names(as_bytes(text));
        return read ? read->size() == 2 ? (*read)[0] + " " + (*read)[1] : "?" : to_string(read.error());
    };
    EXPECT_EQ(names(R"({"weight_map":{"x":"b.safetensors","y":"a.safetensors","z":"b.safetensors"}})"),
              "a.safetensors b.safetensors");
    EXPECT_EQ(names(R"({"weight_map":{"x":"../a.safetensors"}})"), "index.weight_map[x]: bad value");
    EXPECT_EQ(names(R"({"weight_map":{"x":"passwd"}})"), "index.weight_map[x]: bad value");
    EXPECT_EQ(names(R"({"weight_map":{"x":1}})"), "index.weight_map[x]: bad value");
    EXPECT_EQ(names(R"({"weight_map":[]})"), "index.weight_map: missing");
    EXPECT_EQ(names("nothing"), "index: bad value");
}

}  // namespace
}  // namespace daidd::import
