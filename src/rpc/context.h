#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>

#include "chain/chain.h"

namespace daidd::rpc {

/// What the methods work on. node/ fills it before Service::ready().
struct Context {
    chain::Chain* chain = nullptr;

    std::function<int64_t()> now_s;   ///< Unix seconds
    std::function<void()> shut_down;  ///< asks the program to end; returns at once
    std::function<uint64_t()> size_on_disk;
    std::string log_path;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

    /// Requests in progress, for getrpcinfo. `active` is guarded by the mutex.
    struct Active {
        std::string method;
        std::chrono::steady_clock::time_point since;
    };
    std::mutex active_mutex;
    std::list<Active> active;
};

/// Lists a request as active while it lives.
class ActiveCommand {
public:
    ActiveCommand(Context& context, const std::string& method);
    ~ActiveCommand();
    ActiveCommand(const ActiveCommand&) = delete;
    ActiveCommand& operator=(const ActiveCommand&) = delete;

private:
    Context& context_;
    std::list<Context::Active>::iterator place_;
};

}  // namespace daidd::rpc
