#include <algorithm>

#include "inference/pass.h"

namespace daidd::inference {

Pass::Rotations Pass::make_rotations(const std::vector<uint64_t>& rope) const {
    Rotations rotations;
    rotations.reserve(rows_.size() * rope.size());
    for (const Row& row : rows_) {
        for (const uint64_t f : rope) rotations.push_back(rotation(row.position, f));
    }
    return rotations;
}

/// Rotates queries and keys, quantises all three; keys and values go into the sequences.
void Pass::rope(size_t i, const Op& op, const Rotations& rotations) {
    const Dimensions& d = model_.dimensions();
    auto& in = values_[op.a].rows;
    CodeRows& queries = take_codes(i, count() * d.heads, d.head_dim, 1);
    const size_t scales_of_row = size_t{2} * d.kv_heads;  // keys then values
    std::vector<RowScale> scales(count() * scales_of_row);
    const uint16_t layer = model_.plan().layer[i];
    each_row([&](uint32_t r, Scratch& scratch) {
        rope_row(r, layer, row_of(in, r, d.qkv_width()), rotations, queries,
                 std::span{scales}.subspan(r * scales_of_row, scales_of_row), scratch);
    });
    if (trace_ != nullptr) trace_heads(i, queries, scales, layer);
}

void Pass::rope_row(uint32_t r, uint16_t layer, std::span<const int32_t> x, const Rotations& rotations,
                    CodeRows& queries, std::span<RowScale> scales, Scratch& scratch) {
    const Dimensions& d = model_.dimensions();
    const Sequence& sequence = items_[rows_[r].item].sequence;
    scratch.row.resize(d.head_dim);
    const std::span<int32_t> head{scratch.row};
    for (uint32_t h = 0; h < d.heads + 2 * d.kv_heads; ++h) {
        std::ranges::copy(x.subspan(size_t{h} * d.head_dim, d.head_dim), head.begin());
        for (uint32_t j = 0; h < d.heads + d.kv_heads && j < d.head_dim / 2; ++j) {
            rotate(head[2 * j], head[2 * j + 1], rotations[size_t{r} * (d.head_dim / 2) + j]);
        }
        if (h < d.heads) {
            const uint32_t row = r * d.heads + h;
            queries.scales[row] = kernels_.quant_row(head, kQHead, model_.fx(), queries.plane(row, 0), {});
            continue;
        }
        const Part part = h < d.heads + d.kv_heads ? Part::kKeys : Part::kValues;
        const auto kept = sequence.row(layer, (h - d.heads) % d.kv_heads, part, rows_[r].position);
        const RowScale scale = kernels_.quant_row(head, kQHead, model_.fx(), {kept.codes, d.head_dim}, {});
        *kept.mantissa = uint8_t(scale.scale.m);
        *kept.exponent = int16_t(scale.scale.e);
        scales[h - d.heads] = scale;
    }
}

void Pass::trace_heads(size_t i, const CodeRows& queries, const std::vector<RowScale>& scales,
                       uint16_t layer) {
    const Dimensions& d = model_.dimensions();
    const uint16_t tensor = model_.plan().tensor[i];
    CodeWriter q{trace_bytes_, size_t{count()} * d.heads, d.head_dim};
    each_row([&](uint32_t r, Scratch&) {
        for (uint32_t row = r * d.heads; row < (r + 1) * d.heads; ++row) {
            q.put(row, queries.plane(row, 0), queries.scales[row]);
        }
    });
    trace(tensor, q.bytes());
    for (const Part part : {Part::kKeys, Part::kValues}) {
        CodeWriter writer{trace_bytes_, size_t{count()} * d.kv_heads, d.head_dim};
        each_row([&](uint32_t r, Scratch&) {
            for (uint32_t h = 0; h < d.kv_heads; ++h) {
                const auto kept = items_.front().sequence.row(layer, h, part, rows_[r].position);
                writer.put(size_t{r} * d.kv_heads + h, {kept.codes, d.head_dim},
                           scales[(size_t{r} * 2 + size_t(part)) * d.kv_heads + h]);
            }
        });
        trace(uint16_t(tensor + 1 + size_t(part)), writer.bytes());
    }
}

void Pass::attend(size_t i, const Op& op) {
    const Dimensions& d = model_.dimensions();
    const CodeRows& queries = values_[op.a].codes;
    auto& out = take_rows(i, size_t{count()} * d.heads * d.head_dim);
    const uint16_t layer = model_.plan().layer[i];
    const bool full = op.op() == OpKind::kFullAttention;
    const uint32_t window = op.op() == OpKind::kLocalAttention ? model_.parts().window : kContextMax;
    // Item by item, head by head: the keys of one head stay in the cache for all its queries.
    parallel_.run(d.heads * count(), [&](uint32_t begin, uint32_t end, unsigned part) {
        for (uint32_t at = begin; at < end; ++at) {
            const Item& item = items_[rows_[at / d.heads].item];
            const uint32_t within = at - item.begin * d.heads, h = within / item.count;
            const uint32_t r = item.begin + within % item.count, row = r * d.heads + h;
            const uint32_t kv_head = h / (d.heads / d.kv_heads);
            const HeadQuery query{queries.plane(row, 0).data(), queries.scales[row].scale};
            const uint32_t seen = full ? rows_[item.begin].position + item.count : rows_[r].position + 1;
            const uint32_t first = seen > window ? seen - window : 0;
            const auto rows = [&](Part what) { return item.sequence.head(layer, kv_head, what).from(first); };
            kernels_.attention_head(query, rows(Part::kKeys), rows(Part::kValues),
                                    seen - first / kPagePositions * kPagePositions, d.head_dim, model_.fx(),
                                    out.data() + size_t{row} * d.head_dim, scratch_[part]);
        }
    });
}

}  // namespace daidd::inference
