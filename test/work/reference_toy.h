#pragma once

#include "consensus/params.h"
#include "inference/manifest.h"
#include "work/content.h"
#include "work/ticket.h"
#include "work/trace.h"

namespace daidd::work {

/// The toy model of the protocol's reference program, rebuilt from XOF: embedding → linear 72 → 144 → two
/// planes → linear 144 → 72. It is no inference::Model, so this file runs it by itself.
class ReferenceToy {
public:
    explicit ReferenceToy(consensus::Manifest manifest);

    struct Run {
        std::vector<Bytes> tensors;  ///< rows of each trace tensor
        std::vector<size_t> row_bytes;
    };
    Run run(const std::vector<uint32_t>& tokens) const;

    const consensus::Manifest& manifest() const { return manifest_; }
    const Hash256& root() const { return tree_->root(); }
    /// Tile j of a linear: 16 rows.
    std::span<const int8_t> weights(size_t linear, size_t tile) const;
    std::vector<RowField> weight_rows(size_t linear, size_t tile) const;
    std::vector<PathField> weight_paths(size_t linear, size_t tile) const;

private:
    consensus::Manifest manifest_;
    std::vector<std::vector<int8_t>> weights_;
    std::vector<int16_t> embedding_;
    std::vector<inference::WeightTree> weight_trees_;
    std::optional<crypto::MerkleTree> tree_;
};

/// H("toy"; text), as the reference program makes names.
Hash256 toy_hash(std::string_view text);
/// XOF(tag; zeros) as u32 words mod 256.
std::vector<uint32_t> toy_text(size_t size);

/// The reference program's chain as miners see it.
struct ReferenceChain {
    ReferenceToy toy;
    consensus::Params params;
    Corpora corpora;
    /// The four receipts that appear one after the other, and their slots.
    std::vector<std::vector<uint32_t>> receipts;
    Pool pool;

    ReferenceChain();
    Pool pool_of(size_t count) const { return {pool.begin(), pool.begin() + ptrdiff_t(count)}; }
    std::vector<uint32_t> receipt_tokens(const PoolItem& item) const;
};

struct ReferenceUnit {
    UnitPreimage preimage;
    Hash256 id{};
    Content content;
    ReferenceToy::Run run;
    Trace trace;
};

/// What a forger runs or commits to in place of what he must.
struct Deviation {
    std::optional<Hash256> model, miner, previous, beacon;
    std::optional<uint16_t> lane, seq;
    std::optional<Content> content;
    /// Applied to the first row of the first operand before it is committed to.
    std::function<void(Bytes& row)> row;
};
ReferenceUnit next_unit(const ReferenceChain& chain, UnitPreimage base, const Hash256& beacon,
                        const Pool& pool, const std::vector<ReferenceUnit>& lane,
                        const Deviation& deviation = {});

/// One ticket with what it was made of.
struct ReferenceTicket {
    TicketPlace place;
    uint16_t tile = 0;
    uint32_t k = 0;
    Hash256 seed{};
    std::vector<uint8_t> noise;
    std::vector<uint32_t> words;
    Hash256 ticket{};
};
/// All tickets of the unit, or only the first.
std::vector<ReferenceTicket> tickets_of(const ReferenceChain& chain, const ReferenceUnit& unit,
                                        const Hash256& parent_hash, bool first_only = false);

/// Seal and witness of the lane's last unit.
Win seal_for(const ReferenceChain& chain, const std::vector<ReferenceUnit>& lane,
             const ReferenceTicket& ticket);

}  // namespace daidd::work
