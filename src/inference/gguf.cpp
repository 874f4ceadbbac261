#include "inference/gguf.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace daidd::inference {

namespace {

constexpr std::string_view kMagic = "GGUF";

/// Bytes of one element; a text takes at least its length.
std::optional<uint64_t> value_bytes(uint32_t type) {
    switch (type) {
    case 0:
    case 1:
    case 7: return 1;
    case 2:
    case 3: return 2;
    case 4:
    case 5:
    case 6: return 4;
    case 8:
    case 10:
    case 11:
    case 12: return 8;
    default: return std::nullopt;
    }
}

uint64_t sign_extended(GgufValueType type, uint64_t value) {
    switch (type) {
    case GgufValueType::kI8: return uint64_t(int64_t(int8_t(value)));
    case GgufValueType::kI16: return uint64_t(int64_t(int16_t(value)));
    case GgufValueType::kI32: return uint64_t(int64_t(int32_t(value)));
    default: return value;
    }
}

bool is_integer(GgufValueType type) {
    switch (type) {
    case GgufValueType::kU8:
    case GgufValueType::kI8:
    case GgufValueType::kU16:
    case GgufValueType::kI16:
    case GgufValueType::kU32:
    case GgufValueType::kI32:
    case GgufValueType::kU64:
    case GgufValueType::kI64: return true;
    case GgufValueType::kF32:
    case GgufValueType::kBool:
    case GgufValueType::kText:
    case GgufValueType::kArray:
    case GgufValueType::kF64: return false;
    }
    return false;
}

bool is_signed(GgufValueType type) {
    return type == GgufValueType::kI8 || type == GgufValueType::kI16 || type == GgufValueType::kI32 ||
           type == GgufValueType::kI64;
}

/// Indices of `items` in order of name; the first name that occurs twice goes to `twice`.
template <class Items, class Name>
std::vector<size_t> sorted_by_name(const Items& items, Name name, std::optional<std::string>& twice) {
    std::vector<size_t> order(items.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return name(items[a]) < name(items[b]); });
    for (size_t i = 1; i < order.size(); ++i) {
        if (name(items[order[i - 1]]) == name(items[order[i]])) twice = std::string{name(items[order[i]])};
    }
    return order;
}

template <class Items, class Name>
auto find_by_name(const Items& items, const std::vector<size_t>& order, std::string_view wanted, Name name) {
    const auto at = std::lower_bound(order.begin(), order.end(), wanted,
                                     [&](size_t i, std::string_view text) { return name(items[i]) < text; });
    return at != order.end() && name(items[*at]) == wanted ? &items[*at] : nullptr;
}

/// Bytes of a tensor's rows, each whole blocks; or what is wrong with its shape or type.
Result<uint64_t, GgufReason> tensor_bytes(uint32_t type, const std::vector<uint64_t>& dims) {
    if (dims.empty() || dims.size() > kGgufDimsMax) return Fail{GgufReason::kOverLimit};
    uint64_t elements = 1;
    for (const uint64_t dim : dims) {
        if (dim == 0) return Fail{GgufReason::kBadShape};
        if (dim > kGgufElementsMax / elements) return Fail{GgufReason::kOverLimit};
        elements *= dim;
    }
    const auto block = gguf_block(type);
    if (!block) return Fail{GgufReason::kUnknownType};
    if (dims[0] % block->elements != 0) return Fail{GgufReason::kBadShape};
    return elements / block->elements * block->bytes;
}

constexpr auto kFieldName = [](const GgufFile::Field& field) { return field.key; };
constexpr auto kTensorName = [](const GgufTensor& tensor) { return tensor.name; };

}  // namespace

std::string_view to_string(GgufReason reason) {
    switch (reason) {
    case GgufReason::kTruncated: return "truncated";
    case GgufReason::kBadMagic: return "bad magic";
    case GgufReason::kBadVersion: return "bad version";
    case GgufReason::kOverLimit: return "over limit";
    case GgufReason::kUnknownType: return "unknown type";
    case GgufReason::kDuplicate: return "duplicate";
    case GgufReason::kBadAlignment: return "bad alignment";
    case GgufReason::kBadShape: return "bad shape";
    case GgufReason::kOutsideFile: return "outside the file";
    case GgufReason::kMissing: return "missing";
    case GgufReason::kWrongType: return "wrong type";
    case GgufReason::kBadValue: return "bad value";
    }
    return "unknown";
}

std::string to_string(const GgufError& error) {
    return error.field + ": " + std::string{to_string(error.reason)};
}

uint64_t GgufTensor::rows() const {
    uint64_t rows = dims.empty() ? 0 : 1;
    for (size_t i = 1; i < dims.size(); ++i) rows *= dims[i];
    return rows;
}

/// Reads a file front to back; after the first error it reads zeros and keeps that error.
class GgufParser {
public:
    explicit GgufParser(ByteView bytes) : bytes_{bytes} {}

