#include "ledger/overlay.h"

namespace daidd::ledger {

std::optional<Bytes> Overlay::get(Table table, ByteView key) const {
    const auto found = writes_.find({table, Bytes(key.begin(), key.end())});
    return found == writes_.end() ? base_.get(table, key) : found->second;
}

void Overlay::put(Table table, ByteView key, Bytes value) {
    writes_[{table, Bytes(key.begin(), key.end())}] = std::move(value);
}

void Overlay::erase(Table table, ByteView key) {
    writes_[{table, Bytes(key.begin(), key.end())}] = std::nullopt;
}

std::vector<Overlay::Change> Overlay::changes() const {
    std::vector<Change> list;
    list.reserve(writes_.size());
    for (const auto& [place, value] : writes_) list.push_back({place.first, place.second, value});
    return list;
}

void Overlay::flush_into(StateView& target) {
    for (auto& [place, value] : writes_) {
        if (value) {
            target.put(place.first, place.second, std::move(*value));
        } else {
            target.erase(place.first, place.second);
        }
    }
    writes_.clear();
}

}  // namespace daidd::ledger
