#include "node/node.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "node/device_runner.h"
#include "rpc/address.h"
#include "rpc/auth.h"
#include "util/log.h"

namespace daidd::node {
namespace {

int64_t now_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

p2p::TxVerdict verdict_of(const Result<mempool::Entry, mempool::Rejection>& result) {
    if (result) return p2p::TxVerdict::kAccepted;
    switch (result.error().kind) {
    case mempool::RejectKind::kKnown: return p2p::TxVerdict::kKnown;
    case mempool::RejectKind::kMissingInputs: return p2p::TxVerdict::kMissingInputs;
    case mempool::RejectKind::kRefused: return p2p::TxVerdict::kRefused;
    case mempool::RejectKind::kInvalid: return p2p::TxVerdict::kInvalid;
    }
    return p2p::TxVerdict::kRefused;
}

/// Weight of a block that transactions may take: the rest is the coinbase's and the header's.
constexpr size_t kReservedWeight = 100'000;

}  // namespace

/// One process a data directory.
struct Node::Lock {
    int file = -1;
    ~Lock() {
        if (file >= 0) ::close(file);
    }
};

Node::Node(Options options, consensus::Params params)
    : options_{std::move(options)}, params_{std::move(params)} {}

Node::~Node() {
    // What asks others ends before what is asked.
    if (server_) server_->stop();
    if (worker_) worker_->stop();
    if (peers_) peers_->stop();
    if (chain_) {
        if (mempool_) chain_->remove_listener(mempool_.get());
        if (wallets_) chain_->remove_listener(wallets_.get());
    }
    if (lock_) std::filesystem::remove(directory_ + "/.cookie");
    log(LogLevel::kInfo, "node", "stopped");
}

std::optional<std::string> Node::open_directory() {
    directory_ = options_.datadir;
    if (params_.name != "main") directory_ += "/" + params_.name;
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) return "-datadir: " + directory_ + ": " + error.message();
    const std::string path = directory_ + "/.lock";
    lock_ = std::make_unique<Lock>();
    lock_->file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_->file < 0 || ::flock(lock_->file, LOCK_EX | LOCK_NB) != 0) {
        lock_.reset();
        return "Cannot obtain a lock on data directory " + directory_ +
               ". daidd is probably already running.";
    }
    context_.log_path = directory_ + "/debug.log";
    if (!open_log_file(context_.log_path)) return "-datadir: " + context_.log_path + " cannot be written";
    return std::nullopt;
}

std::optional<std::string> Node::listen_rpc() {
    const auto cookie = rpc::make_cookie(directory_ + "/.cookie");
    if (!cookie) return "-datadir: the cookie file cannot be written";
    service_ = std::make_unique<rpc::Service>(std::vector{*cookie});
    http::ServerOptions options;
    options.address = options_.rpc_bind;
    options.port = options_.rpc_port.value_or(params_.rpc_port);
    try {
        server_ = std::make_unique<http::Server>(
            options, [this](const http::Request& request) { return service_->handle(request); });
    } catch (const http::ListenError& error) {
        return "-rpcport: " + std::string{error.what()};
    }
    return std::nullopt;
}

std::optional<std::string> Node::open_state() {
    service_->set_warmup_status("Loading the chain...");
    database_ = std::make_unique<store::Database>(directory_ + "/chain", chain::Chain::tables());
    auto chain = chain::Chain::open(*database_, params_);
    if (!chain) return chain.error();
    chain_ = *std::move(chain);
    service_->set_warmup_status("Loading the model...");
    auto models = load_models(params_, options_.model, options_.corpus);
    if (!models) return models.error();
    models_ = *std::move(models);
    if (models_.local.empty()) {
        log(LogLevel::kWarning, "node",
            "no base model of this chain is here: no mining, no answers, no re-runs (start with "
            "-model=FILE)");
        if (options_.mine) return "-mine: needs a base model of this chain: -model=FILE";
        if (!options_.device.empty()) return "-device: needs a base model of this chain: -model=FILE";
    }
    if (!options_.device.empty()) {
        service_->set_warmup_status("Checking the device...");
        auto& mined = models_.local.front();
        auto runner = make_device_runner(options_.device, mined, worker::threads_of(options_.threads));
        if (!runner) return "-device: " + runner.error();
        mined.runner = *std::move(runner);
        log(LogLevel::kInfo, "node", "mined units run on " + mined.runner->name());
    }
    mempool::Options pool;
    pool.now_s = now_s;
    mempool_ = std::make_unique<mempool::Mempool>(
        params_, [this] { return chain_->snapshot(); }, pool);
    service_->set_warmup_status("Loading wallets...");
    wallets_ = std::make_unique<LoadedWallets>(directory_ + "/wallets", *chain_, *mempool_, now_s);
    // When the tip has changed the wallets offer what they miss, so the mempool must know the tip by then.
    chain_->add_listener(mempool_.get());
    chain_->add_listener(wallets_.get());
    return wallets_->load_all();
}

