#include "chain/spoils.h"

#include <ostream>

namespace daidd::chain {
namespace {

constexpr uint32_t kDriftS = 600;

void sign(Victim& v) { v.sealer.sign(v.block); }
void finish(Victim& v) { v.sealer.finish(v.block); }

/// Roots and signature over a body whose first transaction is no coinbase any more.
void finish_root(Victim& v) {
    v.header().merkle_root = consensus::transactions_root(v.block.block.transactions);
    sign(v);
}

void set_state_root(Victim& v, const Hash256& root) {
    auto commitment = consensus::coinbase_commitment(v.coinbase());
    commitment.state_root = root;
    v.coinbase().outputs[2].script =
        consensus::command_script(consensus::CommandType::kCommitment, encode(commitment));
    finish(v);
}

}  // namespace

void PrintTo(const Spoil& spoil, std::ostream* out) { *out << spoil.name; }

const std::vector<Spoil> kUncredited = {
    {"unknown_parent", [](Victim& v) { v.header().previous[0] ^= 1, sign(v); }, "prev-blk-not-found", true,
     false},
    {"version", [](Victim& v) { v.header().version = 3, sign(v); }, "bad-version"},
    {"bits", [](Victim& v) { v.header().bits -= 1, sign(v); }, "bad-diffbits"},
    {"nonce", [](Victim& v) { v.header().nonce = 1, sign(v); }, "bad-nonce"},
    {"too_old", [](Victim& v) { v.header().time = v.median_time_past, sign(v); }, "time-too-old"},
    {"too_new", [](Victim& v) { v.header().time = uint32_t(kNowS) + kDriftS + 1, sign(v); }, "time-too-new",
     true, false},
    {"body_of_another_block", [](Victim& v) { v.block.block.transactions.pop_back(); }, "bad-txnmrklroot"},
    {"coinbase_of_another_block", [](Victim& v) { ++v.coinbase().outputs[0].value; }, "bad-txnmrklroot"},
    {"no_coinbase",
     [](Victim& v) {
         v.block.block.transactions.erase(v.block.block.transactions.begin());
         finish_root(v);
     },
     "bad-cb-missing"},
    {"coinbase_outputs", [](Victim& v) { v.coinbase().outputs.resize(2), finish_root(v); }, "bad-cb-outputs"},
    {"unsigned", [](Victim& v) { ++v.header().time; }, "bad-header-signature"},
    {"signature_of_another", [](Victim& v) { Sealer{2}.sign(v.block); }, "bad-header-signature"},
    {"seal_of_another_miner", [](Victim& v) { v.block.seal.miner = key_of(2).public_key(), finish(v); },
     "seal: miner"},
    {"seal_changed", [](Victim& v) { ++v.block.seal.lane; }, "seal: seal root"},
    {"unknown_model", [](Victim& v) { v.block.seal.model[0] ^= 1, finish(v); }, "seal: model"},
    {"start_unit", [](Victim& v) { v.block.seal.seq = 0, finish(v); }, "seal: seq"},
    {"losing_ticket", [](Victim& v) { v.block.seal.ticket.fill(0xff), finish(v); }, "seal: ticket bound"},
    {"too_few_rows", [](Victim& v) { v.block.witness.rows.pop_back(); }, "seal: sizes", false},
    {"other_weights", [](Victim& v) { v.block.witness.weights[0].bytes[0] ^= 1; }, "seal: weight path",
     false},
    {"invented_ticket", [](Victim& v) { v.block.seal.ticket = {}, finish(v); }, "seal: ticket", false},
};

const std::vector<Spoil> kMutated = {
    {"last_transaction_twice",
     [](Victim& v) { v.block.block.transactions.push_back(v.block.block.transactions.back()); },
     "bad-txns-duplicate", false},
    {"witness_of_a_payment", [](Victim& v) { v.payment().inputs[0].witness[0][0] ^= 1; },
     "bad-witness-merkle-match", false},
    {"no_coinbase_witness", [](Victim& v) { v.coinbase().inputs[0].witness.clear(); },
     "bad-witness-nonce-size", false},
};

const std::vector<Spoil> kBroken = {
    {"transaction_version", [](Victim& v) { v.payment().version = 3, finish(v); }, "bad-txns-version", false},
    {"output_script", [](Victim& v) { v.payment().outputs[0].script = {0x51}, finish(v); },
     "bad-txns-vout-script", false},
    {"coinbase_script", [](Victim& v) { v.coinbase().inputs[0].script_sig.resize(101), finish(v); },
     "bad-cb-length", false},
    {"two_coinbases",
     [](Victim& v) {
         v.payment().inputs[0].previous = consensus::kNullOutPoint;
         v.payment().inputs[0].script_sig = {0, 0};
         finish(v);
     },
     "bad-cb-multiple", false},
    {"spends_nothing", [](Victim& v) { v.payment().inputs[0].previous.index += 7, finish(v); },
     "bad-txns-inputs-missingorspent", false},
    {"signature_of_a_payment", [](Victim& v) { v.payment().inputs[0].witness[0][0] ^= 1, finish(v); },
     "mandatory-script-verify-flag-failed", false},
    {"a_unit_too_much", [](Victim& v) { ++v.coinbase().outputs[0].value, finish(v); }, "bad-cb-amount",
     false},
    {"a_unit_too_little", [](Victim& v) { --v.coinbase().outputs[0].value, finish(v); }, "bad-cb-amount",
     false},
    {"payout_that_is_not_due",
     [](Victim& v) {
         v.coinbase().outputs.push_back({1, v.coinbase().outputs[0].script});
         finish(v);
     },
     "bad-cb-payouts", false},
    {"height_of_another_block",
     [](Victim& v) { v.coinbase().inputs[0].script_sig = consensus::height_script(1'000), finish(v); },
     "bad-cb-height", false},
    {"state_root", [](Victim& v) { set_state_root(v, kZeroHash); }, "bad-state-root", false},
};

BaseWithVictim::BaseWithVictim() {
    Payer payer{key_of(1)};
    const auto snapshot = chain->snapshot();
    const auto first = payer.plain(*snapshot, consensus::kCoin);
    const auto second = payer.plain(*snapshot, 2 * consensus::kCoin);
    honest = sealer.seal(*chain, {first, second});
}

work::SealedBlock BaseWithVictim::spoiled(const Spoil& spoil) {
    Victim victim{honest, sealer, chain->snapshot()->tip().median_time_past};
    spoil.spoil(victim);
    return victim.block;
}

}  // namespace daidd::chain
