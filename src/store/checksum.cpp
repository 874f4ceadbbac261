#include "store/checksum.h"

#include <bit>
#include <cstring>

namespace daidd::store {
namespace {

constexpr uint32_t kPolynomialReflected = 0x82f6'3b78;

/// kTables[k][b]: the CRC of byte b followed by k zero bytes, so eight bytes are folded by eight look-ups.
constexpr auto kTables = [] {
    std::array<std::array<uint32_t, 256>, 8> tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomialReflected : 0);
        tables[0][byte] = crc;
    }
    for (size_t k = 1; k < tables.size(); ++k) {
        for (size_t byte = 0; byte < 256; ++byte) {
            const uint32_t shorter = tables[k - 1][byte];
            tables[k][byte] = (shorter >> 8) ^ tables[0][shorter & 255];
        }
    }
    return tables;
}();

static_assert(std::endian::native == std::endian::little, "the eight bytes are loaded as one integer");

}  // namespace

uint32_t crc32c(ByteView bytes, uint32_t crc) {
    crc = ~crc;
    while (bytes.size() >= 8) {
        uint64_t word = 0;
        std::memcpy(&word, bytes.data(), 8);
        word ^= crc;
        crc = 0;
        for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 255];
        bytes = bytes.subspan(8);
    }
    for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 255];
    return ~crc;
}

}  // namespace daidd::store
