#include "rpc/address.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "consensus/script.h"
#include "crypto/bech32.h"
#include "rpc/context.h"
#include "rpc/encode.h"
#include "rpc/table.h"

namespace daidd::rpc {

std::optional<crypto::PublicKey> parse_address(const std::string& text, const consensus::Params& params) {
    const auto program = crypto::parse_address(params.hrp, text);
    if (!program || program->version != 1 || program->program.size() != 32) return std::nullopt;
    crypto::PublicKey key;
    std::ranges::copy(program->program, key.begin());
    if (!crypto::is_valid(key)) return std::nullopt;
    return key;
}

crypto::PublicKey address_key(const std::string& text, const consensus::Params& params) {
    const auto key = parse_address(text, params);
    if (!key) throw Error{Code::kInvalidAddressOrKey, "Invalid address: " + text};
    return *key;
}

namespace {

Json validateaddress(Context& context, const Call& call) {
    const auto& params = context.chain->params();
    const auto key = parse_address(call.string(0), params);
    if (!key) {
        return {{"isvalid", false},
                {"error_locations", Json::array()},
                {"error", "Invalid or unsupported Segwit (Bech32) encoding for " + params.name + "."}};
    }
    const Bytes script = consensus::taproot_script(*key);
    return {{"isvalid", true},
            {"address", address_of(script, params)},
            {"scriptPubKey", to_hex(script)},
            {"isscript", true},
            {"iswitness", true},
            {"witness_version", 1},
            {"witness_program", to_hex(*key)}};
}

constexpr Arg kAddressArgs[] = {{"address", ArgType::kString, true, "The address to look at"}};

const Method kMethods[] = {
    {"util", "validateaddress", kAddressArgs, validateaddress,
     "Says whether an address of this network can be paid."},
};

}  // namespace

std::span<const Method> util_methods() { return kMethods; }

}  // namespace daidd::rpc
