#pragma once

#include "import/hugging_face.h"

namespace daidd::import {

/// read_hugging_face for model type bert: a directory of sentence-transformers whose embedding is the mean of
/// all positions, of length 1. Names alone are translated. The classifier's "pooler" and the buffer
/// "position_ids", which that embedding does not use, are left out.
///
/// The tokenizer is WordPiece without case. Refuses, by the name of the file and field or the tensor: an
/// activation other than the exact GELU, positions other than absolute ones, another pooling than the mean, a
/// normaliser that keeps case or accents, another tokenizer, a tensor that is none of such a model.
Result<HuggingFaceModel, inference::GgufError> read_hugging_face_bert(const HuggingFaceFiles& files);

}  // namespace daidd::import
