#include "cli/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

namespace daidd::cli {
namespace {

struct Network {
    std::string_view name;
    uint16_t rpc_port;
};
constexpr Network kNetworks[] = {{"main", 9552}, {"test", 19552}, {"regtest", 19562}};

template <class T>
bool parse_number(const std::string& text, T least, T most, T& number) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
        return false;
    number = value;
    return true;
}

/// One option: takes its value ("1" if it has none) and says what is wrong with it.
using Apply = std::function<bool(Options&, const std::string&)>;

Apply text_option(std::string Options::*member) {
    return [member](Options& options, const std::string& value) {
        options.*member = value;
        return true;
    };
}

Apply flag_option(bool Options::*member) {
    return [member](Options& options, const std::string& value) {
        options.*member = value != "0";
        return value == "0" || value == "1";
    };
}

Apply seconds_option(int Options::*member) {
    return [member](Options& options, const std::string& value) {
        return parse_number(value, 0, 1'000'000, options.*member);
    };
}

bool set_network(Options& options, std::string_view name) {
    const auto* const found = std::ranges::find(kNetworks, name, &Network::name);
    if (found == std::end(kNetworks)) return false;
    options.network = name;
    if (options.port == 0) options.port = found->rpc_port;
    return true;
}

/// A network's name, or a file with a chain spec, of which the name and the port are wanted.
bool set_chain(Options& options, const std::string& value) {
    if (set_network(options, value)) return true;
    std::ifstream file{value};
    const auto spec = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
    if (!spec.is_object() || !spec.contains("name") || !spec["name"].is_string()) return false;
    options.network = spec["name"].get<std::string>();
    const bool safe = !options.network.empty() && options.network.find_first_of("/\\") == std::string::npos &&
                      options.network[0] != '.';
    if (!safe) return false;
    if (options.port != 0) return true;
    if (spec.contains("rpc_port") && spec["rpc_port"].is_number_unsigned()) {
        options.port = uint16_t(spec["rpc_port"].get<unsigned>());
    } else if (spec.contains("base") && spec["base"].is_string()) {
        // What a spec does not say it has from its base.
        const auto* const base =
            std::ranges::find(kNetworks, spec["base"].get<std::string>(), &Network::name);
        if (base != std::end(kNetworks)) options.port = base->rpc_port;
    }
    return true;
}

bool set_connect(Options& options, const std::string& value) {
    const size_t colon = value.rfind(':');
    if (colon == std::string::npos) {
        options.host = value;
        return !value.empty();
    }
    options.host = value.substr(0, colon);
    return !options.host.empty() && parse_number<uint16_t>(value.substr(colon + 1), 1, 65535, options.port);
}

const std::map<std::string, Apply>& option_table() {
    static const std::map<std::string, Apply> table = {
        {"chain", set_chain},
        {"regtest",
         [](Options& o, const std::string& value) { return value == "0" || set_network(o, "regtest"); }},
        {"testnet",
         [](Options& o, const std::string& value) { return value == "0" || set_network(o, "test"); }},
        {"datadir", text_option(&Options::data_directory)},
        {"rpcconnect", set_connect},
        {"rpcport", [](Options& o,
                       const std::string& value) { return parse_number<uint16_t>(value, 1, 65535, o.port); }},
        {"rpcuser", text_option(&Options::user)},
        {"rpcpassword", text_option(&Options::password)},
        {"rpccookiefile", text_option(&Options::cookie_file)},
        {"rpcwallet",
         [](Options& o, const std::string& value) {
             o.wallet = value;
             o.has_wallet = true;
             return true;
         }},
        {"rpcclienttimeout", seconds_option(&Options::timeout_s)},
        {"rpcwait", flag_option(&Options::wait)},
        {"rpcwaittimeout", seconds_option(&Options::wait_timeout_s)},
        {"named", flag_option(&Options::named)},
        {"stdin", flag_option(&Options::read_stdin)},
        {"getinfo", flag_option(&Options::get_info)},
        {"netinfo", flag_option(&Options::net_info)},
        {"help", flag_option(&Options::help)},
        {"h", flag_option(&Options::help)},
        {"?", flag_option(&Options::help)},
        {"json", flag_option(&Options::json)},
        {"dryrun", flag_option(&Options::dry_run)},
        {"max-tokens",
         [](Options& o, const std::string& value) {
             return parse_number<int64_t>(value, 1, 1'000'000, o.tokens_max);
         }},
    };
    return table;
}

/// "-name=value" or "-name", with one dash or two.
std::optional<std::string> apply_option(Options& options, std::string_view word) {
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const size_t equals = word.find('=');
    const std::string name{word.substr(0, equals)};
    const std::string value{equals == std::string_view::npos ? "1" : word.substr(equals + 1)};
    const auto found = option_table().find(name);
    if (found == option_table().end()) return "Invalid parameter -" + name;
    if (!found->second(options, value)) return "Invalid value for -" + name + ": '" + value + "'";
    return std::nullopt;
}

/// They take options behind their text.
bool takes_options(const std::string& word) { return is_question(word); }

}  // namespace

