#include "import/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace daidd::import {

using inference::GgufError;
using inference::GgufReason;
using nlohmann::json;

namespace {

constexpr std::string_view kMetadataName = "__metadata__";

struct ElementType {
    std::string_view name;
    uint64_t bytes;
};
constexpr ElementType kElementTypes[] = {{"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"U16", 2}, {"I16", 2},
                                         {"F16", 2},  {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},
                                         {"U64", 8},  {"I64", 8},  {"F64", 8}};

const ElementType* find_type(std::string_view name) {
    const auto* found = std::ranges::find(kElementTypes, name, &ElementType::name);
    return found == std::end(kElementTypes) ? nullptr : found;
}

/// Walks the header as it is read, so nothing is stored that is not a tensor. Each function says whether to
/// go on; after false, error() says why not.
class HeaderReader final : public nlohmann::json_sax<json> {
public:
    struct Entry {
        std::string name;
        const ElementType* type = nullptr;
        std::vector<uint64_t> shape, offsets;
        bool has_shape = false, has_offsets = false;
    };

    const std::optional<GgufError>& error() const { return error_; }
    std::vector<Entry> take() { return std::move(entries_); }

    bool start_object(size_t) override {
        if (place_ == Place::kFile) return enter(Place::kNames);
        if (place_ == Place::kName) {
            return enter(entries_.back().name == kMetadataName ? Place::kMetadata : Place::kTensor);
        }
        return refuse();
    }
    bool key(std::string& text) override {
        if (place_ == Place::kNames) return begin_entry(text);
        if (place_ == Place::kMetadata) return true;
        Entry& entry = entries_.back();
        if (text == "dtype" && entry.type == nullptr) return enter(Place::kDtype);
        if (text == "shape" && !entry.has_shape) return enter(Place::kShape);
        if (text == "data_offsets" && !entry.has_offsets) return enter(Place::kOffsets);
        return fail(GgufReason::kBadValue, field() + "." + text);
    }
    bool string(std::string& text) override {
        if (place_ == Place::kMetadata) return true;
        if (place_ != Place::kDtype) return refuse();
        entries_.back().type = find_type(text);
        if (entries_.back().type == nullptr) return fail(GgufReason::kUnknownType, field());
        return enter(Place::kTensor);
    }
    bool start_array(size_t) override {
        Entry* entry = entries_.empty() ? nullptr : &entries_.back();
        bool* seen = place_ == Place::kShape     ? &entry->has_shape
                     : place_ == Place::kOffsets ? &entry->has_offsets
                                                 : nullptr;
        if (seen == nullptr || *seen) return refuse();
        return *seen = true;
    }
    bool number_unsigned(uint64_t number) override {
        Entry* entry = entries_.empty() ? nullptr : &entries_.back();
        if (place_ == Place::kShape && entry->has_shape) {
            if (entry->shape.size() == kSafetensorsDimsMax) return fail(GgufReason::kOverLimit, field());
            entry->shape.push_back(number);
            return true;
        }
        if (place_ == Place::kOffsets && entry->has_offsets && entry->offsets.size() < 2) {
            entry->offsets.push_back(number);
            return true;
        }
        return refuse();
    }
    bool end_array() override { return enter(Place::kTensor); }
    bool end_object() override {
        if (place_ == Place::kNames) return enter(Place::kEnd);
        if (place_ == Place::kMetadata) {
            entries_.pop_back();
            return enter(Place::kNames);
        }
        const Entry& entry = entries_.back();
        const char* missing = entry.type == nullptr       ? ".dtype"
                              : !entry.has_shape          ? ".shape"
                              : entry.offsets.size() != 2 ? ".data_offsets"
                                                          : nullptr;
        if (missing != nullptr) return fail(GgufReason::kMissing, entry.name + missing);
        return enter(Place::kNames);
    }

    bool null() override { return refuse(); }
    bool boolean(bool) override { return refuse(); }
    bool number_integer(int64_t) override { return refuse(); }
    bool number_float(double, const std::string&) override { return refuse(); }
    bool binary(json::binary_t&) override { return refuse(); }
    bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
        return fail(GgufReason::kBadValue, "header");
    }

private:
    /// Where the next event belongs: kName is the value of a name, kDtype … kOffsets those of a member.
    enum class Place { kFile, kNames, kName, kMetadata, kTensor, kDtype, kShape, kOffsets, kEnd };

    bool enter(Place place) {
        place_ = place;
        return true;
    }
    bool begin_entry(std::string& name) {
        if (has_metadata_ && name == kMetadataName) return fail(GgufReason::kDuplicate, name);
        has_metadata_ |= name == kMetadataName;
        if (entries_.size() == kSafetensorsTensorsMax) return fail(GgufReason::kOverLimit, "header");
        const std::string place = "tensor name " + std::to_string(entries_.size());
        if (name.empty()) return fail(GgufReason::kBadValue, place);
        if (name.size() > kSafetensorsNameMax) return fail(GgufReason::kOverLimit, place);
        entries_.emplace_back().name = std::move(name);
        return enter(Place::kName);
    }
    bool fail(GgufReason reason, std::string where) {
        if (!error_) error_ = GgufError{reason, std::move(where)};
        return false;
    }
    /// Something that must not stand here.
    bool refuse() { return fail(GgufReason::kWrongType, field()); }
    std::string field() const {
        const std::string name = entries_.empty() ? "header" : entries_.back().name;
        switch (place_) {
        case Place::kDtype: return name + ".dtype";
        case Place::kShape: return name + ".shape";
        case Place::kOffsets: return name + ".data_offsets";
        case Place::kFile:
        case Place::kNames:
        case Place::kEnd: return "header";
        case Place::kName:
        case Place::kMetadata:
        case Place::kTensor: return name;
        }
        return name;
    }

    Place place_ = Place::kFile;
    bool has_metadata_ = false;
    std::vector<Entry> entries_;
    std::optional<GgufError> error_;
};

/// Bytes of a tensor, or nothing if it has more elements than any may have.
std::optional<uint64_t> bytes_of(const HeaderReader::Entry& entry) {
    uint64_t elements = 1;
    for (const uint64_t dim : entry.shape) {
        if (dim > kSafetensorsElementsMax / std::max<uint64_t>(1, elements)) return std::nullopt;
        elements *= dim;
    }
    return elements * entry.type->bytes;
}

}  // namespace

