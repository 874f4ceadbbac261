#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/chat.h"
#include "cli/connection.h"
#include "cli/convert.h"
#include "cli/json_text.h"
#include "cli/run.h"
#include "http/basic_auth.h"
#include "http/server.h"

namespace daidd::cli {
namespace {

Result<Options, std::string> options_of(const std::vector<std::string>& args) {
    return parse_options(args, "/h");
}

TEST(CliOptions, RefusesWhatItDoesNotKnow) {
    for (const std::vector<std::string>& args : {std::vector<std::string>{"-unknown"},
                                                 {"-rpcport=0"},
                                                 {"-rpcport=65536"},
                                                 {"-rpcport=1x"},
                                                 {"-rpcport"
                                                  "="},
                                                 {"-chain=nowhere"},
                                                 {"-rpcclienttimeout=-1"},
                                                 {"-regtest", "-testnet"},
                                                 {"-named=2"},
                                                 {"-rpcconnect=:1"},
                                                 {"chat", "x", "-unknown"}}) {
        EXPECT_FALSE(options_of(args)) << args[0];
    }
    EXPECT_EQ(options_of({"-unknown=1"}).error(), "Invalid parameter -unknown");
}

TEST(CliOptions, KnowsThePlaces) {
    const auto main = options_of({"getblockcount"});
    EXPECT_EQ(main->port, 9552);
    EXPECT_EQ(main->cookie_file, "/h/.dai/.cookie");
    EXPECT_EQ(main->words, std::vector<std::string>{"getblockcount"});
    const auto regtest = options_of({"-regtest", "-datadir=/d", "help"});
    EXPECT_EQ(regtest->port, 19562);
    EXPECT_EQ(regtest->cookie_file, "/d/regtest/.cookie");
    EXPECT_EQ(options_of({"-testnet"})->port, 19552);
    EXPECT_EQ(options_of({"-chain=regtest", "-rpcport=5"})->port, 5);
    EXPECT_EQ(options_of({"-rpcport=5", "-chain=regtest"})->port, 5);
    EXPECT_EQ(options_of({"--rpcconnect=10.0.0.1:77"})->host, "10.0.0.1");
    EXPECT_EQ(options_of({"-rpcconnect=10.0.0.1:77"})->port, 77);
}

TEST(CliOptions, ASpecFileNamesNetworkAndPort) {
    const std::string path = testing::TempDir() + "spec_" + std::to_string(::getpid()) + ".json";
    const auto with = [&](const std::string& text) {
        std::ofstream{path} << text;
        return options_of({"-chain=" + path, "-datadir=/d"});
    };
    EXPECT_EQ(with(R"({"base":"regtest","name":"mine"})")->port, 19562) << "the base's, as daidd takes it";
    EXPECT_EQ(with(R"({"base":"test","name":"mine","rpc_port":7})")->port, 7);
    EXPECT_EQ(with(R"({"base":"regtest","name":"mine"})")->cookie_file, "/d/mine/.cookie");
    for (const char* bad : {"", "[]", R"({"base":"regtest"})", R"({"name":7})", R"({"name":"../x"})"}) {
        EXPECT_FALSE(with(bad)) << bad;
    }
    std::filesystem::remove(path);
}

TEST(CliOptions, ArgumentsOfAMethodAreItsOwn) {
    EXPECT_EQ(options_of({"sendtoaddress", "-x", "-1"})->words,
              (std::vector<std::string>{"sendtoaddress", "-x", "-1"}));
    const auto ask = options_of({"ask", "why", "-json", "-max-tokens=9", "so?"});
    EXPECT_TRUE(ask->json);
    EXPECT_EQ(ask->tokens_max, 9);
    EXPECT_EQ(ask->words, (std::vector<std::string>{"ask", "why", "so?"}));
    for (const std::string verb : {"chat", "eval", "embed", "index"}) {
        const auto question = options_of({verb, "a.txt", "-dryrun"});
        EXPECT_TRUE(question->dry_run);
        EXPECT_EQ(question->words, (std::vector<std::string>{verb, "a.txt"}));
    }
}

TEST(CliConvert, TextStaysTextAndTheRestIsJson) {
    EXPECT_EQ(*positional_params("getblock", {"00ff", "2"}), R"(["00ff",2])");
    EXPECT_EQ(*positional_params("getblockhash", {"7"}), "[7]");
    EXPECT_EQ(*positional_params("sendtoaddress", {"rdai1", "0.10"}), R"(["rdai1",0.10])");
    EXPECT_EQ(*positional_params("help", {"12"}), R"(["12"])");
    EXPECT_EQ(*positional_params("help", {"a\"b\n"}), R"(["a\"b\n"])");
    EXPECT_EQ(positional_params("getblockhash", {"x"}).error(), "Error parsing JSON: x");
    EXPECT_EQ(*named_params("getblock", {"blockhash=00=ff", "verbosity=0"}),
              R"({"blockhash":"00=ff","verbosity":0})");
    EXPECT_EQ(*named_params("getblock", {"00ff", "verbosity=0"}), R"({"verbosity":0,"args":["00ff"]})");
    EXPECT_EQ(*named_params("stop", {}), "{}");
    EXPECT_FALSE(named_params("getblock", {"verbosity=zero"}));
}

TEST(CliJsonText, PrintsEveryDigit) {
    EXPECT_EQ(pretty(R"({"a":0.00001000,"b":[1,{"c":"x:{,"}],"e":[],"f":{ }})"),
              "{\n  \"a\": 0.00001000,\n  \"b\": [\n    1,\n    {\n      \"c\": \"x:{,\"\n    }\n  ],\n  "
              "\"e\": [],\n  "
              "\"f\": {}\n}");
    EXPECT_EQ(pretty("12"), "12");
    EXPECT_EQ(pretty(R"("a\"b")"), R"("a\"b")");
}

TEST(CliJsonText, FindsMembers) {
    const std::string json =
        R"( {"x":{"error":1}, "error" : {"code": -8,"message":"a\"}\u0041"},"n":null,"l":[1,2]} )";
    EXPECT_EQ(member(json, "error"), R"({"code": -8,"message":"a\"}\u0041"})");
    EXPECT_EQ(unquoted(*find(json, "error.message")), "a\"}A");
    EXPECT_EQ(find(json, "error.code"), "-8");
    EXPECT_EQ(member(json, "n"), "null");
    EXPECT_EQ(member(json, "l"), "[1,2]");
    EXPECT_FALSE(member(json, "code"));
    EXPECT_FALSE(member("[1]", "a"));
    EXPECT_FALSE(member("{}", "a"));
    EXPECT_EQ(quoted("\xff"), "\"\xef\xbf\xbd\"");
}

