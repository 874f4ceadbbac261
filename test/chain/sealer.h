#pragma once

#include "chain/chain.h"
#include "inference/manifest.h"
#include "work/mine.h"

namespace daidd::chain {

/// What regtest's blocks are mined with, generated once.
struct Toy {
    inference::Model model;
    inference::ModelTree tree;
    work::Corpora corpora;

    static const Toy& instance();

private:
    Toy();
};

/// An output key's secret, by number.
crypto::SecretKey key_of(uint8_t number);

/// Seals blocks on the tip of whichever chain it is shown, as a miner's lane does (protocol §3). The same
/// key and the same chains give the same units, signatures apart.
class Sealer {
public:
    /// Changes what a unit runs, after the draw.
    using Spoil = std::function<void(work::Content&)>;

    explicit Sealer(uint8_t key_number) : key_{key_of(key_number)} {}

    /// Runs the next unit on the tip.
    void run(const Chain& chain, const Spoil& spoil = {});
    /// The block that the last unit seals, if a ticket of it wins.
    /// `parent` is a block with the tip's ticket, so of the same beacon, to put it on in the tip's place.
    std::optional<work::SealedBlock> find(const Chain& chain,
                                          const std::vector<consensus::Transaction>& transactions,
                                          const std::optional<Hash256>& parent = {}) const;
    /// Runs units until one seals; a spoiled block has all of them spoiled.
    work::SealedBlock seal(const Chain& chain, const std::vector<consensus::Transaction>& transactions = {},
                           const Spoil& spoil = {});
    work::SealedBlock seal_on(const Hash256& parent, const Chain& chain);
    /// Seals and submits `count` empty blocks.
    std::vector<work::SealedBlock> extend(Chain& chain, size_t count);

    /// After a change of the block: the roots in coinbase and header that follow from it, and the signature.
    /// The state root stays.
    void finish(work::SealedBlock& block) const;
    void sign(work::SealedBlock& block) const;

    const crypto::SecretKey& key() const { return key_; }

private:
    crypto::SecretKey key_;
    uint16_t lane_ = 0;
    std::vector<std::shared_ptr<const work::UnitRun>> units_;  // nearest first, at most three
};

}  // namespace daidd::chain
