#pragma once

#include <memory>

#include "worker/gate.h"
#include "worker/ports.h"

namespace daidd::worker {

inline constexpr size_t kAnswersKeptMax = 256;

struct ServerInfo {
    bool running = false;
    uint64_t answered = 0;           ///< receipts sent since the start
    uint64_t tokens = 0;             ///< generated since the start
    std::optional<Hash256> current;  ///< a job that is being answered, the oldest
    std::string last_error;
};

/// Answers the jobs that are open to our worker key on its own thread, side by side, the oldest first where
/// there is not room for all (inference/batcher.h). A job whose receipt is in the chain or waits for a block
/// is left alone, so nothing is answered twice, a restart included; an answer whose receipt got lost
/// (reorganisation, no funds for the bond) is sent again without being generated again.
class Server {
public:
    Server(chain::Chain& chain, const std::vector<LocalModel>& models, const Ports& ports, Gate& gate);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    void stop();
    /// There may be new jobs.
    void poke();
    ServerInfo info() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::worker
