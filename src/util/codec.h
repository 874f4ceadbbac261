#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "util/bytes.h"
#include "util/result.h"

namespace daidd {

/// Why bytes are not what they should be. Shown in errors: never rename one.
enum class DecodeError { kTruncated, kTrailingBytes, kOverLimit, kNotCanonical };

std::string_view to_string(DecodeError error);

/// A list with its largest allowed length: CompactSize count, then the elements. In a field list it is
/// written `bounded(self.tokens, kTokensMax)`. Decoding checks the count before it takes memory.
template <class List>
struct Bounded {
    List& list;
    size_t max;
};
template <class List>
Bounded<List> bounded(List& list, size_t max) {
    return {list, max};
}

template <class T>
concept WireInteger = std::integral<T> && !std::same_as<T, bool>;

/// Appends fields in wire order: integers little-endian, arrays as they are, lists with a CompactSize
/// before them, structs by their own field list.
class Writer {
public:
    template <class... Fields>
    void operator()(const Fields&... fields) {
        (put(fields), ...);
    }

    void raw(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void compact_size(uint64_t value);
    Bytes take() { return std::move(bytes_); }

private:
    template <WireInteger T>
    void put(T value) {
        for (size_t i = 0; i < sizeof(T); ++i)
            bytes_.push_back(uint8_t(std::make_unsigned_t<T>(value) >> (8 * i)));
    }
    template <size_t N>
    void put(const std::array<uint8_t, N>& array) {
        raw(array);
    }
    template <class List>
    void put(const Bounded<List>& bound) {
        compact_size(bound.list.size());
        if constexpr (sizeof(typename List::value_type) == 1) {
            raw({reinterpret_cast<const uint8_t*>(bound.list.data()), bound.list.size()});
        } else {
            for (const auto& element : bound.list) put(element);
        }
    }
    template <class T>
    requires requires(const T& object, Writer& writer) { T::fields(object, writer); }
    void put(const T& object) { T::fields(object, *this); }

    Bytes bytes_;
};

/// Reads fields in wire order. After the first failure it reads zeros, and error() reports it.
class Reader {
public:
    explicit Reader(ByteView bytes) : rest_{bytes} {}

    template <class... Fields>
    void operator()(Fields&&... fields) {
        (get(fields), ...);
    }

    /// The next `size` bytes, or an empty view and a failure.
    ByteView take(size_t size);
    /// The shortest form only, as Bitcoin Core reads it.
    uint64_t compact_size();
    void fail(DecodeError error);
    ByteView rest() const { return rest_; }
    bool exhausted() const { return rest_.empty(); }
    const std::optional<DecodeError>& error() const { return error_; }

private:
    template <WireInteger T>
    void get(T& value) {
        const ByteView bytes = take(sizeof(T));
        std::make_unsigned_t<T> unsigned_value = 0;
        for (size_t i = 0; i < bytes.size(); ++i) {
            unsigned_value =
                std::make_unsigned_t<T>(unsigned_value | (std::make_unsigned_t<T>(bytes[i]) << (8 * i)));
        }
        value = T(unsigned_value);
    }
    template <size_t N>
    void get(std::array<uint8_t, N>& array) {
        const ByteView bytes = take(N);
        array = {};
        for (size_t i = 0; i < bytes.size(); ++i) array[i] = bytes[i];
    }
    template <class List>
    void get(Bounded<List>& bound) {
        bound.list.clear();
        const uint64_t count = compact_size();
        if (count > bound.max) return fail(DecodeError::kOverLimit);
        // Every element takes at least a byte, so a huge count in a short message reserves nothing.
        if (count > rest_.size()) return fail(DecodeError::kTruncated);
        if constexpr (sizeof(typename List::value_type) == 1) {
            const ByteView bytes = take(size_t(count));
            bound.list.assign(bytes.begin(), bytes.end());
        } else {
            for (uint64_t i = 0; i < count && !error_; ++i) {
                typename List::value_type element{};
                get(element);
                bound.list.push_back(std::move(element));
            }
        }
    }
    template <class T>
    requires requires(T& object, Reader& reader) { T::fields(object, reader); }
    void get(T& object) { T::fields(object, *this); }

    ByteView rest_;
    std::optional<DecodeError> error_;
};

template <class T>
Bytes encode(const T& object) {
    Writer writer;
    T::fields(object, writer);
    return writer.take();
}

template <class T>
Result<T, DecodeError> decode(ByteView bytes) {
    Reader reader{bytes};
    T object{};
    T::fields(object, reader);
    if (reader.error()) return Fail{*reader.error()};
    if (!reader.exhausted()) return Fail{DecodeError::kTrailingBytes};
    return object;
}

}  // namespace daidd