/// A node of a few lines, with a cookie in a temporary data directory.
class CliNode : public testing::Test {
protected:
    void SetUp() override {
        directory = testing::TempDir() + "daidd-cli-XXXXXX";
        ASSERT_NE(mkdtemp(directory.data()), nullptr);
        std::filesystem::create_directory(directory + "/regtest");
        std::ofstream{directory + "/regtest/.cookie"} << "__cookie__:abc";
        server = std::make_unique<http::Server>(
            http::ServerOptions{}, [this](const http::Request& request) { return answer(request); });
    }
    void TearDown() override { std::filesystem::remove_all(directory); }

    http::Response answer(const http::Request& request) {
        if (http::find_header(request.headers, "Authorization") != http::basic_auth("__cookie__:abc"))
            return {401, {}, "", {}, 0};
        last_target = request.target;
        last_body = request.body;
        const auto method = nlohmann::json::parse(request.body)["method"].get<std::string>();
        if (method == "getjob") return {200, {}, std::string{++polls < 3 ? kOpen : kAnswered}, {}, 0};
        if (method == "submitjob")
            return {200, {}, R"({"result":{"job":"j1","txid":"t"},"error":null})", {}, 0};
        if (method == "warm" && ++polls < 3)
            return {500, {}, R"({"result":null,"error":{"code":-28,"message":"w"}})", {}, 0};
        if (method == "broken") return {200, {}, "not json", {}, 0};
        if (method == "fail")
            return {500, {}, R"({"result":null,"error":{"code":-8,"message":"no \"way\""}})", {}, 0};
        if (method == "text") return {200, {}, R"({"result":"a\nb","error":null})", {}, 0};
        if (method == "nothing") return {200, {}, R"({"result":null,"error":null})", {}, 0};
        return {200, {}, R"({"result":{"value":1.00000000},"error":null,"id":1})", {}, 0};
    }

    int run_cli(std::vector<std::string> args) { return run_cli(server->port(), std::move(args)); }

    int run_cli(uint16_t port, std::vector<std::string> args) {
        args.insert(args.begin(),
                    {"dai-cli", "-regtest", "-datadir=" + directory, "-rpcport=" + std::to_string(port)});
        std::vector<const char*> argv;
        for (const std::string& arg : args) argv.push_back(arg.c_str());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int code = run(int(argv.size()), argv.data());
        out = testing::internal::GetCapturedStdout();
        err = testing::internal::GetCapturedStderr();
        return code;
    }

    static constexpr std::string_view kOpen = R"({"result":{"status":"open"},"error":null})";
    static constexpr std::string_view kAnswered =
        R"({"result":{"status":"answered","answer":"Paris.","receipt":"r1","cost":0.00012000},"error":null})";

    std::string directory;
    std::unique_ptr<http::Server> server;
    std::atomic<int> polls = 0;
    std::string last_target;
    std::string last_body;
    std::string out;
    std::string err;
};

TEST_F(CliNode, TheExitCodeIsTheErrors) {
    EXPECT_EQ(run_cli({"fail"}), 8);
    EXPECT_EQ(err, "error code: -8\nerror message:\nno \"way\"\n");
    EXPECT_EQ(out, "");
    EXPECT_EQ(run_cli({"broken"}), 1);
    EXPECT_EQ(run_cli({}), 1);
    EXPECT_EQ(run_cli({"-rpcpassword=x", "text"}), 1);
    EXPECT_NE(err.find("Authorization failed"), std::string::npos);
    EXPECT_EQ(run_cli({"-rpccookiefile=/nowhere", "text"}), 1);
    EXPECT_NE(err.find("No authentication cookie could be found at /nowhere"), std::string::npos);
}

