#include <cstdlib>

#include "import/hugging_face.h"
#include "import/safetensors.h"

// Reads what a model directory may hold: the input is a file of weights, and beside a fixed configuration the
// weights, the tokenizer or the configuration of a directory, by its first byte.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::import;
    if (size == 0) return 0;
    const daidd::ByteView input{data + 1, size - 1};
    const auto weights = SafetensorsFile::parse(input);
    if (weights) {
        size_t bytes = 0;
        for (const SafeTensor& tensor : weights->tensors()) bytes += tensor.data.size();
        if (bytes > input.size()) std::abort();
    } else if (weights.error().field.empty()) {
        std::abort();
    }
    const auto config = daidd::as_bytes(
        R"({"model_type":"llama","vocab_size":4,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,)"
        R"("num_attention_heads":1,"max_position_embeddings":8,"rms_norm_eps":0.01,)"
        R"("tie_word_embeddings":true})");
    const auto tokenizer =
        daidd::as_bytes(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},)"
                        R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}})");
    HuggingFaceFiles files{config, tokenizer, {}, {}};
    switch (data[0] % 4) {
    case 0: files.weights = {input}; break;
    case 1: files.tokenizer = input; break;
    case 2: files.config = input; break;
    default: files.tokenizer_config = input;
    }
    const auto model = read_hugging_face(files);
    if (!model && model.error().field.empty()) std::abort();
    const auto shards = read_shard_names(input);
    if (!shards && shards.error().field.empty()) std::abort();
    return 0;
}
