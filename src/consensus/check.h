#pragma once

#include "consensus/block.h"
#include "consensus/command.h"

namespace daidd::consensus {

/// The rule a transaction or block breaks, by Bitcoin Core's token where it has one ("bad-txns-vout-empty").
/// A token is a string literal; tests and users match it, so never change one.
struct Broken {
    std::string_view token;
    std::string detail;  ///< for people: which input, output or amount
};

/// Context-free rules of one transaction, in Core's order: no inputs or outputs, sizes, amounts and their
/// sum, duplicate inputs, coinbase script length, null inputs, script_sig empty (taproot only), spendable
/// outputs taproot with a key on the curve, versions 1 and 2, commands well formed (payload bounds, type
/// known, fields in range for `params`: the reason names the field).
[[nodiscard]] std::optional<Broken> check_transaction(const Transaction& tx, const Params& params);

/// Context-free rules of a block: first transaction a coinbase and no other, merkle root and its mutation
/// (CVE-2012-2459), weight, command bytes, every transaction; coinbase form (output 0 taproot = miner key,
/// output 1 the BIP141 commitment that matches, output 2 the `dai` commitment, the rest taproot payouts;
/// one witness item of 32 zero bytes). `mutated` in the token's place means: this body does not belong to
/// the hash, the hash itself is not to be marked invalid.
[[nodiscard]] std::optional<Broken> check_block(const Block& block, const Params& params);
bool is_mutation(const Broken& broken);

/// The part of it that a coinbase shows without its block, as a sealed header carries it.
[[nodiscard]] std::optional<Broken> check_coinbase_form(const Transaction& coinbase);
/// The sealer, BIP141's commitment, the `dai` commitment; payouts follow.
inline constexpr size_t kCoinbaseOutputsMin = 3;
/// Bitcoin's last by number (BIP65); versions below it were retired one by one.
inline constexpr int32_t kHeaderVersionMin = 4;

/// Payload bytes of a transaction's commands: what Params::commands_bytes_max bounds in a block.
size_t commands_bytes(const Transaction& tx);

/// What a header is checked against.
struct HeaderContext {
    uint32_t height = 0;  ///< of the header that is checked
    Hash256 parent_hash{};
    uint32_t parent_time = 0;
    uint32_t median_time_past = 0;  ///< of the parent and its ten ancestors (BIP113)
    uint32_t anchor_time = 0;       ///< of block 1, for ASERT; unused up to height 1
    int64_t now_s = 0;
};
/// previous, version, bits ("bad-diffbits"), nonce 0, time after the median ("time-too-old") and not more
/// than future_drift_s ahead ("time-too-new").
[[nodiscard]] std::optional<Broken> check_header(const BlockHeader& header, const HeaderContext& context,
                                                 const Params& params);
/// The bits a block at `height` on this parent must have: genesis_bits up to height 1 and where the chain
/// does not retarget; else ASERT (aserti3-2d) anchored at block 1, capped at kTargetCapBits.
uint32_t required_bits(uint32_t height, uint32_t parent_time, uint32_t anchor_time, const Params& params);

/// Height and amounts of the coin.
Amount block_subsidy(uint32_t height, const Params& params);
Amount treasury_share(Amount subsidy, const Params& params);

/// BIP65/68/112/113 as far as key-path spends need them: lock_time final at (height, median time past).
bool is_final(const Transaction& tx, uint32_t height, uint32_t median_time_past);

/// The miner key: the program of coinbase output 0. The coinbase's commitment. Require check_block passed.
crypto::PublicKey miner_key(const Transaction& coinbase);
Commitment coinbase_commitment(const Transaction& coinbase);

}  // namespace daidd::consensus
