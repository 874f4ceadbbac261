#pragma once

#include "util/bytes.h"

namespace daidd::crypto {

struct WitnessProgram {
    uint8_t version = 1;
    Bytes program;
};

/// BIP350 addresses: bech32m for version 1 and above, bech32 for version 0.
std::string encode_address(std::string_view hrp, const WitnessProgram& program);
/// Nothing if the checksum, the prefix, the case or the lengths are wrong.
std::optional<WitnessProgram> parse_address(std::string_view hrp, std::string_view text);

}  // namespace daidd::crypto
