#pragma once

#include "consensus/check.h"

namespace daidd::consensus::test {

/// A key whose secret is `number`, 1 to 255.
inline crypto::PublicKey key(uint8_t number) {
    Hash256 secret{};
    secret[31] = number;
    return crypto::SecretKey::from_bytes(secret)->public_key();
}
/// x = 5 is on no point of the curve.
inline constexpr crypto::PublicKey kOffCurve = [] {
    crypto::PublicKey bytes{};
    bytes[31] = 5;
    return bytes;
}();

/// A chain with one model of 256 tokens and one corpus.
inline Params chain() {
    BaseModel model{.name = "model", .root = {1}, .manifest = {}, .first_height = 0};
    model.manifest = {.unit_tokens = 32,
                      .vocabulary = 256,
                      .tensors = 3,
                      .linears = {{72, 144}, {144, 72}},
                      .operations = {{0, 0, 0}, {1, 1, 1}, {2, 1, 2}},
                      .constants_root = Hash256{7}};
    return regtest_params_with({model}, {{.name = "corpus", .root = {2}, .tokens = 1200}});
}

/// Spends one made-up coin to one key.
inline Transaction payment() {
    Transaction tx;
    tx.inputs = {{.previous = {{3}, 1}, .script_sig = {}, .witness = {Bytes(64, 9)}}};
    tx.outputs = {{kCoin, taproot_script(key(1))}};
    return tx;
}

inline JobCommand job() {
    JobCommand job;
    job.model = {1};
    job.answer_tokens_max = 8;
    job.refund = key(2);
    job.deadline = 100;
    job.prompt = {1, 2, 255};
    return job;
}

inline ReceiptCommand receipt() {
    ReceiptCommand receipt;
    receipt.job = {4};
    receipt.worker = key(3);
    receipt.answer = {5, 6};
    return receipt;
}

template <class Command>
Transaction command_payment(CommandType type, const Command& command) {
    Transaction tx = payment();
    tx.outputs.push_back({kCoin, command_script(type, encode(command))});
    return tx;
}

inline Transaction coinbase() {
    Transaction tx;
    tx.inputs = {{.previous = kNullOutPoint, .script_sig = {0x51, 0x00}, .witness = {Bytes(32, 0)}}};
    const Commitment commitment{.state_root = {8}, .seal_root = {9}};
    tx.outputs = {{28 * kCoin, taproot_script(key(4))},
                  {0, witness_commitment_script({})},
                  {0, command_script(CommandType::kCommitment, encode(commitment))}};
    return tx;
}

/// Makes commitment and merkle root of a changed block right again.
inline void seal(Block& block) {
    block.transactions[0].outputs[1].script =
        witness_commitment_script(witness_commitment(block.transactions));
    block.header.merkle_root = transactions_root(block.transactions);
}

inline Block block() {
    Block block;
    block.transactions = {coinbase(), payment(), command_payment(CommandType::kJob, job())};
    block.transactions[2].inputs[0].previous.index = 2;
    seal(block);
    return block;
}

}  // namespace daidd::consensus::test
