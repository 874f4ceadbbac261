#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/message.h"

namespace daidd::rpc {

struct Context;

/// Requests of one batch.
inline constexpr size_t kBatchMax = 10'000;
/// How long the answer to a wrong password waits: Bitcoin Core's brake on guessing.
inline constexpr int kAuthFailureDelayMs = 250;

/// JSON-RPC over HTTP. Thread safe: handle() is the handler of an http::Server. Until `ready` every method is
/// answered -28 with the status, so a client can tell "starting" from "not there".
class Service {
public:
    /// `credentials`: "user:password" each; one of them is the cookie.
    explicit Service(std::vector<std::string> credentials);
    ~Service();

    void set_warmup_status(std::string status);
    /// `context` and all it points to outlive the last request, which http::Server::stop() waits for.
    void ready(Context& context);

    http::Response handle(const http::Request& request);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::rpc