bool is_question(std::string_view word) {
    constexpr std::array<std::string_view, 5> kQuestions{"chat", "ask", "eval", "embed", "index"};
    return std::ranges::find(kQuestions, word) != kQuestions.end();
}

Result<Options, std::string> parse_options(const std::vector<std::string>& args, const std::string& home) {
    Options options;
    options.data_directory = home + "/.dai";
    // A port given explicitly wins over the network's, wherever it stands: networks are applied last.
    std::vector<std::string> networks;
    for (const std::string& word : args) {
        const bool in_front = options.words.empty() || takes_options(options.words[0]);
        if (!in_front || word.size() < 2 || word[0] != '-') {
            options.words.push_back(word);
            continue;
        }
        const bool is_network = word.find("chain") == 1 || word.find("regtest") == 1 ||
                                word.find("testnet") == 1 || word.starts_with("--chain") ||
                                word.starts_with("--regtest");
        if (is_network) {
            networks.push_back(word);
        } else if (auto error = apply_option(options, word)) {
            return Fail{std::move(*error)};
        }
    }
    if (networks.size() > 1)
        return Fail{std::string{"Only one of -chain, -regtest and -testnet may be given"}};
    for (const std::string& word : networks) {
        if (auto error = apply_option(options, word)) return Fail{std::move(*error)};
    }
    if (options.port == 0) options.port = kNetworks[0].rpc_port;
    if (options.cookie_file.empty()) {
        const std::string subdirectory = options.network == "main" ? "" : "/" + options.network;
        options.cookie_file = options.data_directory + subdirectory + "/.cookie";
    }
    return options;
}

std::string usage() {
    return R"(dai-cli: talks to a running daidd

Usage:  dai-cli [options] <method> [arguments]     call a method
        dai-cli [options] -named <method> [name=value]...
        dai-cli [options] help [method]            list the methods, or explain one
        dai-cli [options] chat TEXT                pay for an answer and print it
        dai-cli [options] ask TEXT -json           the same as {"answer","job","receipt","cost"}
        dai-cli [options] eval FILE                pay for a text's perplexity and print it
        dai-cli [options] embed FILE               the same for its embedding
        dai-cli [options] index FILE...            the same for the root of an index of texts
        dai-cli [options] verifyreceipt FILE-or-ID

  -regtest, -testnet, -chain=NAME|FILE   which network (default: main)
  -datadir=DIR             data directory of the node (default: ~/.dai)
  -rpcconnect=HOST[:PORT]  where the node is (default: 127.0.0.1)
  -rpcport=PORT            (default: 9552, testnet 19552, regtest 19562)
  -rpcuser=, -rpcpassword= instead of the cookie
  -rpccookiefile=FILE      (default: in the data directory)
  -rpcwallet=NAME          the wallet to use
  -rpcwait                 wait for the node to start
  -rpcwaittimeout=S        at most so long (default: for ever)
  -rpcclienttimeout=S      how long to wait for an answer (default: 900, 0: for ever)
  -named                   arguments are name=value
  -stdin                   read further arguments from standard input, one a line
  -getinfo, -netinfo       a short overview of the node, of its peers
  -max-tokens=N            chat, ask: the longest answer
  -dryrun                  of what is paid for: print spend, fee and largest loss without spending
  -json                    of what is paid for: print job, receipt and cost with it, as JSON
)";
}

}  // namespace daidd::cli
