#pragma once

#include <string_view>

#include "util/bytes.h"

namespace daidd::crypto {

/// BLAKE2s-256, RFC 7693, with the personalisation of BLAKE2's parameter block. The state may be copied:
/// a copy taken after the key block starts any number of messages under one key.
class Blake2s {
public:
    static constexpr size_t kBlockSize = 64;

    /// `personal` is at most 8 bytes. A key starts the message as a block of its own.
    explicit Blake2s(std::string_view personal, const Hash256* key = nullptr);

    void update(ByteView bytes);
    /// Ends this hash; the object is not used again.
    Hash256 finish();

    /// out[i] = the hash after update(row i), rows of `row_size` > 0 bytes from this state, which no
    /// update() has touched. Up to `lanes` rows are hashed at once: 1, 8 (AVX2) or 16 (AVX-512), at most
    /// lanes_max().
    void finish_rows(ByteView rows, size_t row_size, std::span<Hash256> out, size_t lanes) const;
    /// What this processor can do.
    static size_t lanes_max();

private:
    void compress(const uint8_t* block, bool last);
    void flush_buffer();

    std::array<uint32_t, 8> state_;
    std::array<uint8_t, kBlockSize> buffer_{};
    size_t buffered_ = 0;
    uint64_t total_ = 0;
};

}  // namespace daidd::crypto
