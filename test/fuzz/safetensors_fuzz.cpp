#include <cstdlib>

#include "import/hugging_face.h"
#include "import/safetensors.h"

// Reads what a model directory may hold: the input is a file of weights, and beside a fixed configuration, of
// a Llama or of a BERT, the weights or one of the JSON files of a directory, by its first byte.

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
    const auto llama = daidd::as_bytes(
        R"({"model_type":"llama","vocab_size":4,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,)"
        R"("num_attention_heads":1,"max_position_embeddings":8,"rms_norm_eps":0.01,)"
        R"("tie_word_embeddings":true})");
    const auto byte_pairs =
        daidd::as_bytes(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},)"
                        R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}})");
    const auto bert = daidd::as_bytes(
        R"({"model_type":"bert","vocab_size":4,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,)"
        R"("num_attention_heads":1,"max_position_embeddings":8})");
    const auto word_pieces = daidd::as_bytes(
        R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3}},)"
        R"("normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"}})");
    const bool is_bert = data[0] / 8 % 2 == 1;
    HuggingFaceFiles files{is_bert ? bert : llama, is_bert ? word_pieces : byte_pairs, {}, {}};
    switch (data[0] % 8) {
    case 0: files.weights = {input}; break;
    case 1: files.tokenizer = input; break;
    case 2: files.config = input; break;
    case 3: files.pooling = input; break;
    default: files.tokenizer_config = input;
    }
    const auto model = read_hugging_face(files);
    if (!model && model.error().field.empty()) std::abort();
    const auto shards = read_shard_names(input);
    if (!shards && shards.error().field.empty()) std::abort();
    return 0;
}
