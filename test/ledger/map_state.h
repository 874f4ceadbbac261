#pragma once

#include <map>

#include "ledger/state.h"

namespace daidd::ledger::test {

/// The whole state in one map, so that two states can be compared.
class MapState : public StateView {
public:
    using Place = std::pair<Table, Bytes>;

    std::optional<Bytes> get(Table table, ByteView key) const override {
        const auto found = map.find({table, Bytes(key.begin(), key.end())});
        return found == map.end() ? std::nullopt : std::optional{found->second};
    }
    void put(Table table, ByteView key, Bytes value) override {
        map[{table, Bytes(key.begin(), key.end())}] = std::move(value);
    }
    void erase(Table table, ByteView key) override { map.erase({table, Bytes(key.begin(), key.end())}); }

    bool operator==(const MapState& other) const { return map == other.map; }

    /// Calls visit(key, value) for every entry of one table, in the order of the keys.
    template <class Visit>
    void for_each(Table table, Visit visit) const {
        for (const auto& [place, value] : map)
            if (place.first == table) visit(place.second, value);
    }

    std::map<Place, Bytes> map;
};

}  // namespace daidd::ledger::test
