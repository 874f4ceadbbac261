#include "ledger/state_tree.h"

#include <cassert>

#include "crypto/hash.h"

namespace daidd::ledger {

namespace {

enum class Occupant : uint8_t { kNothing = 0, kLeaf = 1, kNode = 2 };

/// One subtree: nothing, the only leaf in it, or an inner node stored under its depth and prefix.
struct Subtree {
    uint8_t occupant = 0;
    Hash256 hash{};
    Hash256 key{};  ///< of the leaf; zeros otherwise

    bool is(Occupant what) const { return occupant == uint8_t(what); }

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.occupant, self.hash, self.key);
    }
};

struct Node {
    Subtree left, right;

    Subtree& side(bool bit) { return bit ? right : left; }

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.left, self.right);
    }
};

/// Where the subtree that holds everything is kept. No node has this name: a node at depth 255 has 33 bytes.
const Bytes kRootName{0xff};

/// depth ‖ the key's first `depth` bits, the rest of the last byte zero.
Bytes node_name(unsigned depth, const Hash256& key) {
    Bytes name{uint8_t(depth)};
    name.insert(name.end(), key.begin(), key.begin() + (depth + 7) / 8);
    if (depth % 8 != 0) name.back() = uint8_t(name.back() & (0xff << (8 - depth % 8)));
    return name;
}

Node load(const StateView& state, unsigned depth, const Hash256& key) {
    const auto bytes = state.get(Table::kNode, node_name(depth, key));
    assert(bytes);
    auto node = decode<Node>(*bytes);
    assert(node);
    return *std::move(node);
}

Subtree save(StateView& state, unsigned depth, const Hash256& key, const Node& node) {
    state.put(Table::kNode, node_name(depth, key), encode(node));
    return {uint8_t(Occupant::kNode), tree_node(node.left.hash, node.right.hash), {}};
}

/// The subtree at `depth` that holds two leaves with different keys.
Subtree split(StateView& state, unsigned depth, const Subtree& a, const Subtree& b) {
    const bool bit = tree_bit(a.key, depth);
    Node node;
    if (bit == tree_bit(b.key, depth)) {
        node.side(bit) = split(state, depth + 1, a, b);
    } else {
        node.side(bit) = a;
        node.side(!bit) = b;
    }
    return save(state, depth, a.key, node);
}

Subtree update(StateView& state, unsigned depth, const Subtree& at, const Hash256& key,
               const std::optional<Hash256>& leaf) {
    const Subtree wanted = leaf ? Subtree{uint8_t(Occupant::kLeaf), *leaf, key} : Subtree{};
    if (at.is(Occupant::kNothing)) return wanted;
    if (at.is(Occupant::kLeaf)) {
        if (at.key == key) return wanted;
        return leaf ? split(state, depth, at, wanted) : at;
    }
    Node node = load(state, depth, key);
    const bool bit = tree_bit(key, depth);
    Subtree& changed = node.side(bit);
    changed = update(state, depth + 1, changed, key, leaf);
    const Subtree& other = node.side(!bit);
    // A subtree with one leaf is that leaf: what an erased neighbour leaves alone moves up.
    for (const auto& [empty, rest] : {std::pair{changed, other}, std::pair{other, changed}}) {
        if (!empty.is(Occupant::kNothing) || rest.is(Occupant::kNode)) continue;
        state.erase(Table::kNode, node_name(depth, key));
        return rest;
    }
    return save(state, depth, key, node);
}

Subtree load_root(const StateView& state) {
    const auto bytes = state.get(Table::kNode, kRootName);
    if (!bytes) return {};
    auto root = decode<Subtree>(*bytes);
    assert(root);
    return *std::move(root);
}

}  // namespace

Hash256 tree_key(Table type, const Hash256& id) {
    Writer writer;
    writer(uint8_t(type), id);
    return crypto::sha256(writer.take());
}

Hash256 tree_leaf(const Hash256& key, ByteView value) {
    Writer writer;
    writer(uint8_t{0}, key, crypto::sha256(value));
    return crypto::sha256(writer.take());
}

Hash256 tree_node(const Hash256& left, const Hash256& right) {
    Writer writer;
    writer(uint8_t{1}, left, right);
    return crypto::sha256(writer.take());
}

bool tree_bit(const Hash256& key, unsigned depth) {
    assert(depth < 256);
    return ((key[depth / 8] >> (7 - depth % 8)) & 1) != 0;
}

void tree_update(StateView& state, const Hash256& key, const std::optional<Hash256>& leaf) {
    const Subtree root = update(state, 0, load_root(state), key, leaf);
    if (root.is(Occupant::kNothing)) {
        state.erase(Table::kNode, kRootName);
    } else {
        state.put(Table::kNode, kRootName, encode(root));
    }
}

Hash256 tree_root(const StateView& state) { return load_root(state).hash; }

void put_record(StateView& state, Table type, const Hash256& id, Bytes value) {
    const Hash256 key = tree_key(type, id);
    tree_update(state, key, tree_leaf(key, value));
    state.put(type, id, std::move(value));
}

}  // namespace daidd::ledger
