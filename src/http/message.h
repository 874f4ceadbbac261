#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace daidd::http {

// Limits of a server. The first two are Bitcoin Core's.
inline constexpr uint64_t kBodyBytesMax = uint64_t{32} << 20;
inline constexpr uint32_t kHeaderBytesMax = 8 << 10;
/// A request must arrive whole, and a response be taken, within this; also the life of an idle connection.
inline constexpr int kTimeoutMs = 30'000;
/// Beyond it a new connection is closed at once, so that descriptors remain for the disk and for peers.
inline constexpr size_t kConnectionsMax = 256;
/// Requests that wait for a worker; one more is answered 503.
inline constexpr size_t kQueueMax = 128;
inline constexpr size_t kStreamsMax = 64;
/// What a client takes of one response that is not streamed.
inline constexpr uint64_t kResponseBytesMax = uint64_t{256} << 20;

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of that name, in any case; nothing if there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct Request {
    std::string method;
    std::string target;  ///< as it was sent: path, and query if any
    Headers headers;
    std::string body;
    std::string peer_address;
};

/// Makes the next piece of a streamed body: replaces `chunk` (which may stay empty) and says whether to call
/// again. Called from a thread of its own; should return within a second so that the server can stop.
/// Destroyed when the client goes away, the stream ends or the server stops.
using Producer = std::function<bool(std::string& chunk)>;

struct Response {
    unsigned status = 200;
    Headers headers;  ///< besides Content-Length, Connection and Date
    std::string body;
    Producer producer;  ///< if set, `body` is ignored
    int delay_ms = 0;   ///< the response waits so long before it is sent, without holding up a worker
};

/// "Not Found" for 404; "Unknown" for a code without a name here.
std::string_view reason_of(unsigned status);

}  // namespace daidd::http
