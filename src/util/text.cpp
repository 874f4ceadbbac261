#include "util/text.h"

#include <cstddef>

namespace daidd {

std::string printable(std::string_view text) {
    constexpr std::string_view kReplacement = "\xef\xbf\xbd";
    constexpr unsigned char kDelete = 0x7f;
    constexpr unsigned char kC1Lead = 0xc2;  // U+0080 … U+009F are C2 80 … C2 9F
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        if (byte == kC1Lead && next >= 0x80 && next < 0xa0) {
            out += kReplacement;
            ++i;
        } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == kDelete) {
            out += kReplacement;
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace daidd
