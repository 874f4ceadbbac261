#include "inference/gguf_writer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace daidd::inference {

namespace {

uint64_t padded(uint64_t size) { return (size + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment; }

size_t number_bytes(GgufValueType type) {
    switch (type) {
    case GgufValueType::kU8:
    case GgufValueType::kI8:
    case GgufValueType::kBool: return 1;
    case GgufValueType::kU16:
    case GgufValueType::kI16: return 2;
    case GgufValueType::kU32:
    case GgufValueType::kI32:
    case GgufValueType::kF32: return 4;
    case GgufValueType::kU64:
    case GgufValueType::kI64:
    case GgufValueType::kF64: return 8;
    case GgufValueType::kText:
    case GgufValueType::kArray: break;
    }
    assert(false && "a text or an array is no number");
    return 0;
}

void append(Bytes& out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(uint8_t(value >> (8 * i)));
}

void append_text(Bytes& out, std::string_view text) {
    append(out, text.size(), 8);
    const ByteView bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void GgufWriter::put(uint64_t value, size_t bytes) { append(fields_, value, bytes); }
void GgufWriter::put_text(std::string_view text) { append_text(fields_, text); }

void GgufWriter::begin_field(std::string_view key, GgufValueType type) {
    assert(std::find(keys_.begin(), keys_.end(), key) == keys_.end());
    keys_.emplace_back(key);
    ++field_count_;
    put_text(key);
    put(uint64_t(type), 4);
}

void GgufWriter::add_number(std::string_view key, uint32_t value) {
    begin_field(key, GgufValueType::kU32);
    put(value, 4);
}

void GgufWriter::add_number64(std::string_view key, uint64_t value) {
    begin_field(key, GgufValueType::kU64);
    put(value, 8);
}

void GgufWriter::add_text(std::string_view key, std::string_view text) {
    begin_field(key, GgufValueType::kText);
    put_text(text);
}

void GgufWriter::add_value(std::string_view key, const GgufValue& value) {
    begin_field(key, value.type);
    GgufValueType type = value.type;
    if (value.type == GgufValueType::kArray) {
        type = value.element_type;
        put(uint64_t(type), 4);
        put(type == GgufValueType::kText ? value.texts.size() : value.numbers.size(), 8);
    }
    if (type == GgufValueType::kText) {
        for (const std::string_view text : value.texts) put_text(text);
    } else {
        for (const uint64_t number : value.numbers) put(number, number_bytes(type));
    }
}

void GgufWriter::add_tensor(std::string_view name, GgufType type, std::vector<uint64_t> dims, Bytes data) {
    const auto block = gguf_block(uint32_t(type));
    assert(block && !dims.empty() && dims.size() <= kGgufDimsMax && dims[0] % block->elements == 0);
    uint64_t elements = 1;
    for (const uint64_t dim : dims) elements *= dim;
    assert(elements > 0 && data.size() == elements / block->elements * block->bytes);
    tensors_.push_back({std::string{name}, type, std::move(dims), std::move(data)});
}

Bytes GgufWriter::finish() {
    Bytes out;
    const std::string_view magic = "GGUF";
    out.insert(out.end(), magic.begin(), magic.end());
    append(out, 3, 4);
    append(out, tensors_.size(), 8);
    append(out, field_count_, 8);
    out.insert(out.end(), fields_.begin(), fields_.end());
    uint64_t offset = 0;
    for (const Tensor& tensor : tensors_) {
        append_text(out, tensor.name);
        append(out, tensor.dims.size(), 4);
        for (const uint64_t dim : tensor.dims) append(out, dim, 8);
        append(out, uint64_t(tensor.type), 4);
        append(out, offset, 8);
        offset += padded(tensor.data.size());
    }
    out.resize(size_t(padded(out.size())));
    out.reserve(out.size() + size_t(offset));
    for (Tensor& tensor : tensors_) {
        out.insert(out.end(), tensor.data.begin(), tensor.data.end());
        out.resize(size_t(padded(out.size())));
        tensor.data = {};
    }
    *this = {};
    return out;
}

}  // namespace daidd::inference
