#include "consensus/script.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

constexpr uint8_t kOpPushData1 = 0x4c;
constexpr uint8_t kOpPushData2 = 0x4d;
constexpr uint8_t kOpPushData4 = 0x4e;
constexpr uint8_t kOp1 = 0x51;
constexpr uint8_t kOpReturn = 0x6a;

constexpr std::array<uint8_t, 3> kCommandTag{'d', 'a', 'i'};
constexpr std::array<uint8_t, 4> kWitnessCommitmentTag{0xaa, 0x21, 0xa9, 0xed};

/// The shortest opcode for a push of `size` ≥ 2 bytes (of one byte the number opcodes would be shorter).
void write_push(Writer& writer, ByteView data) {
    const size_t size = data.size();
    if (size < kOpPushData1) {
        writer(uint8_t(size));
    } else if (size <= 0xff) {
        writer(kOpPushData1, uint8_t(size));
    } else if (size <= 0xffff) {
        writer(kOpPushData2, uint16_t(size));
    } else {
        writer(kOpPushData4, uint32_t(size));
    }
    writer.raw(data);
}

/// What a script of OP_RETURN and exactly one minimal push pushes.
std::optional<ByteView> single_push(ByteView script) {
    Reader reader{script};
    uint8_t opcode = 0;
    uint8_t push = 0;
    reader(opcode, push);
    if (opcode != kOpReturn) return std::nullopt;
    uint64_t size = push;
    uint64_t least = 0;
    if (push == kOpPushData1) {
        uint8_t length = 0;
        reader(length);
        size = length;
        least = kOpPushData1;
    } else if (push == kOpPushData2) {
        uint16_t length = 0;
        reader(length);
        size = length;
        least = 0x100;
    } else if (push == kOpPushData4) {
        uint32_t length = 0;
        reader(length);
        size = length;
        least = 0x1'0000;
    } else if (push > kOpPushData4) {
        return std::nullopt;
    }
    if (reader.error() || size < least || reader.rest().size() != size) return std::nullopt;
    return reader.rest();
}

}  // namespace

Bytes taproot_script(const crypto::PublicKey& output_key) {
    Bytes script{kOp1, uint8_t(output_key.size())};
    script.insert(script.end(), output_key.begin(), output_key.end());
    return script;
}

std::optional<crypto::PublicKey> taproot_key(ByteView script) {
    crypto::PublicKey key{};
    if (script.size() != 2 + key.size() || script[0] != kOp1 || script[1] != key.size()) return std::nullopt;
    std::copy(script.begin() + 2, script.end(), key.begin());
    return key;
}

Bytes command_script(CommandType type, ByteView payload) {
    assert(payload.size() <= kCommandBytesMax);
    Writer data;
    data(kCommandTag, uint8_t(type));
    data.raw(payload);
    return op_return_script(data.take());
}

std::optional<CommandPush> parse_command(ByteView script) {
    const auto push = single_push(script);
    if (!push || push->size() < kCommandTag.size() + 1) return std::nullopt;
    if (!std::equal(kCommandTag.begin(), kCommandTag.end(), push->begin())) return std::nullopt;
    return CommandPush{(*push)[kCommandTag.size()], push->subspan(kCommandTag.size() + 1)};
}

bool is_op_return(ByteView script) { return !script.empty() && script[0] == kOpReturn; }

Bytes op_return_script(ByteView data) {
    assert(data.size() >= 2);
    Writer writer;
    writer(kOpReturn);
    write_push(writer, data);
    return writer.take();
}

Bytes witness_commitment_script(const Hash256& commitment) {
    Writer data;
    data(kWitnessCommitmentTag, commitment);
    return op_return_script(data.take());
}

bool is_witness_commitment(ByteView script) {
    const auto push = single_push(script);
    return push && push->size() == kWitnessCommitmentTag.size() + kZeroHash.size() &&
           std::equal(kWitnessCommitmentTag.begin(), kWitnessCommitmentTag.end(), push->begin());
}

Bytes height_script(uint32_t height) {
    if (height == 0) return {0};
    if (height <= 16) return {uint8_t(kOp1 - 1 + height)};
    // A script number: little-endian, the highest bit is the sign.
    Bytes number;
    for (uint32_t rest = height; rest != 0; rest >>= 8) number.push_back(uint8_t(rest));
    if ((number.back() & 0x80) != 0) number.push_back(0);
    number.insert(number.begin(), uint8_t(number.size()));
    return number;
}

SignatureHasher::SignatureHasher(const Transaction& tx, const std::vector<TxOut>& spent) {
    assert(spent.size() == tx.inputs.size());
    Writer prevouts;
    Writer amounts;
    Writer scripts;
    Writer sequences;
    Writer outputs;
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        prevouts(tx.inputs[i].previous);
        amounts(spent[i].value);
        scripts(bounded(spent[i].script, kTxBytesMax));
        sequences(tx.inputs[i].sequence);
    }
    for (const TxOut& output : tx.outputs) outputs(output);

    constexpr uint8_t kEpoch = 0;
    constexpr uint8_t kSighashDefault = 0;
    constexpr uint8_t kKeyPathNoAnnex = 0;
    Writer common;
    common(kEpoch, kSighashDefault, tx.version, tx.lock_time, crypto::sha256(prevouts.take()),
           crypto::sha256(amounts.take()), crypto::sha256(scripts.take()), crypto::sha256(sequences.take()),
           crypto::sha256(outputs.take()), kKeyPathNoAnnex);
    common_ = common.take();
}

Hash256 SignatureHasher::hash(size_t input) const {
    Writer index;
    index(uint32_t(input));
    return crypto::tagged_hash("TapSighash", {common_, index.take()});
}

Hash256 signature_hash(const Transaction& tx, size_t input, const std::vector<TxOut>& spent) {
    assert(input < tx.inputs.size());
    return SignatureHasher{tx, spent}.hash(input);
}

}  // namespace daidd::consensus
