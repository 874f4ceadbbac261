#include "http/session.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "util/log.h"

namespace daidd::http {
namespace {

using namespace std::chrono_literals;

/// A client that is still sending would be reset, and lose our answer, if we closed at once.
constexpr auto kLingerTime = 2s;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

void append_header(std::string& text, std::string_view name, std::string_view value) {
    text += name;
    text += ": ";
    // A line break in a value would start a header of the handler's caller's choosing.
    for (const char c : value) text += c == '\r' || c == '\n' ? ' ' : c;
    text += "\r\n";
}

std::string chunk_of(std::string_view data) {
    char size[20];
    const int digits = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    std::string chunk{size, size_t(digits)};
    chunk += data;
    chunk += "\r\n";
    return chunk;
}

Response text_response(unsigned status, std::string_view text) {
    return {status, {{"Content-Type", "text/plain"}}, std::string{text}, {}, 0};
}

}  // namespace

Session::Session(ServerState& server, tcp::socket socket)
    : server_{server}, stream_{std::move(socket)}, delay_{server.io} {
    error_code ignored;
    const auto remote = stream_.socket().remote_endpoint(ignored);
    if (!ignored) peer_address_ = remote.address().to_string();
    stream_.socket().set_option(tcp::no_delay{true}, ignored);
}

Session::~Session() { server_.sessions.erase(this); }

void Session::finish() {
    finishing_ = true;
    if (!handling_) close();
}

void Session::close() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
}

void Session::read_header() {
    if (finishing_ || server_.stopping) return close();
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(std::chrono::milliseconds{server_.options.timeout_ms});
    beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t size) { self->on_header(error, size); });
}

void Session::on_header(error_code error, size_t size) {
    // The parser's own limit lets a few bytes more pass when they come at once.
    if (!error && size > kHeaderBytesMax) error = beast::http::error::header_limit;
    if (error) return on_read_error(error);
    const auto& message = parser_->get();
    is_head_ = message.method() == beast::http::verb::head;
    http10_ = message.version() < 11;
    if (!http10_ && beast::iequals(message[beast::http::field::expect], "100-continue")) {
        return write(std::string{kContinue}, [self = shared_from_this()](bool ok) {
            if (ok) self->read_body();
        });
    }
    read_body();
}

void Session::read_body() {
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, size_t) { self->on_body(error); });
}

void Session::on_body(error_code error) {
    if (error) return on_read_error(error);
    auto message = parser_->release();
    keep_ = message.keep_alive();
    Request request;
    request.method = std::string{message.method_string()};
    request.target = std::string{message.target()};
    for (const auto& field : message) {
        request.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
    }
    request.body = std::move(message.body());
    request.peer_address = peer_address_;
    parser_.reset();
    submit(std::move(request));
}

void Session::on_read_error(error_code error) {
    using HttpError = beast::http::error;
    if (error == HttpError::header_limit) return respond_text(431, "Request header too large\n", false);
    if (error == HttpError::body_limit) return respond_text(413, "Request body too large\n", false);
    // The rest of HTTP's errors are about bytes that were read; others are the connection's end.
    const bool ended = error == HttpError::end_of_stream || error == HttpError::partial_message;
    const bool malformed = error.category() == make_error_code(HttpError::bad_method).category();
    if (malformed && !ended) return respond_text(400, "Bad request\n", false);
    close();
}

void Session::submit(Request request) {
    handling_ = true;
    stream_.expires_never();
    // The last reference must go on the I/O thread, where the list of sessions lives: hence the moves.
    const bool taken =
        server_.pool->submit([self = shared_from_this(), request = std::move(request)](bool run) mutable {
            Response response = run ? self->handle(request) : text_response(503, "Server is stopping\n");
            asio::io_context& io = self->server_.io;
            asio::post(io, [self = std::move(self), response = std::move(response)]() mutable {
                if (response.producer) return self->start_stream(std::move(response));
                if (response.delay_ms > 0) return self->respond_later(std::move(response));
                self->respond(std::move(response), self->keep_);
            });
        });
    if (!taken) respond_text(503, "Work queue depth exceeded\n", keep_);
}

Response Session::handle(const Request& request) const {
    try {
        return server_.handler(request);
    } catch (const std::exception& error) {
        log(LogLevel::kError, "http", std::string{"a handler failed: "} + error.what());
        return text_response(500, "Internal error\n");
    }
}

