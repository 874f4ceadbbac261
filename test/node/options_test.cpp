#include "node/options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace daidd::node {
namespace {

using Arguments = std::vector<std::string>;

class OptionsFile : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        directory_ = testing::TempDir() + "daidd-options-" + test->name() + "-" + std::to_string(::getpid());
        std::filesystem::create_directories(directory_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& text, const std::string& name = "dai.conf") const {
        std::ofstream{directory_ + "/" + name, std::ios::binary} << text;
    }
    Result<Options, std::string> read(Arguments arguments = {}) const {
        arguments.push_back("-datadir=" + directory_);
        return read_options(arguments);
    }
    /// What is said of this dai.conf, without the path before the line's number.
    std::string error_of(const std::string& text, const Arguments& arguments = {}) const {
        write(text);
        const auto options = read(arguments);
        if (options) return "";
        const std::string place = directory_ + "/dai.conf:";
        EXPECT_TRUE(options.error().starts_with(place)) << options.error();
        return options.error().substr(std::min(place.size(), options.error().size()));
    }

    std::string directory_;
};

/// No dai.conf is there.
Result<Options, std::string> read_line(Arguments arguments) {
    arguments.push_back("-conf=/dev/null");
    return read_options(arguments);
}

std::string error_of(Arguments arguments) {
    const auto options = read_line(std::move(arguments));
    return options ? "" : options.error();
}

TEST(Options, HaveTheirDefaults) {
    const auto options = read_line({"-datadir=d"});
    ASSERT_TRUE(options) << options.error();
    EXPECT_EQ(options->chain, "main");
    EXPECT_EQ(options->datadir, "d");
    EXPECT_EQ(options->rpc_port, std::nullopt);
    EXPECT_EQ(options->p2p_port, std::nullopt);
    EXPECT_EQ(options->rpc_bind, "127.0.0.1");
    EXPECT_EQ(options->bind, "127.0.0.1");
    for (const bool on : {options->listen, options->serve, options->verify_work, options->print_to_console})
        EXPECT_TRUE(on);
    for (const bool off : {options->mine, options->daemon_wait, options->debug, options->check_config,
                           options->help, options->version})
        EXPECT_FALSE(off);
    EXPECT_EQ(options->threads, 0u);
    EXPECT_EQ(options->device, "");
    EXPECT_TRUE(options->connect.empty() && options->model.empty() && options->corpus.empty());
}

TEST(Options, DataLiesInTheHomeUnlessTold) {
    const char* home = std::getenv("HOME");
    const auto options = read_line({});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->datadir, std::string{home == nullptr ? "." : home} + "/.dai");
}

struct KeyCase {
    std::string key, value;
    std::function<bool(const Options&)> took;
};

// Every key, at the last valid values where it has a limit.
const KeyCase kKeyCases[] = {
    {"chain", "file.json", [](const Options& o) { return o.chain == "file.json"; }},
    {"regtest", "1", [](const Options& o) { return o.chain == "regtest"; }},
    {"regtest", "0", [](const Options& o) { return o.chain == "main"; }},
    {"model", "m.gguf", [](const Options& o) { return o.model == "m.gguf"; }},
    {"corpus", "a=b", [](const Options& o) { return o.corpus == "a=b"; }},
    {"rpcport", "0", [](const Options& o) { return o.rpc_port == 0; }},
    {"rpcport", "65535", [](const Options& o) { return o.rpc_port == 65535; }},
    {"port", "0", [](const Options& o) { return o.p2p_port == 0; }},
    {"port", "65535", [](const Options& o) { return o.p2p_port == 65535; }},
    {"rpcbind", "::1", [](const Options& o) { return o.rpc_bind == "::1"; }},
    {"bind", "0.0.0.0", [](const Options& o) { return o.bind == "0.0.0.0"; }},
    {"listen", "0", [](const Options& o) { return !o.listen; }},
    {"connect", "host:1", [](const Options& o) { return o.connect == Arguments{"host:1"}; }},
    {"connect", "[::1]:65535", [](const Options& o) { return o.connect == Arguments{"[::1]:65535"}; }},
    {"mine", "1", [](const Options& o) { return o.mine; }},
    {"mineaddress", "rdai1x", [](const Options& o) { return o.mine_address == "rdai1x"; }},
    {"serve", "0", [](const Options& o) { return !o.serve; }},
    {"verifywork", "0", [](const Options& o) { return !o.verify_work; }},
    {"threads", "0", [](const Options& o) { return o.threads == 0; }},
    {"device", "opencl:0", [](const Options& o) { return o.device == "opencl:0"; }},
    {"threads", "256", [](const Options& o) { return o.threads == kThreadsMax; }},
    {"daemonwait", "1", [](const Options& o) { return o.daemon_wait; }},
    {"printtoconsole", "0", [](const Options& o) { return !o.print_to_console; }},
    {"debug", "1", [](const Options& o) { return o.debug; }},
    {"checkconfig", "1", [](const Options& o) { return o.check_config; }},
    {"help", "1", [](const Options& o) { return o.help; }},
    {"version", "1", [](const Options& o) { return o.version; }},
};

