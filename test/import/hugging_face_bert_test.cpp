#include "import/hugging_face_bert.h"

#include <gtest/gtest.h>

#include "import/convert.h"
#include "import/safetensors_writer.h"
#include "import/small_bert.h"
#include "inference/manifest.h"
#include "inference/tokenizer.h"

namespace daidd::import {
namespace {

using inference::Backend;
using inference::GgufFile;
using inference::Model;
using nlohmann::json;

/// By a table of its own: "blk.1.attn_q.bias" is "encoder.layer.1.attention.self.query.bias".
std::string hugging_face_name(std::string name) {
    const std::pair<const char*, const char*> parts[] = {
        {"token_embd_norm", "embeddings.LayerNorm"},
        {"token_embd", "embeddings.word_embeddings"},
        {"token_types", "embeddings.token_type_embeddings"},
        {"position_embd", "embeddings.position_embeddings"},
        {"blk.", "encoder.layer."},
        {"attn_q", "attention.self.query"},
        {"attn_k", "attention.self.key"},
        {"attn_v", "attention.self.value"},
        {"attn_output_norm", "attention.output.LayerNorm"},
        {"attn_output", "attention.output.dense"},
        {"ffn_up", "intermediate.dense"},
        {"ffn_down", "output.dense"},
        {"layer_output_norm", "output.LayerNorm"},
    };
    for (const auto& [from, to] : parts) {
        const auto at = name.find(from);
        if (at != name.npos) name.replace(at, std::string_view{from}.size(), to);
    }
    return name;
}

/// The directory of a small encoder, in memory. Tests change a part of it before it is read.
struct SmallBertDirectory {
    json config, tokenizer, pooling;
    std::map<std::string, WrittenTensor> tensors;