    Result<GgufFile, GgufError> parse() {
        read_header();
        for (uint64_t i = 0; i < field_count_ && !error_; ++i) read_field(i);
        if (!error_) index_fields();
        if (!error_) read_alignment();
        for (uint64_t i = 0; i < tensor_count_ && !error_; ++i) read_tensor(i);
        if (!error_) place_tensors();
        if (error_) return Fail{*error_};
        return std::move(file_);
    }

private:
    void fail(GgufReason reason, std::string_view field) {
        if (!error_) error_ = GgufError{reason, std::string{field}};
    }
    uint64_t left() const { return bytes_.size() - at_; }

    uint64_t read_number(uint64_t size, std::string_view field) {
        if (error_) return 0;
        if (size > left()) return fail(GgufReason::kTruncated, field), 0;
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i) value |= uint64_t{bytes_[size_t(at_) + i]} << (8 * i);
        at_ += size;
        return value;
    }
    uint32_t read_u32(std::string_view field) { return uint32_t(read_number(4, field)); }

    std::string_view read_text(uint64_t max, std::string_view field) {
        const uint64_t size = read_number(8, field);
        if (error_) return {};
        if (size > max) return fail(GgufReason::kOverLimit, field), std::string_view{};
        if (size > left()) return fail(GgufReason::kTruncated, field), std::string_view{};
        const auto text = as_text(bytes_.subspan(size_t(at_), size_t(size)));
        at_ += size;
        return text;
    }

    void read_header() {
        if (bytes_.size() < kMagic.size()) return fail(GgufReason::kTruncated, "magic");
        if (as_text(bytes_.first(kMagic.size())) != kMagic) return fail(GgufReason::kBadMagic, "magic");
        at_ = kMagic.size();
        const uint32_t version = read_u32("version");
        if (!error_ && version != 2 && version != 3) return fail(GgufReason::kBadVersion, "version");
        tensor_count_ = read_number(8, "tensor_count");
        field_count_ = read_number(8, "metadata_kv_count");
        if (tensor_count_ > kGgufTensorsMax) fail(GgufReason::kOverLimit, "tensor_count");
        if (field_count_ > kGgufFieldsMax) fail(GgufReason::kOverLimit, "metadata_kv_count");
    }

    void read_element(GgufValue& value, GgufValueType type, uint64_t size, std::string_view key) {
        if (type == GgufValueType::kText) {
            value.texts.push_back(read_text(bytes_.size(), key));
        } else {
            const uint64_t number = read_number(size, key);
            if (type == GgufValueType::kBool && number > 1) fail(GgufReason::kBadValue, key);
            value.numbers.push_back(sign_extended(type, number));
        }
    }

    void read_field(uint64_t index) {
        const std::string place = "metadata key " + std::to_string(index);
        const std::string_view key = read_text(kGgufNameMax, place);
        if (!error_ && key.empty()) return fail(GgufReason::kBadValue, place);
        uint32_t type = read_u32(key);
        GgufValue value{.type = GgufValueType(type), .numbers = {}, .texts = {}};
        uint64_t count = 1;
        if (value.type == GgufValueType::kArray) {
            type = read_u32(key);
            count = read_number(8, key);
            value.element_type = GgufValueType(type);
        }
        if (error_) return;
        const auto size = value_bytes(type);
        if (!size) return fail(GgufReason::kUnknownType, key);
        if (count > kGgufArrayMax) return fail(GgufReason::kOverLimit, key);
        if (count > left() / *size) return fail(GgufReason::kTruncated, key);
        // There are at least `count` elements' bytes, so this is not more than a file may ask for.
        (type == uint32_t(GgufValueType::kText) ? value.texts.reserve(size_t(count))
                                                : value.numbers.reserve(size_t(count)));
        for (uint64_t i = 0; i < count && !error_; ++i) read_element(value, GgufValueType(type), *size, key);
        file_.fields_.push_back({key, std::move(value)});
    }

    void index_fields() {
        std::optional<std::string> twice;
        file_.fields_by_key_ = sorted_by_name(file_.fields_, kFieldName, twice);
        if (twice) fail(GgufReason::kDuplicate, *twice);
    }

    void read_alignment() {
        constexpr std::string_view kKey = "general.alignment";
        if (file_.find_value(kKey) == nullptr) return;
        const auto alignment = file_.number_at(kKey, kGgufAlignmentMax);
        if (!alignment) return fail(alignment.error().reason, kKey);
        if (*alignment < 8 || (*alignment & (*alignment - 1)) != 0)
            return fail(GgufReason::kBadAlignment, kKey);
        alignment_ = *alignment;
    }

    void read_tensor(uint64_t index) {
        const std::string place = "tensor name " + std::to_string(index);
        const std::string_view name = read_text(kGgufNameMax, place);
        if (!error_ && name.empty()) return fail(GgufReason::kBadValue, place);
        const uint32_t dim_count = read_u32(name);
        if (error_) return;
        if (dim_count == 0 || dim_count > kGgufDimsMax) return fail(GgufReason::kOverLimit, name);
        GgufTensor tensor{.name = name, .dims = {}, .data = {}};
        for (uint32_t i = 0; i < dim_count; ++i) tensor.dims.push_back(read_number(8, name));
        const uint32_t type = read_u32(name);
        const uint64_t offset = read_number(8, name);
        if (error_) return;
        const auto bytes = tensor_bytes(type, tensor.dims);
        if (!bytes) return fail(bytes.error(), name);
        if (offset % alignment_ != 0) return fail(GgufReason::kBadAlignment, name);
        tensor.type = GgufType(type);
        places_.push_back({offset, *bytes});
        file_.tensors_.push_back(std::move(tensor));
    }

    void place_tensors() {
        std::optional<std::string> twice;
        file_.tensors_by_name_ = sorted_by_name(file_.tensors_, kTensorName, twice);
        if (twice) return fail(GgufReason::kDuplicate, *twice);
        if (file_.tensors_.empty()) return;
        const uint64_t start = (at_ + alignment_ - 1) / alignment_ * alignment_;
        for (size_t i = 0; i < file_.tensors_.size(); ++i) {
            const auto [offset, size] = places_[i];
            const std::string_view name = file_.tensors_[i].name;
            const uint64_t room = start > bytes_.size() ? 0 : bytes_.size() - start;
            if (offset > room || size > room - offset) return fail(GgufReason::kOutsideFile, name);
            file_.tensors_[i].data = bytes_.subspan(size_t(start + offset), size_t(size));
        }
    }

    ByteView bytes_;
    uint64_t at_ = 0;
    uint64_t tensor_count_ = 0;
    uint64_t field_count_ = 0;
    uint64_t alignment_ = 32;
    std::vector<std::pair<uint64_t, uint64_t>> places_;  // offset and bytes of each tensor
    std::optional<GgufError> error_;
    GgufFile file_;
};

