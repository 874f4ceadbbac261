#pragma once

#include <string>

#include "consensus/params.h"

namespace daidd::node {

/// A chain spec in JSON: {"base": "regtest", …}: the base's rules with differences, each under its name in
/// consensus::Params; "models" and "corpora" replace the base's. Every key is checked: an unknown or doubled
/// one, a wrong type or a number out of range is an error that names it.
Result<consensus::Params, std::string> parse_chain_spec(const std::string& json);

/// The rules of `chain`: main, test, regtest, or the path of a JSON spec.
Result<consensus::Params, std::string> load_chain(const std::string& chain);

inline constexpr size_t kSpecBytesMax = 1 << 20;

}  // namespace daidd::node
