#include "http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/session.h"

namespace daidd::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kStopPatience = 2s;
/// When no descriptor is left, accepting again at once would only burn the processor.
constexpr auto kAcceptPause = 50ms;
constexpr auto kWatchPause = 2ms;

}  // namespace

struct Server::Impl {
    ServerState state;
    tcp::acceptor acceptor{state.io};
    asio::steady_timer pause{state.io};
    asio::steady_timer watch{state.io};
    // While a handler runs, its session waits for nothing; the I/O thread must stay all the same.
    asio::executor_work_guard<asio::io_context::executor_type> guard{state.io.get_executor()};
    uint16_t port = 0;
    std::thread io_thread;

    void listen();
    void accept();
    void stop();
    void each_session(void (Session::*verb)());
    /// Ends the I/O thread when the last session has gone.
    void wait_for_sessions();
};

void Server::Impl::listen() {
    const std::string place = state.options.address + ":" + std::to_string(state.options.port);
    error_code error;
    const auto address = asio::ip::make_address(state.options.address, error);
    if (error) throw ListenError{"not an IP address: " + state.options.address};
    const tcp::endpoint endpoint{address, state.options.port};
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw ListenError{"cannot listen on " + place + ": " + error.message()};
    port = acceptor.local_endpoint().port();
}

void Server::Impl::accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
        if (state.stopping) return;
        if (error) {
            pause.expires_after(kAcceptPause);
            return pause.async_wait([this](error_code ended) {
                if (!ended) accept();
            });
        }
        if (state.sessions.size() < state.options.connections_max) {
            auto session = std::make_shared<Session>(state, std::move(socket));
            state.sessions.emplace(session.get(), session);
            session->start();
        }
        accept();
    });
}

void Server::Impl::stop() {
    if (!io_thread.joinable()) return;
    state.stopping = true;
    asio::post(state.io, [this] {
        error_code ignored;
        acceptor.close(ignored);
    });
    state.pool->stop();
    // Handlers have posted their responses by now. Whoever does not take his in time is cut off.
    asio::post(state.io, [this] {
        pause.expires_after(kStopPatience);
        pause.async_wait([this](error_code) { each_session(&Session::close); });
    });
    {
        std::unique_lock lock{state.streams_mutex};
        state.streams_changed.wait(lock, [this] { return state.streams == 0; });
    }
    asio::post(state.io, [this] {
        each_session(&Session::finish);
        wait_for_sessions();
    });
    io_thread.join();
}

void Server::Impl::each_session(void (Session::*verb)()) {
    const auto sessions = state.sessions;
    for (const auto& [raw, weak] : sessions) {
        if (const auto session = weak.lock()) ((*session).*verb)();
    }
}

void Server::Impl::wait_for_sessions() {
    if (state.sessions.empty()) return state.io.stop();
    watch.expires_after(kWatchPause);
    watch.async_wait([this](error_code) { wait_for_sessions(); });
}

Server::Server(ServerOptions options, Handler handler) : impl_{std::make_unique<Impl>()} {
    impl_->state.options = std::move(options);
    impl_->state.handler = std::move(handler);
    impl_->listen();
    impl_->state.pool = std::make_unique<Pool>(impl_->state.options.workers, impl_->state.options.queue_max);
    impl_->accept();
    impl_->io_thread = std::thread{[this] { impl_->state.io.run(); }};
}

Server::~Server() { stop(); }

uint16_t Server::port() const { return impl_->port; }

void Server::stop() { impl_->stop(); }

}  // namespace daidd::http
