#pragma once

#include <map>
#include <string>
#include <variant>

#include "inference/gguf_writer.h"

namespace daidd::import {

/// Metadata of a file, by key.
using GgufFields = std::map<std::string, std::variant<uint32_t, float, std::string, bool>>;

void add_fields(const GgufFields& fields, inference::GgufWriter& writer);

}  // namespace daidd::import
