#include "node/options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "p2p/connection.h"

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
    constexpr uint16_t kNoPort = 0;  // of an address without one, which is refused
    if (!p2p::parse_address(text, kNoPort)) return "must be HOST:PORT, not '" + text + "'";
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
    {"device", "ID", "run mined units on this GPU, opencl:N or cuda:N; help: list them and exit",
     [](Options& o, const std::string& v) { return take_text(v, o.device); }},
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
    std::string place;    ///< "-" of the command line, or "dai.conf:3: "
    std::string section;  ///< empty: of every network
};

struct Section {
    std::string name, place;
};

struct File {
    std::vector<Setting> settings;
    std::vector<Section> sections;
};

const Key* find_key(std::string_view name) {
    const auto* key = std::ranges::find(kKeys, name, &Key::name);
    return key == std::end(kKeys) ? nullptr : key;
}

bool chooses_network(const std::string& key) { return key == "chain" || key == "regtest"; }

/// Checks keys, doubles and values; what `given` has already is checked and does not count.
Taken apply(const std::vector<Setting>& settings, std::set<std::string>& given, Options& options) {
    std::set<std::string> here;
    Options overruled;
    for (const auto& [name, value, place, section] : settings) {
        const Key* key = find_key(name);
        if (key == nullptr) return place + "unknown option '" + name + "'";
        if (!here.insert(name).second && !key->repeats) return place + "option '" + name + "' is given twice";
        Options& to = given.contains(name) ? overruled : options;
        if (const auto error = key->take(to, value)) return place + name + ": " + *error;
        if (chooses_network(name) && here.contains("chain") && here.contains("regtest")) {
            return place + name + ": the network is given twice";
        }
    }
    given.merge(here);
    return std::nullopt;
}

std::string trimmed(const std::string& text) {
    constexpr const char* kBlanks = " \t\r";
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

Result<File, std::string> read_file(const std::string& path) {
    std::ifstream stream{path};
    File file;
    std::string line;
    std::string section;
    for (size_t number = 1; std::getline(stream, line); ++number) {
        const std::string place = path + ":" + std::to_string(number) + ": ";
        const std::string text = trimmed(line);
        if (text.empty() || text.front() == '#') continue;
        if (text.front() == '[') {
            if (text.back() != ']' || text.size() < 3) return Fail{place + "a section is written [name]"};
            section = text.substr(1, text.size() - 2);
            file.sections.push_back({section, place});
            continue;
        }
        const size_t equals = text.find('=');
        if (equals == std::string::npos) return Fail{place + "a setting is written key=value"};
        Setting setting{trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)), place, section};
        if (find_key(setting.key) == nullptr) return Fail{place + "unknown option '" + setting.key + "'"};
        file.settings.push_back(std::move(setting));
    }
    if (stream.bad() || !stream.eof()) return Fail{path + ": cannot be read"};
    return file;
}

/// First the network, as it says which sections count.
Taken apply_file(const File& file, std::set<std::string>& given, Options& options) {
    std::vector<Setting> network;
    for (const auto& setting : file.settings) {
        if (!chooses_network(setting.key)) continue;
        if (!setting.section.empty())
            return setting.place + setting.key + ": a network is not chosen in a section";
        network.push_back(setting);
    }
    if (auto error = apply(network, given, options)) return error;
    for (const auto& [name, place] : file.sections) {
        if (name != "main" && name != "test" && name != "regtest" && name != options.chain)
            return place + "no network is called '" + name + "'";
    }
    std::vector<Setting> settings;
    for (const auto& setting : file.settings) {
        const bool counts = setting.section.empty() || setting.section == options.chain;
        if (counts && !chooses_network(setting.key)) settings.push_back(setting);
    }
    return apply(settings, given, options);
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
        Setting setting{argument.substr(begin, equals - begin), "1", "-", ""};
        if (equals != std::string::npos) setting.value = argument.substr(equals + 1);
        if (setting.key == "conf") {
            if (setting.value.empty()) return Fail{std::string{"-conf: must not be empty"}};
            if (!conf.empty()) return Fail{std::string{"-option 'conf' is given twice"}};
            conf = setting.value;
            continue;
        }
        settings.push_back(std::move(setting));
    }
    Options options;
    std::set<std::string> given;
    if (auto error = apply(settings, given, options)) return Fail{*std::move(error)};
    if (given.contains("chain") || given.contains("regtest"))
        given.merge(std::set<std::string>{"chain", "regtest"});
    if (options.datadir.empty()) options.datadir = default_datadir();
    const bool named = !conf.empty();
    if (!named) conf = options.datadir + "/dai.conf";
    std::error_code ignored;
    if (!named && !std::filesystem::exists(conf, ignored)) return options;
    const auto file = read_file(conf);
    if (!file) return Fail{file.error()};
    if (auto error = apply_file(*file, given, options)) return Fail{*std::move(error)};
    return options;
}

std::string help_text() {
    std::string text = "daidd [options]\n\n";
    const auto add = [&](std::string_view name, std::string_view value, std::string_view help) {
        std::string line = "  -" + std::string{name};
        if (!value.empty()) line += "=" + std::string{value};
        line.resize(std::max<size_t>(line.size() + 2, 36), ' ');
        text += line + std::string{help} + "\n";
    };
    for (const auto& key : kKeys) add(key.name, key.value, key.help);
    add("conf", "FILE", "read this file in place of dai.conf");
    return text +
           "\nThe same keys may stand in dai.conf in the data directory, a line each, under [network] "
           "lines.\n";
}

}  // namespace daidd::node
