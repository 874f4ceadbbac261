#include "work/trace.h"

#include <cassert>

#include "crypto/hash.h"

namespace daidd::work {

namespace {

/// Merkle roots of consecutive runs of `run` leaves each, level by level, so that many nodes are hashed at
/// once.
std::vector<Hash256> run_roots(std::vector<Hash256> leaves, size_t run) {
    assert(run > 0 && leaves.size() % run == 0);
    const size_t runs = leaves.size() / run;
    while (run > 1) {
        const size_t pairs = run / 2;
        const size_t above = pairs + run % 2;
        std::vector<Hash256> level(runs * above);
        if (run % 2 == 0) {
            const ByteView rows{reinterpret_cast<const uint8_t*>(leaves.data()), leaves.size() * 32};
            crypto::hash_rows("node", nullptr, rows, 64, level);
        } else {
            for (size_t i = 0; i < runs; ++i) {
                const ByteView rows{reinterpret_cast<const uint8_t*>(&leaves[i * run]), pairs * 64};
                crypto::hash_rows("node", nullptr, rows, 64, std::span{level}.subspan(i * above, pairs));
                level[i * above + pairs] = leaves[i * run + run - 1];
            }
        }
        leaves = std::move(level);
        run = above;
    }
    return leaves;
}

}  // namespace

std::vector<Hash256> token_leaves(const Hash256& unit, ByteView rows, size_t rows_per_token,
                                  size_t row_bytes) {
    assert(rows_per_token > 0 && row_bytes > 0 && rows.size() % (rows_per_token * row_bytes) == 0);
    std::vector<Hash256> leaves(rows.size() / row_bytes);
    crypto::hash_rows("leaf", &unit, rows, row_bytes, leaves);
    return run_roots(std::move(leaves), rows_per_token);
}

std::vector<Hash256> group_roots(const std::vector<Hash256>& leaves) {
    const auto whole_end = leaves.begin() + ptrdiff_t(leaves.size() / kGroupRows * kGroupRows);
    std::vector<Hash256> roots = run_roots({leaves.begin(), whole_end}, kGroupRows);
    if (whole_end != leaves.end()) roots.push_back(crypto::merkle_root({whole_end, leaves.end()}));
    return roots;
}

void Trace::add_tensor(std::vector<Hash256> roots) {
    trees_.emplace_back(std::move(roots));
    op_roots_.push_back(trees_.back().root());
}

}  // namespace daidd::work
