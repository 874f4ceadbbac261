#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gguf_type.h"
#include "util/bytes.h"
#include "util/result.h"

namespace daidd::inference {

/// The types of metadata values, with GGUF's own numbers: never renumber.
enum class GgufValueType : uint32_t {
    kU8 = 0,
    kI8 = 1,
    kU16 = 2,
    kI16 = 3,
    kU32 = 4,
    kI32 = 5,
    kF32 = 6,
    kBool = 7,
    kText = 8,
    kArray = 9,
    kU64 = 10,
    kI64 = 11,
    kF64 = 12,
};

/// One metadata value. Texts are views into the parsed bytes.
struct GgufValue {
    GgufValueType type = GgufValueType::kU32;
    /// Of an array: the type of its elements. Arrays of arrays are refused.
    GgufValueType element_type = GgufValueType::kU32;
    /// One element, or those of an array: signed values sign-extended, floats as their IEEE bits (this folder
    /// has no floating point).
    std::vector<uint64_t> numbers;
    /// The same for kText.
    std::vector<std::string_view> texts;
};

/// Why a file is refused. Shown in errors: never rename one.
enum class GgufReason {
    kTruncated,     // the file ends inside the field
    kBadMagic,      // does not begin with "GGUF"
    kBadVersion,    // neither version 2 nor 3
    kOverLimit,     // a count or a size beyond its limit
    kUnknownType,   // a value or tensor type that is not read
    kDuplicate,     // a second field of this name
    kBadAlignment,  // an alignment or offset that is not allowed
    kBadShape,      // a tensor without elements, or whose rows are not whole blocks
    kOutsideFile,   // tensor data that leaves the file
    kMissing,       // a field that is needed is not there
    kWrongType,     // a field has another type than it must have
    kBadValue,      // a field has a value that it must not have
};
std::string_view to_string(GgufReason reason);

struct GgufError {
    GgufReason reason;
    std::string field;
};
/// "kTruncated: tokenizer.ggml.tokens"
std::string to_string(const GgufError& error);

/// A tensor's place. dims[0] is the fastest running: a matrix of n rows with k columns has dims {k, n}.
struct GgufTensor {
    std::string_view name;
    GgufType type = GgufType::kF32;
    std::vector<uint64_t> dims;
    ByteView data;

    uint64_t cols() const { return dims.empty() ? 0 : dims[0]; }
    uint64_t rows() const;
};

// Limits of a file. The largest known vocabularies have 2^18 tokens; a file is at most a few GB of tensors.
inline constexpr uint64_t kGgufFieldsMax = 4096;
inline constexpr uint64_t kGgufTensorsMax = 65'536;
inline constexpr uint64_t kGgufArrayMax = 1 << 22;
inline constexpr uint64_t kGgufNameMax = 1024;
inline constexpr uint64_t kGgufDimsMax = 4;
inline constexpr uint64_t kGgufAlignmentMax = 4096;
/// Bound of a tensor's elements, so that no product of dimensions or block sizes can overflow.
inline constexpr uint64_t kGgufElementsMax = uint64_t{1} << 48;

/// A GGUF container, version 2 or 3, little-endian. Parsing checks every count, offset and size against the
/// bytes that are there before it takes memory; it copies neither texts nor tensors, so the bytes must
/// outlive it.
class GgufFile {
public:
    struct Field {
        std::string_view key;
        GgufValue value;
    };

    static Result<GgufFile, GgufError> parse(ByteView bytes);
    /// What parse would give for these, which look where they look. Refuses a name that occurs twice and a
    /// tensor that has not as many bytes as its shape and type take, or no whole blocks.
    static Result<GgufFile, GgufError> compose(std::vector<Field> fields, std::vector<GgufTensor> tensors);

    const GgufValue* find_value(std::string_view key) const;
    const GgufTensor* find_tensor(std::string_view name) const;

    /// An integer of any width that is at least 0 and at most `max`.
    Result<uint64_t, GgufError> number_at(std::string_view key, uint64_t max) const;
    /// A 32-bit float's bits.
    Result<uint32_t, GgufError> float_bits_at(std::string_view key) const;
    Result<std::string_view, GgufError> text_at(std::string_view key) const;
    /// An array of texts, or of integers (sign-extended); never null.
    Result<const std::vector<std::string_view>*, GgufError> texts_at(std::string_view key) const;
    Result<const std::vector<uint64_t>*, GgufError> numbers_at(std::string_view key) const;

    /// Both in the order of the file.
    const std::vector<Field>& fields() const { return fields_; }
    const std::vector<GgufTensor>& tensors() const { return tensors_; }

private:
    friend class GgufParser;
    std::vector<Field> fields_;
    std::vector<GgufTensor> tensors_;
    std::vector<size_t> fields_by_key_;    // indices, in order of key
    std::vector<size_t> tensors_by_name_;  // indices, in order of name
};

}  // namespace daidd::inference
