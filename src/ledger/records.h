#pragma once

#include "consensus/command.h"
#include "work/unit.h"

namespace daidd::ledger {

using consensus::Amount;

/// An output that can be spent.
struct Coin {
    consensus::TxOut output;
    uint32_t height = 0;
    uint8_t coinbase = 0;  ///< 1 if from a coinbase: spendable `maturity` blocks later
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.output, self.height, self.coinbase);
    }
};

/// Reaches state roots: never renumber one.
enum class JobStatus : uint8_t { kOpen = 0, kAnswered = 1, kSettled = 2, kRefunded = 3 };

struct JobRecord {
    consensus::JobCommand job;
    Amount escrow = 0;
    uint32_t height = 0;  ///< of its block
    uint8_t status = 0;   ///< JobStatus
    Hash256 receipt{};    ///< zeros until answered
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.job, self.escrow, self.height, self.status, self.receipt);
    }
};

struct ReceiptRecord {
    consensus::ReceiptCommand receipt;
    Amount bond = 0;
    uint32_t height = 0;
    uint8_t settled = 0;
    Amount cost = 0;  ///< of the answer: worker_share + treasury_share
    Amount worker_share = 0;
    Amount treasury_share = 0;  ///< also its slots in the pool
    Hash256 tokens_root{};
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.receipt, self.bond, self.height, self.settled, self.cost, self.worker_share,
              self.treasury_share, self.tokens_root);
    }
};

struct TreasuryRecord {
    Amount balance = 0;
    Amount from_subsidy = 0;  ///< in all
    Amount from_fees = 0;     ///< in all
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.balance, self.from_subsidy, self.from_fees);
    }
};

}  // namespace daidd::ledger
