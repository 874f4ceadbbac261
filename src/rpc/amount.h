#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "consensus/transaction.h"
#include "rpc/json.h"

namespace daidd::rpc {

/// The units of a decimal number of DAI, exactly: JSON's number syntax, exponent included, and at most eight
/// decimals that are not zero. Nothing if it is anything else or beyond 10¹⁰ DAI either way.
std::optional<consensus::Amount> parse_amount(std::string_view text);

/// "-0.00000001", "21.00000000": always eight decimals.
std::string format_amount(consensus::Amount amount);

/// As a JSON number with eight decimals.
Json amount_json(consensus::Amount amount);

}  // namespace daidd::rpc
