#pragma once

#include "chain/chain.h"
#include "rpc/json.h"

namespace daidd::rpc {

// Objects as Bitcoin Core shows them.

/// "1 79be66…", "OP_RETURN 646169…": as Core's ScriptToAsmStr.
std::string script_asm(ByteView script);
/// BIP380's eight characters.
std::string descriptor_checksum(std::string_view descriptor);
/// The address of a taproot output; empty for anything else.
std::string address_of(ByteView script, const consensus::Params& params);
/// asm, desc, hex, address (if any), type.
Json script_json(ByteView script, const consensus::Params& params);

/// txid, hash, version, size, vsize, weight, locktime, vin, vout, and hex if asked for.
Json transaction_json(const consensus::Transaction& tx, const consensus::Params& params, bool with_hex);

/// Work relative to Bitcoin's easiest target, from the compact form.
double difficulty_of(uint32_t bits);
std::string chainwork_hex(const consensus::Uint256& work);
/// "20000000".
std::string hex32(uint32_t value);

/// Everything of getblockheader; `transactions` is unknown for a header without its block.
Json header_json(const chain::Snapshot& snapshot, const chain::HeaderInfo& info);
/// getblock with verbosity 1 (ids) or 2 (transactions).
Json block_json(const chain::Snapshot& snapshot, const chain::HeaderInfo& info, const consensus::Block& block,
                const consensus::Params& params, int verbosity);
/// -1 for a block that is not in the best chain.
int64_t confirmations_of(const chain::Snapshot& snapshot, const chain::HeaderInfo& info);

}  // namespace daidd::rpc
