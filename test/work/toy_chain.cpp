#include "work/toy_chain.h"

#include "crypto/hash.h"
#include "work/project_corpus.h"

namespace daidd::work {

ToyChain::ToyChain(const inference::ToyShape& shape, inference::Backend backend)
    : model{*inference::Model::build(inference::make_toy(shape), backend)},
      corpora{byte_tokens(project_corpus())},
      answer{byte_tokens("What is a unit? A chain of work.")} {
    params.unit_tokens = 32;
    params.kind_weights = {50, 40, 10};
    params.draw_slots = 4;
    params.witness_bytes_max = 1 << 20;
    params.models = {{"toy", model_root(model, 32), manifest_of(model, 32), 0}};
    params.corpora = {{"project", corpus_root(corpora[0]), corpora[0].size()}};
    answer.resize(20);
    pool = {{consensus::tokens_root(answer), 3, crypto::hash("receipt", {})}};
}

ToyLane::ToyLane(const ToyChain& on, uint16_t lane) : chain{on} {
    base.model = chain.params.models[0].root;
    base.miner = crypto::hash("toy", {as_bytes("miner")});
    base.beacon = genesis_beacon(crypto::hash("toy", {as_bytes("genesis")}));
    base.lane = lane;
}

void ToyLane::run_next() {
    UnitPreimage unit = base;
    unit.seq = uint16_t(units.size());
    if (!units.empty()) unit.previous = link(id_of(*units[0]), trace_root_of(*units[0]));
    Content content = content_of(chain.params, chain.corpora, unit, chain.pool,
                                 [&](const PoolItem& item) { return chain.receipt_tokens(item); });
    units.insert(units.begin(),
                 run_unit(chain.model, chain.params.models[0].manifest, unit, std::move(content), 1));
}

SealContext ToyLane::context(const consensus::Uint256& target) const {
    return {.parent_hash = {},
            .miner = base.miner,
            .seal_root = {},
            .target = target,
            .height = 1,
            .beacons = {base.beacon}};
}

std::optional<Win> ToyLane::find(const consensus::Uint256& target, const Hash256& parent_hash) const {
    return find_win(chain.model, chain.params, parent_hash, target, *units[0],
                    {units.begin() + 1, units.end()}, {});
}

std::vector<uint32_t> byte_tokens(std::string_view text) {
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

}  // namespace daidd::work
