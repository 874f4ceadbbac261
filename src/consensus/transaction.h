#pragma once

#include "util/codec.h"

namespace daidd::consensus {

/// Units of 10⁻⁸ DAI. Every amount of the chain is in [0, kMoneyMax].
using Amount = int64_t;
inline constexpr Amount kCoin = 100'000'000;
/// Above every amount that can exist (subsidies sum to 84.096 M DAI); below 2⁵³, so a JSON double is exact.
inline constexpr Amount kMoneyMax = 84'096'000 * kCoin;
static_assert(kMoneyMax < (Amount{1} << 53));
constexpr bool is_money(Amount amount) { return amount >= 0 && amount <= kMoneyMax; }

/// A transaction that does not fit a block is refused while it is read, before memory is taken.
inline constexpr size_t kTxBytesMax = 4'000'000;
/// The least bytes an input and an output take on the wire: bounds the counts.
inline constexpr size_t kTxInputsMax = kTxBytesMax / 41;
inline constexpr size_t kTxOutputsMax = kTxBytesMax / 9;

struct OutPoint {
    Hash256 txid{};
    uint32_t index = 0;

    auto operator<=>(const OutPoint&) const = default;
    bool is_null() const { return txid == kZeroHash && index == 0xffff'ffff; }

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.txid, self.index);
    }
};
/// What the input of a coinbase spends.
inline constexpr OutPoint kNullOutPoint{{}, 0xffff'ffff};

struct TxIn {
    OutPoint previous;
    Bytes script_sig;
    uint32_t sequence = 0xffff'ffff;
    std::vector<Bytes> witness;  ///< on the wire behind all outputs (BIP144), not in the txid

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.previous, bounded(self.script_sig, kTxBytesMax), self.sequence);
    }
};

struct TxOut {
    Amount value = 0;
    Bytes script;

    bool operator==(const TxOut&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.value, bounded(self.script, kTxBytesMax));
    }
};

/// Bitcoin's transaction, byte for byte (BIP144 when any input has a witness).
struct Transaction {
    int32_t version = 2;
    std::vector<TxIn> inputs;
    std::vector<TxOut> outputs;
    uint32_t lock_time = 0;

    bool is_coinbase() const { return inputs.size() == 1 && inputs[0].previous.is_null(); }
    bool has_witness() const;

    template <class Self>
    static void fields(Self& self, Writer& writer) {
        write(self, writer, self.has_witness());
    }
    template <class Self>
    static void fields(Self& self, Reader& reader) {
        read(self, reader);
    }

    static void write(const Transaction& tx, Writer& writer, bool with_witness);
    static void read(Transaction& tx, Reader& reader);
};

/// SHA256d without and with the witness, in wire order (shown reversed).
Hash256 txid(const Transaction& tx);
Hash256 wtxid(const Transaction& tx);

/// BIP141: 3 × size without witness + size with it; and that by four, rounded up.
size_t weight(const Transaction& tx);
size_t virtual_size(const Transaction& tx);

}  // namespace daidd::consensus
