#include "work/unit.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"
#include "work/bytes.h"

namespace daidd::work {

namespace {

uint64_t windows_of(const consensus::Corpus& corpus, uint32_t unit_tokens) {
    return corpus.tokens < unit_tokens ? 0 : corpus.tokens - unit_tokens + 1;
}

/// The receipt whose run of slots holds `slot`; nothing when it is beyond the last.
std::optional<size_t> receipt_at(const Pool& pool, uint64_t slot) {
    for (size_t i = 0; i < pool.size(); ++i) {
        if (slot < pool[i].slots) return i;
        slot -= pool[i].slots;
    }
    return std::nullopt;
}

uint64_t slots_of(const Pool& pool) {
    uint64_t sum = 0;
    for (const PoolItem& item : pool) {
        assert(item.slots <= UINT64_MAX - sum);
        sum += item.slots;
    }
    return sum;
}

Kind kind_at(const consensus::Params& params, uint64_t number) {
    uint64_t sum = 0;
    for (const uint32_t weight : params.kind_weights) sum += weight;
    assert(sum > 0);
    uint64_t pick = number % sum;
    size_t kind = 0;
    while (pick >= params.kind_weights[kind]) pick -= params.kind_weights[kind++];
    return Kind(kind);
}

}  // namespace

Hash256 unit_id(const UnitPreimage& preimage) { return crypto::hash("unit", {encode(preimage)}); }

Hash256 link(const Hash256& unit, const Hash256& trace_root) {
    return crypto::hash("previous", {unit, trace_root});
}

Hash256 genesis_beacon(const Hash256& genesis_hash) { return crypto::hash("beacon", {genesis_hash}); }

Hash256 next_beacon(const Hash256& beacon, const Hash256& ticket) {
    return crypto::hash("beacon", {beacon, ticket});
}

std::vector<uint32_t> start_tokens(const Hash256& unit, uint32_t vocabulary, uint32_t unit_tokens) {
    assert(vocabulary > 0);
    Bytes stream(size_t{4} * unit_tokens);
    crypto::xof("start", unit, stream);
    std::vector<uint32_t> tokens(unit_tokens);
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = read_u32(stream, 4 * i) % vocabulary;
    return tokens;
}

uint64_t corpus_windows(const consensus::Params& params) {
    uint64_t windows = 0;
    for (const consensus::Corpus& corpus : params.corpora) {
        assert(corpus.tokens <= UINT64_MAX - windows);
        windows += windows_of(corpus, params.unit_tokens);
    }
    return windows;
}

WindowPlace place_of(const consensus::Params& params, uint64_t window) {
    for (size_t i = 0; i < params.corpora.size(); ++i) {
        const uint64_t windows = windows_of(params.corpora[i], params.unit_tokens);
        if (window < windows) return {.corpus = i, .start = window};
        window -= windows;
    }
    assert(false && "the window is beyond the corpora");
    return {};
}

Draw draw(const consensus::Params& params, const Hash256& unit, const Pool& pool) {
    std::array<uint8_t, 16> stream;
    crypto::xof("draw", unit, stream);
    const uint64_t number = read_u64(stream, 8);
    const uint64_t windows = corpus_windows(params);
    assert(windows > 0);
    const uint64_t window = number % windows;
    if (kind_at(params, read_u64(stream, 0)) == Kind::kReceipt) {
        const uint64_t slot = number % std::max<uint64_t>({slots_of(pool), params.draw_slots, 1});
        if (const auto index = receipt_at(pool, slot))
            return {.kind = Kind::kReceipt, .pool_index = *index, .item = slot, .window = window};
    }
    return {.kind = Kind::kCorpus, .item = window, .window = window};
}

}  // namespace daidd::work
