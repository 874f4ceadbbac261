#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "http/basic_auth.h"
#include "http/client.h"
#include "http/pool.h"
#include "http/server.h"

namespace daidd::http {
namespace {

using namespace std::chrono_literals;

Response text(std::string body) { return {200, {{"Content-Type", "text/plain"}}, std::move(body), {}, 0}; }

/// "/echo" gives the body back, "/slow" takes 200 ms, "/throw" throws, "/stream" sends three chunks.
Response handle(const Request& request) {
    if (request.target == "/slow") std::this_thread::sleep_for(200ms);
    if (request.target == "/delayed") return {200, {}, "late", {}, 300};
    if (request.target == "/throw") throw std::runtime_error{"as asked"};
    if (request.target == "/inject") return {200, {{"X-Value", "a\r\nX-Evil: b"}}, "", {}, 0};
    if (request.target == "/size") return text(std::to_string(request.body.size()));
    if (request.target == "/method")
        return text(request.method + std::string{*find_header(request.headers, "x-tEst")});
    if (request.target == "/stream") {
        auto response = text("");
        response.producer = [count = 0](std::string& chunk) mutable {
            chunk = "chunk" + std::to_string(count);
            return ++count < 3;
        };
        return response;
    }
    return text(request.body);
}

class Http : public testing::Test {
protected:
    Result<Response, ClientError> ask(const std::string& target, std::string body = "",
                                      int timeout_ms = 10'000) const {
        return send({.port = server->port(), .timeout_ms = timeout_ms},
                    {"POST", target, {{"X-Test", "!"}}, std::move(body), ""});
    }

    /// A bare connection, for what a well-behaved client never sends.
    int connect_raw() const {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server->port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        const timeval limit{10, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }
    static void send_raw(int fd, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(size_t(sent));
        }
    }
    /// Everything until the server closes.
    static std::string read_all(int fd) {
        std::string all;
        char buffer[4096];
        for (ssize_t size = 0; (size = recv(fd, buffer, sizeof buffer, 0)) > 0;)
            all.append(buffer, size_t(size));
        close(fd);
        return all;
    }
    std::string exchange_raw(std::string_view bytes) const {
        const int fd = connect_raw();
        send_raw(fd, bytes);
        return read_all(fd);
    }

    void start(ServerOptions options = {}) { server = std::make_unique<Server>(options, handle); }
    void SetUp() override { start(); }

