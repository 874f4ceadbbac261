#pragma once

#include <memory>
#include <stdexcept>

#include "http/message.h"

namespace daidd::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    uint16_t port = 0;  ///< 0: the system picks one
    size_t workers = 4;
    size_t queue_max = kQueueMax;
    size_t connections_max = kConnectionsMax;
    int timeout_ms = kTimeoutMs;
};

/// The address is taken, not ours or not an address.
class ListenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Serves until stopped. One thread owns the sockets; handlers run on the workers, several at a time.
class Server {
public:
    /// Must be thread safe. An exception that leaves it is answered 500 and logged.
    using Handler = std::function<Response(const Request&)>;

    /// Listens when it returns. Throws ListenError.
    Server(ServerOptions options, Handler handler);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    uint16_t port() const;

    /// Accepts nothing new, answers 503 to what still waits in the queue, lets running handlers finish and
    /// their responses leave (a slow reader has two seconds), ends streams, joins every thread. Not from a
    /// handler.
    void stop();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::http
