#include "p2p/connection.h"

#include <atomic>
#include <charconv>
#include <deque>
#include <thread>
#include <utility>

#include <boost/asio.hpp>

#include "util/log.h"

namespace daidd::p2p {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kReadChunk = size_t{64} << 10;
/// How long the door stays shut when the system has no more file descriptors.
constexpr std::chrono::milliseconds kAcceptPause{500};

Address address_of(const tcp::endpoint& endpoint) {
    return {endpoint.address().to_string(), endpoint.port()};
}

class Socket final : public Connection, public std::enable_shared_from_this<Socket> {
public:
    explicit Socket(tcp::socket socket) : socket_{std::move(socket)} {
        error_code ignored;
        remote_ = address_of(socket_.remote_endpoint(ignored));
        local_ = address_of(socket_.local_endpoint(ignored));
        socket_.set_option(tcp::no_delay{true}, ignored);
    }

    void start(Events events) override {
        events_ = std::move(events);
        read();
    }

    void send(Bytes bytes) override {
        if (closed_) return;
        queued_ += bytes.size();
        queue_.push_back(std::move(bytes));
        if (queue_.size() == 1) write();
    }

    size_t queued() const override { return queued_; }
    uint64_t bytes_sent() const override { return sent_; }
    const Address& remote() const override { return remote_; }
    const Address& local() const override { return local_; }

    void close() override {
        closed_ = true;
        events_ = {};
        queue_.clear();
        queued_ = 0;
        error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }

private:
    void read() {
        if (closed_ || reading_ || queued_ > kSendPauseBytes) return;
        reading_ = true;
        socket_.async_read_some(asio::buffer(buffer_),
                                [self = shared_from_this()](error_code error, size_t size) {
                                    self->reading_ = false;
                                    self->after_read(error, size);
                                });
    }

    void after_read(error_code error, size_t size) {
        if (closed_) return;
        if (error) return fail(error);
        // The handler may close this connection, and with it the function that runs.
        const auto received = events_.received;
        received({buffer_.data(), size});
        read();
    }

    void write() {
        asio::async_write(
            socket_, asio::buffer(queue_.front()),
            [self = shared_from_this()](error_code error, size_t size) { self->after_write(error, size); });
    }

    void after_write(error_code error, size_t size) {
        if (closed_) return;
        if (error) return fail(error);
        sent_ += size;
        queued_ -= size;
        queue_.pop_front();
        if (!queue_.empty()) {
            write();
        } else if (const auto drained = events_.drained) {
            drained();
        }
        read();
    }

    void fail(error_code error) {
        const auto closed = events_.closed;
        close();
        if (closed) closed(error.message());
    }

    tcp::socket socket_;
    Address remote_, local_;
    Events events_;
    std::array<uint8_t, kReadChunk> buffer_{};
    std::deque<Bytes> queue_;
    size_t queued_ = 0;
    std::atomic<uint64_t> sent_ = 0;  // also read by whoever shows it
    bool reading_ = false;
    bool closed_ = false;
};

/// One attempt: resolve, connect, or give up after kConnectTimeout.
struct Attempt : std::enable_shared_from_this<Attempt> {
    Attempt(asio::io_context& context, Loop::Connected done)
        : resolver{context}, socket{context}, timer{context}, connected{std::move(done)} {}

    void start(const Address& address) {
        timer.expires_after(kConnectTimeout);
        timer.async_wait([self = shared_from_this()](error_code error) {
            if (!error) self->finish("timed out");
        });
        resolver.async_resolve(address.host, std::to_string(address.port),
                               [self = shared_from_this()](error_code error, const auto& endpoints) {
                                   if (error) return self->finish(error.message());
                                   self->connect(endpoints);
                               });
    }

    void connect(const tcp::resolver::results_type& endpoints) {
        if (!connected) return;
        asio::async_connect(socket, endpoints, [self = shared_from_this()](error_code error, const auto&) {
            self->finish(error ? error.message() : std::string{});
        });
    }

    void finish(const std::string& why) {
        if (!connected) return;
        const auto done = std::exchange(connected, nullptr);
        timer.cancel();
        resolver.cancel();
        if (why.empty()) return done(std::make_shared<Socket>(std::move(socket)), {});
        error_code ignored;
        socket.close(ignored);
        done(nullptr, why);
    }

    tcp::resolver resolver;
    tcp::socket socket;
    asio::steady_timer timer;
    Loop::Connected connected;
};

}  // namespace

struct Loop::Impl {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
    tcp::acceptor acceptor{context};
    asio::steady_timer accept_pause{context};
    Accepted accepted;
    std::deque<asio::steady_timer> timers;
    std::thread thread;

    void accept() {
        acceptor.async_accept([this](error_code error, tcp::socket socket) {
            if (error == asio::error::operation_aborted) return;
            if (error) {
                accept_pause.expires_after(kAcceptPause);
                accept_pause.async_wait([this](error_code cancelled) {
                    if (!cancelled) accept();
                });
                return;
            }
            accepted(std::make_shared<Socket>(std::move(socket)));
            accept();
        });
    }

    void arm(asio::steady_timer& timer, std::chrono::milliseconds interval, std::function<void()> task) {
        timer.expires_after(interval);
        timer.async_wait([this, &timer, interval, task = std::move(task)](error_code error) mutable {
            if (error) return;
            task();
            arm(timer, interval, std::move(task));
        });
    }
};

Loop::Loop() : impl_{std::make_unique<Impl>()} {}
Loop::~Loop() { stop(); }

void Loop::start() {
    impl_->thread = std::thread([this] {
        for (;;) {
            try {
                impl_->context.run();
                return;
            } catch (const std::exception& error) {
                // Whatever one peer's message threw ends with that message; the loop goes on.
                log(LogLevel::kError, "p2p", error.what());
            }
        }
    });
}

void Loop::stop() {
    impl_->context.stop();
    if (impl_->thread.joinable()) impl_->thread.join();
    error_code ignored;
    impl_->acceptor.close(ignored);
}

void Loop::post(std::function<void()> task) { asio::post(impl_->context, std::move(task)); }

void Loop::every(std::chrono::milliseconds interval, std::function<void()> task) {
    impl_->timers.emplace_back(impl_->context);
    impl_->arm(impl_->timers.back(), interval, std::move(task));
}

std::optional<uint16_t> Loop::listen(const std::string& host, uint16_t port, Accepted accepted,
                                     std::string& why) {
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    auto& acceptor = impl_->acceptor;
    const tcp::endpoint endpoint{address, port};
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        why = "cannot listen on " + Address{host, port}.text() + ": " + error.message();
        return std::nullopt;
    }
    impl_->accepted = std::move(accepted);
    impl_->accept();
    return acceptor.local_endpoint(error).port();
}

void Loop::connect(const Address& address, Connected connected) {
    std::make_shared<Attempt>(impl_->context, std::move(connected))->start(address);
}

std::string Address::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> parse_address(std::string_view text, uint16_t default_port) {
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        host = text.substr(1, end - 1);
        const std::string_view rest = text.substr(end + 1);
        if (!rest.empty() && (rest[0] != ':' || rest.size() == 1)) return std::nullopt;
        if (!rest.empty()) port = rest.substr(1);
    } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (port.empty() || port.find(':') != std::string_view::npos) return std::nullopt;
    }
    uint16_t number = default_port;
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
    }
    if (host.empty() || number == 0) return std::nullopt;
    return Address{std::string(host), number};
}

bool is_loopback(const std::string& host) {
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    return !error && address.is_loopback();
}

}  // namespace daidd::p2p
