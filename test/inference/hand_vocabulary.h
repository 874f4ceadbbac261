#pragma once

#include <gtest/gtest.h>

#include "inference/gguf_writer.h"
#include "inference/tokenizer.h"

namespace daidd::inference {

/// A vocabulary written out by hand, to be spoilt before it is loaded: as GGUF's "llama" or "bert" has it.
struct HandVocabulary {
    struct Token {
        std::string text;
        uint32_t type = 1;
        uint32_t score_bits = 0;  ///< IEEE 754
    };
    std::string model;
    std::vector<Token> tokens;
    std::vector<std::pair<std::string, uint32_t>> ids, flags;
    bool has_scores = true;
    size_t scores_missing = 0;
    GgufValueType score_type = GgufValueType::kF32;
    std::string chat_template;

    uint32_t id(std::string_view text) const {
        for (uint32_t i = 0; i < tokens.size(); ++i) {
            if (tokens[i].text == text) return i;
        }
        ADD_FAILURE() << "no token " << text;
        return 0;
    }
    Bytes file() const {
        GgufValue texts{GgufValueType::kArray, GgufValueType::kText, {}, {}};
        GgufValue types{GgufValueType::kArray, GgufValueType::kI32, {}, {}};
        GgufValue scores{GgufValueType::kArray, score_type, {}, {}};
        for (const Token& token : tokens) {
            texts.texts.emplace_back(token.text);
            types.numbers.push_back(token.type);
            scores.numbers.push_back(token.score_bits);
        }
        scores.numbers.resize(tokens.size() - scores_missing);
        GgufWriter writer;
        writer.add_text("tokenizer.ggml.model", model);
        writer.add_value("tokenizer.ggml.tokens", texts);
        writer.add_value("tokenizer.ggml.token_type", types);
        if (has_scores) writer.add_value("tokenizer.ggml.scores", scores);
        for (const auto& [key, value] : ids) writer.add_number("tokenizer.ggml." + key, value);
        for (const auto& [key, value] : flags) {
            writer.add_value("tokenizer.ggml." + key,
                             {GgufValueType::kBool, GgufValueType::kBool, {value}, {}});
        }
        if (!chat_template.empty()) writer.add_text("tokenizer.chat_template", chat_template);
        return writer.finish();
    }
    Result<Tokenizer, GgufError> load() const {
        const Bytes bytes = file();
        return Tokenizer::load(*GgufFile::parse(bytes));
    }
    std::vector<uint32_t> ids_of(std::initializer_list<std::string_view> texts) const {
        std::vector<uint32_t> out;
        for (const std::string_view text : texts) out.push_back(id(text));
        return out;
    }
};

}  // namespace daidd::inference
