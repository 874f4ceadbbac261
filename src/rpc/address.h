#pragma once

#include <optional>

#include "consensus/params.h"
#include "crypto/keys.h"

namespace daidd::rpc {

/// The output key of an address of this network; nothing for anything that cannot be paid.
std::optional<crypto::PublicKey> parse_address(const std::string& text, const consensus::Params& params);
/// The same; throws -5 "Invalid address: …".
crypto::PublicKey address_key(const std::string& text, const consensus::Params& params);

}  // namespace daidd::rpc
