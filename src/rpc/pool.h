#pragma once

#include "rpc/context.h"
#include "rpc/method.h"

namespace daidd::rpc {

/// The transactions that wait for a block.
std::vector<consensus::Transaction> pooled(const Context& context);
std::optional<consensus::Transaction> find_pooled(const Context& context, const Hash256& txid);

/// Gives a transaction to the mempool and announces it. Throws what Core's sendrawtransaction does: -25 for
/// inputs that are not there, -26 with the token of the rule or policy, -27 for a transaction that is in a
/// block. `fee_rate_max`: units a 1000 virtual bytes; 0 for any.
Hash256 send_to_pool(Context& context, const consensus::Transaction& tx, consensus::Amount fee_rate_max);

}  // namespace daidd::rpc
