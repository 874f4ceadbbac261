#include <algorithm>
#include <nlohmann/json.hpp>

#include "consensus/script.h"
#include "rpc/address.h"
#include "rpc/encode.h"
#include "rpc/table.h"
#include "rpc/wallet_access.h"

namespace daidd::rpc {

using wallet::Wallet;

std::shared_ptr<Wallet> wallet_of(Context& context, const Call& call) {
    if (const auto name = call.wallet()) {
        if (auto found = context.wallets->find(*name)) return found;
        throw Error{Code::kWalletNotFound, "Requested wallet does not exist or is not loaded"};
    }
    const auto names = context.wallets->names();
    if (names.empty()) {
        throw Error{Code::kWalletNotFound, "No wallet is loaded. Create a new one with createwallet."};
    }
    if (names.size() > 1) {
        throw Error{
            Code::kWalletNotSpecified,
            "Multiple wallets are loaded. Please select which wallet to use by requesting the RPC through "
            "the "
            "/wallet/<walletname> URI path. Or for the CLI, specify the \"-rpcwallet=<walletname>\" option "
            "before the command (run \"dai-cli -help\" for help or \"dai-cli listwallets\" to see which "
            "wallets are currently loaded)."};
    }
    if (auto found = context.wallets->find(names[0])) return found;
    throw Error{Code::kWalletNotFound, "Requested wallet does not exist or is not loaded"};
}

Json last_processed(const Wallet& wallet) {
    const auto tip = wallet.tip();
    if (!tip) return nullptr;
    return {{"hash", to_hex_reversed(tip->hash)}, {"height", tip->height}};
}

int64_t depth_of(const Wallet& wallet, std::optional<uint32_t> height) {
    const auto tip = wallet.tip();
    if (!height || !tip) return 0;
    return int64_t(tip->height) - int64_t(*height) + 1;
}

namespace {

Json createwallet(Context& context, const Call& call) {
    const std::string& name = call.string(0);
    for (const size_t flag : {1, 2, 4}) {
        if (call.boolean_or(flag, false)) {
            throw Error{Code::kWallet, "not available yet: wallets without keys, blank wallets, avoid_reuse"};
        }
    }
    if (!call.string_or(3, "").empty()) throw Error{Code::kWallet, "not available yet: wallet encryption"};
    if (!call.boolean_or(5, true)) {
        throw Error{Code::kWallet, "Only descriptor wallets can be created; legacy wallets do not exist"};
    }
    if (!Wallet::is_name(name)) {
        throw Error{Code::kWallet, "Invalid wallet name '" + name +
                                       "': letters, digits, '.', '_' and '-', not beginning with '.'"};
    }
    auto created = context.wallets->create(name);
    if (!created) {
        const wallet::Error& error = created.error();
        if (error.kind == wallet::ErrorKind::kExists) {
            throw Error{Code::kWallet, "Wallet file verification failed. Failed to create database path '" +
                                           name + "'. Database already exists."};
        }
        throw Error{Code::kWallet, "Wallet file verification failed. " + error.detail};
    }
    return {{"name", name},
            {"mnemonic", created->words},
            {"warnings", Json::array({"Write the words of \"mnemonic\" down: they are shown only once."})}};
}

Json listwallets(Context& context, const Call&) { return context.wallets->names(); }

Json getwalletinfo(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto balances = wallet->balances();
    return {{"walletname", wallet->name()},
            {"walletversion", 1},
            {"format", "lmdb"},
            {"balance", amount_json(balances.trusted)},
            {"unconfirmed_balance", amount_json(balances.untrusted_pending)},
            {"immature_balance", amount_json(balances.immature)},
            {"txcount", wallet->transactions().size()},
            {"keypoolsize", wallet::kGapLimit},
            {"keypoolsize_hd_internal", wallet::kGapLimit},
            {"paytxfee", amount_json(0)},
            {"private_keys_enabled", true},
            {"avoid_reuse", false},
            {"scanning", false},
            {"descriptors", true},
            {"external_signer", false},
            {"blank", false},
            {"lastprocessedblock", last_processed(*wallet)}};
}

Json getnewaddress(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const std::string label = call.string_or(0, "");
    if (label.size() > wallet::kLabelBytesMax || label == "*")
        throw Error{Code::kWallet, "Invalid label name"};
    if (call.has(1) && call.string(1) != "bech32m") {
        throw Error{Code::kInvalidAddressOrKey, "Unknown address type '" + call.string(1) + "'"};
    }
    return wallet->new_address(label);
}

Json getaddressinfo(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto& params = context.chain->params();
    const auto key = parse_address(call.string(0), params);
    if (!key) throw Error{Code::kInvalidAddressOrKey, "Invalid address"};
    const Bytes script = consensus::taproot_script(*key);
    const auto mine = wallet->find_key(*key);
    Json info = {{"address", address_of(script, params)},
                 {"scriptPubKey", to_hex(script)},
                 {"ismine", mine.has_value()},
                 {"solvable", mine.has_value()}};
    if (mine) info["desc"] = script_json(script, params)["desc"];
    info["iswatchonly"] = false;
    info["isscript"] = true;
    info["iswitness"] = true;
    info["witness_version"] = 1;
    info["witness_program"] = to_hex(*key);
    info["ischange"] = mine && mine->branch == wallet::Branch::kChange;
    if (mine) info["hdkeypath"] = mine->path;
    info["labels"] = Json::array();
    if (mine && mine->branch == wallet::Branch::kReceive) info["labels"].push_back(mine->label);
    return info;
}

Json getbalance(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    if (call.has(0) && call.string(0) != "*") {
        throw Error{Code::kMisc, "dummy first argument must be excluded or set to \"*\"."};
    }
    const int64_t least = call.integer_or(1, 0);
    if (call.boolean_or(2, false)) throw Error{Code::kWallet, "not available yet: watch-only addresses"};
    if (least <= 0) return amount_json(wallet->balances().trusted);
    consensus::Amount sum = 0;
    for (const auto& coin : wallet->coins()) {
        if (coin.mature && depth_of(*wallet, coin.height) >= least) sum += coin.value;
    }
    return amount_json(sum);
}

Json getbalances(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto balances = wallet->balances();
    return {{"mine",
             {{"trusted", amount_json(balances.trusted)},
              {"untrusted_pending", amount_json(balances.untrusted_pending)},
              {"immature", amount_json(balances.immature)}}},
            {"lastprocessedblock", last_processed(*wallet)}};
}

/// listunspent's address filter: scripts' keys; empty for all.
std::vector<crypto::PublicKey> filter_of(const Json& list, const consensus::Params& params) {
    std::vector<crypto::PublicKey> keys;
    if (list.is_null()) return keys;
    for (const Json& element : list) {
        require_type(element, "string");
        const auto text = element.get<std::string>();
        const auto key = parse_address(text, params);
        if (!key) throw Error{Code::kInvalidAddressOrKey, "Invalid address: " + text};
        if (std::ranges::find(keys, *key) != keys.end()) {
            throw Error{Code::kInvalidParameter, "Invalid parameter, duplicated address: " + text};
        }
        keys.push_back(*key);
    }
    return keys;
}

struct UnspentQuery {
    int64_t depth_min = 1;
    int64_t depth_max = 9'999'999;
    std::vector<crypto::PublicKey> keys;
    bool unsafe = true;
    bool immature = false;
    consensus::Amount value_min = 0;
    consensus::Amount value_max = consensus::kMoneyMax;
    size_t count_max = SIZE_MAX;
};

void read_options(const Json& options, UnspentQuery& query) {
    if (options.is_null()) return;
    for (const auto& [name, value] : options.items()) {
        if (name == "minimumAmount") {
            query.value_min = amount_of(value);
        } else if (name == "maximumAmount") {
            query.value_max = amount_of(value);
        } else if (name == "maximumCount") {
            query.count_max = size_t(std::max<int64_t>(0, integer_of(value)));
        } else if (name == "include_immature_coinbase") {
            require_type(value, "bool");
            query.immature = value.get<bool>();
        } else {
            throw Error{Code::kInvalidParameter, "Unknown query option " + name};
        }
    }
}

Json listunspent(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto& params = context.chain->params();
    UnspentQuery query;
    query.depth_min = call.integer_or(0, query.depth_min);
    query.depth_max = call.integer_or(1, query.depth_max);
    query.keys = filter_of(call.any(2), params);
    query.unsafe = call.boolean_or(3, true);
    read_options(call.any(4), query);

    Json list = Json::array();
    for (const auto& coin : wallet->coins()) {
        const int64_t depth = depth_of(*wallet, coin.height);
        const bool wanted =
            depth >= query.depth_min && depth <= query.depth_max && (coin.mature || query.immature) &&
            (coin.trusted || query.unsafe) && coin.value >= query.value_min &&
            coin.value <= query.value_max && !coin.locked &&
            (query.keys.empty() || std::ranges::find(query.keys, coin.key) != query.keys.end());
        if (!wanted || list.size() >= query.count_max) continue;
        const Bytes script = consensus::taproot_script(coin.key);
        Json entry = {{"txid", to_hex_reversed(coin.outpoint.txid)},
                      {"vout", coin.outpoint.index},
                      {"address", address_of(script, params)}};
        if (const auto key = wallet->find_key(coin.key); key && key->branch == wallet::Branch::kReceive) {
            entry["label"] = key->label;
        }
        entry["scriptPubKey"] = to_hex(script);
        entry["amount"] = amount_json(coin.value);
        entry["confirmations"] = depth;
        entry["spendable"] = true;
        entry["solvable"] = true;
        entry["desc"] = script_json(script, params)["desc"];
        entry["parent_descs"] = Json::array();
        entry["safe"] = coin.trusted;
        list.push_back(std::move(entry));
    }
    return list;
}

constexpr Arg kCreateArgs[] = {
    {"wallet_name", ArgType::kString, true, "The name of the new wallet"},
    {"disable_private_keys", ArgType::kBool, false, "Not available yet"},
    {"blank", ArgType::kBool, false, "Not available yet"},
    {"passphrase", ArgType::kString, false, "Not available yet"},
    {"avoid_reuse", ArgType::kBool, false, "Not available yet"},
    {"descriptors", ArgType::kBool, false, "Must be true, the default"},
    {"load_on_startup", ArgType::kBool, false, "Wallets are always loaded at the next start"},
};
constexpr Arg kNewAddressArgs[] = {
    {"label", ArgType::kString, false, "A name for the address (default: \"\")"},
    {"address_type", ArgType::kString, false, "Must be \"bech32m\", the default"},
};
constexpr Arg kAddressArgs[] = {{"address", ArgType::kString, true, "The address to look at"}};
constexpr Arg kBalanceArgs[] = {
    {"dummy", ArgType::kString, false, "Must be \"*\" if given"},
    {"minconf", ArgType::kNumber, false, "Count only coins with so many confirmations (default: 0)"},
    {"include_watchonly", ArgType::kBool, false, "Not available yet"},
    {"avoid_reuse", ArgType::kBool, false, "Has no effect"},
};
constexpr Arg kUnspentArgs[] = {
    {"minconf", ArgType::kNumber, false, "The least confirmations (default: 1)"},
    {"maxconf", ArgType::kNumber, false, "The most confirmations (default: 9999999)"},
    {"addresses", ArgType::kArray, false, "Only coins of these addresses"},
    {"include_unsafe", ArgType::kBool, false, "Also coins that others may take back (default: true)"},
    {"query_options", ArgType::kObject, false,
     "minimumAmount, maximumAmount, maximumCount, include_immature_coinbase"},
};

const Method kMethods[] = {
    {"wallet", "createwallet", kCreateArgs, createwallet,
     "Creates a wallet and loads it. Shows its BIP39 words once."},
    {"wallet", "getaddressinfo", kAddressArgs, getaddressinfo, "Says what the wallet knows of an address."},
    {"wallet", "getbalance", kBalanceArgs, getbalance, "Returns the money that can be spent."},
    {"wallet", "getbalances", {}, getbalances, "Returns the wallet's balances."},
    {"wallet", "getnewaddress", kNewAddressArgs, getnewaddress, "Returns a new address to be paid at."},
    {"wallet", "getwalletinfo", {}, getwalletinfo, "Returns the state of the wallet."},
    {"wallet", "listunspent", kUnspentArgs, listunspent, "Returns the wallet's coins."},
    {"wallet", "listwallets", {}, listwallets, "Returns the names of the wallets that are loaded."},
};

}  // namespace

std::span<const Method> wallet_methods() { return kMethods; }

}  // namespace daidd::rpc
