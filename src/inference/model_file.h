#pragma once

#include "inference/gguf.h"
#include "inference/gguf_writer.h"
#include "inference/model.h"

namespace daidd::inference {

// An integer model is a GGUF file (doc/numerics.md, "Model file"):
//
//   general.architecture  "dai-integer": anything else is refused by name
//   dai.version           1
//   dai.family            what it was imported from ("llama"); for people
//   dai.vocabulary, .layers, .dim, .ffn, .heads, .kv_heads, .head_dim, .context, .fx, .linears, .norms  u32
//   dai.epsilon           u64
//   dai.window            u32, missing where no operation uses it
//   dai.end_tokens        u32 array, may be missing
//   dai.linear_names      text array, may be missing; for people
//
//   graph                 i8   the encoded graph (graph.h)
//   rope                  i64  head_dim / 2; rope.local the same, missing where no operation uses it
//   embedding             i16  (dim, vocabulary), embedding.mw i16, embedding.ew i8
//   linear.I              i8   (k, n), linear.I.mw i16 (n), linear.I.ew i8 (n), linear.I.bias i32 (n) if any
//   norm.I                i32  gains if not folded; norm.exponents i32 (norms)
//
// The tokenizer's fields are beside these, under their usual names.

inline constexpr std::string_view kModelArchitecture = "dai-integer";
inline constexpr uint32_t kModelVersion = 1;

/// Adds all of the above; the tokenizer's fields are the caller's. Requires parts that Model::build accepts.
void write_model(const ModelParts& parts, GgufWriter& writer);

/// The parts as views into the file's bytes, which must outlive them. Shapes and types are checked here,
/// numbers by Model::build.
Result<ModelParts, ModelError> read_model(const GgufFile& file);

}  // namespace daidd::inference
