#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>

#include "chain/chain.h"
#include "inference/chat_template.h"
#include "mempool/mempool.h"
#include "p2p/node.h"
#include "wallet/wallet.h"
#include "worker/worker.h"

namespace daidd::rpc {

/// The wallets that are loaded. node/ owns them and tells them of blocks and transactions.
class Wallets {
public:
    struct Created {
        std::shared_ptr<wallet::Wallet> wallet;
        std::string words;  ///< shown once
    };

    virtual ~Wallets() = default;
    virtual Result<Created, wallet::Error> create(const std::string& name) = 0;
    virtual std::vector<std::string> names() const = 0;
    /// Null if no such wallet is loaded.
    virtual std::shared_ptr<wallet::Wallet> find(const std::string& name) const = 0;
};

/// How a model's tokens are read and written.
struct Language {
    Hash256 model{};
    inference::Tokenizer tokenizer;
    std::optional<inference::ChatTemplate> chat;  ///< nothing: a prompt is its text alone
};

/// What the methods work on. node/ fills it before Service::ready().
struct Context {
    chain::Chain* chain = nullptr;
    mempool::Mempool* mempool = nullptr;
    Wallets* wallets = nullptr;
    p2p::PeerManager* peers = nullptr;
    worker::Worker* worker = nullptr;
    std::vector<Language> languages;  ///< of the models that are here

    unsigned threads = 1;  ///< for re-running receipts

    const Language* find_language(const Hash256& model) const;

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
