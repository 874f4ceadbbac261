#pragma once

#include "consensus/uint256.h"
#include "work/seal.h"

namespace daidd::work {

/// One ticket's price is one multiply-add: this function holds the rule. `k` is the slice's depth.
bool wins(const Hash256& ticket, const consensus::Uint256& target, uint32_t k);

/// What the header and the chain say about a seal. `beacons` are of the sealed block's parent, then of that
/// one's ancestors, as many as exist up to five.
struct SealContext {
    Hash256 parent_hash{};
    crypto::PublicKey miner{};  ///< of the coinbase
    Hash256 seal_root{};        ///< of the coinbase's commitment
    consensus::Uint256 target;
    uint32_t height = 0;  ///< of the sealed block
    std::vector<Hash256> beacons;
};
inline constexpr size_t kBeaconsMax = 5;

/// A broken rule: `step` is the name in protocol.md ("ticket bound", "predecessor 1: link"), a literal that
/// tests and peers match: never change one.
struct Refused {
    std::string step;
    /// Only what is beside the block is wrong, which no hash commits to: another copy of it may pass, so the
    /// fault is the sender's. Set by check_contents, after which a block would be marked invalid for good.
    bool of_witness = false;
};

/// The cheap part, from the sealed header alone: miner, seal root, model known at this height, seq, op,
/// slice, ticket bound. What the witness is checked for afterwards costs milliseconds.
[[nodiscard]] std::optional<Refused> check_seal_header(const consensus::Params& params,
                                                       const SealContext& context, const Seal& seal);

/// Everything that credits work, without model or state: the order of protocol §4 up to the ticket.
/// Includes check_seal_header.
[[nodiscard]] std::optional<Refused> check_seal(const consensus::Params& params, const SealContext& context,
                                                const Seal& seal, const SealWitness& witness);

/// The rest, at connection: kind and content of the three units. `pools[i]` is what was drawn from under
/// beacons[i]. A seal commits to its kind and its own tokens; to the tokens of the units before it and to all
/// sources nothing does. Requires that check_seal passed with the same arguments.
[[nodiscard]] std::optional<Refused> check_contents(const consensus::Params& params,
                                                    const SealContext& context, const Seal& seal,
                                                    const SealWitness& witness,
                                                    const std::vector<const Pool*>& pools);

}  // namespace daidd::work
