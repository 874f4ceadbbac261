#include <algorithm>
#include <nlohmann/json.hpp>

#include "consensus/script.h"
#include "rpc/address.h"
#include "rpc/encode.h"
#include "rpc/table.h"
#include "rpc/wallet_access.h"

namespace daidd::rpc {

using consensus::Amount;
using wallet::TxState;
using wallet::Wallet;
using wallet::WalletTx;

namespace {

int64_t confirmations_of(const Wallet& wallet, const WalletTx& tx) {
    if (tx.state == TxState::kConfirmed) return depth_of(wallet, tx.block.height);
    if (tx.state == TxState::kConflicted) return -depth_of(wallet, tx.block.height);
    return 0;
}

/// "receive", or for a coinbase how far it has come.
std::string_view receive_category(const Wallet& wallet, const WalletTx& tx, uint32_t maturity) {
    if (!tx.tx.is_coinbase()) return "receive";
    const int64_t depth = confirmations_of(wallet, tx);
    if (depth < 1) return "orphan";
    return depth > int64_t(maturity) ? "generate" : "immature";
}

/// Core's entries of a transaction: one for each output sent to others, one for each that came in.
std::vector<Json> details_of(const Wallet& wallet, const WalletTx& tx, const consensus::Params& params) {
    std::vector<Json> entries;
    for (const bool sends : {true, false}) {
        if (sends && tx.debit == 0) continue;
        for (size_t i = 0; i < tx.tx.outputs.size(); ++i) {
            const auto& output = tx.tx.outputs[i];
            const auto key = consensus::taproot_key(output.script);
            const auto mine = key ? wallet.find_key(*key) : std::nullopt;
            const bool change = tx.debit > 0 && mine && mine->branch == wallet::Branch::kChange;
            if (change || (!sends && !mine)) continue;
            Json entry = Json::object();
            if (key) entry["address"] = address_of(output.script, params);
            entry["category"] = sends ? "send" : receive_category(wallet, tx, params.maturity);
            entry["amount"] = amount_json(sends ? -output.value : output.value);
            if (mine) entry["label"] = mine->label;
            entry["vout"] = i;
            if (sends && tx.fee) entry["fee"] = amount_json(-*tx.fee);
            entry["abandoned"] = tx.state == TxState::kAbandoned;
            entries.push_back(std::move(entry));
        }
    }
    return entries;
}

/// What gettransaction and listtransactions show of the transaction itself.
void add_place(const chain::Snapshot& snapshot, const Wallet& wallet, const WalletTx& tx, Json& json) {
    json["confirmations"] = confirmations_of(wallet, tx);
    if (tx.tx.is_coinbase()) json["generated"] = true;
    if (tx.state == TxState::kConfirmed) {
        json["blockhash"] = to_hex_reversed(tx.block.hash);
        json["blockheight"] = tx.block.height;
        if (const auto header = snapshot.find_header(tx.block.hash)) json["blocktime"] = header->header.time;
    } else if (!tx.tx.is_coinbase()) {
        json["trusted"] = tx.state == TxState::kMempool && tx.fee.has_value();
    }
    json["txid"] = to_hex_reversed(tx.txid);
    json["wtxid"] = to_hex_reversed(consensus::wtxid(tx.tx));
    json["walletconflicts"] = Json::array();
    json["mempoolconflicts"] = Json::array();
    json["time"] = tx.time_s;
    json["timereceived"] = tx.time_s;
    json["bip125-replaceable"] = "no";
}

Json gettransaction(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto tx = wallet->find_transaction(call.hash(0));
    if (!tx) throw Error{Code::kInvalidAddressOrKey, "Invalid or non-wallet transaction id"};
    const auto& params = context.chain->params();
    // As Core: what came in less what went out, the fee not counted, as it is shown beside it.
    const Amount net = tx->credit - tx->debit + tx->fee.value_or(0);
    Json json = {{"amount", amount_json(net)}};
    if (tx->fee && tx->debit > 0) json["fee"] = amount_json(-*tx->fee);
    add_place(*context.chain->snapshot(), *wallet, *tx, json);
    json["details"] = details_of(*wallet, *tx, params);
    json["hex"] = to_hex(encode(tx->tx));
    if (call.boolean_or(2, false)) json["decoded"] = transaction_json(tx->tx, params, /*with_hex=*/false);
    json["lastprocessedblock"] = last_processed(*wallet);
    return json;
}

Json listtransactions(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const int64_t count = call.integer_or(1, 10);
    const int64_t skip = call.integer_or(2, 0);
    if (count < 0) throw Error{Code::kInvalidParameter, "Negative count"};
    if (skip < 0) throw Error{Code::kInvalidParameter, "Negative from"};
    const std::string label = call.string_or(0, "*");

    const auto snapshot = context.chain->snapshot();
    const auto transactions = wallet->transactions();
    std::vector<Json> newest_first;
    for (auto tx = transactions.rbegin(); tx != transactions.rend(); ++tx) {
        if (int64_t(newest_first.size()) >= count + skip) break;
        auto details = details_of(*wallet, *tx, context.chain->params());
        for (auto entry = details.rbegin(); entry != details.rend(); ++entry) {
            if (label != "*" && entry->value("label", "") != label) continue;
            add_place(*snapshot, *wallet, *tx, *entry);
            newest_first.push_back(std::move(*entry));
        }
    }
    Json list = Json::array();
    const auto end = size_t(std::min<int64_t>(count + skip, int64_t(newest_first.size())));
    for (size_t i = end; i-- > size_t(std::min(skip, int64_t(end)));)
        list.push_back(std::move(newest_first[i]));
    return list;
}

Json sendtoaddress(Context& context, const Call& call) {
    const auto wallet = wallet_of(context, call);
    const auto& params = context.chain->params();
    const auto key = address_key(call.string(0), params);
    wallet::SendRequest request;
    request.outputs = {{call.amount(1), consensus::taproot_script(key)}};
    request.subtract_fee = call.boolean_or(4, false);
    if (call.boolean_or(5, false)) throw Error{Code::kWallet, "not available yet: replaceable transactions"};
    if (call.has(9)) request.fee_rate = fee_rate_of(call.any(9));
    const auto sent = send_from(context, *wallet, request);
    const std::string txid = to_hex_reversed(sent.txid);
    if (!call.boolean_or(10, false)) return txid;
    return {{"txid", txid}, {"fee_reason", "Fallback fee"}};
}

constexpr Arg kTransactionArgs[] = {
    {"txid", ArgType::kHash, true, "The transaction id"},
    {"include_watchonly", ArgType::kBool, false, "Has no effect"},
    {"verbose", ArgType::kBool, false, "Also show the decoded transaction (default: false)"},
};
constexpr Arg kListArgs[] = {
    {"label", ArgType::kString, false, "Only payments to addresses of this label (default: \"*\", all)"},
    {"count", ArgType::kNumber, false, "How many to show (default: 10)"},
    {"skip", ArgType::kNumber, false, "How many of the newest to leave out (default: 0)"},
    {"include_watchonly", ArgType::kBool, false, "Has no effect"},
};
constexpr Arg kSendArgs[] = {
    {"address", ArgType::kString, true, "Who is paid"},
    {"amount", ArgType::kAmount, true, "How much, in DAI"},
    {"comment", ArgType::kString, false, "Has no effect"},
    {"comment_to", ArgType::kString, false, "Has no effect"},
    {"subtractfeefromamount", ArgType::kBool, false, "Who is paid pays the fee (default: false)"},
    {"replaceable", ArgType::kBool, false, "Not available yet"},
    {"conf_target", ArgType::kNumber, false, "Has no effect"},
    {"estimate_mode", ArgType::kString, false, "Has no effect"},
    {"avoid_reuse", ArgType::kBool, false, "Has no effect"},
    {"fee_rate", ArgType::kFeeRate, false, "Units a virtual byte (default: 1)"},
    {"verbose", ArgType::kBool, false, "Return an object (default: false)"},
};

const Method kMethods[] = {
    {"wallet", "gettransaction", kTransactionArgs, gettransaction, "Returns a transaction of the wallet."},
    {"wallet", "listtransactions", kListArgs, listtransactions,
     "Returns the newest payments of the wallet, oldest of them first."},
    {"wallet", "sendtoaddress", kSendArgs, sendtoaddress, "Pays an address and returns the transaction id."},
};

}  // namespace

std::span<const Method> wallet_transaction_methods() { return kMethods; }

}  // namespace daidd::rpc
