#include "p2p/toy_blocks.h"

#include <gtest/gtest.h>

#include "inference/toy.h"
#include "p2p/toy_node.h"
#include "work/mine.h"
#include "work/project_corpus.h"

namespace daidd::p2p::test {
namespace {

const consensus::Params& params() { return consensus::regtest_params(); }

crypto::SecretKey some_key() {
    Hash256 bytes{};
    bytes.fill(9);
    return *crypto::SecretKey::from_bytes(bytes);
}

/// Two units on the tip: the second has a predecessor, and its tickets all win where the target is trivial.
work::SealedBlock mine_one(chain::Chain& chain, const inference::Model& model, const work::Corpora& corpora,
                           const crypto::SecretKey& key) {
    const auto& base = params().models[0];
    auto work = chain.work_template();
    work.context.miner = key.public_key();
    work::UnitPreimage preimage;
    preimage.model = base.root;
    preimage.miner = key.public_key();
    preimage.beacon = work.context.beacons.front();
    std::vector<std::shared_ptr<const work::UnitRun>> units;
    std::optional<work::Win> win;
    while (!win) {
        preimage.seq = uint16_t(units.size());
        if (!units.empty()) {
            preimage.previous = work::link(work::id_of(*units[0]), work::trace_root_of(*units[0]));
        }
        auto content = work::content_of(params(), corpora, preimage, work.pools.front(),
                                        [](const work::PoolItem&) { return std::vector<uint32_t>{}; });
        units.insert(units.begin(), work::run_unit(model, base.manifest, preimage, std::move(content), 1));
        if (units.size() == 1) continue;
        const size_t before = std::min<size_t>(units.size() - 1, 2);
        win = work::find_win(model, params(), work.context.parent_hash, work.context.target, *units[0],
                             {units.begin() + 1, units.begin() + 1 + ptrdiff_t(before)}, {});
    }
    work::SealedBlock sealed;
    sealed.block = *chain.make_block(work.context, win->seal, {}, params().genesis_time + 600);
    sealed.seal = win->seal;
    sealed.witness = std::move(win->witness);
    sealed.signature = key.sign(work::header_message(sealed.block.header));
    return sealed;
}

std::vector<work::SealedBlock> mine_all() {
    const auto model = *inference::Model::build(inference::make_toy(inference::regtest_toy()));
    const ByteView text = as_bytes(work::project_corpus());
    const work::Corpora corpora{{text.begin(), text.end()}};
    StoredNode node;
    std::vector<work::SealedBlock> blocks;
    while (blocks.size() < kToyBlocks) {
        blocks.push_back(mine_one(*node.chain, model, corpora, some_key()));
        const auto result = node.chain->submit(blocks.back(), unix_time_s());
        EXPECT_EQ(result.status, chain::SubmitStatus::kConnected)
            << (result.rejection ? result.rejection->token : "");
    }
    return blocks;
}

}  // namespace

const std::vector<work::SealedBlock>& toy_blocks() {
    static const auto blocks = mine_all();
    return blocks;
}

Hash256 hash_of(const work::SealedBlock& block) { return consensus::block_hash(block.block.header); }
Hash256 genesis_hash() { return consensus::block_hash(consensus::genesis_block(params()).header); }

std::vector<work::SealedHeader> made_up_headers(const consensus::BlockHeader& parent, size_t count,
                                                uint8_t salt) {
    const auto key = some_key();
    std::vector<work::SealedHeader> headers;
    consensus::BlockHeader last = parent;
    while (headers.size() < count) {
        work::SealedHeader made;
        made.seal.model = params().models[0].root;
        made.seal.miner = key.public_key();
        made.seal.seq = 1;
        consensus::Commitment commitment;
        commitment.state_root = {salt};
        commitment.seal_root = work::seal_root(made.seal);
        auto& input = made.coinbase.inputs.emplace_back();
        input.previous = consensus::kNullOutPoint;
        input.script_sig = consensus::height_script(uint32_t(headers.size()) + 1);
        input.script_sig.push_back(0);
        input.witness = {Bytes(32, 0)};
        made.coinbase.outputs = {
            {0, consensus::taproot_script(key.public_key())},
            {0, consensus::witness_commitment_script({})},
            {0, consensus::command_script(consensus::CommandType::kCommitment, encode(commitment))}};
        made.header.previous = consensus::block_hash(last);
        made.header.merkle_root = consensus::txid(made.coinbase);
        made.header.time = last.time + 1;
        made.header.bits = params().genesis_bits;
        made.signature = key.sign(work::header_message(made.header), Hash256{});
        last = made.header;
        headers.push_back(std::move(made));
    }
    return headers;
}

work::SealedBlock block_of(const work::SealedHeader& header) {
    work::SealedBlock block;
    block.block.header = header.header;
    block.block.transactions = {header.coinbase};
    block.seal = header.seal;
    block.signature = header.signature;
    return block;
}

}  // namespace daidd::p2p::test