std::optional<inference::GgufType> float_type_of(const SafeTensor& tensor) {
    if (tensor.dtype == "F32") return inference::GgufType::kF32;
    if (tensor.dtype == "F16") return inference::GgufType::kF16;
    if (tensor.dtype == "BF16") return inference::GgufType::kBf16;
    return std::nullopt;
}

Result<SafetensorsFile, GgufError> SafetensorsFile::parse(ByteView bytes) {
    const auto refuse = [](GgufReason reason, std::string field) {
        return Fail{GgufError{reason, std::move(field)}};
    };
    if (bytes.size() < 8) return refuse(GgufReason::kTruncated, "header length");
    uint64_t length = 0;
    for (size_t i = 0; i < 8; ++i) length |= uint64_t{bytes[i]} << (8 * i);
    if (length > kSafetensorsHeaderMax) return refuse(GgufReason::kOverLimit, "header length");
    if (length > bytes.size() - 8) return refuse(GgufReason::kTruncated, "header");
    const ByteView header = bytes.subspan(8, size_t(length));
    if (header.empty() || header[0] != '{') return refuse(GgufReason::kBadValue, "header");

    HeaderReader reader;
    const bool is_read = json::sax_parse(header.begin(), header.end(), &reader);
    if (reader.error()) return Fail{*reader.error()};
    if (!is_read) return refuse(GgufReason::kBadValue, "header");

    auto entries = reader.take();
    std::ranges::sort(entries, {}, [](const auto& entry) {
        return std::pair{entry.offsets[0], entry.offsets[1]};
    });
    const ByteView data = bytes.subspan(8 + size_t(length));
    uint64_t at = 0;
    SafetensorsFile file;
    for (auto& entry : entries) {
        const auto size = bytes_of(entry);
        if (!size) return refuse(GgufReason::kOverLimit, entry.name + ".shape");
        if (entry.offsets[0] != at) return refuse(GgufReason::kBadValue, entry.name + ".data_offsets");
        if (*size > data.size() - at) return refuse(GgufReason::kOutsideFile, entry.name);
        if (entry.offsets[1] != at + *size) return refuse(GgufReason::kBadShape, entry.name);
        file.tensors_.push_back({std::move(entry.name), entry.type->name, std::move(entry.shape),
                                 data.subspan(size_t(at), size_t(*size))});
        at += *size;
    }
    if (at != data.size()) return refuse(GgufReason::kBadValue, "bytes behind the last tensor");
    std::ranges::sort(file.tensors_, {}, &SafeTensor::name);
    const auto twice = std::ranges::adjacent_find(file.tensors_, {}, &SafeTensor::name);
    if (twice != file.tensors_.end()) return refuse(GgufReason::kDuplicate, twice->name);
    return file;
}

}  // namespace daidd::import