Result<GgufFile, GgufError> GgufFile::parse(ByteView bytes) { return GgufParser{bytes}.parse(); }

Result<GgufFile, GgufError> GgufFile::compose(std::vector<Field> fields, std::vector<GgufTensor> tensors) {
    for (const GgufTensor& tensor : tensors) {
        const auto bytes = tensor_bytes(uint32_t(tensor.type), tensor.dims);
        const std::string name{tensor.name};
        if (!bytes) return Fail{GgufError{bytes.error(), name}};
        if (*bytes != tensor.data.size()) return Fail{GgufError{GgufReason::kBadShape, name}};
    }
    GgufFile file;
    file.fields_ = std::move(fields);
    file.tensors_ = std::move(tensors);
    std::optional<std::string> twice;
    file.fields_by_key_ = sorted_by_name(file.fields_, kFieldName, twice);
    file.tensors_by_name_ = sorted_by_name(file.tensors_, kTensorName, twice);
    if (twice) return Fail{GgufError{GgufReason::kDuplicate, *twice}};
    return file;
}

const GgufValue* GgufFile::find_value(std::string_view key) const {
    const Field* field = find_by_name(fields_, fields_by_key_, key, kFieldName);
    return field == nullptr ? nullptr : &field->value;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
    return find_by_name(tensors_, tensors_by_name_, name, kTensorName);
}

Result<uint64_t, GgufError> GgufFile::number_at(std::string_view key, uint64_t max) const {
    const GgufValue* value = find_value(key);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{key}}};
    if (!is_integer(value->type)) return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    const uint64_t number = value->numbers[0];
    const bool negative = is_signed(value->type) && int64_t(number) < 0;
    if (negative || number > max) return Fail{GgufError{GgufReason::kBadValue, std::string{key}}};
    return number;
}

Result<uint32_t, GgufError> GgufFile::float_bits_at(std::string_view key) const {
    const GgufValue* value = find_value(key);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{key}}};
    if (value->type != GgufValueType::kF32) return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    return uint32_t(value->numbers[0]);
}

Result<std::string_view, GgufError> GgufFile::text_at(std::string_view key) const {
    const GgufValue* value = find_value(key);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{key}}};
    if (value->type != GgufValueType::kText) return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    return value->texts[0];
}

Result<const std::vector<std::string_view>*, GgufError> GgufFile::texts_at(std::string_view key) const {
    const GgufValue* value = find_value(key);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{key}}};
    if (value->type != GgufValueType::kArray || value->element_type != GgufValueType::kText) {
        return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    }
    return &value->texts;
}

Result<const std::vector<uint64_t>*, GgufError> GgufFile::numbers_at(std::string_view key) const {
    const GgufValue* value = find_value(key);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{key}}};
    if (value->type != GgufValueType::kArray || !is_integer(value->element_type)) {
        return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    }
    return &value->numbers;
}

}  // namespace daidd::inference
