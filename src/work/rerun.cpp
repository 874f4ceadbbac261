#include <cassert>

#include "work/unit_run.h"

namespace daidd::work {

UnitReport rerun_unit(const inference::Model& model, const consensus::Manifest& manifest,
                      const UnitPreimage& preimage, const std::vector<uint32_t>& tokens,
                      const std::vector<Hash256>& claimed_op_roots, unsigned threads) {
    assert(model.plan().tensors.size() == manifest.tensors);
    UnitReport report{.unit = unit_id(preimage), .seq = preimage.seq, .op_roots = {}, .first_difference = {}};
    TraceHasher hasher{model, report.unit, /*keep_operands=*/false};
    if (!run_tokens(model, tokens, threads, hasher)) {
        report.first_difference = 0;  // tokens that the model does not have: nobody can have run them
        return report;
    }
    report.op_roots = hasher.trace().op_roots();
    for (uint32_t tensor = 0; tensor < report.op_roots.size(); ++tensor) {
        if (tensor < claimed_op_roots.size() && report.op_roots[tensor] == claimed_op_roots[tensor]) continue;
        report.first_difference = tensor;
        break;
    }
    return report;
}

std::vector<UnitReport> rerun_seal(const inference::Model& model, const consensus::Manifest& manifest,
                                   const Hash256& beacon, const Seal& seal, const SealWitness& witness,
                                   unsigned threads) {
    const UnitPreimage sealed{.model = seal.model,
                              .miner = seal.miner,
                              .beacon = beacon,
                              .lane = seal.lane,
                              .seq = seal.seq,
                              .previous = seal.previous};
    std::vector<UnitReport> reports{
        rerun_unit(model, manifest, sealed, witness.tokens, witness.op_roots, threads)};
    for (const PreviousUnit& unit : witness.previous)
        reports.push_back(rerun_unit(model, manifest, unit.preimage, unit.tokens, unit.op_roots, threads));
    return reports;
}

}  // namespace daidd::work
