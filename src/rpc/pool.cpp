#include "rpc/pool.h"

#include <nlohmann/json.hpp>

namespace daidd::rpc {

std::vector<consensus::Transaction> pooled(const Context& context) {
    std::vector<consensus::Transaction> list;
    for (const auto& entry : context.mempool->list()) list.push_back(*entry.tx);
    return list;
}

std::optional<consensus::Transaction> find_pooled(const Context& context, const Hash256& txid) {
    const auto entry = context.mempool->find(txid);
    if (!entry) return std::nullopt;
    return *entry->tx;
}

Hash256 send_to_pool(Context& context, const consensus::Transaction& tx, consensus::Amount fee_rate_max) {
    const Hash256 txid = consensus::txid(tx);
    if (context.chain->snapshot()->find_transaction_block(txid)) {
        throw Error{Code::kVerifyAlreadyInUtxoSet, "Transaction outputs already in utxo set"};
    }
    if (!context.mempool->contains(txid)) {
        if (fee_rate_max != 0) {
            const auto judged = context.mempool->check(tx);
            const auto vsize = int64_t(consensus::virtual_size(tx));
            if (judged && judged->fee * 1000 > fee_rate_max * vsize) {
                throw Error{Code::kVerify,
                            "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)"};
            }
        }
        const auto entry = context.mempool->accept(tx);
        if (!entry) {
            const auto& rejection = entry.error();
            if (rejection.kind == mempool::RejectKind::kMissingInputs) {
                throw Error{Code::kVerify, std::string{rejection.token}};
            }
            std::string text{rejection.token};
            if (!rejection.detail.empty()) text += ", " + rejection.detail;
            throw Error{Code::kVerifyRejected, text};
        }
    }
    context.peers->relay(txid);
    return txid;
}

}  // namespace daidd::rpc
