#include "work/unit_run.h"

#include <algorithm>
#include <cassert>

#include "work/draw.h"
#include "work/pass_runner.h"

namespace daidd::work {

namespace {

size_t bytes_a_token(const inference::TensorInfo& info) { return size_t{info.rows} * info.row_bytes; }

inference::ForwardOptions traced(TraceHasher& hasher, inference::TicketDrawer* tickets, unsigned threads) {
    return {.logits = inference::Logits::kNone, .trace = &hasher, .tickets = tickets, .threads = threads};
}

}  // namespace

TraceHasher::TraceHasher(const inference::Model& model, const Hash256& key, bool keep_operands)
    : key_{key}, kept_(model.plan().tensors.size()), operands_(model.plan().tensors.size()) {
    if (!keep_operands) return;
    const auto& tensors = model.plan().tensors;
    for (const inference::Operand& operand : model.plan().operands) {
        if (!kept_[operand.tensor]) kept_bytes_a_token_ += bytes_a_token(tensors[operand.tensor]);
        kept_[operand.tensor] = true;
    }
}

void TraceHasher::rows(uint16_t tensor, const inference::TensorInfo& info, uint32_t first_position,
                       ByteView rows, inference::Parallel& parallel) {
    // A unit is one forward pass, so every tensor comes once and whole.
    assert(first_position == 0 && tensor == trace_.op_roots().size());
    uint8_t* const copy = kept_[tensor] ? keep(tensor, info, rows) : nullptr;
    const size_t group_bytes = kGroupRows * bytes_a_token(info);
    std::vector<Hash256> roots((rows.size() + group_bytes - 1) / group_bytes);
    parallel.run(uint32_t(roots.size()), [&](uint32_t begin, uint32_t end, unsigned) {
        const size_t from = begin * group_bytes, bytes = std::min(end * group_bytes, rows.size()) - from;
        const ByteView some = rows.subspan(from, bytes);
        if (copy != nullptr) std::ranges::copy(some, copy + from);
        std::ranges::copy(group_roots(token_leaves(key_, some, info.rows, info.row_bytes)),
                          roots.begin() + begin);
    });
    trace_.add_tensor(std::move(roots));
}

uint8_t* TraceHasher::keep(uint16_t tensor, const inference::TensorInfo& info, ByteView rows) {
    const size_t all = kept_bytes_a_token_ * (rows.size() / bytes_a_token(info));
    if (memory_ == nullptr) memory_ = make_big_bytes(all);
    assert(all - used_ >= rows.size());
    uint8_t* const copy = memory_.get() + used_;
    used_ += rows.size();
    operands_[tensor] = {copy, rows.size()};
    return copy;
}

bool run_tokens(const inference::Model& model, const std::vector<uint32_t>& tokens, unsigned threads,
                TraceHasher& hasher, inference::TicketDrawer* tickets) {
    if (tokens.size() > model.dimensions().context) return false;
    inference::Sequence sequence{model, uint32_t(tokens.size())};
    return bool(
        inference::forward(model, model.backend(), sequence, tokens, traced(hasher, tickets, threads)));
}

UnitRun::UnitRun(const inference::Model& model, const UnitPreimage& unit, Content unit_content)
    : preimage{unit},
      content{std::move(unit_content)},
      id{unit_id(unit)},
      hasher{model, id, /*keep_operands=*/unit.seq > 0} {}

std::optional<std::string> UnitRun::run(const inference::Model& model, PassRunner* runner, unsigned threads,
                                        const Drawing* drawing) {
    std::optional<UnitTickets> tickets;
    // Start units give no tickets.
    if (drawing != nullptr && preimage.seq > 0)
        tickets.emplace(model, hasher, id, *drawing, content.tokens.size(), threads);
    UnitTickets* const drawer = tickets ? &*tickets : nullptr;
    if (runner == nullptr) {
        const bool ran = run_tokens(model, content.tokens, threads, hasher, drawer);
        assert(ran);
    } else if (auto failure = runner->run(content.tokens, traced(hasher, drawer, threads))) {
        return failure;
    }
    trace_root = hasher.trace().root();
    if (!tickets || tickets->stopped()) return std::nullopt;
    drawn = {drawing->parent_hash, drawing->target};
    found = tickets->found();
    return std::nullopt;
}

namespace {

Result<std::shared_ptr<const UnitRun>, std::string> run_unit_by(PassRunner* runner,
                                                                const inference::Model& model,
                                                                const consensus::Manifest& manifest,
                                                                const UnitPreimage& preimage, Content content,
                                                                unsigned threads, const Drawing* drawing) {
    assert(content.tokens.size() == manifest.unit_tokens);
    assert(model.plan().tensors.size() == manifest.tensors);
    const auto run = std::make_shared<UnitRun>(model, preimage, std::move(content));
    if (auto failure = run->run(model, runner, threads, drawing)) return Fail{*std::move(failure)};
    return std::shared_ptr<const UnitRun>{run};
}

}  // namespace

std::shared_ptr<const UnitRun> run_unit(const inference::Model& model, const consensus::Manifest& manifest,
                                        const UnitPreimage& preimage, Content content, unsigned threads,
                                        const Drawing* drawing) {
    return *run_unit_by(nullptr, model, manifest, preimage, std::move(content), threads, drawing);
}

Result<std::shared_ptr<const UnitRun>, std::string> run_unit(PassRunner& runner,
                                                             const inference::Model& model,
                                                             const consensus::Manifest& manifest,
                                                             const UnitPreimage& preimage, Content content,
                                                             unsigned threads, const Drawing* drawing) {
    return run_unit_by(&runner, model, manifest, preimage, std::move(content), threads, drawing);
}

const UnitPreimage& preimage_of(const UnitRun& run) { return run.preimage; }
const Content& content_of(const UnitRun& run) { return run.content; }
const Hash256& id_of(const UnitRun& run) { return run.id; }
const Hash256& trace_root_of(const UnitRun& run) { return run.trace_root; }
const std::vector<Hash256>& op_roots_of(const UnitRun& run) { return run.hasher.trace().op_roots(); }

std::vector<Hash256> trace_op_roots(const inference::Model& model, const Hash256& key,
                                    const std::vector<uint32_t>& tokens, unsigned threads) {
    TraceHasher hasher{model, key, /*keep_operands=*/false};
    const bool ran = run_tokens(model, tokens, threads, hasher);
    assert(ran);
    return hasher.trace().op_roots();
}

}  // namespace daidd::work
