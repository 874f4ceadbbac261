#include "consensus/transaction.h"

#include <algorithm>

#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

/// BIP144: an empty input list is the marker, and the flag's only defined bit says "witnesses follow".
constexpr uint8_t kMarker = 0;
constexpr uint8_t kWitnessFlag = 1;

/// A witness item takes at least its length byte.
constexpr size_t kWitnessItemsMax = kTxBytesMax;

void read_witness(std::vector<Bytes>& witness, Reader& reader) {
    const uint64_t count = reader.compact_size();
    if (count > kWitnessItemsMax) return reader.fail(DecodeError::kOverLimit);
    if (count > reader.rest().size()) return reader.fail(DecodeError::kTruncated);
    for (uint64_t i = 0; i < count && !reader.error(); ++i)
        reader(bounded(witness.emplace_back(), kTxBytesMax));
}

Bytes serialize(const Transaction& tx, bool with_witness) {
    Writer writer;
    Transaction::write(tx, writer, with_witness);
    return writer.take();
}

}  // namespace

bool Transaction::has_witness() const {
    return std::any_of(inputs.begin(), inputs.end(), [](const TxIn& in) { return !in.witness.empty(); });
}

void Transaction::write(const Transaction& tx, Writer& writer, bool with_witness) {
    writer(tx.version);
    if (with_witness) writer(kMarker, kWitnessFlag);
    writer(bounded(tx.inputs, kTxInputsMax), bounded(tx.outputs, kTxOutputsMax));
    if (with_witness) {
        for (const TxIn& in : tx.inputs) {
            writer.compact_size(in.witness.size());
            for (const Bytes& item : in.witness) writer(bounded(item, kTxBytesMax));
        }
    }
    writer(tx.lock_time);
}

void Transaction::read(Transaction& tx, Reader& reader) {
    tx = Transaction{};
    uint8_t flags = 0;
    reader(tx.version, bounded(tx.inputs, kTxInputsMax));
    if (tx.inputs.empty()) {
        // Core reads flags 0 here as "no inputs and no outputs".
        reader(flags);
        if (flags != 0) reader(bounded(tx.inputs, kTxInputsMax), bounded(tx.outputs, kTxOutputsMax));
    } else {
        reader(bounded(tx.outputs, kTxOutputsMax));
    }
    if ((flags & kWitnessFlag) != 0) {
        flags ^= kWitnessFlag;
        for (TxIn& in : tx.inputs) read_witness(in.witness, reader);
        // Two encodings of one transaction would be two wtxids of it.
        if (!reader.error() && !tx.has_witness()) reader.fail(DecodeError::kNotCanonical);
    }
    if (flags != 0) reader.fail(DecodeError::kNotCanonical);
    reader(tx.lock_time);
}

Hash256 txid(const Transaction& tx) { return crypto::sha256d(serialize(tx, false)); }

Hash256 wtxid(const Transaction& tx) { return crypto::sha256d(serialize(tx, tx.has_witness())); }

size_t weight(const Transaction& tx) {
    return 3 * serialize(tx, false).size() + serialize(tx, tx.has_witness()).size();
}

size_t virtual_size(const Transaction& tx) { return (weight(tx) + 3) / 4; }

}  // namespace daidd::consensus
