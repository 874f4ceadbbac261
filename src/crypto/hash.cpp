#include "crypto/hash.h"

#include "crypto/blake2s.h"

namespace daidd::crypto {

Hash256 hash(std::string_view tag, std::initializer_list<ByteView> parts, const Hash256* key) {
    Blake2s state{tag, key};
    for (const ByteView part : parts) state.update(part);
    return state.finish();
}

void hash_rows(std::string_view tag, const Hash256* key, ByteView rows, size_t row_size,
               std::span<Hash256> out) {
    Blake2s{tag, key}.finish_rows(rows, row_size, out, Blake2s::lanes_max());
}

}  // namespace daidd::crypto
