#pragma once

#include <map>
#include <utility>
#include <vector>

#include "ledger/state.h"

namespace daidd::ledger {

/// A view that keeps its writes in memory above another: for single transactions, the mempool, templates and
/// connecting. The base must outlive it and must not change under it.
class Overlay : public StateView {
public:
    explicit Overlay(const StateView& base) : base_{base} {}

    std::optional<Bytes> get(Table table, ByteView key) const override;
    void put(Table table, ByteView key, Bytes value) override;
    void erase(Table table, ByteView key) override;

    struct Change {
        Table table{};
        Bytes key;
        std::optional<Bytes> value;  ///< nothing: erased
    };
    /// In the order of (table, key).
    std::vector<Change> changes() const;
    /// Moves the writes into `target`; this view is empty then.
    void flush_into(StateView& target);

private:
    const StateView& base_;
    std::map<std::pair<Table, Bytes>, std::optional<Bytes>> writes_;
};

}  // namespace daidd::ledger
