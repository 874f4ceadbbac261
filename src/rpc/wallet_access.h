#pragma once

#include "rpc/context.h"
#include "rpc/method.h"

namespace daidd::rpc {

/// The wallet that a request is for: that of /wallet/NAME, or the only one. Throws -18 and -19 as Core does.
std::shared_ptr<wallet::Wallet> wallet_of(Context& context, const Call& call);

/// {"hash", "height"} of the wallet's tip, as Core's lastprocessedblock.
Json last_processed(const wallet::Wallet& wallet);

/// Blocks on top of and with the one that a transaction or coin is in; 0 for none.
int64_t depth_of(const wallet::Wallet& wallet, std::optional<uint32_t> height);

/// Sends from the wallet and hands the transaction to the mempool. Throws -6 where Core does, -26 if the
/// mempool refuses (the coins are then free again).
wallet::Sent send_from(Context& context, wallet::Wallet& wallet, const wallet::SendRequest& request);

/// Units a 1000 virtual bytes of a "fee_rate" argument in units a virtual byte; the least relayed by default.
wallet::FeeRate fee_rate_of(const Json& value);

}  // namespace daidd::rpc
