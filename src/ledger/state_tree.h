#pragma once

#include "ledger/state.h"

namespace daidd::ledger {

// The compact sparse Merkle tree over the records (doc/protocol.md, "State root"). Its inner nodes are kept
// under Table::kNode of the same view as the records, so whatever undoes a block undoes the tree with it, and
// one write costs as many hashes as the tree is deep.

/// SHA256(type ‖ id); `type` is the record's Table.
Hash256 tree_key(Table type, const Hash256& id);
/// SHA256(00 ‖ key ‖ SHA256(value)).
Hash256 tree_leaf(const Hash256& key, ByteView value);
/// SHA256(01 ‖ left ‖ right).
Hash256 tree_node(const Hash256& left, const Hash256& right);
/// Bit `depth` of a key, the highest bit of its first byte being bit 0: 0 is left.
bool tree_bit(const Hash256& key, unsigned depth);

/// Sets the leaf under `key`, or removes it.
void tree_update(StateView& state, const Hash256& key, const std::optional<Hash256>& leaf);
/// Zeros of an empty tree.
Hash256 tree_root(const StateView& state);

/// Writes a record and its leaf.
void put_record(StateView& state, Table type, const Hash256& id, Bytes value);

}  // namespace daidd::ledger
