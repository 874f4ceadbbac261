#pragma once

#include <atomic>
#include <condition_variable>

#include "http/server.h"
#include "node/models.h"
#include "node/options.h"
#include "node/wallets.h"
#include "rpc/service.h"

namespace daidd::node {

/// The program. Its members, in order, are the start-up; their destruction, in reverse, is the shutdown.
class Node {
public:
    /// Nothing is written yet. A mine_address must be one of the network.
    Node(Options options, consensus::Params params);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Runs everything; the reason it cannot. JSON-RPC answers -28 from its first moment on.
    std::optional<std::string> start();
    /// Asks for the end, from any thread or signal waiter.
    void request_stop();
    void wait_for_stop();

private:
    struct Lock;

    std::optional<std::string> open_directory();
    std::optional<std::string> listen_rpc();
    std::optional<std::string> open_state();
    std::optional<std::string> start_services();
    worker::Ports make_ports();
    p2p::TransactionPool make_pool();
    void say_ready() const;

    const Options options_;
    const consensus::Params params_;
    std::string directory_;  ///< of the network
    std::unique_ptr<Lock> lock_;
    std::unique_ptr<rpc::Service> service_;
    rpc::Context context_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<chain::Chain> chain_;
    Models models_;
    std::unique_ptr<mempool::Mempool> mempool_;
    std::unique_ptr<LoadedWallets> wallets_;
    std::unique_ptr<p2p::PeerManager> peers_;
    std::unique_ptr<worker::Worker> worker_;
    std::unique_ptr<http::Server> server_;

    std::mutex stop_mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
};

/// `daidd`: the exit code.
int run(int argc, char** argv);

}  // namespace daidd::node
