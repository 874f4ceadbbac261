#include "p2p/bans.h"

#include <algorithm>

namespace daidd::p2p {

void BanList::add(const std::string& host, int64_t until_s) {
    if (until_.size() >= kBansMax && !until_.contains(host)) {
        until_.erase(std::min_element(until_.begin(), until_.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    until_[host] = until_s;
}

bool BanList::contains(const std::string& host, int64_t now_s) const {
    const auto found = until_.find(host);
    return found != until_.end() && found->second > now_s;
}

std::vector<Ban> BanList::list(int64_t now_s) {
    std::erase_if(until_, [&](const auto& entry) { return entry.second <= now_s; });
    std::vector<Ban> bans;
    for (const auto& [host, until_s] : until_) bans.push_back({host, until_s});
    return bans;
}

}  // namespace daidd::p2p
