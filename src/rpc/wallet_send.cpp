#include <nlohmann/json.hpp>

#include "rpc/pool.h"
#include "rpc/wallet_access.h"

namespace daidd::rpc {
namespace {

/// parse_amount's units in one thousandth of a unit a virtual byte.
constexpr consensus::Amount kThousandth = consensus::kCoin / 1000;

[[noreturn]] void throw_wallet_error(const wallet::Error& error) {
    using wallet::ErrorKind;
    switch (error.kind) {
    case ErrorKind::kInsufficientFunds:
    case ErrorKind::kTooManyInputs: throw Error{Code::kWalletInsufficientFunds, "Insufficient funds"};
    case ErrorKind::kDust: throw Error{Code::kWalletInsufficientFunds, "The transaction amount is too small"};
    case ErrorKind::kBadAmount: throw Error{Code::kType, "Invalid amount for send"};
    case ErrorKind::kFeeTooHigh:
        throw Error{Code::kWalletInsufficientFunds, "Fee exceeds maximum configured by user (maxtxfee)"};
    default: throw Error{Code::kWallet, error.detail};
    }
}

}  // namespace

wallet::Sent send_from(Context& context, wallet::Wallet& wallet, const wallet::SendRequest& request) {
    const auto sent = wallet.send(request, context.now_s());
    if (!sent) throw_wallet_error(sent.error());
    try {
        send_to_pool(context, sent->tx, /*fee_rate_max=*/0);
    } catch (const Error& error) {
        (void)wallet.abandon(sent->txid);
        throw Error{Code::kVerifyRejected, error.what()};
    }
    return *sent;
}

wallet::FeeRate fee_rate_of(const Json& value) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const auto parsed = parse_amount(text);
    if (!parsed) throw Error{Code::kType, "Invalid amount"};
    if (*parsed < 0 || *parsed > consensus::kMoneyMax || *parsed % kThousandth != 0) {
        throw Error{Code::kType, "Invalid amount: a fee rate has at most three decimals"};
    }
    return *parsed / kThousandth;
}

}  // namespace daidd::rpc
