#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace daidd::import {

/// A tensor's name without ".weight" or ".bias", there and here.
struct TensorName {
    std::string_view hugging_face, gguf;
};

/// How the tensors of one kind of directory are called in GGUF.
struct TensorNames {
    std::span<const TensorName> model;
    std::string_view layer_prefix;  ///< before a layer's number
    std::span<const TensorName> layer;

    /// Nothing for a tensor that no such model has. Two spellings of a layer ("1", "01") give one name twice,
    /// which is refused where the file is put together.
    std::optional<std::string> gguf_name(std::string_view name) const;
};

}  // namespace daidd::import
