#pragma once

#include <map>
#include <string>
#include <vector>

#include "import/gguf_fields.h"
#include "util/bytes.h"

namespace daidd::import {

/// An encoder of BERT's shape of random weights with a vocabulary of a few words. Tests change a field or a
/// tensor before it is written.
struct SmallBert {
    struct Shape {
        uint32_t layers = 2, dim = 32, ffn = 64, heads = 4, context = 16, token_types = 2;
    };
    struct Tensor {
        std::vector<uint64_t> dims;
        std::vector<float> values;

        Bytes bytes() const;
    };

    explicit SmallBert(const Shape& shape, uint64_t seed = 1);
    SmallBert() : SmallBert(Shape{}) {}

    /// As GGUF.
    Bytes file() const;
    /// What the imported model is measured against: the pass in doubles, straight from the weights.
    std::vector<double> embed(const std::vector<uint32_t>& tokens) const;

    Shape shape;
    /// As vocab.txt writes them: a word, or "##" and how one goes on. The first four are special.
    std::vector<std::string> words{"[PAD]", "[UNK]",  "[CLS]", "[SEP]", "a",   "un",
                                   "##aff", "##able", "hello", ",",     "##b", "[unused0]"};
    GgufFields fields;
    std::map<std::string, Tensor> tensors;  ///< by GGUF's names
};

}  // namespace daidd::import