p2p::TransactionPool Node::make_pool() {
    p2p::TransactionPool pool;
    pool.has = [this](const Hash256& txid) { return mempool_->contains(txid); };
    pool.find = [this](const Hash256& txid) -> std::optional<consensus::Transaction> {
        const auto entry = mempool_->find(txid);
        if (!entry) return std::nullopt;
        return *entry->tx;
    };
    pool.accept = [this](const consensus::Transaction& tx) { return verdict_of(mempool_->accept(tx)); };
    pool.txids = [this] { return mempool_->txids(); };
    return pool;
}

worker::Ports Node::make_ports() {
    worker::Ports ports;
    ports.select_transactions = [this] {
        return mempool_->select(params_.block_weight_max - kReservedWeight, params_.commands_bytes_max);
    };
    ports.has_transactions = [this] { return !mempool_->empty(); };
    ports.has_receipt = [this](const Hash256& job) { return mempool_->has_receipt(job); };
    ports.send = [this](const consensus::Transaction& tx) -> std::optional<std::string> {
        const auto entry = mempool_->accept(tx);
        if (!entry) {
            for (const auto& wallet : wallets_->all()) (void)wallet->abandon(consensus::txid(tx));
            return std::string{entry.error().token} + " " + entry.error().detail;
        }
        peers_->relay(entry->txid);
        return std::nullopt;
    };
    ports.sign = [this](const crypto::PublicKey& key, const Hash256& message) {
        return wallets_->sign(key, message);
    };
    ports.worker_key = [this] { return wallets_->worker_key(); };
    ports.fund = [this](const consensus::TxOut& output) { return wallets_->fund(output); };
    ports.now_s = now_s;
    return ports;
}

std::optional<std::string> Node::start_services() {
    p2p::Options p2p;
    p2p.listen = options_.listen;
    p2p.bind = options_.bind;
    p2p.port = options_.p2p_port.value_or(params_.p2p_port);
    p2p.connect = options_.connect;
    peers_ = std::make_unique<p2p::PeerManager>(*chain_, make_pool(), p2p);

    worker::Options work;
    work.mine = options_.mine;
    work.serve = options_.serve;
    work.verify_work = options_.verify_work;
    work.threads = options_.threads;
    if (!options_.mine_address.empty()) work.mine_key = *rpc::parse_address(options_.mine_address, params_);
    if (options_.mine && wallets_->names().empty()) {
        const auto created = wallets_->create("default");
        if (!created) return "wallet 'default': " + created.error().detail;
        std::cout << "New wallet 'default'. Write these words down, they are shown only once:\n\n  "
                  << created->words << "\n\n";
    }
    worker_ = std::make_unique<worker::Worker>(*chain_, models_.local, models_.corpora, make_ports(), work);
    mempool::Observer observer;
    observer.added = [this](const mempool::Entry& entry) {
        wallets_->transaction_added(*entry.tx);
        peers_->relay(entry.txid);
        worker_->poke();
    };
    observer.removed = [this](const mempool::Entry& entry, mempool::Removal removal) {
        if (removal != mempool::Removal::kBlock) wallets_->transaction_removed(*entry.tx);
    };
    mempool_->observe(observer);
    wallets_->offer_inactive();
    if (auto error = peers_->start()) return "-port: " + *error;
    worker_->start();
    return std::nullopt;
}

std::optional<std::string> Node::start() {
    if (auto error = open_directory()) return error;
    if (auto error = listen_rpc()) return error;
    try {
        if (auto error = open_state()) return error;
        if (auto error = start_services()) return error;
    } catch (const store::Error& error) {
        return std::string{error.what()};
    }
    context_.chain = chain_.get();
    context_.mempool = mempool_.get();
    context_.wallets = wallets_.get();
    context_.peers = peers_.get();
    context_.worker = worker_.get();
    context_.languages = models_.languages;
    context_.now_s = now_s;
    context_.shut_down = [this] { request_stop(); };
    context_.size_on_disk = [this] { return database_->used_bytes(); };
    service_->ready(context_);
    say_ready();
    return std::nullopt;
}

void Node::say_ready() const {
    const bool spec_file = options_.chain != params_.name;
    std::string cli = std::string{"dai-cli "} + (spec_file ? "-chain=" : "-") + options_.chain;
    if (params_.name == "main") cli = "dai-cli";
    std::cout << "daidd " << params_.name << ", height " << chain_->snapshot()->tip().height << "\n"
              << "  data   " << directory_ << "\n"
              << "  RPC    http://" << options_.rpc_bind << ":" << server_->port() << "\n"
              << "  peers  "
              << (options_.listen ? options_.bind + ":" + std::to_string(peers_->local_port()) : "off")
              << "\n"
              << "  next   " << cli << (wallets_->names().empty() ? " createwallet me" : " chat \"hello\"")
              << "\n"
              << std::flush;
}

void Node::request_stop() {
    {
        const std::lock_guard lock{stop_mutex_};
        stop_ = true;
    }
    stopped_.notify_all();
}

void Node::wait_for_stop() {
    std::unique_lock lock{stop_mutex_};
    stopped_.wait(lock, [this] { return stop_; });
}

}  // namespace daidd::node
