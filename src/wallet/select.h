#pragma once

#include "util/result.h"
#include "wallet/types.h"

namespace daidd::wallet {

struct Candidate {
    OutPoint outpoint;
    Amount value = 0;
};

/// What the selected coins must pay for.
struct Payment {
    std::vector<TxOut> outputs;
    FeeRate fee_rate = 0;
    bool subtract_fee = false;  ///< the fee comes out of the outputs: coins need not cover it
};

struct Selection {
    std::vector<Candidate> coins;
    std::optional<Amount> change;  ///< value of the change output, if there is one
    Amount fee = 0;                ///< all that the transaction pays
    Amount deducted = 0;           ///< the part that subtract_fee takes off the outputs
};

/// Weight (BIP141) of a transaction that spends `inputs` taproot outputs by key path with SIGHASH_DEFAULT,
/// and that pays `outputs` and, if so, one taproot output more.
size_t signed_weight(size_t inputs, const std::vector<TxOut>& outputs, bool change);
/// Rounded up.
Amount fee_of(FeeRate rate, size_t weight);

/// Chooses among `candidates`, the same ones for the same arguments: a set that needs no change if a short
/// search finds one, else the smallest single coin that is enough, else the largest ones. Coins worth less
/// than their own input are left. Errors: kInsufficientFunds, kTooManyInputs.
Result<Selection, Error> select_coins(std::vector<Candidate> candidates, const Payment& payment);

}  // namespace daidd::wallet
