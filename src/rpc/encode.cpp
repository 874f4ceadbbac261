#include "rpc/encode.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "consensus/script.h"
#include "crypto/bech32.h"
#include "rpc/amount.h"

namespace daidd::rpc {

using consensus::Transaction;

namespace {

/// The generator of BIP380's checksum, one step.
uint64_t descriptor_step(uint64_t checksum, int value) {
    constexpr uint64_t kGenerators[] = {0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd};
    const uint64_t top = checksum >> 35;
    checksum = ((checksum & 0x7'ffff'ffff) << 5) ^ uint64_t(value);
    for (int bit = 0; bit < 5; ++bit) {
        if ((top >> bit & 1) != 0) checksum ^= kGenerators[bit];
    }
    return checksum;
}

Json input_json(const consensus::TxIn& input, bool coinbase) {
    Json json = Json::object();
    if (coinbase) {
        json["coinbase"] = to_hex(input.script_sig);
    } else {
        json["txid"] = to_hex_reversed(input.previous.txid);
        json["vout"] = input.previous.index;
        json["scriptSig"] = {{"asm", script_asm(input.script_sig)}, {"hex", to_hex(input.script_sig)}};
    }
    if (!input.witness.empty()) {
        Json witness = Json::array();
        for (const Bytes& item : input.witness) witness.push_back(to_hex(item));
        json["txinwitness"] = std::move(witness);
    }
    json["sequence"] = input.sequence;
    return json;
}

size_t stripped_size(const consensus::Block& block) {
    size_t size = consensus::kHeaderBytes;
    Writer count;
    count.compact_size(block.transactions.size());
    size += count.take().size();
    for (const Transaction& tx : block.transactions) {
        Writer writer;
        Transaction::write(tx, writer, /*with_witness=*/false);
        size += writer.take().size();
    }
    return size;
}

}  // namespace

std::string descriptor_checksum(std::string_view descriptor) {
    constexpr std::string_view kInputs =
        "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
    constexpr std::string_view kOutputs = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    uint64_t checksum = 1;
    int classes = 0;
    int pending = 0;
    for (const char c : descriptor) {
        const size_t place = kInputs.find(c);
        if (place == std::string_view::npos) return "";
        checksum = descriptor_step(checksum, int(place & 31));
        classes = classes * 3 + int(place >> 5);
        if (++pending == 3) {
            checksum = descriptor_step(checksum, classes);
            classes = pending = 0;
        }
    }
    if (pending > 0) checksum = descriptor_step(checksum, classes);
    for (int i = 0; i < 8; ++i) checksum = descriptor_step(checksum, 0);
    checksum ^= 1;
    std::string text;
    for (int i = 0; i < 8; ++i) text += kOutputs[checksum >> (5 * (7 - i)) & 31];
    return text;
}

std::string address_of(ByteView script, const consensus::Params& params) {
    const auto key = consensus::taproot_key(script);
    if (!key) return "";
    return crypto::encode_address(params.hrp, {1, Bytes{key->begin(), key->end()}});
}

Json script_json(ByteView script, const consensus::Params& params) {
    const auto key = consensus::taproot_key(script);
    const std::string descriptor = key ? "rawtr(" + to_hex(*key) + ")" : "raw(" + to_hex(script) + ")";
    Json json = {{"asm", script_asm(script)},
                 {"desc", descriptor + "#" + descriptor_checksum(descriptor)},
                 {"hex", to_hex(script)}};
    if (key) json["address"] = address_of(script, params);
    json["type"] = key ? "witness_v1_taproot" : consensus::is_op_return(script) ? "nulldata" : "nonstandard";
    return json;
}

Json transaction_json(const Transaction& tx, const consensus::Params& params, bool with_hex) {
    const Bytes bytes = encode(tx);
    Json inputs = Json::array();
    for (const auto& input : tx.inputs) inputs.push_back(input_json(input, tx.is_coinbase()));
    Json outputs = Json::array();
    for (size_t i = 0; i < tx.outputs.size(); ++i) {
        const auto& output = tx.outputs[i];
        outputs.push_back({{"value", amount_json(output.value)},
                           {"n", i},
                           {"scriptPubKey", script_json(output.script, params)}});
    }
    Json json = {{"txid", to_hex_reversed(consensus::txid(tx))},
                 {"hash", to_hex_reversed(consensus::wtxid(tx))},
                 {"version", uint32_t(tx.version)},
                 {"size", bytes.size()},
                 {"vsize", consensus::virtual_size(tx)},
                 {"weight", consensus::weight(tx)},
                 {"locktime", tx.lock_time},
                 {"vin", std::move(inputs)},
                 {"vout", std::move(outputs)}};
    if (with_hex) json["hex"] = to_hex(bytes);
    return json;
}

double difficulty_of(uint32_t bits) {
    const uint32_t mantissa = bits & 0x00ff'ffff;
    if (mantissa == 0) return 0;
    return std::ldexp(double(0xffff) / double(mantissa), 8 * (29 - int(bits >> 24)));
}

std::string chainwork_hex(const consensus::Uint256& work) { return to_hex_reversed(work.to_bytes()); }

std::string hex32(uint32_t value) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", value);
    return text;
}

int64_t confirmations_of(const chain::Snapshot& snapshot, const chain::HeaderInfo& info) {
    if (!snapshot.in_best_chain(info.hash)) return -1;
    return int64_t(snapshot.tip().height) - int64_t(info.height) + 1;
}

Json header_json(const chain::Snapshot& snapshot, const chain::HeaderInfo& info) {
    const consensus::BlockHeader& header = info.header;
    Json json = {{"hash", to_hex_reversed(info.hash)},
                 {"confirmations", confirmations_of(snapshot, info)},
                 {"height", info.height},
                 {"version", header.version},
                 {"versionHex", hex32(uint32_t(header.version))},
                 {"merkleroot", to_hex_reversed(header.merkle_root)},
                 {"time", header.time},
                 {"mediantime", info.median_time_past},
                 {"nonce", header.nonce},
                 {"bits", hex32(header.bits)},
                 {"difficulty", difficulty_of(header.bits)},
                 {"chainwork", chainwork_hex(info.work)}};
    if (const auto block = snapshot.read_block(info.hash)) json["nTx"] = block->block.transactions.size();
    if (info.height > 0) json["previousblockhash"] = to_hex_reversed(header.previous);
    if (snapshot.in_best_chain(info.hash)) {
        if (const auto next = snapshot.header_at(info.height + 1))
            json["nextblockhash"] = to_hex_reversed(next->hash);
    }
    return json;
}

Json block_json(const chain::Snapshot& snapshot, const chain::HeaderInfo& info, const consensus::Block& block,
                const consensus::Params& params, int verbosity) {
    Json json = header_json(snapshot, info);
    json["strippedsize"] = stripped_size(block);
    json["size"] = encode(block).size();
    json["weight"] = consensus::weight(block);
    Json transactions = Json::array();
    for (const Transaction& tx : block.transactions) {
        if (verbosity < 2) {
            transactions.push_back(to_hex_reversed(consensus::txid(tx)));
        } else {
            transactions.push_back(transaction_json(tx, params, /*with_hex=*/true));
        }
    }
    json["tx"] = std::move(transactions);
    return json;
}

}  // namespace daidd::rpc