std::string Session::head_of(const Response& response, std::string_view framing, bool keep) const {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
    head += reason_of(response.status);
    head += "\r\n";
    for (const auto& [name, value] : response.headers) append_header(head, name, value);
    head += framing;
    append_header(head, "Connection", keep ? "keep-alive" : "close");
    head += "\r\n";
    return head;
}

void Session::respond_text(unsigned status, std::string_view text, bool keep) {
    respond(text_response(status, text), keep);
}

void Session::respond_later(Response response) {
    delay_.expires_after(std::chrono::milliseconds{response.delay_ms});
    delay_.async_wait([self = shared_from_this(), response = std::move(response)](error_code) mutable {
        self->respond(std::move(response), self->keep_);
    });
}

void Session::respond(Response response, bool keep) {
    keep = keep && !finishing_ && !server_.stopping;
    std::string bytes =
        head_of(response, "Content-Length: " + std::to_string(response.body.size()) + "\r\n", keep);
    if (!is_head_) bytes += response.body;
    stream_.expires_after(std::chrono::milliseconds{server_.options.timeout_ms});
    write(std::move(bytes), [self = shared_from_this(), keep](bool ok) {
        self->handling_ = false;
        if (!ok) return self->close();
        if (keep) return self->read_header();
        self->linger();
    });
}

void Session::start_stream(Response response) {
    {
        const std::lock_guard lock{server_.streams_mutex};
        if (server_.stopping || server_.streams >= kStreamsMax) {
            return respond_text(503, "Too many streams\n", keep_);
        }
        ++server_.streams;
    }
    const bool chunked = !http10_;
    const std::string framing = chunked ? "Transfer-Encoding: chunked\r\n" : "";
    Producer producer = std::move(response.producer);
    std::string head = head_of(response, framing, false);
    std::thread{[self = shared_from_this(), head = std::move(head), producer = std::move(producer),
                 chunked]() mutable {
        ServerState& server = self->server_;
        if (self->write_and_wait(std::move(head))) self->stream(std::move(producer), chunked);
        producer = {};
        // The session is let go on the I/O thread, where its server's list of sessions lives.
        asio::post(server.io, [self = std::move(self)]() mutable {
            self->handling_ = false;
            self->linger();
        });
        const std::lock_guard lock{server.streams_mutex};
        --server.streams;
        server.streams_changed.notify_all();
    }}.detach();
}

void Session::stream(Producer producer, bool chunked) {
    bool more = !is_head_;
    while (more && !server_.stopping) {
        std::string chunk;
        try {
            more = producer(chunk);
        } catch (const std::exception& error) {
            log(LogLevel::kError, "http", std::string{"a stream failed: "} + error.what());
            return;  // without the last chunk, so the client sees that it is not whole
        }
        if (chunk.empty()) continue;
        if (!write_and_wait(chunked ? chunk_of(chunk) : std::move(chunk))) return;
    }
    if (chunked && !more && !is_head_) write_and_wait("0\r\n\r\n");
}

bool Session::write_and_wait(std::string bytes) {
    auto done = std::make_shared<std::promise<bool>>();
    auto written = done->get_future();
    asio::post(server_.io, [self = shared_from_this(), bytes = std::move(bytes), done]() mutable {
        self->stream_.expires_after(std::chrono::milliseconds{self->server_.options.timeout_ms});
        self->write(std::move(bytes), [done](bool ok) { done->set_value(ok); });
    });
    return written.get();
}

void Session::write(std::string bytes, std::function<void(bool)> then) {
    out_ = std::move(bytes);
    asio::async_write(
        stream_, asio::buffer(out_),
        [self = shared_from_this(), then = std::move(then)](error_code error, size_t) { then(!error); });
}

void Session::linger() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (ignored || server_.stopping) return close();
    stream_.expires_after(kLingerTime);
    // expires_after starts anew with each read, so what a client may still send is bounded in bytes as well.
    struct Drain {
        static void step(std::shared_ptr<Session> self, uint64_t budget) {
            auto& session = *self;
            session.stream_.async_read_some(asio::buffer(session.discarded_),
                                            [self = std::move(self), budget](error_code error, size_t size) {
                                                if (error || size >= budget) return self->close();
                                                step(self, budget - size);
                                            });
        }
    };
    Drain::step(shared_from_this(), 2 * kBodyBytesMax);
}

}  // namespace daidd::http