    explicit SmallBertDirectory(const SmallBert& model) {
        const auto& s = model.shape;
        config = {{"model_type", "bert"},
                  {"vocab_size", model.words.size()},
                  {"hidden_size", s.dim},
                  {"intermediate_size", s.ffn},
                  {"num_hidden_layers", s.layers},
                  {"num_attention_heads", s.heads},
                  {"max_position_embeddings", s.context},
                  {"layer_norm_eps", 1e-12},
                  {"hidden_act", "gelu"},
                  {"position_embedding_type", "absolute"}};
        tokenizer = {{"model",
                      {{"type", "WordPiece"},
                       {"unk_token", "[UNK]"},
                       {"continuing_subword_prefix", "##"},
                       {"max_input_chars_per_word", 100},
                       {"vocab", json::object()}}},
                     {"normalizer",
                      {{"type", "BertNormalizer"},
                       {"clean_text", true},
                       {"handle_chinese_chars", true},
                       {"strip_accents", nullptr},
                       {"lowercase", true}}},
                     {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                     {"added_tokens", json::array()}};
        for (size_t id = 0; id < model.words.size(); ++id) {
            tokenizer["model"]["vocab"][model.words[id]] = id;
            if (id < 4) tokenizer["added_tokens"].push_back({{"id", id}, {"content", model.words[id]}});
        }
        pooling = {{"pooling_mode_cls_token", false}, {"pooling_mode_mean_tokens", true}};
        for (const auto& [name, tensor] : model.tensors) {
            tensors[hugging_face_name(name)] = {
                "F32", {tensor.dims.rbegin(), tensor.dims.rend()}, tensor.bytes()};
        }
    }

    Result<HuggingFaceModel, inference::GgufError> model() const {
        const auto assign = [](Bytes& file, const json& value) {
            const std::string text = value.is_null() ? "" : value.dump();
            file.assign(text.begin(), text.end());
        };
        assign(config_, config);
        assign(tokenizer_, tokenizer);
        assign(pooling_, pooling);
        weights_ = write_safetensors(tensors);
        return read_hugging_face({config_, tokenizer_, {}, {weights_}, pooling_});
    }
    std::string error() const {
        const auto read = model();
        return read ? "none" : to_string(read.error());
    }

private:
    mutable Bytes config_, tokenizer_, pooling_, weights_;
};

TEST(HuggingFaceBert, ConvertsToTheBitsOfTheGgufFile) {
    const SmallBert source{{.layers = 3, .dim = 24, .ffn = 20, .heads = 3}, /*seed=*/3};
    const ImportOptions options{.precision = Precision::kExact, .threads = 1, .progress = {}};
    const Bytes gguf = source.file();
    const auto expected = convert(*GgufFile::parse(gguf), options);
    ASSERT_TRUE(expected) << to_string(expected.error());
    const SmallBertDirectory directory{source};
    const auto model = directory.model();
    ASSERT_TRUE(model) << to_string(model.error());
    const auto found = convert(model->file, options);
    ASSERT_TRUE(found) << to_string(found.error());
    const auto p = Model::load(*found, Backend::kScalar), q = Model::load(*expected, Backend::kScalar);
    ASSERT_TRUE(p && q);
    EXPECT_EQ(inference::ModelTree(*p, 32).root(), inference::ModelTree(*q, 32).root());
    for (const Bytes* file : {&*found, &*expected}) {
        const auto tokenizer = inference::Tokenizer::load(*GgufFile::parse(*file));
        ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
        EXPECT_EQ(tokenizer->encode_whole("Hello, unaffable [SEP] x"),
                  (std::vector<uint32_t>{2, 8, 9, 5, 6, 7, 1, 1, 1, 1, 3}));
    }
}

TEST(HuggingFaceBert, TakesAnEncoderOutOfALargerModel) {
    const SmallBert source;
    SmallBertDirectory directory{source};
    std::map<std::string, WrittenTensor> inner;
    for (const auto& [name, tensor] : directory.tensors) inner["bert." + name] = tensor;
    inner["bert.embeddings.position_ids"] = {"I64", {1, 2}, Bytes(16)};
    inner["bert.pooler.dense.weight"] = {"F32", {1, 1}, Bytes(4)};
    directory.tensors = inner;
    const auto model = directory.model();
    ASSERT_TRUE(model) << to_string(model.error());
    EXPECT_EQ(model->file.tensors().size(), source.tensors.size());
    EXPECT_EQ(*model->file.text_at("general.architecture"), "bert");
}

TEST(HuggingFaceBert, RowsWithoutAWordAreUnusedTokens) {
    SmallBertDirectory directory{SmallBert{}};
    directory.config["vocab_size"] = 14;
    const auto model = directory.model();
    ASSERT_TRUE(model) << to_string(model.error());
    EXPECT_EQ((**model->file.texts_at("tokenizer.ggml.tokens")).back(), "[PAD13]");
    EXPECT_EQ((**model->file.numbers_at("tokenizer.ggml.token_type")).back(), 5u);
}

struct SpoiledDirectory {
    const char* name;
    void (*spoil)(SmallBertDirectory&);
    const char* error;
};
void PrintTo(const SpoiledDirectory& c, std::ostream* out) { *out << c.name; }

const SpoiledDirectory kSpoiled[] = {
    {"good", [](SmallBertDirectory&) {}, "none"},
    {"no_hidden_size", [](auto& d) { d.config.erase("hidden_size"); }, "config.hidden_size: missing"},
    {"most_heads", [](auto& d) { d.config["num_attention_heads"] = inference::kHeadsMax; }, "none"},
    {"heads_over_limit", [](auto& d) { d.config["num_attention_heads"] = inference::kHeadsMax + 1; },
     "config.num_attention_heads: bad value"},
    {"approximate_gelu", [](auto& d) { d.config["hidden_act"] = "gelu_new"; },
     "config.hidden_act: bad value"},
    {"relative_positions", [](auto& d) { d.config["position_embedding_type"] = "relative_key"; },
     "config.position_embedding_type: bad value"},
    {"decoder", [](auto& d) { d.config["is_decoder"] = true; }, "config.is_decoder: bad value"},
    {"no_pooling_file", [](auto& d) { d.pooling = nullptr; }, "none"},
    {"pooling_unsaid", [](auto& d) { d.pooling = json::object(); },
     "1_Pooling/config.pooling_mode_mean_tokens: bad value"},
    {"pooling_of_the_first_too", [](auto& d) { d.pooling["pooling_mode_cls_token"] = true; },
     "1_Pooling/config.pooling_mode_cls_token: bad value"},
    {"pooling_is_a_list", [](auto& d) { d.pooling = json::array(); }, "1_Pooling/config: bad value"},
    {"other_tokenizer", [](auto& d) { d.tokenizer["model"]["type"] = "Unigram"; },
     "tokenizer.model.type: bad value"},
    {"other_prefix", [](auto& d) { d.tokenizer["model"]["continuing_subword_prefix"] = "@@"; },
     "tokenizer.model.continuing_subword_prefix: bad value"},
    {"longer_words", [](auto& d) { d.tokenizer["model"]["max_input_chars_per_word"] = 101; },
     "tokenizer.model.max_input_chars_per_word: bad value"},
    {"case_kept", [](auto& d) { d.tokenizer["normalizer"]["lowercase"] = false; },
     "tokenizer.normalizer.lowercase: bad value"},
    {"accents_kept", [](auto& d) { d.tokenizer["normalizer"]["strip_accents"] = false; },
     "tokenizer.normalizer.strip_accents: bad value"},
    {"accents_taken_off", [](auto& d) { d.tokenizer["normalizer"]["strip_accents"] = true; }, "none"},
    {"no_normalizer", [](auto& d) { d.tokenizer["normalizer"] = nullptr; },
     "tokenizer.normalizer.type: bad value"},
    {"other_splitter", [](auto& d) { d.tokenizer["pre_tokenizer"]["type"] = "Whitespace"; },
     "tokenizer.pre_tokenizer.type: bad value"},
    {"no_vocabulary", [](auto& d) { d.tokenizer["model"].erase("vocab"); },
     "tokenizer.model.vocab: wrong type"},
    {"token_twice", [](auto& d) { d.tokenizer["model"]["vocab"]["xyz"] = 0; },
     "tokenizer.model.vocab[xyz]: bad value"},
    {"token_outside", [](auto& d) { d.tokenizer["model"]["vocab"]["xyz"] = 12; },
     "tokenizer.model.vocab[xyz]: bad value"},
    {"added_token_outside", [](auto& d) { d.tokenizer["added_tokens"][0]["id"] = 12; },
     "tokenizer.added_tokens: bad value"},
    {"no_separator",
     [](auto& d) {
         d.tokenizer["model"]["vocab"].erase("[SEP]");
         d.tokenizer["added_tokens"].erase(3);
     },
     "tokenizer.model.vocab[[SEP]]: missing"},
    {"unknown_tensor",
     [](auto& d) {
         d.tensors["cls.predictions.bias"] = {"F32", {1}, Bytes(4)};
     },
     "cls.predictions.bias: bad value"},
    {"layer_is_no_number",
     [](auto& d) {
         d.tensors["encoder.layer.x.output.dense.bias"] = {"F32", {1}, Bytes(4)};
     },
     "encoder.layer.x.output.dense.bias: bad value"},
    {"layer_twice",
     [](auto& d) {
         d.tensors["encoder.layer.00.output.dense.bias"] = d.tensors["encoder.layer.0.output.dense.bias"];
     },
     "blk.0.ffn_down.bias: duplicate"},
    {"integers",
     [](auto& d) {
         d.tensors["embeddings.LayerNorm.bias"] = {"I8", {32}, Bytes(32)};
     },
     "embeddings.LayerNorm.bias: wrong type"},
};

class RefusedBertDirectory : public testing::TestWithParam<SpoiledDirectory> {};

TEST_P(RefusedBertDirectory, NamesItsField) {
    SmallBertDirectory directory{SmallBert{}};
    GetParam().spoil(directory);
    EXPECT_EQ(directory.error(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Directories, RefusedBertDirectory, testing::ValuesIn(kSpoiled),
                         [](const auto& c) { return std::string{c.param.name}; });

}  // namespace
}  // namespace daidd::import
