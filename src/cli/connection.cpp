#include "cli/connection.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "cli/json_text.h"
#include "http/basic_auth.h"
#include "http/client.h"

namespace daidd::cli {
namespace {

using namespace std::chrono_literals;

constexpr int kInWarmup = -28;
constexpr auto kRetryPause = 200ms;

std::string place_of(const Options& options) { return options.host + ":" + std::to_string(options.port); }

CallError unreachable(const Options& options, const std::string& why) {
    return {0, "Could not connect to the server " + place_of(options) + " (" + why +
                   ")\n\nMake sure the daidd server is running and that you are connecting to the correct "
                   "RPC port.\n"
                   "Use \"dai-cli -help\" for more info."};
}

/// "user:password"; nothing when the cookie cannot be read.
std::optional<std::string> credential_of(const Options& options) {
    if (!options.password.empty()) return options.user + ":" + options.password;
    std::ifstream file{options.cookie_file};
    std::string cookie;
    if (!std::getline(file, cookie) || cookie.empty()) return std::nullopt;
    return cookie;
}

/// Everything but letters, digits, '.', '_' and '-' percent-encoded.
std::string path_of(const Options& options) {
    if (!options.has_wallet) return "/";
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string path = "/wallet/";
    for (const char c : options.wallet) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '.' || c == '_' || c == '-';
        if (plain) {
            path += c;
        } else {
            path += '%';
            path += kDigits[uint8_t(c) >> 4];
            path += kDigits[uint8_t(c) & 15];
        }
    }
    return path;
}

struct Attempt {
    Result<std::string, CallError> result;
    bool again = false;  ///< worth another try: nothing was carried out
};

Attempt refused(CallError error, bool again) { return {Fail{std::move(error)}, again}; }

Attempt attempt(const Options& options, const std::string& body) {
    const auto credential = credential_of(options);
    if (!credential) {
        return refused(
            {0, "Could not locate RPC credentials. No authentication cookie could be found at " +
                    options.cookie_file + ", and RPC password is not set. See -rpcpassword and -datadir."},
            true);
    }
    const http::ClientOptions where{options.host, options.port, options.timeout_s * 1000};
    const auto response = http::send(
        where, {"POST",
                path_of(options),
                {{"Authorization", http::basic_auth(*credential)}, {"Content-Type", "application/json"}},
                body,
                ""});
    if (!response) {
        const bool connect = response.error().kind == http::ClientErrorKind::kConnect;
        if (response.error().kind == http::ClientErrorKind::kTimeout) {
            return refused(
                {0, "timeout on transient error: no answer in " + std::to_string(options.timeout_s) + " s"},
                false);
        }
        return refused(unreachable(options, response.error().message), connect);
    }
    if (response->status == 401) {
        // A node that is starting has not yet replaced the cookie of the one before.
        return refused({0, "Authorization failed: Incorrect rpcuser or rpcpassword"},
                       options.password.empty());
    }
    if (response->status == 503) return refused({0, "server response: work queue full"}, false);
    if (!is_json(response->body)) {
        return refused({0, "server returned HTTP error " + std::to_string(response->status)}, false);
    }
    const auto error = member(response->body, "error");
    if (!error || *error == "null")
        return {std::string{member(response->body, "result").value_or("null")}, false};
    const int code = std::atoi(std::string{member(*error, "code").value_or("-1")}.c_str());
    return refused({code, unquoted(member(*error, "message").value_or("\"\""))}, code == kInWarmup);
}

}  // namespace

Result<std::string, CallError> call(const Options& options, const std::string& method,
                                    const std::string& params) {
    const std::string body =
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":" + quoted(method) + ",\"params\":" + params + "}";
    const auto begun = std::chrono::steady_clock::now();
    for (;;) {
        Attempt one = attempt(options, body);
        if (one.result || !one.again || !options.wait) return std::move(one.result);
        const auto waited = std::chrono::steady_clock::now() - begun;
        if (options.wait_timeout_s > 0 && waited > std::chrono::seconds{options.wait_timeout_s}) {
            return std::move(one.result);
        }
        std::this_thread::sleep_for(kRetryPause);
    }
}

}  // namespace daidd::cli
