#pragma once

#include "util/codec.h"

namespace daidd::ledger {

/// What the ledger's keys are about. kCoin … kTreasury is what the chain state is; the others are derived
/// from it and kept so that nothing is searched. Heights are u32 big-endian, so that keys sort by them.
/// Reaches disk: never renumber one.
enum class Table : uint8_t {
    kCoin = 0,      ///< txid ‖ index u32 big-endian → Coin
    kJob = 1,       ///< id → JobRecord
    kReceipt = 2,   ///< id → ReceiptRecord
    kTreasury = 3,  ///< 32 zero bytes → TreasuryRecord
    kNode = 4,      ///< inner nodes of the state tree
    kPool = 5,      ///< height → receipts committed in that block, in chain order
    kSchedule = 6,  ///< height → records whose time comes then
    kOpenJob = 7,   ///< height ‖ id → one byte, for every job that is open
    kJobOrder = 8,  ///< height → jobs opened in that block, in chain order
};

/// The state as one block sees it: reads see earlier writes of the same view. Whoever implements it (chain/)
/// records the old value of every key that is written, so undo restores the state exactly.
class StateView {
public:
    virtual ~StateView() = default;
    virtual std::optional<Bytes> get(Table table, ByteView key) const = 0;
    virtual void put(Table table, ByteView key, Bytes value) = 0;
    virtual void erase(Table table, ByteView key) = 0;
};

}  // namespace daidd::ledger
