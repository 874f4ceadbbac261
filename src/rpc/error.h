#pragma once

#include <stdexcept>
#include <string>

namespace daidd::rpc {

/// Bitcoin Core's error codes (its rpc/protocol.h). Scripts depend on them: never renumber one.
enum class Code : int {
    kMisc = -1,
    kType = -3,
    kWallet = -4,
    kInvalidAddressOrKey = -5,
    kWalletInsufficientFunds = -6,
    kInvalidParameter = -8,
    kClientNotConnected = -9,
    kClientInInitialDownload = -10,
    kWalletNotFound = -18,
    kWalletNotSpecified = -19,
    kDatabase = -20,
    kDeserialization = -22,
    kClientNodeAlreadyAdded = -23,
    kClientNodeNotAdded = -24,
    kVerify = -25,
    kVerifyRejected = -26,
    kVerifyAlreadyInUtxoSet = -27,
    kInWarmup = -28,
    kClientNodeNotConnected = -29,
    kClientInvalidIpOrSubnet = -30,
    kClientP2pDisabled = -31,
    kWalletAlreadyLoaded = -35,
    kInvalidRequest = -32600,
    kMethodNotFound = -32601,
    kInvalidParams = -32602,
    kInternal = -32603,
    kParse = -32700,
};

/// An answer that is an error. Handlers are the edge to the network: they throw it, the service catches it.
class Error : public std::runtime_error {
public:
    Error(Code code, const std::string& message) : std::runtime_error{message}, code_{code} {}
    Code code() const { return code_; }

private:
    Code code_;
};

}  // namespace daidd::rpc
