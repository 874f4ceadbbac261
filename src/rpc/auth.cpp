#include "rpc/auth.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "crypto/hash.h"
#include "crypto/keys.h"
#include "http/basic_auth.h"
#include "util/bytes.h"

namespace daidd::rpc {
namespace {

constexpr size_t kPasswordBytes = 32;

bool write_private(const std::string& path, std::string_view text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool written = write(fd, text.data(), text.size()) == ssize_t(text.size());
    return close(fd) == 0 && written;
}

}  // namespace

std::optional<std::string> make_cookie(const std::string& path) {
    std::array<uint8_t, kPasswordBytes> password;
    crypto::random_bytes(password);
    const std::string cookie = std::string{kCookieUser} + ":" + to_hex(password);
    const std::string temporary = path + ".tmp";
    unlink(temporary.c_str());  // an old one may be readable by others
    if (!write_private(temporary, cookie) || std::rename(temporary.c_str(), path.c_str()) != 0)
        return std::nullopt;
    return cookie;
}

bool is_authorized(std::string_view header, const std::vector<std::string>& credentials) {
    // Digests have one length and cannot be steered by who sends the header, so neither can the comparison's
    // time.
    const Hash256 given = crypto::sha256(as_bytes(header));
    bool any = false;
    for (const std::string& credential : credentials) {
        const Hash256 expected = crypto::sha256(as_bytes(http::basic_auth(credential)));
        uint8_t difference = 0;
        for (size_t i = 0; i < given.size(); ++i) difference = uint8_t(difference | (given[i] ^ expected[i]));
        any |= difference == 0;
    }
    return any;
}

}  // namespace daidd::rpc
