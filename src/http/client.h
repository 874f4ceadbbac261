#pragma once

#include "http/message.h"
#include "util/result.h"

namespace daidd::http {

enum class ClientErrorKind {
    kConnect,   ///< nobody answers at that address: nothing was sent
    kTimeout,   ///< the time was over; the request may have been carried out
    kProtocol,  ///< the answer is not HTTP, is too large or ended early; the request may have been carried
                ///< out
};

struct ClientError {
    ClientErrorKind kind;
    std::string message;
};

struct ClientOptions {
    std::string host = "127.0.0.1";
    uint16_t port = 0;
    /// For the whole exchange; with `on_chunk`, the longest silence. 0: no limit.
    int timeout_ms = 900'000;
};

/// Called with each piece of the body as it arrives; false ends the exchange.
using ChunkCallback = std::function<bool(std::string_view chunk)>;

/// One request over one connection; blocks until the response is there. Of `request` the method, target,
/// headers and body are sent. With `on_chunk` and status 200 the body goes there and Response::body stays
/// empty.
Result<Response, ClientError> send(const ClientOptions& options, const Request& request,
                                   const ChunkCallback& on_chunk = {});

}  // namespace daidd::http
