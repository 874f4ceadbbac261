#pragma once

#include "inference/gguf.h"
#include "inference/model.h"

namespace daidd::import {

struct BertShape {
    inference::Dimensions dimensions;
    double epsilon = 0;  ///< of the layer norms
};

/// What the metadata of a "bert" file says, and that its tensors are those of such a model.
Result<BertShape, inference::GgufError> read_bert_shape(const inference::GgufFile& source);

}  // namespace daidd::import
