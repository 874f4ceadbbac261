#pragma once

#include "consensus/params.h"
#include "crypto/keys.h"

namespace daidd::work {

using consensus::Kind;

/// What a unit's identity is made of (protocol §3).
struct UnitPreimage {
    Hash256 model{};
    crypto::PublicKey miner{};
    Hash256 beacon{};
    uint16_t lane = 0;
    uint16_t seq = 0;
    Hash256 previous{};

    bool operator==(const UnitPreimage&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.miner, self.beacon, self.lane, self.seq, self.previous);
    }
};

Hash256 unit_id(const UnitPreimage& preimage);
/// `previous` of the unit that follows in the lane: H("previous"; unit_id ‖ trace_root).
Hash256 link(const Hash256& unit, const Hash256& trace_root);
Hash256 genesis_beacon(const Hash256& genesis_hash);
Hash256 next_beacon(const Hash256& beacon, const Hash256& ticket);

/// What a start unit (seq 0) runs.
std::vector<uint32_t> start_tokens(const Hash256& unit, uint32_t vocabulary, uint32_t unit_tokens);

/// A receipt that can be drawn, in chain order; it fills one slot per unit of treasury share it pays.
struct PoolItem {
    Hash256 tokens_root{};  ///< H("tokens"; prompt ‖ answer)
    uint64_t slots = 0;
    Hash256 receipt{};

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.tokens_root, self.slots, self.receipt);
    }
};
using Pool = std::vector<PoolItem>;

/// What the chain chose for a unit of seq ≥ 1.
struct Draw {
    Kind kind = Kind::kCorpus;
    size_t pool_index = 0;  ///< of the receipt, when kind is kReceipt
    uint64_t item = 0;      ///< slot number (receipt) or window (corpus), as the reference counts them
    uint64_t window = 0;    ///< the corpus window that is run, or pads a short receipt
};

/// Corpus windows of the chain: windows are counted over the corpora in spec order, none crosses an end.
uint64_t corpus_windows(const consensus::Params& params);
struct WindowPlace {
    size_t corpus = 0;
    uint64_t start = 0;  ///< token within it
};
/// Requires window < corpus_windows(params).
WindowPlace place_of(const consensus::Params& params, uint64_t window);

Draw draw(const consensus::Params& params, const Hash256& unit, const Pool& pool);

}  // namespace daidd::work
