#pragma once

#include "wallet/keyring.h"
#include "wallet/select.h"

namespace daidd::wallet {

/// What is wrong with the outputs of a request, or nothing.
std::optional<Error> check_outputs(const SendRequest& request);

/// Chooses among `coins` those that may be spent (trusted, mature, not locked): confirmed ones, and change
/// that waits for a block only if those are not enough. Requires check_outputs().
Result<Selection, Error> choose_coins(const std::vector<Coin>& coins, const SendRequest& request);

/// The transaction without signatures: outputs as asked, then change to `change_key` if the selection has
/// any. An error if the fee is too high or leaves dust of the first output.
Result<Transaction, Error> build_transaction(const SendRequest& request, const Selection& selection,
                                             const crypto::PublicKey& change_key);

/// Signs every input by key path. `spent` are the outputs it spends, in order, all of the keyring's keys.
void sign_transaction(Transaction& tx, const std::vector<TxOut>& spent, const Keyring& keyring);

}  // namespace daidd::wallet
