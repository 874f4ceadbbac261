#include "http/client.h"

#include <boost/asio/write.hpp>
#include <chrono>

#include "http/beast.h"

namespace daidd::http {
namespace {

/// One exchange, its steps in order. Asio's blocking calls know no time limit, so each step is started and
/// the context run until it is over.
class Exchange {
public:
    explicit Exchange(const ClientOptions& options) : options_{options} {}

    Result<Response, ClientError> run(const Request& request, const ChunkCallback& on_chunk) {
        if (const auto error = connect()) return failed(ClientErrorKind::kConnect, error);
        if (const auto error = write(request)) return failed(ClientErrorKind::kProtocol, error);
        return read(on_chunk);
    }

private:
    /// Starts `begin` with a completion handler and waits for it.
    template <class Begin>
    error_code wait_for(Begin begin) {
        error_code result;
        begin([&result](error_code error, auto&&...) { result = error; });
        io_.restart();
        io_.run();
        return result;
    }

    void start_clock() {
        if (options_.timeout_ms > 0) {
            stream_.expires_after(std::chrono::milliseconds{options_.timeout_ms});
        } else {
            stream_.expires_never();
        }
    }

    error_code connect() {
        error_code error;
        tcp::resolver resolver{io_};
        const auto endpoints = resolver.resolve(options_.host, std::to_string(options_.port), error);
        if (error) return error;
        start_clock();
        return wait_for([&](auto done) { stream_.async_connect(endpoints, std::move(done)); });
    }

    error_code write(const Request& request) {
        std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + options_.host +
                            ":" + std::to_string(options_.port) + "\r\nConnection: close\r\n";
        for (const auto& [name, value] : request.headers) bytes += name + ": " + value + "\r\n";
        bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
        return wait_for([&](auto done) { asio::async_write(stream_, asio::buffer(bytes), std::move(done)); });
    }

    Result<Response, ClientError> read(const ChunkCallback& on_chunk) {
        beast::http::response_parser<beast::http::string_body> parser;
        beast::flat_buffer buffer;
        if (on_chunk) {
            parser.body_limit(boost::none);
        } else {
            parser.body_limit(kResponseBytesMax);
        }
        parser.eager(true);
        while (!parser.is_done()) {
            if (on_chunk) start_clock();
            const error_code error = wait_for(
                [&](auto done) { beast::http::async_read_some(stream_, buffer, parser, std::move(done)); });
            const bool streaming = on_chunk && parser.is_header_done() && parser.get().result_int() == 200;
            std::string& body = parser.get().body();
            if (streaming && !body.empty()) {
                const bool more = on_chunk(body);
                body.clear();
                if (!more) break;
            }
            if (error) return failed(ClientErrorKind::kProtocol, error);
        }
        Response response;
        response.status = parser.get().result_int();
        for (const auto& field : parser.get()) {
            response.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
        }
        response.body = std::move(parser.get().body());
        return response;
    }

    static Fail<ClientError> failed(ClientErrorKind kind, error_code error) {
        const bool late = error == beast::error::timeout;
        return Fail{ClientError{late ? ClientErrorKind::kTimeout : kind, error.message()}};
    }

    const ClientOptions& options_;
    asio::io_context io_{1};
    beast::tcp_stream stream_{io_};
};

}  // namespace

Result<Response, ClientError> send(const ClientOptions& options, const Request& request,
                                   const ChunkCallback& on_chunk) {
    return Exchange{options}.run(request, on_chunk);
}

}  // namespace daidd::http
