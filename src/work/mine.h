#pragma once

#include <functional>
#include <memory>

#include "inference/model.h"
#include "util/result.h"
#include "work/check.h"

namespace daidd::inference {
class ModelTree;
}

namespace daidd::work {

/// Texts of the spec's corpora as tokens, in spec order.
using Corpora = std::vector<std::vector<uint32_t>>;

/// Root over a corpus: tokens in leaves of 256, H("corpus"; leaf).
Hash256 corpus_root(const std::vector<uint32_t>& tokens);

/// The tokens behind a receipt of the pool (prompt ‖ answer).
using ReceiptTokens = std::function<std::vector<uint32_t>(const PoolItem&)>;

/// What a unit runs, and the proof of it.
struct Content {
    Kind kind = Kind::kCorpus;
    std::vector<uint32_t> tokens;  ///< P of them
    ContentSource source;
    std::optional<Hash256> receipt;  ///< id, when kind is kReceipt
};
/// Content of seq ≥ 1 by the chain's draw; of seq 0 the start tokens.
Content content_of(const consensus::Params& params, const Corpora& corpora, const UnitPreimage& preimage,
                   const Pool& pool, const ReceiptTokens& receipt_tokens);

class PassRunner;  // pass_runner.h

/// A unit that has been run: its trace trees and the operands that tickets are drawn from.
class UnitRun;

/// Tickets to draw while a unit runs.
struct Drawing {
    Hash256 parent_hash{};
    consensus::Uint256 target;
    /// Asked now and then; true ends the drawing, not the pass.
    std::function<bool()> stop;
};

/// The teacher-forced pass of a unit with its keyed trace. `threads` only changes the speed. With `drawing`
/// its tickets are folded from the products that the pass computes anyway, and find_win() under the same
/// parent and target has only to look.
std::shared_ptr<const UnitRun> run_unit(const inference::Model& model, const consensus::Manifest& manifest,
                                        const UnitPreimage& preimage, Content content, unsigned threads,
                                        const Drawing* drawing = nullptr);
/// The same with its pass by `runner`; why that failed. Hashes are made here, by `threads`.
Result<std::shared_ptr<const UnitRun>, std::string> run_unit(
    PassRunner& runner, const inference::Model& model, const consensus::Manifest& manifest,
    const UnitPreimage& preimage, Content content, unsigned threads, const Drawing* drawing = nullptr);

const UnitPreimage& preimage_of(const UnitRun& run);
const Content& content_of(const UnitRun& run);
const Hash256& id_of(const UnitRun& run);
const Hash256& trace_root_of(const UnitRun& run);
const std::vector<Hash256>& op_roots_of(const UnitRun& run);

/// Draws the tickets of a unit under `parent_hash` until one wins, unless the run has done so; nothing if
/// none does. `stop` is asked every few milliseconds and ends the search early. `tree` is the model's
/// commitment at the chain's P; without it a win costs one pass over all weights.
struct Win {
    Seal seal;
    SealWitness witness;
};
std::optional<Win> find_win(
    const inference::Model& model, const consensus::Params& params, const Hash256& parent_hash,
    const consensus::Uint256& target, const UnitRun& run,
    const std::vector<std::shared_ptr<const UnitRun>>& previous,  // nearest first, ≤ 2
    const std::function<bool()>& stop, const inference::ModelTree* tree = nullptr);

/// Re-runs one opened unit and compares with what was claimed.
struct UnitReport {
    Hash256 unit{};
    uint16_t seq = 0;
    std::vector<Hash256> op_roots;             ///< as re-run here
    std::optional<uint32_t> first_difference;  ///< the first trace tensor whose root differs
    bool identical() const { return !first_difference; }
};
UnitReport rerun_unit(const inference::Model& model, const consensus::Manifest& manifest,
                      const UnitPreimage& preimage, const std::vector<uint32_t>& tokens,
                      const std::vector<Hash256>& claimed_op_roots, unsigned threads);

/// All three units of a seal: the sealed one first, then those before it, nearest first.
std::vector<UnitReport> rerun_seal(const inference::Model& model, const consensus::Manifest& manifest,
                                   const Hash256& beacon, const Seal& seal, const SealWitness& witness,
                                   unsigned threads);

/// The manifest that a chain with units of P tokens has for this model, and the model's root there.
consensus::Manifest manifest_of(const inference::Model& model, uint32_t unit_tokens);
Hash256 model_root(const inference::Model& model, uint32_t unit_tokens);

/// A trace keyed with any id (a receipt's, in place of a unit's): its op roots.
std::vector<Hash256> trace_op_roots(const inference::Model& model, const Hash256& key,
                                    const std::vector<uint32_t>& tokens, unsigned threads);

}  // namespace daidd::work
