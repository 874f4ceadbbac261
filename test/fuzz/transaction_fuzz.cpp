#include <cstdlib>

#include "ledger/lookup.h"
#include "ledger/overlay.h"
#include "mempool/judge.h"

// Decodes and judges a transaction as a peer or a block may bring it. An input whose first byte is odd is
// one; an even one is the script of an output, in a transaction that is otherwise right, so that mutations
// reach the commands. Whatever passes the context-free rules is applied to a state that has every coin it
// spends, and an open job of each kind for receipts to answer: kind k has the id k, 0, 0, ….

namespace daidd::mempool {
namespace {

const consensus::Params& params() { return consensus::regtest_params(); }

struct Nothing final : ledger::StateView {
    std::optional<Bytes> get(ledger::Table, ByteView) const override { return std::nullopt; }
    void put(ledger::Table, ByteView, Bytes) override {}
    void erase(ledger::Table, ByteView) override {}
};

ledger::BlockContext context() {
    ledger::BlockContext context;
    context.height = 100;
    context.median_time_past = 1'800'000'000;
    context.beacon_at = [](uint32_t) { return Hash256{1}; };
    context.median_time_at = [](uint32_t height) { return 1'700'000'000 + height; };
    return context;
}

void apply(const Transaction& tx) {
    const Nothing nothing;
    ledger::Overlay state{nothing};
    const Bytes script = consensus::taproot_script(params().models[0].root);
    for (const auto& input : tx.inputs) {
        const ledger::Coin coin{{consensus::kCoin, script}, input.previous.index % 128, 0};
        state.put(ledger::Table::kCoin, ledger::coin_key(input.previous), encode(coin));
    }
    for (uint8_t kind = 0; kind < 5; ++kind) {
        if (!consensus::is_open(kind)) continue;
        ledger::JobRecord record;
        record.job.model = params().models[0].root;
        record.job.kind = kind;
        record.job.answer_tokens_max = kind == 0 ? 4 : 0;
        record.job.deadline = 1'000;
        record.job.prompt = {1, 2};
        record.escrow = consensus::kCoin;
        record.height = 90;
        state.put(ledger::Table::kJob, Hash256{kind}, encode(record));
    }
    const auto fee = ledger::apply_transaction(tx, context(), params(), state, false);
    if (fee && !consensus::is_money(*fee)) std::abort();
    (void)ledger::apply_transaction(tx, context(), params(), state, true);
}

void judge(const Transaction& tx) {
    if (check_alone(tx, params())) return;
    const Facts facts = facts_of(tx);
    if (facts.bytes != encode(tx).size()) std::abort();
    if (consensus::virtual_size(tx) * 4 < consensus::weight(tx)) std::abort();
    if (consensus::txid(tx) == consensus::wtxid(tx) && tx.has_witness()) std::abort();
    apply(tx);
}

void read(ByteView bytes) {
    const auto tx = decode<Transaction>(bytes);
    if (!tx) return;
    const Bytes again = encode(*tx);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    judge(*tx);
}

/// A receipt has one encoding, and a bounded result.
void check_receipt(ByteView payload) {
    const auto receipt = decode<consensus::ReceiptCommand>(payload);
    if (!receipt) return;
    const Bytes again = encode(*receipt);
    if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) std::abort();
    if (receipt->result.size() > consensus::kResultBytesMax) std::abort();
}

void read_script(ByteView script) {
    if (const auto push = consensus::parse_command(script)) {
        const Bytes again = consensus::command_script(consensus::CommandType(push->type), push->payload);
        if (!std::equal(again.begin(), again.end(), script.begin(), script.end())) std::abort();
        if (push->type == uint8_t(consensus::CommandType::kReceipt)) check_receipt(push->payload);
    }
    Transaction tx;
    tx.inputs.emplace_back();
    tx.inputs[0].witness = {Bytes(64, 1)};
    tx.outputs = {{consensus::kCoin / 2, Bytes(script.begin(), script.end())}};
    judge(tx);
}

}  // namespace
}  // namespace daidd::mempool

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::mempool;
    if (size == 0) return 0;
    const daidd::ByteView rest{data + 1, size - 1};
    data[0] % 2 == 1 ? read(rest) : read_script(rest);
    return 0;
}
