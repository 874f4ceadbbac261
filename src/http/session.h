#pragma once

#include <atomic>
#include <future>
#include <map>

#include <boost/asio/steady_timer.hpp>

#include "http/beast.h"
#include "http/pool.h"
#include "http/server.h"

namespace daidd::http {

/// What a session needs of its server. Everything but `pool`, `stopping` and `streams` belongs to the I/O
/// thread.
struct ServerState {
    ServerOptions options;
    Server::Handler handler;
    std::map<class Session*, std::weak_ptr<class Session>> sessions;
    asio::io_context io{1};  // after `sessions`: what is left in it are sessions, which leave that list
    std::unique_ptr<Pool> pool;
    std::atomic<bool> stopping = false;

    std::mutex streams_mutex;
    std::condition_variable streams_changed;
    size_t streams = 0;
};

/// One connection: reads a request, has it handled, writes the response, and again. Runs on the I/O thread,
/// but for handle() and stream(), which run elsewhere and post back.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(ServerState& server, tcp::socket socket);
    ~Session();

    void start() { read_header(); }
    /// Closes now if no request is being handled; otherwise after its response.
    void finish();
    void close();

private:
    void read_header();
    void on_header(error_code error, size_t size);
    void read_body();
    void on_body(error_code error);
    void on_read_error(error_code error);
    void submit(Request request);
    Response handle(const Request& request) const;

    void respond_later(Response response);
    void respond(Response response, bool keep);
    void respond_text(unsigned status, std::string_view text, bool keep);
    void start_stream(Response response);
    void stream(Producer producer, bool chunked);
    /// Posts a write from another thread and waits for it; false when the connection is gone.
    bool write_and_wait(std::string bytes);
    void write(std::string bytes, std::function<void(bool ok)> then);
    std::string head_of(const Response& response, std::string_view framing, bool keep) const;
    void linger();

    ServerState& server_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
    asio::steady_timer delay_;
    std::string peer_address_;
    std::string out_;
    std::array<char, 16384> discarded_{};
    bool handling_ = false;
    bool finishing_ = false;
    bool is_head_ = false;
    bool keep_ = false;
    bool http10_ = false;
};

}  // namespace daidd::http