TEST_F(OptionsFile, EveryKeyIsTakenFromTheCommandLineAndTheFile) {
    for (const auto& [key, value, took] : kKeyCases) {
        const std::string text = key + "=" + value;
        for (const std::string dashes : {"-", "--"}) {
            const auto options = read_line({dashes + text});
            ASSERT_TRUE(options) << options.error();
            EXPECT_TRUE(took(*options)) << dashes << text;
        }
        for (const std::string& line : {text, "\t" + key + " = " + value + " \r", "# no\n\n" + text + "\n"}) {
            write(line);
            const auto options = read();
            ASSERT_TRUE(options) << options.error();
            EXPECT_TRUE(took(*options)) << line;
        }
    }
}

TEST(Options, HelpNamesEveryKey) {
    for (const auto& [key, value, took] : kKeyCases) {
        const bool flag = help_text().find("\n  -" + key + " ") != std::string::npos;
        EXPECT_TRUE(flag || help_text().find("\n  -" + key + "=") != std::string::npos) << key;
    }
    EXPECT_NE(help_text().find("\n  -conf=FILE "), std::string::npos);
}

TEST(Options, AFlagAloneIsOn) {
    const auto options = read_line({"-regtest", "--mine", "-debug"});
    ASSERT_TRUE(options);
    EXPECT_TRUE(options->chain == "regtest" && options->mine && options->debug);
}

struct BadValue {
    std::string key, value, error;
};
const BadValue kBadValues[] = {
    {"chain", "", "must not be empty"},
    {"datadir", "", "must not be empty"},
    {"model", "", "must not be empty"},
    {"corpus", "", "must not be empty"},
    {"mineaddress", "", "must not be empty"},
    {"bind", "", "must not be empty"},
    {"rpcbind", "", "must not be empty"},
    {"rpcport", "", "must be a number from 0 to 65535, not ''"},
    {"rpcport", "65536", "must be a number from 0 to 65535, not '65536'"},
    {"rpcport", "-1", "must be a number from 0 to 65535, not '-1'"},
    {"port", "65536", "must be a number from 0 to 65535, not '65536'"},
    {"port", "0x10", "must be a number from 0 to 65535, not '0x10'"},
    {"port", "18446744073709551616", "must be a number from 0 to 65535, not '18446744073709551616'"},
    {"device", "", "must not be empty"},
    {"threads", "257", "must be a number from 0 to 256, not '257'"},
    {"threads", "1 ", "must be a number from 0 to 256, not '1 '"},
    {"mine", "", "must be 0 or 1, not ''"},
    {"mine", "2", "must be 0 or 1, not '2'"},
    {"regtest", "yes", "must be 0 or 1, not 'yes'"},
    {"connect", "", "must be HOST:PORT, not ''"},
    {"connect", "host", "must be HOST:PORT, not 'host'"},
    {"connect", ":1", "must be HOST:PORT, not ':1'"},
    {"connect", "host:", "must be HOST:PORT, not 'host:'"},
    {"connect", "host:0", "must be HOST:PORT, not 'host:0'"},
    {"connect", "host:65536", "must be HOST:PORT, not 'host:65536'"},
    {"connect", "::1:1", "must be HOST:PORT, not '::1:1'"},
};

TEST(Options, ABadValueIsNamed) {
    for (const auto& [key, value, error] : kBadValues)
        EXPECT_EQ(error_of({"-" + key + "=" + value}), "-" + key + ": " + error);
}

TEST(Options, WrongArgumentsAreNamed) {
    EXPECT_EQ(error_of({"-nonsense"}), "-unknown option 'nonsense'");
    EXPECT_EQ(error_of({"--"}), "-unknown option ''");
    EXPECT_EQ(error_of({"-"}), "unexpected argument '-'");
    EXPECT_EQ(error_of({"regtest"}), "unexpected argument 'regtest'");
    EXPECT_EQ(error_of({""}), "unexpected argument ''");
    EXPECT_EQ(error_of({"-port=1", "--port=1"}), "-option 'port' is given twice");
    EXPECT_EQ(error_of({"-regtest", "-chain=regtest"}), "-chain: the network is given twice");
    EXPECT_EQ(error_of({}), "");
    EXPECT_EQ(error_of({"-conf=other"}), "-option 'conf' is given twice");
    EXPECT_EQ(read_options({"-conf="}).error(), "-conf: must not be empty");
    EXPECT_EQ(read_options({"-conf=/nowhere/dai.conf"}).error(), "/nowhere/dai.conf: cannot be read");
    EXPECT_EQ(read_options({"-conf=/"}).error(), "/: cannot be read");
}

