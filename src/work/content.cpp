#include "work/content.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"
#include "crypto/merkle.h"
#include "work/bytes.h"

namespace daidd::work {

namespace {

constexpr std::string_view kLeafTag = "corpus";

std::vector<Hash256> corpus_leaves(const std::vector<uint32_t>& tokens) {
    constexpr size_t kRowBytes = 4 * kCorpusLeafTokens;
    const Bytes bytes = u32_bytes(tokens);
    const size_t whole = tokens.size() / kCorpusLeafTokens;
    std::vector<Hash256> leaves(whole);
    crypto::hash_rows(kLeafTag, nullptr, ByteView{bytes}.first(whole * kRowBytes), kRowBytes, leaves);
    const ByteView rest = ByteView{bytes}.subspan(whole * kRowBytes);
    if (!rest.empty()) leaves.push_back(crypto::hash(kLeafTag, {rest}));
    return leaves;
}

uint64_t leaf_count(const consensus::Corpus& corpus) {
    return corpus.tokens / kCorpusLeafTokens + (corpus.tokens % kCorpusLeafTokens != 0);
}

/// Whether the leaves are those of the corpus at `range`, each with its path.
bool are_leaves_of(const consensus::Corpus& corpus, const LeafRange& range,
                   const std::vector<CorpusLeaf>& leaves) {
    if (leaves.size() != range.end - range.first) return false;
    for (size_t i = 0; i < leaves.size(); ++i) {
        const Hash256 leaf = crypto::hash(kLeafTag, {u32_bytes(leaves[i].tokens)});
        if (crypto::climb(leaf, range.first + i, leaf_count(corpus), leaves[i].path) != corpus.root)
            return false;
    }
    return true;
}

}  // namespace

Hash256 corpus_root(const std::vector<uint32_t>& tokens) {
    assert(!tokens.empty());
    return crypto::merkle_root(corpus_leaves(tokens));
}

LeafRange opened_leaves(const consensus::Params& params, uint64_t window, size_t receipt_tokens) {
    if (receipt_tokens >= params.unit_tokens) return {};
    const uint64_t start = place_of(params, window).start;
    const uint64_t end = start + params.unit_tokens - receipt_tokens;
    return {.first = start / kCorpusLeafTokens, .end = (end + kCorpusLeafTokens - 1) / kCorpusLeafTokens};
}

Content padded_content(const consensus::Params& params, const Corpora& corpora, Kind kind,
                       const std::vector<uint32_t>& receipt, uint64_t window) {
    assert(corpora.size() == params.corpora.size());
    const WindowPlace place = place_of(params, window);
    const std::vector<uint32_t>& text = corpora[place.corpus];
    assert(text.size() == params.corpora[place.corpus].tokens);

    Content content{
        .kind = kind, .tokens = receipt, .source = {.receipt = receipt, .leaves = {}}, .receipt = {}};
    content.tokens.resize(std::min<size_t>(receipt.size(), params.unit_tokens));
    const size_t padding = params.unit_tokens - content.tokens.size();
    if (padding == 0) return content;

    const auto window_begin = text.begin() + ptrdiff_t(place.start);
    content.tokens.insert(content.tokens.end(), window_begin, window_begin + ptrdiff_t(padding));
    const LeafRange range = opened_leaves(params, window, receipt.size());
    const crypto::MerkleTree tree{corpus_leaves(text)};
    for (uint64_t leaf = range.first; leaf < range.end; ++leaf) {
        const size_t begin = size_t(leaf) * kCorpusLeafTokens;
        const size_t end = std::min(begin + kCorpusLeafTokens, text.size());
        content.source.leaves.push_back(
            {.tokens = {text.begin() + ptrdiff_t(begin), text.begin() + ptrdiff_t(end)},
             .path = tree.path(size_t(leaf))});
    }
    return content;
}

Content content_of(const consensus::Params& params, const Corpora& corpora, const UnitPreimage& preimage,
                   const Pool& pool, const ReceiptTokens& receipt_tokens) {
    const Hash256 unit = unit_id(preimage);
    if (preimage.seq == 0) {
        const consensus::BaseModel* model = params.find_model(preimage.model);
        assert(model != nullptr);
        return {.kind = Kind::kCorpus,
                .tokens = start_tokens(unit, model->manifest.vocabulary, params.unit_tokens),
                .source = {},
                .receipt = {}};
    }
    const Draw drawn = draw(params, unit, pool);
    if (drawn.kind != Kind::kReceipt) return padded_content(params, corpora, drawn.kind, {}, drawn.window);
    const PoolItem& item = pool[drawn.pool_index];
    Content content = padded_content(params, corpora, drawn.kind, receipt_tokens(item), drawn.window);
    content.receipt = item.receipt;
    return content;
}

ContentVerdict check_content(const consensus::Params& params, const UnitPreimage& preimage, const Pool& pool,
                             const std::vector<uint32_t>& tokens, const ContentSource& source) {
    using enum ContentVerdict;
    const Hash256 unit = unit_id(preimage);
    if (preimage.seq == 0) {
        const consensus::BaseModel* model = params.find_model(preimage.model);
        assert(model != nullptr);
        if (!source.receipt.empty() || !source.leaves.empty()) return kNotShown;
        return tokens == start_tokens(unit, model->manifest.vocabulary, params.unit_tokens) ? kDrawn : kOther;
    }
    const Draw drawn = draw(params, unit, pool);
    if (drawn.kind == Kind::kReceipt) {
        if (consensus::tokens_root(source.receipt) != pool[drawn.pool_index].tokens_root) return kNotShown;
    } else if (!source.receipt.empty()) {
        return kNotShown;
    }

    const WindowPlace place = place_of(params, drawn.window);
    const LeafRange range = opened_leaves(params, drawn.window, source.receipt.size());
    if (!are_leaves_of(params.corpora[place.corpus], range, source.leaves)) return kNotShown;

    std::vector<uint32_t> padding;
    for (const CorpusLeaf& leaf : source.leaves)
        padding.insert(padding.end(), leaf.tokens.begin(), leaf.tokens.end());
    std::vector<uint32_t> expected = source.receipt;
    expected.resize(std::min<size_t>(expected.size(), params.unit_tokens));
    const size_t from = place.start % kCorpusLeafTokens;
    const size_t missing = params.unit_tokens - expected.size();
    if (missing > 0) {
        if (padding.size() < from + missing) return kNotShown;  // a spec whose root is over other leaves
        expected.insert(expected.end(), padding.begin() + ptrdiff_t(from),
                        padding.begin() + ptrdiff_t(from + missing));
    }
    return tokens == expected ? kDrawn : kOther;
}

}  // namespace daidd::work
