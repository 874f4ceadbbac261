#include "node/options.h"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

namespace daidd::node {
namespace {

/// One key: how its value is taken, and what help says.
struct Key {
    std::string_view name;
    std::string_view value;  ///< shown in help; empty: a flag, 0 or 1
    std::string_view help;
    std::optional<std::string> (*take)(Options& options, const std::string& value);
    bool repeats = false;
};

using Taken = std::optional<std::string>;

template <class Number>
Taken take_number(const std::string& text, uint64_t min, uint64_t max, Number& to) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
        return "must be a number from " + std::to_string(min) + " to " + std::to_string(max) + ", not '" +
               text + "'";
    }
    to = Number(value);
    return std::nullopt;
}

Taken take_port(const std::string& text, std::optional<uint16_t>& to) {
    uint16_t port = 0;
    if (auto error = take_number(text, 0, 65'535, port)) return error;
    to = port;
    return std::nullopt;
}

Taken take_flag(const std::string& text, bool& to) {
    if (text != "0" && text != "1") return "must be 0 or 1, not '" + text + "'";
    to = text == "1";
    return std::nullopt;
}

Taken take_text(const std::string& text, std::string& to) {
    if (text.empty()) return std::string{"must not be empty"};
    to = text;
    return std::nullopt;
}

Taken take_peer(Options& options, const std::string& text) {
    const size_t colon = text.rfind(':');
    uint16_t port = 0;
    if (colon == std::string::npos || colon == 0 || take_number(text.substr(colon + 1), 1, 65'535, port)) {
        return "must be HOST:PORT, not '" + text + "'";
    }
    if (options.connect.size() >= kConnectMax) return "at most " + std::to_string(kConnectMax) + " times";
    options.connect.push_back(text);
    return std::nullopt;
}

const Key kKeys[] = {
    {"chain", "main|test|regtest|FILE", "network, or the JSON spec of one",
     [](Options& o, const std::string& v) { return take_text(v, o.chain); }},
    {"regtest", "", "same as -chain=regtest",
     [](Options& o, const std::string& v) {
         bool on = false;
         auto error = take_flag(v, on);
         if (on) o.chain = "regtest";
         return error;
     }},
    {"datadir", "DIR", "data directory (default: ~/.dai)",
     [](Options& o, const std::string& v) { return take_text(v, o.datadir); }},
    {"model", "FILE", "integer model file, as dai-model convert makes it",
     [](Options& o, const std::string& v) { return take_text(v, o.model); }},
    {"corpus", "FILE", "text of the spec's corpus (default: the one in the program)",
     [](Options& o, const std::string& v) { return take_text(v, o.corpus); }},
    {"rpcport", "PORT", "of JSON-RPC; 0: any free one",
     [](Options& o, const std::string& v) { return take_port(v, o.rpc_port); }},
    {"rpcbind", "ADDRESS", "of JSON-RPC (default: 127.0.0.1)",
     [](Options& o, const std::string& v) { return take_text(v, o.rpc_bind); }},
    {"port", "PORT", "of the peer-to-peer network; 0: any free one",
     [](Options& o, const std::string& v) { return take_port(v, o.p2p_port); }},
    {"bind", "ADDRESS", "of the peer-to-peer network (default: 127.0.0.1)",
     [](Options& o, const std::string& v) { return take_text(v, o.bind); }},
    {"listen", "", "accept peers (default: 1)",
     [](Options& o, const std::string& v) { return take_flag(v, o.listen); }},
    {"connect", "HOST:PORT", "keep connected to this peer; may be given more than once", take_peer, true},
    {"mine", "", "run units and seal blocks (default: 0)",
     [](Options& o, const std::string& v) { return take_flag(v, o.mine); }},
    {"mineaddress", "ADDRESS", "who is paid; its key signs, so it must be of a loaded wallet",
     [](Options& o, const std::string& v) { return take_text(v, o.mine_address); }},
    {"serve", "", "answer jobs (default: 1)",
     [](Options& o, const std::string& v) { return take_flag(v, o.serve); }},
    {"verifywork", "", "re-run what others sealed (default: 1)",
     [](Options& o, const std::string& v) { return take_flag(v, o.verify_work); }},
    {"threads", "N", "compute threads; 0: one a core",
     [](Options& o, const std::string& v) { return take_number(v, 0, kThreadsMax, o.threads); }},
    {"daemonwait", "", "go to the background once RPC answers",
     [](Options& o, const std::string& v) { return take_flag(v, o.daemon_wait); }},
    {"printtoconsole", "", "log to the console (default: 1)",
     [](Options& o, const std::string& v) { return take_flag(v, o.print_to_console); }},
    {"debug", "", "log more", [](Options& o, const std::string& v) { return take_flag(v, o.debug); }},
    {"checkconfig", "", "check the configuration and exit",
     [](Options& o, const std::string& v) { return take_flag(v, o.check_config); }},
    {"help", "", "print this and exit",
     [](Options& o, const std::string& v) { return take_flag(v, o.help); }},
    {"version", "", "print the version and exit",
     [](Options& o, const std::string& v) { return take_flag(v, o.version); }},
};

struct Setting {
    std::string key, value;
    std::string place;  ///< "" or "dai.conf:3: "
};

const Key* find_key(const std::string& name) {
    for (const auto& key : kKeys) {
        if (key.name == name) return &key;
    }
    return nullptr;
}

/// Checks keys and doubles; the first of a key counts where `given` does not have it yet.
Taken apply(const std::vector<Setting>& settings, std::set<std::string>& given, Options& options) {
    std::set<std::string> here;
    for (const auto& [name, value, place] : settings) {
        const Key* key = find_key(name);
        if (key == nullptr) return place + "unknown option '" + name + "'";
        if (!here.insert(name).second && !key->repeats) return place + "option '" + name + "' is given twice";
        if (given.contains(name)) continue;
        if (const auto error = key->take(options, value)) return place + name + ": " + *error;
    }
    given.merge(here);
    return std::nullopt;
}

Result<std::vector<Setting>, std::string> read_file(const std::string& path,
                                                    const std::string& section_wanted) {
    std::ifstream file{path};
    std::vector<Setting> settings;
    std::string line;
    std::string section;
    for (size_t number = 1; std::getline(file, line); ++number) {
        const std::string place = path + ":" + std::to_string(number) + ": ";
        const size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string::npos || line[begin] == '#') continue;
        const size_t end = line.find_last_not_of(" \t\r");
        const std::string text = line.substr(begin, end - begin + 1);
        if (text.front() == '[') {
            if (text.back() != ']' || text.size() < 3) return Fail{place + "a section is written [name]"};
            section = text.substr(1, text.size() - 2);
            continue;
        }
        const size_t equals = text.find('=');
        if (equals == std::string::npos) return Fail{place + "a setting is written key=value"};
        const std::string key = text.substr(0, text.find_last_not_of(" \t", equals - 1) + 1);
        if (find_key(key) == nullptr) return Fail{place + "unknown option '" + key + "'"};
        const size_t value = text.find_first_not_of(" \t", equals + 1);
        if (!section.empty() && section != section_wanted) continue;
        settings.push_back({key, value == std::string::npos ? "" : text.substr(value), place});
    }
    return settings;
}

std::string default_datadir() {
    const char* home = std::getenv("HOME");
    return std::string{home == nullptr ? "." : home} + "/.dai";
}

}  // namespace

Result<Options, std::string> read_options(const std::vector<std::string>& arguments) {
    std::vector<Setting> settings;
    std::string conf;
    for (const auto& argument : arguments) {
        if (argument.size() < 2 || argument[0] != '-') return Fail{"unexpected argument '" + argument + "'"};
        const size_t begin = argument[1] == '-' ? 2 : 1;
        const size_t equals = argument.find('=');
        Setting setting{argument.substr(begin, equals - begin), "1", "-"};
        if (equals != std::string::npos) setting.value = argument.substr(equals + 1);
        if (setting.key == "conf") {
            conf = setting.value;
            if (conf.empty()) return Fail{std::string{"-conf: must not be empty"}};
            continue;
        }
        settings.push_back(std::move(setting));
    }
    Options options;
    std::set<std::string> given;
    if (auto error = apply(settings, given, options)) return Fail{*std::move(error)};
    if (given.contains("chain") && given.contains("regtest")) {
        return Fail{std::string{"-regtest: the network is given twice, by -chain too"}};
    }
    if (options.datadir.empty()) options.datadir = default_datadir();
    const bool named = !conf.empty();
    if (!named) conf = options.datadir + "/dai.conf";
    if (!std::ifstream{conf}) {
        if (named) return Fail{"-conf: " + conf + " cannot be read"};
        return options;
    }
    const auto from_file = read_file(conf, options.chain);
    if (!from_file) return Fail{from_file.error()};
    if (given.contains("regtest")) given.insert("chain");
    if (given.contains("chain")) given.insert("regtest");
    if (auto error = apply(*from_file, given, options)) return Fail{*std::move(error)};
    return options;
}

std::string help_text() {
    std::string text = "daidd [options]\n\n";
    for (const auto& key : kKeys) {
        std::string line = "  -" + std::string{key.name};
        if (!key.value.empty()) line += "=" + std::string{key.value};
        line.resize(std::max<size_t>(line.size() + 2, 36), ' ');
        text += line + std::string{key.help} + "\n";
    }
    return text +
           "\nThe same keys may stand in dai.conf in the data directory, a line each, under [network] "
           "lines.\n";
}

}  // namespace daidd::node
