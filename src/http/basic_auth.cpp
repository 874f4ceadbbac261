#include "http/basic_auth.h"

#include <cstdint>

namespace daidd::http {

std::string basic_auth(std::string_view credential) {
    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text = "Basic ";
    for (size_t i = 0; i < credential.size(); i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < credential.size() ? uint8_t(credential[i + k]) : 0);
        for (size_t k = 0; k < 4; ++k) {
            text += i + k > credential.size() ? '=' : kAlphabet[group >> (6 * (3 - k)) & 63];
        }
    }
    return text;
}

}  // namespace daidd::http
