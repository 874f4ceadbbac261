#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/gguf.h"

namespace daidd::import {

/// The files of a Hugging Face model directory.
struct HuggingFaceFiles {
    ByteView config;                ///< config.json
    ByteView tokenizer;             ///< tokenizer.json
    ByteView tokenizer_config;      ///< tokenizer_config.json; empty where there is none
    std::vector<ByteView> weights;  ///< model.safetensors, or all of its shards
    ByteView pooling{};             ///< 1_Pooling/config.json of an encoder; empty where there is none
};

/// Most bytes of one of the JSON files; Gemma's tokenizer.json has 33 MB.
inline constexpr size_t kHuggingFaceJsonMax = size_t{1} << 26;
inline constexpr size_t kHuggingFaceShardsMax = 1024;

/// A model directory as the GGUF file that says the same. `file` looks into the files and into `memory`.
struct HuggingFaceModel {
    inference::GgufFile file;
    std::shared_ptr<const void> memory;
};

/// Translates names, shapes and the order of rows; no number is touched, so importing the result gives the
/// bits that importing the model's GGUF file gives. GGUF keeps the two halves of a rotated head of "llama"
/// interleaved (row j + i · head_dim/2 becomes 2j + i), Hugging Face does not.
///
/// Model types llama and mistral (GGUF's "llama"), qwen2, qwen3 and bert (hugging_face_bert.h); whether such
/// a model can be imported is the importer's business. Refuses, by the name of the file and field or the
/// tensor: another type, a tensor that is none of such a model or is neither F32, F16 nor BF16, an activation
/// other than SiLU, partial rotation, an attention window shorter than the context. Of several end tokens the
/// first and the last count.
Result<HuggingFaceModel, inference::GgufError> read_hugging_face(const HuggingFaceFiles& files);

/// The shards named by model.safetensors.index.json, each once, in order. Refuses a name that is not that of
/// a file beside it.
Result<std::vector<std::string>, inference::GgufError> read_shard_names(ByteView index);

}  // namespace daidd::import
