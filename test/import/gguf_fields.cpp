#include "import/gguf_fields.h"

#include <bit>

namespace daidd::import {

using inference::GgufValueType;

void add_fields(const GgufFields& fields, inference::GgufWriter& writer) {
    for (const auto& [key, value] : fields) {
        if (const auto* number = std::get_if<uint32_t>(&value)) {
            writer.add_number(key, *number);
        } else if (const auto* real = std::get_if<float>(&value)) {
            writer.add_value(
                key, {.type = GgufValueType::kF32, .numbers = {std::bit_cast<uint32_t>(*real)}, .texts = {}});
        } else if (const auto* flag = std::get_if<bool>(&value)) {
            writer.add_value(key, {.type = GgufValueType::kBool, .numbers = {*flag ? 1u : 0u}, .texts = {}});
        } else {
            writer.add_text(key, std::get<std::string>(value));
        }
    }
}

}  // namespace daidd::import
