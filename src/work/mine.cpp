#include "work/mine.h"

#include <algorithm>
#include <cassert>

#include "inference/manifest.h"
#include "inference/noised.h"
#include "work/draw.h"
#include "work/ticket.h"
#include "work/unit_run.h"

namespace daidd::work {

namespace {

using inference::kTile;

PreviousUnit opened(const UnitRun& run) {
    return {.preimage = run.preimage,
            .tokens = run.content.tokens,
            .source = run.content.source,
            .op_roots = op_roots_of(run)};
}

Seal seal_of(const UnitRun& run, const inference::Operand& operand, const Found& found) {
    const UnitPreimage& unit = run.preimage;
    return {.model = unit.model,
            .miner = unit.miner,
            .lane = unit.lane,
            .seq = unit.seq,
            .previous = unit.previous,
            .kind = uint8_t(run.content.kind),
            .tokens_root = consensus::tokens_root(run.content.tokens),
            .op = found.place.op,
            .slice = found.place.slice,
            .group = found.place.group,
            .tile = found.tile,
            .group_root = run.hasher.trace().group_root(operand.tensor, found.place.group),
            .trace_root = run.trace_root,
            .ticket = found.ticket};
}

SealWitness witness_of(const inference::Model& model, const inference::ModelTree& tree, const UnitRun& run,
                       const std::vector<std::shared_ptr<const UnitRun>>& previous, const Found& found) {
    const inference::Operand& operand = model.plan().operands[found.place.op];
    const inference::Linear& linear = model.linears()[operand.linear];
    const size_t row_bytes = model.plan().tensors[operand.tensor].row_bytes;
    const ByteView rows = run.hasher.operand(operand.tensor);

    SealWitness witness;
    for (size_t i = 0; i < kTile; ++i) {
        const auto row = rows.begin() + ptrdiff_t((found.place.group * kTile + i) * row_bytes);
        witness.rows.push_back({{row, row + ptrdiff_t(row_bytes)}});
        const auto weights =
            linear.row(size_t{found.tile} * kTile + i).subspan(found.slice.start, found.slice.columns);
        witness.weights.push_back({{weights.begin(), weights.end()}});
    }
    auto paths = tree.paths(operand.linear, found.place.slice, found.tile);
    witness.weight_paths = {{std::move(paths.group)}, {std::move(paths.slice)}, {std::move(paths.model)}};
    witness.row_path = run.hasher.trace().group_path(operand.tensor, found.place.group);
    witness.op_roots = op_roots_of(run);
    witness.tokens = run.content.tokens;
    witness.source = run.content.source;
    const size_t count = std::min<size_t>(run.preimage.seq, 2);
    assert(previous.size() >= count);
    for (size_t i = 0; i < count; ++i) witness.previous.push_back(opened(*previous[i]));
    return witness;
}

/// The noised rows of some groups of one mined slice, and the seed of each.
struct Batch {
    inference::NoisedRows noised;
    std::vector<Hash256> seeds;
};
Batch make_batch(const inference::Model& model, const Hash256& parent_hash, const UnitRun& run,
                 TicketPlace place, const Slice& slice, size_t first_group, size_t end_group) {
    const inference::Operand& operand = model.plan().operands[place.op];
    const size_t row_bytes = model.plan().tensors[operand.tensor].row_bytes;
    const ByteView rows = run.hasher.operand(operand.tensor);
    const uint32_t r = inference::step_for(slice.columns);
    place.group = uint32_t(first_group);
    inference::Parallel here{1};  // of few groups
    auto noise = noise_of_groups(parent_hash, run.id, run.hasher.trace(), operand.tensor, place,
                                 uint32_t(end_group - first_group), r, here);
    std::vector<uint8_t> all;
    for (size_t group = first_group; group < end_group; ++group) {
        const ByteView codes = rows.subspan(group * kTile * row_bytes, kTile * row_bytes);
        const auto block = std::span{noise.blocks}.subspan((group - first_group) * kTile * r, kTile * r);
        const auto noised = noised_rows(codes, row_bytes, slice, block);
        all.insert(all.end(), noised.begin(), noised.end());
    }
    return {.noised = {model.backend(), all, slice.columns}, .seeds = std::move(noise.seeds)};
}

/// The first winner of the batch; its group counts from the batch's first.
std::optional<Found> win_in_batch(const inference::Linear& linear, const Batch& batch,
                                  const consensus::Uint256& target, Found found) {
    const uint32_t columns = found.slice.columns, r = inference::step_for(columns);
    const size_t steps = columns / r;
    const WinRule wins{target, columns};
    std::vector<uint32_t> words(batch.seeds.size() * steps);
    std::vector<Hash256> tickets(batch.seeds.size());
    Bytes rows;
    for (uint32_t tile = 0; tile < linear.n / kTile; ++tile) {
        const auto weights = linear.weights.subspan(size_t{tile} * kTile * linear.k + found.slice.start);
        batch.noised.fold(weights, linear.k, r, words);
        hash_tickets(batch.seeds, uint16_t(tile), words, tickets, rows);
        for (size_t group = 0; group < tickets.size(); ++group) {
            if (!wins(tickets[group])) continue;
            found.ticket = tickets[group];
            found.place.group = uint32_t(group);
            found.tile = uint16_t(tile);
            return found;
        }
    }
    return std::nullopt;
}

/// One slice of one operation, all groups. Sets `stopped` when it gave up.
std::optional<Found> search(const inference::Model& model, const Hash256& parent_hash,
                            const consensus::Uint256& target, const UnitRun& run, const Found& start,
                            const std::function<bool()>& stop, bool& stopped) {
    const inference::Operand& operand = model.plan().operands[start.place.op];
    const size_t groups = run.content.tokens.size() / kTile;
    for (size_t first = 0; first < groups; first += kBatchGroups) {
        stopped = stop && stop();
        if (stopped) return std::nullopt;
        const size_t end = std::min(first + kBatchGroups, groups);
        const Batch batch = make_batch(model, parent_hash, run, start.place, start.slice, first, end);
        auto found = win_in_batch(model.linears()[operand.linear], batch, target, start);
        if (!found) continue;
        found->place.group += uint32_t(first);
        return found;
    }
    return std::nullopt;
}

/// All tickets, in order, until one wins.
std::optional<Found> search_all(const inference::Model& model, const Hash256& parent_hash,
                                const consensus::Uint256& target, const UnitRun& run,
                                const std::function<bool()>& stop) {
    const auto& operands = model.plan().operands;
    std::optional<Found> found;
    bool stopped = false;
    for (size_t op = 0; op < operands.size() && !found && !stopped; ++op) {
        const std::vector<Slice> all = slices(model.linears()[operands[op].linear].k);
        for (size_t slice = 0; slice < all.size() && !found && !stopped; ++slice) {
            if (!gives_tickets(all[slice])) continue;
            const Found start{.place = {.op = uint16_t(op), .slice = uint8_t(slice)}, .slice = all[slice]};
            found = search(model, parent_hash, target, run, start, stop, stopped);
        }
    }
    return found;
}

}  // namespace

std::optional<Win> find_win(const inference::Model& model, const consensus::Params& params,
                            const Hash256& parent_hash, const consensus::Uint256& target, const UnitRun& run,
                            const std::vector<std::shared_ptr<const UnitRun>>& previous,
                            const std::function<bool()>& stop, const inference::ModelTree* tree) {
    // Start units give no tickets: their content cost nothing to choose.
    if (run.preimage.seq == 0) return std::nullopt;
    const bool drawn = run.drawn == UnitRun::Drawn{parent_hash, target};
    const std::optional<Found> found = drawn ? run.found : search_all(model, parent_hash, target, run, stop);
    if (!found) return std::nullopt;
    std::optional<inference::ModelTree> own;
    if (tree == nullptr) tree = &own.emplace(model, params.unit_tokens);
    assert(tree->root() == run.preimage.model);
    return Win{.seal = seal_of(run, model.plan().operands[found->place.op], *found),
               .witness = witness_of(model, *tree, run, previous, *found)};
}

consensus::Manifest manifest_of(const inference::Model& model, uint32_t unit_tokens) {
    consensus::Manifest manifest{.unit_tokens = unit_tokens,
                                 .vocabulary = model.dimensions().vocabulary,
                                 .tensors = uint16_t(model.plan().tensors.size()),
                                 .linears = {},
                                 .operations = {},
                                 .constants_root = inference::constants_root(model)};
    for (const inference::Linear& linear : model.linears())
        manifest.linears.push_back({.k = linear.k, .n = linear.n});
    for (const inference::Operand& operand : model.plan().operands)
        manifest.operations.push_back(
            {.tensor = operand.tensor, .linear = operand.linear, .plane = operand.plane});
    return manifest;
}

Hash256 model_root(const inference::Model& model, uint32_t unit_tokens) {
    return inference::ModelTree{model, unit_tokens}.root();
}

}  // namespace daidd::work
