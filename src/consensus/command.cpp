#include "consensus/command.h"

#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

Hash256 record_id(std::string_view tag, const OutPoint& output) {
    return crypto::hash(tag, {encode(output)});
}

}  // namespace

Hash256 receipt_message(const ReceiptCommand& receipt, const Hash256& tokens_root) {
    return crypto::tagged_hash("dai/receipt", {receipt.job, receipt.worker, tokens_root});
}

Hash256 job_id(const OutPoint& output) { return record_id("job", output); }
Hash256 receipt_id(const OutPoint& output) { return record_id("receipt", output); }

Hash256 tokens_root(const std::vector<uint32_t>& tokens) {
    Writer writer;
    for (const uint32_t token : tokens) writer(token);
    return crypto::hash("tokens", {writer.take()});
}

}  // namespace daidd::consensus
