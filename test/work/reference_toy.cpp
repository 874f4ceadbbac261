#include "work/reference_toy.h"

#include <bit>
#include <cstdlib>

#include "crypto/hash.h"
#include "inference/noised.h"
#include "work/bytes.h"
#include "work/vectors.h"

namespace daidd::work {

namespace {

constexpr uint32_t kIn = 72;
constexpr uint32_t kMiddle = 144;
constexpr int kFx = 14;
constexpr size_t kTail = 7;

template <class T>
std::vector<T> stream(const std::string& tag, size_t count) {
    Bytes bytes(count * sizeof(T));
    crypto::xof(tag, kZeroHash, bytes);
    std::vector<T> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = T(read_little_endian(bytes, i * sizeof(T), sizeof(T)));
    return values;
}

struct Quantised {
    std::vector<int64_t> codes;
    int64_t mantissa = 0;
    int b = 0;
};
Quantised quantise(const std::vector<int64_t>& x, int64_t limit) {
    int64_t largest = 1;
    for (const int64_t v : x) largest = std::max(largest, std::abs(v));
    const int64_t t = ((largest << 24) + limit - 1) / limit;
    Quantised result;
    result.b = int(std::bit_width(uint64_t(t))) - 8;
    result.mantissa = (t + (int64_t{1} << result.b) - 1) >> result.b;
    if (result.mantissa == 256) {
        result.mantissa = 128;
        ++result.b;
    }
    const int64_t reciprocal = (int64_t{1} << 38) / result.mantissa;
    for (const int64_t v : x)
        result.codes.push_back((v * reciprocal + (int64_t{1} << (result.b + 13))) >> (result.b + 14));
    return result;
}

void append_code_row(Bytes& out, const std::vector<int64_t>& codes, const Quantised& q,
                     const std::vector<int64_t>& x) {
    size_t largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        if (std::abs(x[i]) > std::abs(x[largest])) largest = i;
    }
    if (x[largest] == 0) {
        out.insert(out.end(), codes.size() + kTail, 0);
        return;
    }
    for (const int64_t code : codes) out.push_back(uint8_t(code));
    const Bytes tail = joined(uint8_t(q.mantissa), int16_t(24 + kFx - q.b), uint32_t(largest));
    out.insert(out.end(), tail.begin(), tail.end());
}

void append_residual(Bytes& out, const std::vector<int64_t>& x) {
    for (const int64_t v : x) {
        const Bytes bytes = joined(int32_t(v));
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
}

int64_t dot(const std::vector<int64_t>& codes, const int8_t* weights) {
    int64_t sum = 0;
    for (size_t i = 0; i < codes.size(); ++i) sum += codes[i] * weights[i];
    return sum;
}

}  // namespace

ReferenceToy::ReferenceToy(consensus::Manifest manifest) : manifest_{std::move(manifest)} {
    embedding_ = stream<int16_t>("toy emb", size_t{256} * kIn);
    std::vector<Hash256> parts{crypto::hash("manifest", {manifest_.encode()})};
    for (size_t i = 0; i < manifest_.linears.size(); ++i) {
        const auto [k, n] = manifest_.linears[i];
        weights_.push_back(stream<int8_t>("toy W" + std::to_string(i), size_t{n} * k));
        parts.push_back(weight_trees_.emplace_back(weights_[i], n, k).root());
    }
    tree_.emplace(std::move(parts));
}

ReferenceToy::Run ReferenceToy::run(const std::vector<uint32_t>& tokens) const {
    Run run{.tensors = std::vector<Bytes>(5),
            .row_bytes = {4 * kIn, kIn + kTail, kMiddle + kTail, kMiddle + kTail, 4 * kIn}};
    for (const uint32_t token : tokens) {
        const auto* row = embedding_.data() + size_t{token} * kIn;
        const std::vector<int64_t> x(row, row + kIn);
        const Quantised c = quantise(x, 63);
        std::vector<int64_t> h;
        for (size_t i = 0; i < kMiddle; ++i)
            h.push_back((dot(c.codes, weights_[0].data() + i * kIn) * c.mantissa << c.b) >> 34);
        const Quantised q = quantise(h, 8127);
        std::vector<int64_t> high, low, end;
        for (const int64_t code : q.codes) {
            high.push_back((code + 64) >> 7);
            low.push_back(code - 128 * high.back());
        }
        for (size_t i = 0; i < kIn; ++i) {
            const int8_t* w = weights_[1].data() + i * kMiddle;
            end.push_back(x[i] + (((128 * dot(high, w) + dot(low, w)) * q.mantissa << q.b) >> 34));
        }
        append_residual(run.tensors[0], x);
        append_code_row(run.tensors[1], c.codes, c, x);
        append_code_row(run.tensors[2], high, q, h);
        append_code_row(run.tensors[3], low, q, h);
        append_residual(run.tensors[4], end);
    }
    return run;
}

std::span<const int8_t> ReferenceToy::weights(size_t linear, size_t tile) const {
    const size_t size = size_t{16} * manifest_.linears[linear].k;
    return std::span{weights_[linear]}.subspan(tile * size, size);
}

std::vector<RowField> ReferenceToy::weight_rows(size_t linear, size_t tile) const {
    const size_t k = manifest_.linears[linear].k;
    const auto tile_weights = weights(linear, tile);
    std::vector<RowField> rows;
    for (size_t i = 0; i < 16; ++i) {
        const auto row = tile_weights.subspan(i * k, k);
        rows.push_back({{row.begin(), row.end()}});
    }
    return rows;
}

std::vector<PathField> ReferenceToy::weight_paths(size_t linear, size_t tile) const {
    return {{weight_trees_[linear].group_path(0, uint32_t(tile))},
            {weight_trees_[linear].slice_path(0)},
            {tree_->path(1 + linear)}};
}

Hash256 toy_hash(std::string_view text) { return crypto::hash("toy", {as_bytes(text)}); }

std::vector<uint32_t> toy_text(size_t size) {
    std::vector<uint32_t> text = stream<uint32_t>("toy text", size);
    for (uint32_t& token : text) token %= 256;
    return text;
}

ReferenceChain::ReferenceChain()
    : toy{manifest_from(poui_vectors().at("spec"))},
      params{params_from(poui_vectors().at("spec"))},
      corpora{toy_text(1200)} {
    const std::vector<uint32_t>& text = corpora[0];
    const struct {
        ptrdiff_t begin, end;
        uint64_t slots;
    } answers[] = {{9, 29, 1}, {300, 340, 2}, {700, 711, 2}, {50, 82, 1}};
    for (const auto& answer : answers) {
        receipts.emplace_back(text.begin() + answer.begin, text.begin() + answer.end);
        pool.push_back({consensus::tokens_root(receipts.back()), answer.slots, {}});
    }
}

std::vector<uint32_t> ReferenceChain::receipt_tokens(const PoolItem& item) const {
    for (size_t i = 0; i < pool.size(); ++i) {
        if (pool[i].tokens_root == item.tokens_root) return receipts[i];
    }
    return {};
}

ReferenceUnit next_unit(const ReferenceChain& chain, UnitPreimage base, const Hash256& beacon,
                        const Pool& pool, const std::vector<ReferenceUnit>& lane,
                        const Deviation& deviation) {
    base.model = deviation.model.value_or(base.model);
    base.miner = deviation.miner.value_or(base.miner);
    base.lane = deviation.lane.value_or(base.lane);
    base.beacon = deviation.beacon.value_or(beacon);
    base.seq = deviation.seq.value_or(uint16_t(lane.size()));
    base.previous = lane.empty() ? kZeroHash : link(lane.back().id, lane.back().trace.root());
    base.previous = deviation.previous.value_or(base.previous);

    ReferenceUnit unit{.preimage = base, .id = unit_id(base), .content = {}, .run = {}, .trace = {}};
    if (deviation.content) {
        unit.content = *deviation.content;
    } else if (base.seq == 0) {
        unit.content.tokens =
            start_tokens(unit.id, chain.toy.manifest().vocabulary, chain.params.unit_tokens);
    } else {
        unit.content = content_of(chain.params, chain.corpora, base, pool,
                                  [&](const PoolItem& item) { return chain.receipt_tokens(item); });
    }
    unit.run = chain.toy.run(unit.content.tokens);
    if (deviation.row) {
        Bytes& tensor = unit.run.tensors[1];
        Bytes row{tensor.begin(), tensor.begin() + ptrdiff_t(unit.run.row_bytes[1])};
        deviation.row(row);
        std::copy(row.begin(), row.end(), tensor.begin());
    }
    for (size_t t = 0; t < unit.run.tensors.size(); ++t)
        unit.trace.add_tensor(
            group_roots(token_leaves(unit.id, unit.run.tensors[t], 1, unit.run.row_bytes[t])));
    return unit;
}

std::vector<ReferenceTicket> tickets_of(const ReferenceChain& chain, const ReferenceUnit& unit,
                                        const Hash256& parent_hash, bool first_only) {
    std::vector<ReferenceTicket> tickets;
    const consensus::Manifest& manifest = chain.toy.manifest();
    for (uint16_t op = 0; op < manifest.operations.size(); ++op) {
        const auto [tensor, linear, plane] = manifest.operations[op];
        const auto [k, n] = manifest.linears[linear];
        const uint32_t r = inference::step_for(k);
        const size_t row_bytes = unit.run.row_bytes[tensor];
        for (uint32_t group = 0; group < chain.params.unit_tokens / 16; ++group) {
            ReferenceTicket ticket;
            ticket.place = {op, 0, group};
            ticket.k = k;
            ticket.seed =
                noise_seed(parent_hash, unit.id, ticket.place, unit.trace.group_root(tensor, group));
            ticket.noise = noise_block(ticket.seed, r);
            const ByteView codes =
                ByteView{unit.run.tensors[tensor]}.subspan(group * 16 * row_bytes, 16 * row_bytes);
            const auto noised = noised_rows(codes, row_bytes, {0, k}, ticket.noise);
            for (ticket.tile = 0; ticket.tile < n / 16; ++ticket.tile) {
                ticket.words.assign(k / r, 0);
                inference::noised_tile(inference::Backend::kScalar, noised,
                                       chain.toy.weights(linear, ticket.tile), k, k, r, ticket.words);
                ticket.ticket = ticket_of(ticket.seed, ticket.tile, ticket.words);
                tickets.push_back(ticket);
                if (first_only) return tickets;
            }
        }
    }
    return tickets;
}

Win seal_for(const ReferenceChain& chain, const std::vector<ReferenceUnit>& lane,
             const ReferenceTicket& ticket) {
    const ReferenceUnit& unit = lane.back();
    const auto [tensor, linear, plane] = chain.toy.manifest().operations[ticket.place.op];
    const uint32_t group = ticket.place.group;
    Win win;
    win.seal = {.model = unit.preimage.model,
                .miner = unit.preimage.miner,
                .lane = unit.preimage.lane,
                .seq = unit.preimage.seq,
                .previous = unit.preimage.previous,
                .kind = uint8_t(unit.content.kind),
                .tokens_root = consensus::tokens_root(unit.content.tokens),
                .op = ticket.place.op,
                .slice = 0,
                .group = group,
                .tile = ticket.tile,
                .group_root = unit.trace.group_root(tensor, group),
                .trace_root = unit.trace.root(),
                .ticket = ticket.ticket};
    const size_t row_bytes = unit.run.row_bytes[tensor];
    const ByteView rows = unit.run.tensors[tensor];
    for (size_t i = 0; i < 16; ++i) {
        const ByteView row = rows.subspan((group * 16 + i) * row_bytes, row_bytes);
        win.witness.rows.push_back({{row.begin(), row.end()}});
    }
    win.witness.row_path = unit.trace.group_path(tensor, group);
    win.witness.op_roots = unit.trace.op_roots();
    win.witness.weights = chain.toy.weight_rows(linear, ticket.tile);
    win.witness.weight_paths = chain.toy.weight_paths(linear, ticket.tile);
    win.witness.tokens = unit.content.tokens;
    win.witness.source = unit.content.source;
    for (size_t back = 1; back <= 2 && back < lane.size(); ++back) {
        const ReferenceUnit& previous = lane[lane.size() - 1 - back];
        win.witness.previous.push_back({.preimage = previous.preimage,
                                        .tokens = previous.content.tokens,
                                        .source = previous.content.source,
                                        .op_roots = previous.trace.op_roots()});
    }
    return win;
}

}  // namespace daidd::work