    std::unique_ptr<Server> server;
};

TEST_F(Http, MalformedRequestsAre400) {
    for (const char* request :
         {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}) {
        EXPECT_EQ(exchange_raw(request).substr(0, 12), "HTTP/1.1 400") << request;
    }
}

TEST_F(Http, HeadersUpTo8KiB) {
    const std::string line = "GET /echo HTTP/1.1\r\nConnection: close\r\nX-Long: ";
    const std::string end = "\r\n\r\n";
    const std::string fits(kHeaderBytesMax - line.size() - end.size(), 'x');
    EXPECT_EQ(exchange_raw(line + fits + end).substr(0, 12), "HTTP/1.1 200");
    EXPECT_EQ(exchange_raw(line + fits + "x" + end).substr(0, 12), "HTTP/1.1 431");
    EXPECT_EQ(exchange_raw(line + std::string(1 << 20, 'x') + end).substr(0, 12), "HTTP/1.1 431");
}

TEST_F(Http, BodiesUpTo32MiB) {
    const std::string largest(kBodyBytesMax, 'x');
    EXPECT_EQ(ask("/size", largest)->body, std::to_string(kBodyBytesMax));
    const auto larger = ask("/size", largest + "x");
    ASSERT_TRUE(larger) << larger.error().message;
    EXPECT_EQ(larger->status, 413u);
    const std::string lie = "POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n";
    EXPECT_EQ(exchange_raw(lie).substr(0, 12), "HTTP/1.1 413");
}

TEST_F(Http, ChunkedBodiesHaveTheSameLimit) {
    std::string request = "POST /size HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string mebibyte = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
    for (int i = 0; i < 32; ++i) request += mebibyte;
    EXPECT_EQ(exchange_raw(request + "0\r\n\r\n").substr(0, 12), "HTTP/1.1 200");
    EXPECT_EQ(exchange_raw(request + "1\r\nx\r\n0\r\n\r\n").substr(0, 12), "HTTP/1.1 413");
    EXPECT_EQ(exchange_raw("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n").substr(0, 12),
              "HTTP/1.1 413");
}

TEST_F(Http, ASlowClientIsClosedAndOthersAreServed) {
    start({.timeout_ms = 300});
    const int slow = connect_raw();
    const int silent = connect_raw();
    send_raw(slow, "POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nx");
    EXPECT_EQ(ask("/echo", "hello")->body, "hello");
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(read_all(slow), "");
    EXPECT_EQ(read_all(silent), "");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST_F(Http, DrippingBytesDoNotProlongIt) {
    start({.timeout_ms = 300});
    const int slow = connect_raw();
    const auto begun = std::chrono::steady_clock::now();
    std::atomic<bool> closed = false;
    std::thread dripper{[&] {
        send_raw(slow, "POST /echo HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
        while (!closed && std::chrono::steady_clock::now() - begun < 5s) {
            send_raw(slow, "x");
            std::this_thread::sleep_for(20ms);
        }
    }};
    char byte = 0;
    EXPECT_LE(recv(slow, &byte, 1, 0), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
    closed = true;
    dripper.join();
    close(slow);
}

TEST_F(Http, AConnectionTooManyIsClosed) {
    start({.connections_max = 2});
    const int first = connect_raw();
    const int second = connect_raw();
    EXPECT_EQ(exchange_raw("GET / HTTP/1.1\r\n\r\n"), "");
    close(first);
    close(second);
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(ask("/echo", "again")->body, "again");
}

TEST_F(Http, AHandlerThatThrowsIs500) {
    EXPECT_EQ(ask("/throw")->status, 500u);
    EXPECT_EQ(ask("/echo", "x")->body, "x");
}

TEST_F(Http, ADelayedResponseHoldsUpNobody) {
    start({.workers = 1});
    const auto begun = std::chrono::steady_clock::now();
    std::vector<std::future<std::string>> late;
    for (int i = 0; i < 5; ++i) {
        late.push_back(std::async(std::launch::async, [&] { return ask("/delayed")->body; }));
    }
    EXPECT_EQ(ask("/echo", "now")->body, "now");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 290ms);
    for (auto& one : late) EXPECT_EQ(one.get(), "late");
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_GE(took, 300ms);
    EXPECT_LT(took, 1400ms);
}

TEST_F(Http, HeadersCannotBeInjected) {
    const auto response = ask("/inject");
    EXPECT_FALSE(find_header(response->headers, "X-Evil"));
}

TEST_F(Http, PassesMethodHeadersAndBinaryBodies) {
    EXPECT_EQ(ask("/method")->body, "POST!");
    const std::string binary{"\0\r\n\xff", 4};
    EXPECT_EQ(ask("/echo", binary)->body, binary);
}

TEST_F(Http, KeepsTheConnectionAndTakesPipelinedRequests) {
    const std::string one = "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\n";
    const std::string all =
        exchange_raw(one + "a" + one + "b" + "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_LT(all.find("\r\n\r\naHTTP/1.1 200"), all.find("\r\n\r\nbHTTP/1.1 200"));
    EXPECT_NE(all.find("\r\n\r\nbHTTP/1.1 200"), std::string::npos);
}

TEST_F(Http, AnswersHttp10AndHeadAndExpect) {
    EXPECT_NE(exchange_raw("GET /echo HTTP/1.0\r\n\r\n").find("Connection: close"), std::string::npos);
    const std::string head =
        exchange_raw("HEAD /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_NE(head.find("Content-Length: 2"), std::string::npos);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    const std::string expected = exchange_raw(
        "POST /echo HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_EQ(expected.substr(0, 21), "HTTP/1.1 100 Continue");
    EXPECT_TRUE(expected.ends_with("\r\n\r\nhi"));
}

TEST_F(Http, AHundredAtOnce) {
    std::vector<std::thread> clients;
    std::atomic<int> right = 0;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back([&, i] {
            const auto response = ask("/echo", std::to_string(i));
            if (response && response->status == 200 && response->body == std::to_string(i)) ++right;
        });
    }
    for (auto& client : clients) client.join();
    EXPECT_EQ(right, 100);
}

TEST_F(Http, AFullQueueIs503) {
    start({.workers = 1, .queue_max = 1});
    auto running = std::async(std::launch::async, [&] { return ask("/slow")->status; });
    std::this_thread::sleep_for(50ms);
    auto waiting = std::async(std::launch::async, [&] { return ask("/slow")->status; });
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(ask("/slow")->status, 503u);
    EXPECT_EQ(running.get(), 200u);
    EXPECT_EQ(waiting.get(), 200u);
}

TEST_F(Http, StreamsChunks) {
    std::string all;
    int calls = 0;
    const auto response = send({.port = server->port(), .timeout_ms = 5000}, {"GET", "/stream", {}, "", ""},
                               [&](std::string_view chunk) {
                                   all += chunk;
                                   ++calls;
                                   return true;
                               });
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(all, "chunk0chunk1chunk2");
    EXPECT_TRUE(response->body.empty());
    EXPECT_EQ(ask("/stream")->body, "chunk0chunk1chunk2");
    EXPECT_TRUE(exchange_raw("GET /stream HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nchunk0chunk1chunk2"));
}

TEST_F(Http, AStreamNobodyReadsEnds) {
    auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = alive;
    server = std::make_unique<Server>(ServerOptions{.timeout_ms = 300}, [alive](const Request&) {
        Response response;
        response.producer = [alive](std::string& chunk) {
            chunk.assign(1 << 20, 'x');
            return true;
        };
        return response;
    });
    const int fd = connect_raw();
    send_raw(fd, "GET / HTTP/1.1\r\n\r\n");
    const auto begun = std::chrono::steady_clock::now();
    // One reference here, one in the handler: the producer's own is gone when the client was cut off.
    while (watch.use_count() < 3 && std::chrono::steady_clock::now() - begun < 5s)
        std::this_thread::sleep_for(5ms);
    while (watch.use_count() > 2 && std::chrono::steady_clock::now() - begun < 5s)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(watch.use_count(), 2);
    close(fd);
}

TEST_F(Http, StopsWhileBusy) {
    start({.workers = 1});
    auto running = std::async(std::launch::async, [&] { return ask("/slow", "done"); });
    std::this_thread::sleep_for(50ms);
    auto waiting = std::async(std::launch::async, [&] { return ask("/slow"); });
    const int idle = connect_raw();
    std::this_thread::sleep_for(50ms);
    const auto begun = std::chrono::steady_clock::now();
    server->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
    EXPECT_EQ(running.get()->body, "done");
    EXPECT_EQ(waiting.get()->status, 503u);
    EXPECT_EQ(read_all(idle), "");
    const auto after = ask("/echo");
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().kind, ClientErrorKind::kConnect);
}

TEST_F(Http, StopsDuringAStream) {
    std::atomic<bool> streaming = false;
    server = std::make_unique<Server>(ServerOptions{}, [&](const Request&) {
        Response response;
        response.producer = [&](std::string& chunk) {
            chunk = "tick";
            streaming = true;
            std::this_thread::sleep_for(10ms);
            return true;
        };
        return response;
    });
    auto client = std::async(std::launch::async, [&] { return ask("/"); });
    while (!streaming) std::this_thread::sleep_for(5ms);
    server->stop();
    const auto response = client.get();
    EXPECT_FALSE(response) << "a stream that was cut short must not look whole";
}

TEST_F(Http, AnAddressInUseIsAnError) {
    EXPECT_THROW(Server({.port = server->port()}, handle), ListenError);
    EXPECT_THROW(Server({.address = "example"}, handle), ListenError);
}

TEST_F(Http, TheClientGivesUp) {
    const auto late = ask("/slow", "", 50);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ClientErrorKind::kTimeout);
}

TEST(BasicAuth, IsBase64) {
    EXPECT_EQ(basic_auth(""), "Basic ");
    EXPECT_EQ(basic_auth("f"), "Basic Zg==");
    EXPECT_EQ(basic_auth("fo"), "Basic Zm8=");
    EXPECT_EQ(basic_auth("foo"), "Basic Zm9v");
    EXPECT_EQ(basic_auth("foobar"), "Basic Zm9vYmFy");
    EXPECT_EQ(basic_auth("\xff\xfe:\xfd"), "Basic //46/Q==");
}

TEST(Pool, RunsOrRefusesEachTask) {
    std::atomic<int> ran = 0;
    std::atomic<int> dropped = 0;
    {
        Pool pool{2, 1000};
        for (int i = 0; i < 1000; ++i) {
            ASSERT_TRUE(pool.submit([&](bool run) { ++(run ? ran : dropped); }));
        }
        pool.stop();
        EXPECT_FALSE(pool.submit([&](bool) { ADD_FAILURE(); }));
    }
    EXPECT_EQ(ran + dropped, 1000);
}

}  // namespace
}  // namespace daidd::http
