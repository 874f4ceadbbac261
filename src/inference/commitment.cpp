#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/hash.h"
#include "inference/manifest.h"
#include "inference/parallel.h"
#include "inference/tables.h"

namespace daidd::inference {

namespace {

uint32_t slice_count(uint32_t k) { return (k + kSliceColumns - 1) / kSliceColumns; }
uint32_t group_count(uint32_t n) { return (n + kGroupRows - 1) / kGroupRows; }

/// Leaves of a slice's rows from `row` on, out.size() of them.
void hash_weight_rows(std::span<const int8_t> weights, uint32_t k, uint32_t slice, uint32_t row,
                      std::span<Hash256> out) {
    const uint32_t begin = slice * kSliceColumns, width = std::min(kSliceColumns, k - begin);
    const auto bytes_at = [&](size_t r) {
        return ByteView{reinterpret_cast<const uint8_t*>(weights.data()) + r * k + begin, width};
    };
    if (width == k) {
        const ByteView rows{bytes_at(row).data(), size_t{k} * out.size()};
        return crypto::hash_rows("wleaf", nullptr, rows, width, out);
    }
    Bytes cut;
    for (size_t i = 0; i < out.size(); ++i) {
        const ByteView bytes = bytes_at(row + i);
        cut.insert(cut.end(), bytes.begin(), bytes.end());
    }
    crypto::hash_rows("wleaf", nullptr, cut, width, out);
}

crypto::MerkleTree slice_tree(std::span<const int8_t> weights, uint32_t n, uint32_t k, uint32_t slice,
                              Parallel& parallel) {
    std::vector<Hash256> groups(group_count(n));
    parallel.run(uint32_t(groups.size()), [&](uint32_t begin, uint32_t end, unsigned) {
        for (uint32_t g = begin; g < end; ++g) {
            std::vector<Hash256> leaves(std::min(kGroupRows, n - g * kGroupRows));
            hash_weight_rows(weights, k, slice, g * kGroupRows, leaves);
            groups[g] = crypto::merkle_root(std::move(leaves));
        }
    });
    return crypto::MerkleTree{std::move(groups)};
}

std::vector<crypto::MerkleTree> slice_trees(std::span<const int8_t> weights, uint32_t n, uint32_t k,
                                            unsigned threads) {
    assert(n > 0 && k > 0 && weights.size() == size_t{n} * k);
    Parallel parallel{threads};
    std::vector<crypto::MerkleTree> trees;
    for (uint32_t slice = 0; slice < slice_count(k); ++slice) {
        trees.push_back(slice_tree(weights, n, k, slice, parallel));
    }
    return trees;
}

template <class Trees>
std::vector<Hash256> roots_of(const Trees& trees) {
    std::vector<Hash256> roots;
    for (const auto& tree : trees) roots.push_back(tree.root());
    return roots;
}

Hash256 hash_of(std::string_view tag, Writer& writer) {
    const Bytes bytes = writer.take();
    return crypto::hash(tag, {bytes});
}

Hash256 facts_hash(const ModelParts& parts) {
    Writer writer;
    writer(parts.dimensions, parts.fx, parts.epsilon);
    for (const uint64_t f : parts.rope) writer(f);
    writer(parts.graph);
    // Models from before these have none: their roots stay. Whether they follow can be read from the graph.
    if (parts.window != 0) writer(parts.window);
    for (const uint64_t f : parts.local_rope) writer(f);
    return hash_of("const", writer);
}

bool uses(const Graph& graph, OpKind kind) {
    return std::ranges::any_of(graph.ops, [kind](const Op& op) { return op.op() == kind; });
}

Hash256 tables_hash(const Graph& graph) {
    Writer writer;
    for (const int32_t value : kExp2) writer(value);
    for (const int32_t value : kSigmoid) writer(value);
    for (uint32_t i = 0; i <= 4096; ++i) writer(int32_t(sine_entry(i)));
    for (const int32_t value : kGumbelLow) writer(value);
    for (const int32_t value : kGumbelHigh) writer(value);
    // Tables that came later are part of the root of the models that use them alone.
    if (uses(graph, OpKind::kGeglu)) {
        for (const int32_t value : kGeluTanh) writer(value);
    }
    if (uses(graph, OpKind::kGelu)) {
        for (const int32_t value : kGeluErf) writer(value);
    }
    return hash_of("const", writer);
}

/// Rows of one length, written by `write_row`, hashed many at once.
template <class WriteRow>
Hash256 rows_root(std::string_view tag, uint32_t rows, const WriteRow& write_row) {
    constexpr uint32_t kBatch = 256;
    std::vector<Hash256> leaves(rows);
    for (uint32_t begin = 0; begin < rows; begin += kBatch) {
        const uint32_t count = std::min(kBatch, rows - begin);
        Writer writer;
        for (uint32_t i = 0; i < count; ++i) write_row(writer, begin + i);
        const Bytes bytes = writer.take();
        crypto::hash_rows(tag, nullptr, bytes, bytes.size() / count, std::span{leaves}.subspan(begin, count));
    }
    return crypto::merkle_root(std::move(leaves));
}

}  // namespace

WeightTree::WeightTree(std::span<const int8_t> weights, uint32_t n, uint32_t k, unsigned threads)
    : groups_{slice_trees(weights, n, k, threads)}, slices_{roots_of(groups_)} {}

Hash256 constants_root(const Model& model) {
    const ModelParts& parts = model.parts();
    std::vector<Hash256> leaves{facts_hash(parts), tables_hash(parts.graph)};
    const uint32_t dim = parts.dimensions.dim;
    leaves.push_back(rows_root("emb", parts.dimensions.vocabulary, [&](Writer& writer, uint32_t token) {
        for (const int16_t code : parts.embedding.codes.subspan(size_t{token} * dim, dim)) writer(code);
        writer(parts.embedding.mw[token], parts.embedding.ew[token]);
    }));
    for (const Linear& linear : parts.linears) {
        leaves.push_back(rows_root("scale", linear.n, [&](Writer& writer, uint32_t row) {
            writer(linear.mw[row], linear.ew[row]);
            if (!linear.bias.empty()) writer(linear.bias[row]);
        }));
    }
    for (const Norm& norm : parts.norms) {
        Writer writer;
        writer(norm.ge);
        for (const int32_t gain : norm.gq) writer(gain);
        leaves.push_back(hash_of("gain", writer));
    }
    return crypto::merkle_root(std::move(leaves));
}

namespace {

Manifest full_manifest(const Model& model, uint32_t unit_tokens) {
    Manifest manifest = make_manifest(model, unit_tokens);
    manifest.constants = constants_root(model);
    return manifest;
}

std::vector<WeightTree> weight_trees(const Model& model, unsigned threads) {
    std::vector<WeightTree> trees;
    for (const Linear& linear : model.linears())
        trees.emplace_back(linear.weights, linear.n, linear.k, threads);
    return trees;
}

}  // namespace

Hash256 manifest_leaf(const Manifest& manifest) {
    const Bytes bytes = manifest.bytes();
    return crypto::hash("manifest", {bytes});
}

ModelTree::ModelTree(const Model& model, uint32_t unit_tokens, unsigned threads)
    : manifest_{full_manifest(model, unit_tokens)}, weights_{weight_trees(model, threads)}, tree_{[this] {
          std::vector<Hash256> leaves{manifest_leaf(manifest_)};
          for (const WeightTree& tree : weights_) leaves.push_back(tree.root());
          return crypto::MerkleTree{std::move(leaves)};
      }()} {}

ModelTree::WeightPaths ModelTree::paths(uint16_t linear, uint32_t slice, uint32_t group) const {
    const WeightTree& tree = weights_[linear];
    return {tree.group_path(slice, group), tree.slice_path(slice), tree_.path(size_t{linear} + 1)};
}

}  // namespace daidd::inference
