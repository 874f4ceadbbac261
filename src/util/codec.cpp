#include "util/codec.h"

namespace daidd {

std::string_view to_string(DecodeError error) {
    switch (error) {
    case DecodeError::kTruncated: return "truncated";
    case DecodeError::kTrailingBytes: return "trailing-bytes";
    case DecodeError::kOverLimit: return "over-limit";
    case DecodeError::kNotCanonical: return "not-canonical";
    }
    return "unknown";
}

void Writer::compact_size(uint64_t value) {
    if (value < 253) return put(uint8_t(value));
    if (value <= 0xffff) {
        put(uint8_t{253});
        return put(uint16_t(value));
    }
    if (value <= 0xffff'ffff) {
        put(uint8_t{254});
        return put(uint32_t(value));
    }
    put(uint8_t{255});
    put(value);
}

ByteView Reader::take(size_t size) {
    if (rest_.size() < size) {
        fail(DecodeError::kTruncated);
        return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
}

uint64_t Reader::compact_size() {
    uint8_t first = 0;
    get(first);
    if (first < 253) return first;
    uint64_t value = 0;
    uint64_t least = 0;
    if (first == 253) {
        uint16_t narrow = 0;
        get(narrow);
        value = narrow;
        least = 253;
    } else if (first == 254) {
        uint32_t narrow = 0;
        get(narrow);
        value = narrow;
        least = 0x1'0000;
    } else {
        get(value);
        least = 0x1'0000'0000;
    }
    if (!error_ && value < least) fail(DecodeError::kNotCanonical);
    return error_ ? 0 : value;
}

void Reader::fail(DecodeError error) {
    if (!error_) error_ = error;
    rest_ = {};
}

}  // namespace daidd
