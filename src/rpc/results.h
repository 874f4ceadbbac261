#pragma once

#include "consensus/command.h"
#include "rpc/json.h"

namespace daidd::rpc {

/// "infer", "eval", "embed", "train", "index"; "unknown" for a number that no kind has.
std::string_view kind_name(uint8_t kind);
/// The kind of that name, open or not.
std::optional<uint8_t> parse_kind(std::string_view name);

/// The result of a receipt for a job of that kind, in fields; null where the bytes are none.
///   eval   {"loss", "tokens", "perplexity"}: 2^(loss · 2^−16 / tokens), to six digits
///   embed  {"codes": [integer, …], "mantissa", "exponent"}
///   index  {"rows", "root"}
Json result_json(uint8_t kind, ByteView result);

}  // namespace daidd::rpc
