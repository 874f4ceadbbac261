#pragma once

#include <map>

#include "p2p/node.h"

namespace daidd::p2p {

/// Hosts that may not connect, in memory. At most kBansMax: beyond, the one that ends first gives way.
class BanList {
public:
    void add(const std::string& host, int64_t until_s);
    bool remove(const std::string& host) { return until_.erase(host) != 0; }
    bool contains(const std::string& host, int64_t now_s) const;
    /// Those that have not run out at `now_s`; forgets the others.
    std::vector<Ban> list(int64_t now_s);

private:
    std::map<std::string, int64_t> until_;
};

}  // namespace daidd::p2p