TEST(Options, SoManyPeersAndNotOneMore) {
    Arguments peers(kConnectMax, "-connect=host:1");
    const auto most = read_line(peers);
    ASSERT_TRUE(most) << most.error();
    EXPECT_EQ(most->connect.size(), kConnectMax);
    peers.push_back("-connect=host:1");
    EXPECT_EQ(error_of(peers), "-connect: at most 64 times");
}

TEST_F(OptionsFile, SaysWhereItIsWrong) {
    EXPECT_EQ(error_of("\n\nunknown=1"), "3: unknown option 'unknown'");
    EXPECT_EQ(error_of("[main]\nunknown=1", {"-regtest"}), "2: unknown option 'unknown'");
    EXPECT_EQ(error_of("conf=x"), "1: unknown option 'conf'");
    EXPECT_EQ(error_of("=1"), "1: unknown option ''");
    EXPECT_EQ(error_of("debug=1\ndebug=1"), "2: option 'debug' is given twice");
    EXPECT_EQ(error_of("threads="), "1: threads: must be a number from 0 to 256, not ''");
    EXPECT_EQ(error_of("#\nport=65536"), "2: port: must be a number from 0 to 65535, not '65536'");
    EXPECT_EQ(error_of("debug"), "1: a setting is written key=value");
    EXPECT_EQ(error_of("[main"), "1: a section is written [name]");
    EXPECT_EQ(error_of("[]"), "1: a section is written [name]");
    EXPECT_EQ(error_of("[mian]"), "1: no network is called 'mian'");
    EXPECT_EQ(error_of("[regtest]\nregtest=1"), "2: regtest: a network is not chosen in a section");
    EXPECT_EQ(error_of("regtest=1\nchain=main"), "2: chain: the network is given twice");
    EXPECT_EQ(error_of("chain=main\nchain=main"), "2: option 'chain' is given twice");
}

TEST_F(OptionsFile, IsCheckedWhereTheCommandLineWinsToo) {
    EXPECT_EQ(error_of("threads=x", {"-threads=1"}), "1: threads: must be a number from 0 to 256, not 'x'");
    write("threads=2\nconnect=a:1\nchain=test");
    const auto options = read({"-threads=1", "-connect=b:1", "-regtest"});
    ASSERT_TRUE(options) << options.error();
    EXPECT_EQ(options->threads, 1u);
    EXPECT_EQ(options->connect, Arguments{"b:1"});
    EXPECT_EQ(options->chain, "regtest");
}

TEST_F(OptionsFile, SectionsCountForTheirNetworkAlone) {
    const std::string sections =
        "debug=1\n[main]\nport=1\n[test]\nport=2\n[regtest]\nport=3\n[main]\nrpcport=9\n";
    const auto port_of = [&](const std::string& first,
                             const Arguments& arguments) -> std::optional<uint16_t> {
        write(first + sections);
        const auto options = read(arguments);
        EXPECT_TRUE(options) << options.error();
        return options->p2p_port;
    };
    EXPECT_EQ(port_of("", {}), 1);
    EXPECT_EQ(port_of("", {"-regtest"}), 3);
    EXPECT_EQ(port_of("", {"-chain=test"}), 2);
    EXPECT_EQ(port_of("regtest=1\n", {}), 3);
    EXPECT_EQ(port_of("chain=test\n", {}), 2);
    EXPECT_EQ(port_of("chain=test\n", {"-regtest"}), 3);
    EXPECT_EQ(port_of("", {"-chain=other.json"}), std::nullopt);
    EXPECT_EQ(port_of("[other.json]\nport=4\n[main]\n", {"-chain=other.json"}), 4);
    EXPECT_EQ(error_of("debug=1\n[main]\ndebug=0"), "3: option 'debug' is given twice");
    EXPECT_EQ(error_of("debug=1\n[main]\ndebug=0", {"-regtest"}), "");
}

TEST_F(OptionsFile, AnotherFileTakesThePlaceOfDaiConf) {
    write("unknown=1");
    write("threads=7", "other.conf");
    const auto options = read({"-conf=" + directory_ + "/other.conf"});
    ASSERT_TRUE(options) << options.error();
    EXPECT_EQ(options->threads, 7u);
}

}  // namespace
}  // namespace daidd::node
