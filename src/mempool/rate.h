#pragma once

#include <compare>

#include "consensus/transaction.h"

namespace daidd::mempool {

/// Fee by virtual size, compared exactly. Requires fee ≥ 0 and 0 < vsize < 2³².
struct Rate {
    consensus::Amount fee = 0;
    size_t vsize = 1;

    std::weak_ordering operator<=>(const Rate& other) const {
        const auto whole = uint64_t(fee) / vsize <=> uint64_t(other.fee) / other.vsize;
        if (whole != 0) return whole;
        return uint64_t(fee) % vsize * other.vsize <=> uint64_t(other.fee) % other.vsize * vsize;
    }
    bool operator==(const Rate& other) const { return (*this <=> other) == 0; }
};

}  // namespace daidd::mempool
