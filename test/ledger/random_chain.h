#pragma once

#include <random>

#include "ledger/block_fixture.h"

namespace daidd::ledger::test {

/// A chain of random blocks on an empty state: payments, burns, jobs of every fate, receipts. It keeps what
/// whoever owns a state keeps to undo a block: the old value of everything the block wrote.
class RandomChain {
public:
    explicit RandomChain(unsigned seed);

    void connect_one();
    void disconnect_one();

    uint32_t height() const { return uint32_t(blocks_.size()); }
    const MapState& state() const { return state_; }
    const Params& params() const { return params_; }
    /// By OP_RETURN outputs that are no commands.
    Amount burned() const;
    uint64_t random(uint64_t below) { return random_() % below; }

private:
    struct Connected {
        std::vector<Overlay::Change> old_values;
        Amount burned = 0;
    };

    BlockContext context() const;
    std::vector<Transaction> random_transactions();
    /// Spends `coin` in one of the ways there are.
    Transaction random_transaction(const OutPoint& coin, Amount value);
    TxOut random_job(Amount value);
    /// An answer to an open job that no transaction of this block answers yet, if anybody may.
    std::optional<TxOut> random_receipt(Amount value);

    Params params_;
    std::mt19937_64 random_;
    MapState state_;
    std::vector<Connected> blocks_;
    std::vector<Hash256> answerable_;  ///< in the block that is being made
};

}  // namespace daidd::ledger::test
