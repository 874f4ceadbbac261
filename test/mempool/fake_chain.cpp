#include "mempool/fake_chain.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace daidd::mempool::test {
namespace {

crypto::SecretKey some_key() {
    Hash256 bytes{};
    bytes.fill(7);
    return crypto::SecretKey::from_bytes(bytes)->taproot_tweaked();
}

Hash256 made_up(std::string_view what, uint32_t number) {
    Writer writer;
    writer(number);
    return crypto::hash(what, {writer.take()});
}

chain::HeaderInfo header_of(uint32_t height, uint32_t branch) {
    chain::HeaderInfo info;
    info.height = height;
    info.hash = made_up("block", height + (branch << 16));
    info.beacon = made_up("beacon", height + (branch << 16));
    info.median_time_past = 1'000'000'000 + 600 * height;
    info.have_block = true;
    return info;
}

}  // namespace

std::optional<Bytes> FakeSnapshot::get(ledger::Table table, ByteView key) const {
    const auto found = state.find({table, Bytes(key.begin(), key.end())});
    if (found == state.end()) return std::nullopt;
    return found->second;
}
void FakeSnapshot::put(ledger::Table table, ByteView key, Bytes value) {
    state[{table, Bytes(key.begin(), key.end())}] = std::move(value);
}
void FakeSnapshot::erase(ledger::Table table, ByteView key) {
    state.erase({table, Bytes(key.begin(), key.end())});
}
std::optional<chain::HeaderInfo> FakeSnapshot::find_header(const Hash256& hash) const {
    for (const auto& info : headers) {
        if (info.hash == hash) return info;
    }
    return std::nullopt;
}
std::optional<chain::HeaderInfo> FakeSnapshot::header_at(uint32_t height) const {
    if (height >= headers.size()) return std::nullopt;
    return headers[height];
}
std::optional<Hash256> FakeSnapshot::find_transaction_block(const Hash256& txid) const {
    const auto found = transactions.find(txid);
    if (found == transactions.end()) return std::nullopt;
    return found->second;
}

FakeChain::FakeChain()
    : key{some_key()},
      script{consensus::taproot_script(key.public_key())},
      now{std::make_shared<FakeSnapshot>()} {
    for (uint32_t height = 0; height <= 50; ++height) now->headers.push_back(header_of(height, 0));
}

OutPoint FakeChain::coin(consensus::Amount value, uint32_t height, bool coinbase) {
    const OutPoint outpoint{made_up("coin", coins_++), 0};
    made_[outpoint] = to_us(value);
    now->put(ledger::Table::kCoin, ledger::coin_key(outpoint),
             encode(ledger::Coin{to_us(value), height, uint8_t(coinbase)}));
    return outpoint;
}

void FakeChain::make_pool(Options options) {
    options.now_s = [this] { return now_s; };
    pool = std::make_unique<Mempool>(
        params, [this] { return now; }, options);
    Observer observer;
    observer.added = [this](const Entry& entry) { news.emplace_back(entry.txid, std::nullopt); };
    observer.removed = [this](const Entry& entry, Removal why) { news.emplace_back(entry.txid, why); };
    pool->observe(observer);
}

void FakeChain::connect(const std::vector<Transaction>& transactions) {
    Lost lost{now, {}};
    auto& block = lost.block.block;
    block.transactions = {consensus::test::coinbase()};
    block.transactions[0].lock_time = uint32_t(blocks_.size());  // its own id
    block.transactions.insert(block.transactions.end(), transactions.begin(), transactions.end());

    const auto next = std::make_shared<FakeSnapshot>(*now);
    const auto context = chain::next_context(*now);
    static uint32_t branch = 0;
    const auto info = header_of(context.height, ++branch);
    for (const auto& tx : transactions) {
        const auto fee = ledger::apply_transaction(tx, context, params, *next, true);
        ASSERT_TRUE(fee) << fee.error().token << " " << fee.error().detail;
        next->transactions[consensus::txid(tx)] = info.hash;
    }
    next->headers.push_back(info);
    now = next;
    blocks_.push_back(lost);
    if (pool) pool->block_connected(lost.block, info);
}

void FakeChain::disconnect() {
    const Lost lost = blocks_.back();
    blocks_.pop_back();
    const auto info = now->tip();
    now = lost.before;
    if (pool) pool->block_disconnected(lost.block, info);
}

void FakeChain::tell_tip() {
    if (pool) pool->tip_changed(now->tip());
}

Transaction FakeChain::pay(const std::vector<OutPoint>& from, std::vector<TxOut> outputs,
                           consensus::Amount fee) {
    Transaction tx;
    consensus::Amount left = -fee;
    for (const OutPoint& outpoint : from) {
        tx.inputs.push_back({.previous = outpoint, .script_sig = {}, .sequence = 0xffff'ffff, .witness = {}});
        left += made_.at(outpoint).value;
    }
    for (const TxOut& output : outputs) left -= output.value;
    tx.outputs = std::move(outputs);
    if (left > 0) tx.outputs.push_back(to_us(left));
    sign(tx);
    for (uint32_t index = 0; index < tx.outputs.size(); ++index) {
        made_[output_of(tx, index)] = tx.outputs[index];
    }
    return tx;
}

Transaction FakeChain::spend(const std::vector<OutPoint>& from, consensus::Amount fee, size_t outputs) {
    // The last one gets what is left.
    consensus::Amount in = 0;
    for (const OutPoint& outpoint : from) in += made_.at(outpoint).value;
    const auto each = (in - fee) / consensus::Amount(outputs);
    return pay(from, std::vector<TxOut>(outputs - 1, to_us(each)), fee);
}

void FakeChain::sign(Transaction& tx) const {
    std::vector<TxOut> spent;
    for (const auto& input : tx.inputs) {
        const auto found = made_.find(input.previous);
        spent.push_back(found == made_.end() ? to_us(consensus::kCoin) : found->second);
    }
    const consensus::SignatureHasher hasher{tx, spent};
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        const auto signature = key.sign(hasher.hash(i));
        tx.inputs[i].witness = {Bytes(signature.begin(), signature.end())};
    }
}

std::string token_of(const Result<Entry, Rejection>& result) {
    return result ? std::string{} : std::string{result.error().token};
}

}  // namespace daidd::mempool::test
