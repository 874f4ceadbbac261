#include <nlohmann/json.hpp>

#include "rpc/context.h"
#include "rpc/table.h"

namespace daidd::rpc {

namespace {

/// Bitcoin Core's client version scheme: 0.1.0 is 100.
constexpr int kVersion = 100;
/// The least fee that is relayed, in units a 1000 virtual bytes.
constexpr consensus::Amount kRelayFee = 1000;

Json getconnectioncount(Context& context, const Call&) { return context.peers->peers().size(); }

Json getnetworkinfo(Context& context, const Call&) {
    size_t inbound = 0;
    size_t outbound = 0;
    for (const auto& peer : context.peers->peers()) ++(peer.inbound ? inbound : outbound);
    Json address = Json::array();
    if (const uint16_t port = context.peers->local_port(); port != 0) {
        address.push_back({{"address", "127.0.0.1"}, {"port", port}, {"score", 1}});
    }
    const Json network = {{"name", "ipv4"},
                          {"limited", false},
                          {"reachable", true},
                          {"proxy", ""},
                          {"proxy_randomize_credentials", false}};
    return {{"version", kVersion},
            {"subversion", "/daidd:0.1.0/"},
            {"protocolversion", p2p::kProtocolVersion},
            {"localservices", "0000000000000009"},
            {"localservicesnames", Json::array({"NETWORK", "WITNESS"})},
            {"localrelay", true},
            {"timeoffset", 0},
            {"networkactive", true},
            {"connections", inbound + outbound},
            {"connections_in", inbound},
            {"connections_out", outbound},
            {"networks", Json::array({network})},
            {"relayfee", amount_json(kRelayFee)},
            {"incrementalfee", amount_json(kRelayFee)},
            {"localaddresses", address},
            {"warnings", Json::array()}};
}

/// Seconds with their microseconds, as Core shows round trips.
Json seconds_json(int64_t microseconds) {
    std::string fraction = std::to_string(microseconds % 1'000'000);
    fraction.insert(0, 6 - fraction.size(), '0');
    return decimal(std::to_string(microseconds / 1'000'000) + "." + fraction);
}

Json peer_json(const p2p::PeerInfo& peer) {
    Json json = {{"id", peer.id},
                 {"addr", peer.address},
                 {"addrlocal", peer.address_local},
                 {"network", "ipv4"},
                 {"services", "0000000000000009"},
                 {"servicesnames", Json::array({"NETWORK", "WITNESS"})},
                 {"relaytxes", true},
                 {"lastsend", peer.last_send_s},
                 {"lastrecv", peer.last_receive_s},
                 {"last_transaction", 0},
                 {"last_block", 0},
                 {"bytessent", peer.bytes_sent},
                 {"bytesrecv", peer.bytes_received},
                 {"conntime", peer.connected_s},
                 {"timeoffset", peer.time_offset_s}};
    if (peer.ping_us >= 0) json["pingtime"] = seconds_json(peer.ping_us);
    if (peer.ping_min_us >= 0) json["minping"] = seconds_json(peer.ping_min_us);
    json["version"] = peer.version;
    json["subver"] = peer.user_agent;
    json["inbound"] = peer.inbound;
    json["startingheight"] = peer.start_height;
    json["presynced_headers"] = -1;
    json["synced_headers"] = peer.synced_headers;
    json["synced_blocks"] = peer.synced_blocks;
    json["inflight"] = peer.in_flight;
    json["permissions"] = Json::array();
    json["connection_type"] = peer.inbound ? "inbound" : peer.manual ? "manual" : "outbound-full-relay";
    json["transport_protocol_type"] = "v1";
    json["misbehavior_score"] = peer.misbehaviour;
    return json;
}

Json getpeerinfo(Context& context, const Call&) {
    Json list = Json::array();
    for (const auto& peer : context.peers->peers()) list.push_back(peer_json(peer));
    return list;
}

Json addnode(Context& context, const Call& call) {
    const std::string& node = call.string(0);
    const std::string& command = call.string(1);
    if (call.boolean_or(2, false))
        throw Error{Code::kInvalidParameter, "not available yet: encrypted transport"};
    if (command == "onetry") {
        if (!context.peers->connect_once(node)) {
            throw Error{Code::kClientNodeNotConnected, "Error: cannot connect to " + node};
        }
    } else if (command == "add") {
        if (!context.peers->add(node))
            throw Error{Code::kClientNodeAlreadyAdded, "Error: Node already added"};
    } else if (command == "remove") {
        if (!context.peers->remove(node)) {
            throw Error{Code::kClientNodeNotAdded,
                        "Error: Node could not be removed. It has not been added previously."};
        }
    } else {
        throw Error{Code::kMisc, help_of(call.method())};
    }
    return nullptr;
}

Json disconnectnode(Context& context, const Call& call) {
    const bool by_address = call.has(0) && !call.string(0).empty();
    if (by_address == call.has(1)) {
        throw Error{Code::kInvalidParams, "Only one of address and nodeid should be provided."};
    }
    const bool found =
        by_address ? context.peers->disconnect(call.string(0)) : context.peers->disconnect(call.integer(1));
    if (!found) throw Error{Code::kClientNodeNotConnected, "Node not found in connected nodes"};
    return nullptr;
}

constexpr Arg kAddArgs[] = {
    {"node", ArgType::kString, true, "The peer, host:port"},
    {"command", ArgType::kString, true,
     "\"add\" to stay connected, \"remove\" to forget it, \"onetry\" to try once"},
    {"v2transport", ArgType::kBool, false, "Not available yet"},
};
constexpr Arg kDisconnectArgs[] = {
    {"address", ArgType::kString, false, "The peer, host:port as getpeerinfo shows it"},
    {"nodeid", ArgType::kNumber, false, "Or its id"},
};

const Method kMethods[] = {
    {"network", "addnode", kAddArgs, addnode, "Connects to a peer, or forgets it."},
    {"network", "disconnectnode", kDisconnectArgs, disconnectnode, "Disconnects from a peer at once."},
    {"network", "getconnectioncount", {}, getconnectioncount, "Returns the number of peers."},
    {"network", "getnetworkinfo", {}, getnetworkinfo, "Returns the state of the connections."},
    {"network", "getpeerinfo", {}, getpeerinfo, "Returns what is known of each peer."},
};

}  // namespace

std::span<const Method> network_methods() { return kMethods; }

}  // namespace daidd::rpc
