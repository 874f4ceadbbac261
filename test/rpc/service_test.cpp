#include "rpc/service.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "http/basic_auth.h"
#include "rpc/auth.h"
#include "rpc/context.h"
#include "rpc/json.h"

namespace daidd::rpc {
namespace {

using http::basic_auth;

const std::string kCredential = "user:pass word";

http::Request request_of(std::string body, std::string target = "/") {
    return {"POST", std::move(target), {{"authorization", basic_auth(kCredential)}}, std::move(body), ""};
}

class RpcService : public testing::Test {
protected:
    void SetUp() override {
        context.shut_down = [this] { stopped = true; };
        service.ready(context);
    }

    http::Response post(std::string body, std::string target = "/") {
        return service.handle(request_of(std::move(body), std::move(target)));
    }
    /// The whole answer to a request, parsed.
    Json ask(const std::string& body) { return *parse_json(post(body).body); }

    Context context;
    Service service{{"other:one", kCredential}};
    bool stopped = false;
};

TEST_F(RpcService, RefusesWrongPasswords) {
    for (const std::string& header :
         {std::string{}, std::string{"Basic"}, basic_auth("user:pass"), basic_auth(""),
          basic_auth("user:pass wore"), basic_auth(kCredential) + "=", kCredential}) {
        const auto response = service.handle({"POST", "/", {{"Authorization", header}}, "{}", ""});
        EXPECT_EQ(response.status, 401u) << header;
        EXPECT_EQ(response.delay_ms, kAuthFailureDelayMs);
        EXPECT_EQ(response.body, "");
    }
    const auto none = service.handle({"POST", "/", {}, "{}", ""});
    EXPECT_EQ(none.status, 401u);
    EXPECT_EQ(http::find_header(none.headers, "WWW-Authenticate"), "Basic realm=\"jsonrpc\"");
}

TEST_F(RpcService, RefusesOtherMethodsAndPaths) {
    EXPECT_EQ(service.handle({"GET", "/", {{"Authorization", basic_auth(kCredential)}}, "", ""}).status,
              405u);
    EXPECT_EQ(post("{}", "/other").status, 404u);
    EXPECT_EQ(post("{}", "/wallet").status, 404u);
    EXPECT_EQ(post(R"({"method":"uptime"})", "/wallet/a%20b").status, 200u);
}

struct ErrorCase {
    std::string body;
    int code;
    unsigned status;
};

const ErrorCase kErrorCases[] = {
    {"", -32700, 500},
    {"{", -32700, 500},
    {"7", -32700, 500},
    {"\"text\"", -32700, 500},
    {std::string(200'000, '['), -32700, 500},
    {R"({"method":"uptime","method":"stop"})", -32700, 500},
    {R"({"method":"uptime","params":[NaN]})", -32700, 500},
    {R"({"method":"uptime","params":[1e400]})", -32700, 500},
    {"{\"method\":\"\xff\"}", -32700, 500},
    {"{}", -32600, 400},
    {R"({"method":7})", -32600, 400},
    {R"({"method":"uptime","params":7})", -32600, 400},
    {R"({"jsonrpc":2.0,"method":"uptime"})", -32600, 400},
    {R"({"jsonrpc":"3.0","method":"uptime"})", -32600, 400},
    {R"({"method":"nonsense"})", -32601, 404},
    {R"({"method":"createpsbt"})", -32601, 404},
    {R"({"method":"a\u0000b"})", -32601, 404},
    {R"({"method":"help","params":[1]})", -3, 500},
    {R"({"method":"help","params":["a","b"]})", -1, 500},
    {R"({"method":"help","params":{"what":"a"}})", -8, 500},
};

TEST_F(RpcService, AnswersBadRequestsWithCoresCodes) {
    for (const ErrorCase& one : kErrorCases) {
        const auto response = post(one.body);
        EXPECT_EQ(response.status, one.status) << one.body.substr(0, 80);
        const auto answer = parse_json(response.body);
        ASSERT_TRUE(answer);
        EXPECT_EQ((*answer)["error"]["code"], one.code) << one.body.substr(0, 80);
        EXPECT_TRUE((*answer)["result"].is_null());
    }
    EXPECT_EQ(ask(R"({"method":"createpsbt"})")["error"]["message"],
              "not available yet: partially signed transactions");
    EXPECT_EQ(ask(R"({"method":"nonsense"})")["error"]["message"], "Method not found");
}

TEST_F(RpcService, AnswersInTheVersionAsked) {
    EXPECT_EQ(post(R"({"method":"help","params":["uptim"],"id":"x"})").body,
              "{\"result\":\"help: unknown command: uptim\",\"error\":null,\"id\":\"x\"}\n");
    EXPECT_EQ(post(R"({"jsonrpc":"1.1","method":"help","params":["y"],"id":[1]})").body,
              "{\"result\":\"help: unknown command: y\",\"error\":null,\"id\":[1]}\n");
    EXPECT_EQ(post(R"({"jsonrpc":"2.0","method":"help","params":["y"],"id":1})").body,
              "{\"jsonrpc\":\"2.0\",\"result\":\"help: unknown command: y\",\"id\":1}\n");
    const auto wrong = post(R"({"jsonrpc":"2.0","method":"y","id":1})");
    EXPECT_EQ(wrong.status, 200u);
    EXPECT_EQ(
        wrong.body,
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not found\"},\"id\":1}\n");
}

TEST_F(RpcService, ANotificationIsCarriedOutAndNotAnswered) {
    const auto response = post(R"({"jsonrpc":"2.0","method":"stop"})");
    EXPECT_EQ(response.status, 204u);
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(stopped);
}

TEST_F(RpcService, Batches) {
    const Json answers = ask(R"([{"method":"uptime","id":1},{"jsonrpc":"2.0","method":"uptime"},
                                 {"method":"y","id":2},7,{"jsonrpc":"2.0","method":"uptime","id":3}])");
    ASSERT_EQ(answers.size(), 4u);
    EXPECT_EQ(answers[0]["id"], 1);
    EXPECT_EQ(answers[1]["error"]["code"], -32601);
    EXPECT_EQ(answers[2]["error"]["code"], -32600);
    EXPECT_EQ(answers[3]["id"], 3);
    EXPECT_EQ(post("[]").body, "[]\n");
    EXPECT_EQ(post(R"([{"jsonrpc":"2.0","method":"uptime"}])").status, 204u);
}

TEST_F(RpcService, BatchesUpToTheLimit) {
    const auto batch = [](size_t count) {
        std::string text = "[0";
        for (size_t i = 1; i < count; ++i) text += ",0";
        return text + "]";
    };
    EXPECT_EQ(ask(batch(kBatchMax)).size(), kBatchMax);
    EXPECT_EQ(ask(batch(kBatchMax + 1))["error"]["code"], -32600);
    EXPECT_EQ(ask(batch(1'000'000))["error"]["code"], -32600);
}

TEST_F(RpcService, WarmsUpFirst) {
    Service cold{{kCredential}};
    const auto error = [&]() -> Json {
        const auto response = cold.handle(request_of(R"({"method":"uptime"})"));
        return (*parse_json(response.body))["error"];
    };
    EXPECT_EQ(error()["code"], -28);
    cold.set_warmup_status("Loading blocks");
    EXPECT_EQ(error()["message"], "Loading blocks");
    cold.ready(context);
    EXPECT_TRUE(error().is_null());
}

TEST_F(RpcService, ListsRequestsInProgress) {
    const Json info = ask(R"({"method":"getrpcinfo"})")["result"];
    EXPECT_EQ(info["active_commands"][0]["method"], "getrpcinfo");
    EXPECT_TRUE(context.active.empty());
}

TEST_F(RpcService, HelpListsEveryMethod) {
    const std::string text = ask(R"({"method":"help"})")["result"];
    EXPECT_NE(text.find("== control ==\n"), std::string::npos);
    EXPECT_NE(text.find("\ngetblock \"blockhash\" ( verbosity )\n"), std::string::npos);
}

TEST(Cookie, IsPrivateAndFresh) {
    std::string directory = testing::TempDir() + "daidd-cookie-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    const std::string path = directory + "/.cookie";
    const auto first = make_cookie(path);
    const auto second = make_cookie(path);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
    EXPECT_EQ(second->substr(0, 11), "__cookie__:");
    EXPECT_EQ(second->size(), 11u + 64);
    std::ifstream file{path};
    std::string content;
    std::getline(file, content);
    EXPECT_EQ(content, *second);
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_FALSE(make_cookie(directory + "/missing/.cookie"));
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace daidd::rpc
