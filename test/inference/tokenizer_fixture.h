#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "inference/gguf_writer.h"
#include "inference/tokenizer.h"

namespace daidd::inference {

/// test/vectors/tokenizer.json, made by make_tokenizer.py.
inline const nlohmann::json& tokenizer_vectors() {
    static const auto json =
        nlohmann::json::parse(std::ifstream{std::string{DAIDD_VECTORS} + "/tokenizer.json"});
    return json;
}

/// The small vocabulary of the vectors with three special tokens behind it. `spoil` may change it before it
/// is written.
struct SmallVocabulary {
    std::string model = "gpt2", pre = "smollm";
    std::vector<std::string> tokens = tokenizer_vectors()["tokens"];
    std::vector<std::string> merges = tokenizer_vectors()["merges"];
    std::vector<uint64_t> types = std::vector<uint64_t>(tokens.size(), 1);
    uint32_t end_token = 0;
    std::optional<uint32_t> begin_token;
    std::string chat_template;

    SmallVocabulary() {
        for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
            tokens.emplace_back(name);
            types.push_back(3);
        }
        end_token = uint32_t(tokens.size() - 1);
    }

    Bytes file() const {
        const auto texts = [](const std::vector<std::string>& list) {
            return GgufValue{GgufValueType::kArray, GgufValueType::kText, {}, {list.begin(), list.end()}};
        };
        GgufWriter writer;
        writer.add_text("tokenizer.ggml.model", model);
        writer.add_text("tokenizer.ggml.pre", pre);
        writer.add_value("tokenizer.ggml.tokens", texts(tokens));
        writer.add_value("tokenizer.ggml.merges", texts(merges));
        writer.add_value("tokenizer.ggml.token_type",
                         {GgufValueType::kArray, GgufValueType::kI32, types, {}});
        writer.add_number("tokenizer.ggml.eos_token_id", end_token);
        if (begin_token) writer.add_number("tokenizer.ggml.bos_token_id", *begin_token);
        if (!chat_template.empty()) writer.add_text("tokenizer.chat_template", chat_template);
        return writer.finish();
    }
    /// Copies what it needs, as Tokenizer promises.
    Result<Tokenizer, GgufError> load() const {
        const Bytes bytes = file();
        return Tokenizer::load(*GgufFile::parse(bytes));
    }
};

}  // namespace daidd::inference
