#pragma once

#include <map>
#include <string>

#include "import/gguf_fields.h"
#include "inference/gguf.h"
#include "inference/model.h"
#include "inference/tokenizer_fixture.h"

namespace daidd::import {

/// A model of the Llama shape, of any family, of random weights with the small vocabulary of the tokenizer
/// tests. Tests change a field or a tensor before it is written.
struct SmallLlama {
    struct Shape {
        uint32_t layers = 2, dim = 32, ffn = 64, heads = 4, kv_heads = 2, head_dim = 8;
        bool tied = false;  ///< without output.weight: the head is the embedding
        std::string architecture = "llama";
        uint32_t window = 0;  ///< written if not 0
    };
    struct Tensor {
        inference::GgufType type = inference::GgufType::kF32;
        std::vector<uint64_t> dims;
        Bytes data;
    };

    explicit SmallLlama(const Shape& shape, uint64_t seed = 1);
    SmallLlama() : SmallLlama(Shape{}) {}

    /// The values of an F32 tensor, and back.
    std::vector<float> values_of(const std::string& name) const;
    void set_values(const std::string& name, const std::vector<float>& values);
    /// A tensor of that shape whose values are all `value`.
    void set_tensor(const std::string& name, std::vector<uint64_t> dims, float value = 0.5f);

    Bytes file() const;

    bool is(const char* architecture) const { return shape.architecture == architecture; }
    bool has_head_norms() const { return is("qwen3") || is("gemma3"); }
    std::string key(const std::string& name) const { return shape.architecture + "." + name; }

    Shape shape;
    inference::SmallVocabulary vocabulary;
    /// u32, float or text.
    GgufFields fields;
    std::map<std::string, Tensor> tensors;
};

}  // namespace daidd::import
