#pragma once

#include <array>
#include <string_view>

namespace daidd::crypto {

/// The English words of BIP39, in alphabetical order: a word's index is the eleven bits it stands for.
extern const std::array<std::string_view, 2048> kBip39English;

}  // namespace daidd::crypto