TEST_F(CliNode, NobodyThereIsOne) {
    // Bound and not listening: the port of a stopped server could be somebody else's by now.
    boost::asio::io_context context;
    using boost::asio::ip::tcp;
    const tcp::socket held{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
    const uint16_t port = held.local_endpoint().port();
    EXPECT_EQ(run_cli(port, {"text"}), 1);
    EXPECT_NE(err.find("Could not connect to the server 127.0.0.1:"), std::string::npos);
    EXPECT_EQ(run_cli(port, {"-rpcwait", "-rpcwaittimeout=1", "text"}), 1);
}

TEST_F(CliNode, PrintsAsBitcoinCliDoes) {
    EXPECT_EQ(run_cli({"text"}), 0);
    EXPECT_EQ(out, "a\nb\n");
    EXPECT_EQ(run_cli({"nothing"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(run_cli({"object"}), 0);
    EXPECT_EQ(out, "{\n  \"value\": 1.00000000\n}\n");
}

TEST_F(CliNode, NamesTheWallet) {
    run_cli({"-rpcwallet=a b", "getblock", "x", "0"});
    EXPECT_EQ(last_target, "/wallet/a%20b");
    EXPECT_EQ(nlohmann::json::parse(last_body)["params"], nlohmann::json::parse(R"(["x",0])"));
    run_cli({"text"});
    EXPECT_EQ(last_target, "/");
}

TEST_F(CliNode, WaitsForTheNodeToWarmUp) {
    EXPECT_EQ(run_cli({"warm"}), 28);
    polls = 0;
    EXPECT_EQ(run_cli({"-rpcwait", "warm"}), 0);
    EXPECT_EQ(polls, 3);
}

TEST_F(CliNode, ChatWaitsForTheAnswer) {
    EXPECT_EQ(run_cli({"chat", "Capital", "of France?", "-max-tokens=5"}), 0);
    EXPECT_EQ(out, "Paris.\n");
    EXPECT_NE(err.find("cost 0.00012000 DAI, receipt r1, job j1"), std::string::npos);
    EXPECT_EQ(polls, 3);
    polls = 0;
    EXPECT_EQ(run_cli({"ask", "x", "-json"}), 0);
    EXPECT_EQ(out, "{\"answer\":\"Paris.\",\"job\":\"j1\",\"receipt\":\"r1\",\"cost\":0.00012000}\n");
    EXPECT_EQ(run_cli({"chat"}), 1);
}

TEST_F(CliNode, ADryRunAsksForNothingElse) {
    EXPECT_EQ(run_cli({"chat", "hi", "-dryrun"}), 0);
    EXPECT_EQ(polls, 0);
    const auto params = nlohmann::json::parse(last_body)["params"];
    EXPECT_EQ(params[0], "hi");
    EXPECT_EQ(params[1]["dry_run"], true);
}

TEST_F(CliNode, AsksForResultsOfFiles) {
    const std::string a = directory + "/a.txt", b = directory + "/b.txt";
    std::ofstream{a} << "one \"text\"\n";
    std::ofstream{b} << "another";
    const auto params_of = [&](const std::vector<std::string>& words) {
        EXPECT_EQ(run_cli(words), 0) << err;
        return nlohmann::json::parse(last_body)["params"];
    };
    EXPECT_EQ(params_of({"eval", a, "-dryrun"}),
              nlohmann::json::parse(R"(["one \"text\"\n",{"kind":"eval","dry_run":true}])"));
    EXPECT_EQ(params_of({"embed", b, "-dryrun"}),
              nlohmann::json::parse(R"(["another",{"kind":"embed","dry_run":true}])"));
    EXPECT_EQ(params_of({"index", a, b, "-dryrun"}),
              nlohmann::json::parse(R"([["one \"text\"\n","another"],{"kind":"index","dry_run":true}])"));
    for (const auto& words :
         {std::vector<std::string>{"eval"}, {"embed", a, b}, {"index", a, directory + "/c"}}) {
        EXPECT_EQ(run_cli(words), 1);
        EXPECT_EQ(out, "");
    }
}

TEST_F(CliNode, VerifiesAReceiptFromAFile) {
    const std::string path = directory + "/receipt.json";
    std::ofstream{path} << R"({"receipt":"r1"})";
    EXPECT_EQ(run_cli({"verifyreceipt", path}), 0);
    EXPECT_EQ(nlohmann::json::parse(last_body)["params"][0]["receipt"], "r1");
    EXPECT_EQ(run_cli({"verifyreceipt", "00ff"}), 0);
    EXPECT_EQ(nlohmann::json::parse(last_body)["params"][0], "00ff");
    std::ofstream{path} << "{";
    EXPECT_EQ(run_cli({"verifyreceipt", path}), 1);
}

}  // namespace
}  // namespace daidd::cli
