#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "chain/chain.h"

// Brings headers and blocks to a chain that has only its genesis block. The input is a list of patches
// (offset u24, byte) to a block that nobody worked for: its sealed header is valid, its seal is not. Nothing
// may ever be credited, and what is decoded has one encoding.

namespace daidd::chain {
namespace {

const consensus::Params& params() { return consensus::regtest_params(); }

struct Fixture {
    std::string directory;
    std::unique_ptr<store::Database> database;
    std::unique_ptr<Chain> chain;
    Bytes block, header;
    Hash256 hash{};
    int64_t now_s = int64_t{params().genesis_time} + 1'000;

    Fixture() {
        std::string pattern = std::filesystem::temp_directory_path().string() + "/daidd_fuzz_XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        directory = pattern;
        store::Options options;
        options.durable = false;
        database = std::make_unique<store::Database>(directory, Chain::tables(), options);
        chain = *Chain::open(*database, params());
        make_block();
    }
    ~Fixture() {
        chain.reset();
        database.reset();
        std::filesystem::remove_all(directory);
    }

    void make_block() {
        Hash256 secret{};
        secret.fill(9);
        const auto key = *crypto::SecretKey::from_bytes(secret);
        work::SealedBlock made;
        made.seal.model = params().models[0].root;
        made.seal.miner = key.public_key();
        made.seal.seq = 1;
        consensus::Transaction coinbase;
        auto& input = coinbase.inputs.emplace_back();
        input.previous = consensus::kNullOutPoint;
        input.script_sig = {0x51, 0};
        input.witness = {Bytes(32, 0)};
        coinbase.outputs = {
            {consensus::kCoin, consensus::taproot_script(key.public_key())},
            {0, consensus::witness_commitment_script(consensus::witness_commitment({coinbase}))},
            {0, consensus::command_script(
                    consensus::CommandType::kCommitment,
                    encode(consensus::Commitment{Hash256{1}, work::seal_root(made.seal)}))}};
        const auto genesis = consensus::genesis_block(params()).header;
        auto& header_made = made.block.header;
        made.block.transactions = {coinbase};
        header_made.previous = consensus::block_hash(genesis);
        header_made.merkle_root = consensus::transactions_root(made.block.transactions);
        header_made.time = genesis.time + 1;
        header_made.bits = params().genesis_bits;
        made.signature = key.sign(work::header_message(header_made), Hash256{});
        block = encode(made);
        header = encode(work::sealed_header(made));
        hash = consensus::block_hash(header_made);
        if (chain->accept_header(work::sealed_header(made), now_s)) std::abort();
    }
};

Bytes patched(Bytes bytes, ByteView patches) {
    for (; patches.size() >= 4; patches = patches.subspan(4)) {
        const size_t offset = patches[0] | size_t{patches[1]} << 8 | size_t{patches[2]} << 16;
        bytes[offset % bytes.size()] = patches[3];
    }
    return bytes;
}

void take_block(Fixture& fixture, const Bytes& bytes) {
    const auto block = decode<work::SealedBlock>(bytes);
    if (!block) return;
    if (encode(*block) != bytes) std::abort();
    (void)consensus::check_block(block->block, params());
    if (fixture.chain->submit(*block, fixture.now_s).status != SubmitStatus::kRejected) std::abort();
    const auto info = fixture.chain->snapshot()->find_header(fixture.hash);
    if (!info || info->have_block || info->failed) std::abort();
}

void take_header(Fixture& fixture, const Bytes& bytes) {
    const auto header = decode<work::SealedHeader>(bytes);
    if (!header) return;
    if (encode(*header) != bytes) std::abort();
    const auto rejection = fixture.chain->accept_header(*header, fixture.now_s);
    // The signature, which the hash does not cover, is not looked at again for a header that is known.
    if (!rejection && consensus::block_hash(header->header) != fixture.hash) std::abort();
}

}  // namespace
}  // namespace daidd::chain

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::chain;
    static Fixture fixture;
    if (size == 0) return 0;
    const daidd::ByteView rest{data + 1, size - 1};
    const daidd::Bytes raw{rest.begin(), rest.end()};
    switch (data[0] % 4) {
    case 0: take_block(fixture, patched(fixture.block, rest)); break;
    case 1: take_block(fixture, raw); break;
    case 2: take_header(fixture, patched(fixture.header, rest)); break;
    case 3: take_header(fixture, raw); break;
    }
    return 0;
}
