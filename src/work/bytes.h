#pragma once

#include "util/codec.h"

namespace daidd::work {

/// Little-endian numbers inside bytes that are known to be long enough.
inline uint64_t read_little_endian(ByteView bytes, size_t at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{bytes[at + i]} << (8 * i);
    return value;
}
inline uint32_t read_u32(ByteView bytes, size_t at) { return uint32_t(read_little_endian(bytes, at, 4)); }
inline uint64_t read_u64(ByteView bytes, size_t at) { return read_little_endian(bytes, at, 8); }

/// The fields one after the other, as they are hashed.
template <class... Fields>
Bytes joined(const Fields&... fields) {
    Writer writer;
    writer(fields...);
    return writer.take();
}

/// Tokens and fold words as they are hashed: u32 little-endian without a count.
inline Bytes u32_bytes(std::span<const uint32_t> values) {
    Bytes bytes;
    bytes.reserve(4 * values.size());
    for (const uint32_t value : values) {
        for (size_t i = 0; i < 4; ++i) bytes.push_back(uint8_t(value >> (8 * i)));
    }
    return bytes;
}

}  // namespace daidd::work
