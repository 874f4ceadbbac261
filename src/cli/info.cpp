#include "cli/info.h"

#include <nlohmann/json.hpp>

#include "cli/connection.h"
#include "cli/json_text.h"
#include "cli/print.h"

namespace daidd::cli {
namespace {

std::string value(std::string_view json, std::string_view path) {
    const auto found = find(json, path);
    return found ? unquoted(*found) : "-";
}

std::string padded(std::string text, size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

}  // namespace

int get_info(const Options& options) {
    const auto chain = call(options, "getblockchaininfo", "[]");
    if (!chain) return report(chain.error());
    const auto network = call(options, "getnetworkinfo", "[]");
    if (!network) return report(network.error());
    print("Chain: " + value(*chain, "chain"));
    print("Blocks: " + value(*chain, "blocks"));
    print("Headers: " + value(*chain, "headers"));
    print("Verification progress: " + value(*chain, "verificationprogress"));
    print("Difficulty: " + value(*chain, "difficulty"));
    print("");
    print("Network: in " + value(*network, "connections_in") + ", out " + value(*network, "connections_out") +
          ", total " + value(*network, "connections"));
    print("Version: " + value(*network, "version") + " " + value(*network, "subversion"));
    const auto wallet = call(options, "getwalletinfo", "[]");
    const auto balances = call(options, "getbalances", "[]");
    if (!wallet || !balances) return 0;  // a node without a wallet has the rest all the same
    print("");
    print("Wallet: " + value(*wallet, "walletname"));
    print("Balance: " + value(*balances, "mine.trusted"));
    print("Pending: " + value(*balances, "mine.untrusted_pending"));
    print("Immature: " + value(*balances, "mine.immature"));
    return 0;
}

int net_info(const Options& options) {
    const auto peers = call(options, "getpeerinfo", "[]");
    if (!peers) return report(peers.error());
    print(padded("id", 6) + padded("way", 5) + padded("address", 24) + padded("height", 9) +
          padded("sent", 12) + padded("received", 12) + "version");
    const auto list = nlohmann::json::parse(*peers);
    for (const auto& peer : list) {
        const std::string json = peer.dump();
        print(padded(value(json, "id"), 6) + padded(peer.value("inbound", false) ? "in" : "out", 5) +
              padded(value(json, "addr"), 24) + padded(value(json, "synced_blocks"), 9) +
              padded(value(json, "bytessent"), 12) + padded(value(json, "bytesrecv"), 12) +
              value(json, "subver"));
    }
    print("Total: " + std::to_string(list.size()));
    return 0;
}

}  // namespace daidd::cli
