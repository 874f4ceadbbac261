#include "consensus/command.h"

#include <cassert>

#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

Hash256 record_id(std::string_view tag, const OutPoint& output) {
    return crypto::hash(tag, {encode(output)});
}

}  // namespace

bool is_open(uint8_t kind) { return kind <= uint8_t(JobKind::kIndex) && kind != uint8_t(JobKind::kTrain); }

size_t prompt_tokens_min(uint8_t kind) {
    return kind == uint8_t(JobKind::kEval) || kind == uint8_t(JobKind::kIndex) ? 2 : 1;
}

ResultSize result_size(uint8_t kind) {
    assert(is_open(kind));
    switch (JobKind(kind)) {
    case JobKind::kInfer:
    case JobKind::kTrain: break;
    case JobKind::kEval: return {8 + 8, 8 + 8};
    case JobKind::kEmbed: return {1 + 1 + 2, kResultBytesMax};
    case JobKind::kIndex: return {4 + 32, 4 + 32};
    }
    return {};
}

Hash256 receipt_message(const ReceiptCommand& receipt, const Hash256& tokens_root) {
    return crypto::tagged_hash(
        "dai/receipt", {receipt.job, receipt.worker, tokens_root, crypto::hash("result", {receipt.result})});
}

Hash256 job_id(const OutPoint& output) { return record_id("job", output); }
Hash256 receipt_id(const OutPoint& output) { return record_id("receipt", output); }

Hash256 tokens_root(const std::vector<uint32_t>& tokens) {
    Writer writer;
    for (const uint32_t token : tokens) writer(token);
    return crypto::hash("tokens", {writer.take()});
}

}  // namespace daidd::consensus
