#pragma once

#include "consensus/block.h"
#include "consensus/manifest.h"

namespace daidd::consensus {

/// The kinds of content that a unit can be drawn to run. Reaches seals: never renumber one.
enum class Kind : uint8_t { kCorpus = 0, kReceipt = 1, kTraining = 2 };
inline constexpr size_t kKinds = 3;

/// A model whose products are mined. Only the chain spec lists these: a registered model of zero weights
/// would give free tickets.
struct BaseModel {
    std::string name;
    Hash256 root{};
    Manifest manifest;
    uint32_t first_height = 0;
};

/// A text that units evaluate, by the root over its tokens.
struct Corpus {
    std::string name;
    Hash256 root{};
    uint64_t tokens = 0;
};

/// Everything the nodes of one network must agree on: the chain spec. Code takes a `const Params&`; nothing
/// reads a global. A number that only this node cares about belongs to node/config.h.
struct Params {
    std::string name;  ///< network name and data subdirectory
    std::string hrp;   ///< of bech32m addresses
    uint32_t magic = 0;
    uint16_t p2p_port = 0;
    uint16_t rpc_port = 0;
    uint32_t coin_type = 0;  ///< BIP44 number in wallet paths

    std::string genesis_message;
    uint32_t genesis_time = 0;
    uint32_t genesis_bits = 0;  ///< target of the first blocks

    // Difficulty: ASERT (aserti3-2d), anchored at block 1.
    bool retarget = true;  ///< false: every block has genesis_bits
    uint32_t spacing_s = 0;
    uint32_t half_life_s = 0;
    uint32_t future_drift_s = 0;

    // Money.
    Amount subsidy = 0;
    uint32_t halving_blocks = 0;
    uint32_t treasury_percent = 0;  ///< of the subsidy; the rest is the sealer's

    // Windows, in blocks.
    uint32_t maturity = 0;
    uint32_t challenge_window = 0;  ///< C: a receipt settles, and can be drawn, for so long
    uint32_t reply_window = 0;      ///< R

    // Work.
    uint32_t unit_tokens = 0;  ///< P
    std::array<uint32_t, kKinds> kind_weights{};
    uint64_t draw_slots = 0;  ///< a receipt pool counts at least so many: a small one cannot be aimed at
    std::vector<BaseModel> models;
    std::vector<Corpus> corpora;

    // Jobs. Prices in units a token.
    Amount prefill_price = 0;
    Amount decode_price = 0;
    uint32_t fee_treasury_percent = 0;
    uint32_t job_prompt_tokens_max = 0;
    uint32_t job_answer_tokens_max = 0;
    uint32_t job_deadline_blocks_max = 0;
    uint32_t assign_bits =
        0;  ///< a job is open at first to one key in 2^assign_bits, to twice as many each block
    Amount receipt_bond = 0;  ///< the least value of a receipt command; returned when it settles

    // Limits.
    uint32_t block_weight_max = 0;
    uint32_t commands_bytes_max = 0;  ///< payload bytes of all commands of a block
    uint32_t witness_bytes_max = 0;   ///< of a seal witness

    const BaseModel* find_model(const Hash256& root) const;

    /// Every rule-bearing field in canonical bytes; ports and coin type, which bind nobody, are not among
    /// them. Written only: a spec is read from text. The genesis block commits to H("spec"; these).
    static void fields(const Params& self, Writer& writer);
};

/// The largest target: ⌊2²⁵⁶/(256·4096)⌋ − 1, so that no ticket bound exceeds 2²⁵⁶.
inline constexpr uint32_t kTargetCapBits = 0x1e0f'ffff;

inline constexpr size_t kNameMax = 64;
inline constexpr size_t kModelsMax = 64;
inline constexpr size_t kCorporaMax = 64;

/// `main` and `test` have their rules but no base model yet: a node refuses to start them.
const Params& main_params();
const Params& test_params();
/// Trivial target, units of 32 tokens, the generated toy model and the embedded corpus.
const Params& regtest_params();
/// regtest's rules over other models and corpora, for tests.
Params regtest_params_with(std::vector<BaseModel> models, std::vector<Corpus> corpora);

/// H("spec"; bytes of the spec).
Hash256 spec_hash(const Params& params);

/// The spec's first block: derived from the spec alone, so that other rules are another chain. Its coinbase
/// pays nobody: output 0 is OP_RETURN <message>, output 1 BIP141's, output 2 the `dai` commitment whose
/// state root is zeros and whose seal root is spec_hash().
Block genesis_block(const Params& params);

/// What is wrong with a spec, naming the field; nothing if it can be run.
std::optional<std::string> check_params(const Params& params);

}  // namespace daidd::consensus
