#include "cli/convert.h"

#include <optional>
#include <string_view>

#include "cli/json_text.h"

namespace daidd::cli {
namespace {

/// An argument that is not text, by position and by name. A functional test holds this list against the
/// node's.
struct NotText {
    std::string_view method;
    size_t position;
    std::string_view name;
};

constexpr NotText kNotText[] = {
    {"addnode", 2, "v2transport"},
    {"createwallet", 1, "disable_private_keys"},
    {"createwallet", 2, "blank"},
    {"createwallet", 4, "avoid_reuse"},
    {"createwallet", 5, "descriptors"},
    {"createwallet", 6, "load_on_startup"},
    {"decoderawtransaction", 1, "iswitness"},
    {"disconnectnode", 1, "nodeid"},
    {"generatetoaddress", 0, "nblocks"},
    {"generatetoaddress", 2, "maxtries"},
    {"getbalance", 1, "minconf"},
    {"getbalance", 2, "include_watchonly"},
    {"getbalance", 3, "avoid_reuse"},
    {"getblock", 1, "verbosity"},
    {"getblock", 1, "verbose"},
    {"getblockhash", 0, "height"},
    {"getblockheader", 1, "verbose"},
    {"getrawmempool", 0, "verbose"},
    {"getrawmempool", 1, "mempool_sequence"},
    {"getrawtransaction", 1, "verbosity"},
    {"getrawtransaction", 1, "verbose"},
    {"gettransaction", 1, "include_watchonly"},
    {"gettransaction", 2, "verbose"},
    {"gettxout", 1, "n"},
    {"gettxout", 2, "include_mempool"},
    {"getusefulness", 0, "nblocks"},
    {"listjobs", 0, "count"},
    {"listtransactions", 1, "count"},
    {"listtransactions", 2, "skip"},
    {"listtransactions", 3, "include_watchonly"},
    {"listunspent", 0, "minconf"},
    {"listunspent", 1, "maxconf"},
    {"listunspent", 2, "addresses"},
    {"listunspent", 3, "include_unsafe"},
    {"listunspent", 4, "query_options"},
    {"sendrawtransaction", 1, "maxfeerate"},
    {"sendrawtransaction", 2, "maxburnamount"},
    {"sendtoaddress", 1, "amount"},
    {"sendtoaddress", 4, "subtractfeefromamount"},
    {"sendtoaddress", 5, "replaceable"},
    {"sendtoaddress", 6, "conf_target"},
    {"sendtoaddress", 8, "avoid_reuse"},
    {"sendtoaddress", 9, "fee_rate"},
    {"sendtoaddress", 10, "verbose"},
    {"submitjob", 1, "options"},
    {"testmempoolaccept", 0, "rawtxs"},
    {"testmempoolaccept", 1, "maxfeerate"},
    {"verifyreceipt", 0, "receipt"},
    {"verifyseal", 1, "rerun"},
};

bool is_text(std::string_view method, std::optional<size_t> position, std::string_view name) {
    for (const NotText& arg : kNotText) {
        if (arg.method == method && (position ? arg.position == *position : arg.name == name)) return false;
    }
    return true;
}

/// Amounts and ids may come bare or quoted; anything else that is not JSON is an error, as in bitcoin-cli.
std::optional<std::string> value_of(const std::string& word, bool text) {
    if (text) return quoted(word);
    if (!is_json(word)) return std::nullopt;
    return word;
}

}  // namespace

Result<std::string, std::string> positional_params(const std::string& method,
                                                   const std::vector<std::string>& words) {
    std::string params = "[";
    for (size_t i = 0; i < words.size(); ++i) {
        const auto value = value_of(words[i], is_text(method, i, {}));
        if (!value) return Fail{"Error parsing JSON: " + words[i]};
        params += (i > 0 ? "," : "") + *value;
    }
    return params + "]";
}

Result<std::string, std::string> named_params(const std::string& method,
                                              const std::vector<std::string>& words) {
    std::string params = "{";
    std::vector<std::string> positional;
    for (const std::string& word : words) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos) {
            positional.push_back(word);
            continue;
        }
        const std::string name = word.substr(0, equals);
        const std::string text = word.substr(equals + 1);
        const auto value = value_of(text, is_text(method, std::nullopt, name));
        if (!value) return Fail{"Error parsing JSON: " + text};
        params += (params.size() > 1 ? "," : "") + quoted(name) + ":" + *value;
    }
    if (!positional.empty()) {
        const auto list = positional_params(method, positional);
        if (!list) return Fail{list.error()};
        params += (params.size() > 1 ? "," : "") + std::string{"\"args\":"} + *list;
    }
    return params + "}";
}

}  // namespace daidd::cli
