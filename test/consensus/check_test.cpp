#include "consensus/check.h"

#include <gtest/gtest.h>

#include <functional>

#include "consensus/fixtures.h"

namespace daidd::consensus {
namespace {

using test::key;
using test::kOffCurve;

std::string_view token_of(const std::optional<Broken>& broken) { return broken ? broken->token : "valid"; }

template <class Command>
void change_command(Transaction& tx, CommandType type, Command command,
                    const std::function<void(Command&)>& change) {
    change(command);
    tx.outputs.push_back({kCoin, command_script(type, encode(command))});
}
auto with_job(std::function<void(JobCommand&)> change) {
    return [=](Transaction& tx) { change_command(tx, CommandType::kJob, test::job(), change); };
}
/// A job that asks for a result: no tokens, so no numbers for choosing them.
auto with_result_job(
    JobKind kind, std::function<void(JobCommand&)> change = [](JobCommand&) {}) {
    return with_job([=](JobCommand& job) {
        job.kind = uint8_t(kind);
        job.answer_tokens_max = 0;
        change(job);
    });
}
auto with_receipt(std::function<void(ReceiptCommand&)> change) {
    return [=](Transaction& tx) { change_command(tx, CommandType::kReceipt, test::receipt(), change); };
}

/// Each case spoils one thing in a valid payment. A new rule is a new line here.
struct TransactionCase {
    std::string_view name;
    std::function<void(Transaction&)> spoil;
    std::string_view token;
};
const TransactionCase kTransactionCases[] = {
    {"valid", [](Transaction&) {}, "valid"},
    {"no_input", [](Transaction& tx) { tx.inputs.clear(); }, "bad-txns-vin-empty"},
    {"no_output", [](Transaction& tx) { tx.outputs.clear(); }, "bad-txns-vout-empty"},
    // 4 · (10 + 41 + 43 + output of 8 + 5 + data) = 4,000,000 with 999,893 bytes of script.
    {"largest",
     [](Transaction& tx) {
         tx.outputs.push_back({0, Bytes(999'893, 0x6a)});
     },
     "valid"},
    {"larger",
     [](Transaction& tx) {
         tx.outputs.push_back({0, Bytes(999'894, 0x6a)});
     },
     "bad-txns-oversize"},
    {"negative", [](Transaction& tx) { tx.outputs[0].value = -1; }, "bad-txns-vout-negative"},
    {"zero", [](Transaction& tx) { tx.outputs[0].value = 0; }, "valid"},
    {"all_money", [](Transaction& tx) { tx.outputs[0].value = kMoneyMax; }, "valid"},
    {"more_money", [](Transaction& tx) { tx.outputs[0].value = kMoneyMax + 1; }, "bad-txns-vout-toolarge"},
    {"sum",
     [](Transaction& tx) {
         tx.outputs[0].value = kMoneyMax;
         tx.outputs.push_back({1, taproot_script(key(1))});
     },
     "bad-txns-txouttotal-toolarge"},
    {"input_twice", [](Transaction& tx) { tx.inputs.push_back(tx.inputs[0]); }, "bad-txns-inputs-duplicate"},
    {"null_input",
     [](Transaction& tx) {
         tx.inputs.push_back(tx.inputs[0]);
         tx.inputs[1].previous = kNullOutPoint;
     },
     "bad-txns-prevout-null"},
    {"script_sig", [](Transaction& tx) { tx.inputs[0].script_sig = {0}; },
     "mandatory-script-verify-flag-failed"},
    {"version_0", [](Transaction& tx) { tx.version = 0; }, "bad-txns-version"},
    {"version_1", [](Transaction& tx) { tx.version = 1; }, "valid"},
    {"version_3", [](Transaction& tx) { tx.version = 3; }, "bad-txns-version"},
    {"legacy_output", [](Transaction& tx) { tx.outputs[0].script = *parse_hex("51"); },
     "bad-txns-vout-script"},
    {"empty_output", [](Transaction& tx) { tx.outputs[0].script.clear(); }, "bad-txns-vout-script"},
    {"off_curve", [](Transaction& tx) { tx.outputs[0].script = taproot_script(kOffCurve); },
     "bad-txns-vout-script"},
    {"data",
     [](Transaction& tx) {
         tx.outputs.push_back({0, op_return_script(Bytes(80, 1))});
     },
     "valid"},
    // Commands.
    {"job", with_job([](JobCommand&) {}), "valid"},
    {"commitment_outside_a_coinbase",
     [](Transaction& tx) {
         tx.outputs.push_back({0, command_script(CommandType::kCommitment, {})});
     },
     "bad-command-type"},
    {"type_3",
     [](Transaction& tx) {
         tx.outputs.push_back({0, command_script(CommandType(kCommandTypeLast + 1), {})});
     },
     "bad-command-type"},
    {"short_payload",
     [](Transaction& tx) {
         tx.outputs.push_back({0, command_script(CommandType::kJob, {})});
     },
     "bad-command-payload"},
    {"long_payload",
     [](Transaction& tx) {
         Bytes payload = encode(test::job());
         payload.push_back(0);
         tx.outputs.push_back({0, command_script(CommandType::kJob, payload)});
     },
     "bad-command-payload"},
    {"huge_payload",
     [](Transaction& tx) {
         Bytes data{'d', 'a', 'i', 1};
         data.resize(4 + kCommandBytesMax + 1);
         tx.outputs.push_back({0, op_return_script(data)});
     },
     "bad-command-payload"},
    {"job_model", with_job([](JobCommand& job) { job.model[0] ^= 1; }), "bad-job-model"},
    {"job_adapter", with_job([](JobCommand& job) { job.adapter[0] = 1; }), "bad-job-adapter"},
    {"job_train", with_result_job(JobKind::kTrain), "bad-job-kind"},
    {"job_kind_of_no_name", with_result_job(JobKind(5)), "bad-job-kind"},
    {"job_eval", with_result_job(JobKind::kEval), "valid"},
    {"job_embed", with_result_job(JobKind::kEmbed), "valid"},
    {"job_index", with_result_job(JobKind::kIndex), "valid"},
    {"job_eval_answer", with_result_job(JobKind::kEval, [](JobCommand& job) { job.answer_tokens_max = 1; }),
     "bad-job-answer-max"},
    {"job_embed_temperature",
     with_result_job(JobKind::kEmbed, [](JobCommand& job) { job.sampling.temperature = 1; }),
     "bad-job-sampling"},
    {"job_index_min_p", with_result_job(JobKind::kIndex, [](JobCommand& job) { job.sampling.min_p = 1; }),
     "bad-job-sampling"},
    {"job_eval_seed", with_result_job(JobKind::kEval, [](JobCommand& job) { job.sampling.seed = 1; }),
     "bad-job-sampling"},
    {"job_eval_of_one_token", with_result_job(JobKind::kEval, [](JobCommand& job) { job.prompt = {1}; }),
     "bad-job-prompt"},
    {"job_eval_of_two_tokens",
     with_result_job(JobKind::kEval,
                     [](JobCommand& job) {
                         job.prompt = {1, 2};
                     }),
     "valid"},
    {"job_index_of_a_separator", with_result_job(JobKind::kIndex, [](JobCommand& job) { job.prompt = {1}; }),
     "bad-job-prompt"},
    {"job_index_of_two_tokens",
     with_result_job(JobKind::kIndex,
                     [](JobCommand& job) {
                         job.prompt = {1, 2};
                     }),
     "valid"},
    {"job_embed_of_one_token", with_result_job(JobKind::kEmbed, [](JobCommand& job) { job.prompt = {1}; }),
     "valid"},
    {"job_answer_none", with_job([](JobCommand& job) { job.answer_tokens_max = 0; }), "bad-job-answer-max"},
    {"job_answer_most", with_job([](JobCommand& job) { job.answer_tokens_max = 4096; }), "valid"},
    {"job_answer_more", with_job([](JobCommand& job) { job.answer_tokens_max = 4097; }),
     "bad-job-answer-max"},
    {"job_hottest", with_job([](JobCommand& job) { job.sampling.temperature = kTemperatureMax; }), "valid"},
    {"job_hotter", with_job([](JobCommand& job) { job.sampling.temperature = kTemperatureMax + 1; }),
     "bad-job-sampling"},
    {"job_min_p", with_job([](JobCommand& job) { job.sampling.min_p = kMinPMax; }), "valid"},
    {"job_min_p_more", with_job([](JobCommand& job) { job.sampling.min_p = kMinPMax + 1; }),
     "bad-job-sampling"},
    {"job_any_worker", with_job([](JobCommand& job) { job.worker = {}; }), "valid"},
    {"job_worker", with_job([](JobCommand& job) { job.worker = kOffCurve; }), "bad-job-worker"},
    {"job_refund", with_job([](JobCommand& job) { job.refund = {}; }), "bad-job-refund"},
    {"job_no_prompt", with_job([](JobCommand& job) { job.prompt.clear(); }), "bad-job-prompt"},
    {"job_longest_prompt", with_job([](JobCommand& job) { job.prompt.resize(8192); }), "valid"},
    {"job_longer_prompt", with_job([](JobCommand& job) { job.prompt.resize(8193); }), "bad-job-prompt"},
    {"job_token", with_job([](JobCommand& job) { job.prompt[1] = 256; }), "bad-job-token"},
    {"receipt", with_receipt([](ReceiptCommand&) {}), "valid"},
    {"receipt_worker", with_receipt([](ReceiptCommand& receipt) { receipt.worker = kOffCurve; }),
     "bad-receipt-worker"},
    {"receipt_empty", with_receipt([](ReceiptCommand& receipt) { receipt.answer.clear(); }),
     "bad-receipt-answer"},
    {"receipt_longest", with_receipt([](ReceiptCommand& receipt) { receipt.answer.resize(4096); }), "valid"},
    {"receipt_longer", with_receipt([](ReceiptCommand& receipt) { receipt.answer.resize(4097); }),
     "bad-receipt-answer"},
    {"receipt_result", with_receipt([](ReceiptCommand& receipt) {
         receipt.answer.clear();
         receipt.result.resize(1);
     }),
     "valid"},
    {"receipt_longest_result", with_receipt([](ReceiptCommand& receipt) {
         receipt.answer.clear();
         receipt.result.resize(kResultBytesMax);
     }),
     "valid"},
    {"receipt_longer_result", with_receipt([](ReceiptCommand& receipt) {
         receipt.answer.clear();
         receipt.result.resize(kResultBytesMax + 1);
     }),
     "bad-command-payload"},
    {"receipt_answer_and_result", with_receipt([](ReceiptCommand& receipt) { receipt.result.resize(1); }),
     "bad-receipt-result"},
};

TEST(CheckTransaction, FindsTheBrokenRule) {
    const Params params = test::chain();
    for (const TransactionCase& test : kTransactionCases) {
        Transaction tx = test::payment();
        test.spoil(tx);
        EXPECT_EQ(token_of(check_transaction(tx, params)), test.token) << test.name;
    }
}

TEST(CheckTransaction, BoundsACoinbasesScript) {
    const Params params = test::chain();
    for (const auto& [size, token] : {std::pair<size_t, const char*>{1, "bad-cb-length"},
                                      {2, "valid"},
                                      {100, "valid"},
                                      {101, "bad-cb-length"}}) {
        Transaction tx = test::coinbase();
        tx.inputs[0].script_sig = Bytes(size, 0x51);
        EXPECT_EQ(token_of(check_transaction(tx, params)), token) << size;
    }
}

TEST(CheckTransaction, EveryPrefixOfAPayloadIsBroken) {
    const Params params = test::chain();
    const Bytes whole = encode(test::receipt());
    for (size_t size = 0; size < whole.size(); ++size) {
        Transaction tx = test::payment();
        tx.outputs.push_back({0, command_script(CommandType::kReceipt, ByteView{whole}.first(size))});
        EXPECT_EQ(token_of(check_transaction(tx, params)), "bad-command-payload") << size;
    }
}

/// Spoils a valid block before its roots are made right again (`resealed`) or after.
struct BlockCase {
    std::string_view name;
    bool resealed;
    std::function<void(Block&)> spoil;
    std::string_view token;
    bool mutation;
};
const BlockCase kBlockCases[] = {
    {"valid", true, [](Block&) {}, "valid", false},
    {"other_root", false, [](Block& b) { b.header.merkle_root[0] ^= 1; }, "bad-txnmrklroot", true},
    {"less_transactions", false, [](Block& b) { b.transactions.pop_back(); }, "bad-txnmrklroot", true},
    {"tail_twice", false, [](Block& b) { b.transactions.push_back(b.transactions[2]); }, "bad-txns-duplicate",
     true},
    {"no_transaction", false,
     [](Block& b) {
         b.transactions.clear();
         b.header.merkle_root = kZeroHash;
     },
     "bad-blk-length", false},
    {"no_coinbase", false,
     [](Block& b) {
         b.transactions.erase(b.transactions.begin());
         b.header.merkle_root = transactions_root(b.transactions);
     },
     "bad-cb-missing", false},
    {"two_coinbases", true, [](Block& b) { b.transactions.push_back(test::coinbase()); }, "bad-cb-multiple",
     false},
    {"bad_transaction", true, [](Block& b) { b.transactions[1].outputs.clear(); }, "bad-txns-vout-empty",
     false},
    {"two_outputs", true, [](Block& b) { b.transactions[0].outputs.pop_back(); }, "bad-cb-outputs", false},
    {"no_miner_key", true, [](Block& b) { b.transactions[0].outputs[0].script = op_return_script(Bytes(2)); },
     "bad-cb-outputs", false},
    {"no_witness_commitment", false,
     [](Block& b) {
         b.transactions[0].outputs[1].script = op_return_script(Bytes(36));
         b.header.merkle_root = transactions_root(b.transactions);
     },
     "bad-cb-outputs", false},
    {"no_commitment", true,
     [](Block& b) { b.transactions[0].outputs[2].script = op_return_script(Bytes(36)); }, "bad-cb-outputs",
     false},
    {"short_commitment", true,
     [](Block& b) {
         b.transactions[0].outputs[2].script = command_script(CommandType::kCommitment, Bytes(63));
     },
     "bad-cb-outputs", false},
    {"payout", true,
     [](Block& b) {
         b.transactions[0].outputs.push_back({1, taproot_script(key(9))});
     },
     "valid", false},
    {"data_as_payout", true,
     [](Block& b) {
         b.transactions[0].outputs.push_back({0, op_return_script(Bytes(2))});
     },
     "bad-cb-outputs", false},
    {"no_coinbase_witness", false, [](Block& b) { b.transactions[0].inputs[0].witness.clear(); },
     "bad-witness-nonce-size", true},
    {"coinbase_witness_not_zeros", false, [](Block& b) { b.transactions[0].inputs[0].witness[0][31] = 1; },
     "bad-witness-nonce-size", true},
    {"other_witness", false, [](Block& b) { b.transactions[1].inputs[0].witness[0][0] ^= 1; },
     "bad-witness-merkle-match", true},
    {"heavy", true, [](Block& b) { b.transactions[1].inputs[0].witness.assign(4, Bytes(1'000'000)); },
     "bad-blk-weight", false},
};

TEST(CheckBlock, FindsTheBrokenRule) {
    const Params params = test::chain();
    for (const BlockCase& test : kBlockCases) {
        Block block = test::block();
        test.spoil(block);
        if (test.resealed) test::seal(block);
        const auto broken = check_block(block, params);
        EXPECT_EQ(token_of(broken), test.token) << test.name;
        EXPECT_EQ(broken && is_mutation(*broken), test.mutation) << test.name;
    }
}

TEST(CheckBlock, WeighsUpToItsLimit) {
    Params params = test::chain();
    const Block block = test::block();
    params.block_weight_max = uint32_t(weight(block));
    EXPECT_EQ(token_of(check_block(block, params)), "valid");
    params.block_weight_max -= 1;
    EXPECT_EQ(token_of(check_block(block, params)), "bad-blk-weight");
}

TEST(CheckBlock, HoldsCommandsUpToTheirLimit) {
    Params params = test::chain();
    const Block block = test::block();
    const size_t bytes = encode(test::job()).size();
    EXPECT_EQ(commands_bytes(block.transactions[1]), 0u);
    EXPECT_EQ(commands_bytes(block.transactions[2]), bytes);
    params.commands_bytes_max = uint32_t(bytes);
    EXPECT_EQ(token_of(check_block(block, params)), "valid");
    params.commands_bytes_max -= 1;
    EXPECT_EQ(token_of(check_block(block, params)), "bad-blk-commands");
}

TEST(CheckBlock, RefusesGenesisWhichPaysNobody) {
    const Params params = test::chain();
    EXPECT_EQ(token_of(check_block(genesis_block(params), params)), "bad-cb-outputs");
}

TEST(Coinbase, ShowsMinerAndCommitment) {
    EXPECT_EQ(miner_key(test::coinbase()), key(4));
    EXPECT_EQ(coinbase_commitment(test::coinbase()).state_root, Hash256{8});
    EXPECT_EQ(coinbase_commitment(test::coinbase()).seal_root, Hash256{9});
    EXPECT_EQ(token_of(check_coinbase_form(test::payment())), "bad-cb-missing");
}

struct HeaderCase {
    std::string_view name;
    std::function<void(BlockHeader&)> spoil;
    std::string_view token;
};
const HeaderCase kHeaderCases[] = {
    {"valid", [](BlockHeader&) {}, "valid"},
    {"other_parent", [](BlockHeader& h) { h.previous[0] ^= 1; }, "prev-blk-not-found"},
    {"version_4", [](BlockHeader& h) { h.version = 4; }, "valid"},
    {"version_3", [](BlockHeader& h) { h.version = 3; }, "bad-version"},
    {"negative_version", [](BlockHeader& h) { h.version = INT32_MIN; }, "bad-version"},
    {"other_bits", [](BlockHeader& h) { h.bits -= 1; }, "bad-diffbits"},
    {"nonce", [](BlockHeader& h) { h.nonce = 1; }, "bad-nonce"},
    {"median_time", [](BlockHeader& h) { h.time = 1'000'000; }, "time-too-old"},
    {"earliest", [](BlockHeader& h) { h.time = 1'000'001; }, "valid"},
    {"latest", [](BlockHeader& h) { h.time = 1'000'600 + 600; }, "valid"},
    {"too_new", [](BlockHeader& h) { h.time = 1'000'600 + 601; }, "time-too-new"},
};

TEST(CheckHeader, FindsTheBrokenRule) {
    const Params params = test::chain();
    const HeaderContext context{.height = 5,
                                .parent_hash = {1},
                                .parent_time = 1'000'100,
                                .median_time_past = 1'000'000,
                                .anchor_time = 900'000,
                                .now_s = 1'000'600};
    for (const HeaderCase& test : kHeaderCases) {
        BlockHeader header;
        header.previous = {1};
        header.time = 1'000'300;
        header.bits = kTargetCapBits;
        test.spoil(header);
        EXPECT_EQ(token_of(check_header(header, context, params)), test.token) << test.name;
    }
}

TEST(Subsidy, HalvesUntilNothingIsLeft) {
    const Params& params = main_params();
    EXPECT_EQ(block_subsidy(0, params), 0) << "genesis pays nobody";
    EXPECT_EQ(block_subsidy(1, params), 40 * kCoin);
    EXPECT_EQ(block_subsidy(1'051'199, params), 40 * kCoin);
    EXPECT_EQ(block_subsidy(1'051'200, params), 20 * kCoin);
    EXPECT_EQ(block_subsidy(0xffff'ffff, params), 0);
    Amount sum = 0;
    for (uint32_t era = 0; era < 64; ++era)
        sum += block_subsidy(std::max(1u, era * params.halving_blocks), params) * params.halving_blocks;
    EXPECT_LE(sum, kMoneyMax);
    EXPECT_GT(sum, kMoneyMax - kCoin);
}

TEST(Subsidy, SplitsWithoutARest) {
    const Params& params = main_params();
    EXPECT_EQ(treasury_share(40 * kCoin, params), 12 * kCoin);
    EXPECT_EQ(treasury_share(99, params), 29);
    EXPECT_EQ(treasury_share(kMoneyMax, params), kMoneyMax / 10 * 3);
}

TEST(IsFinal, ComparesHeightsAndTimes) {
    Transaction tx = test::payment();
    tx.inputs[0].sequence = 0;
    EXPECT_TRUE(is_final(tx, 0, 0));
    tx.lock_time = 100;
    EXPECT_FALSE(is_final(tx, 100, 2'000'000'000));
    EXPECT_TRUE(is_final(tx, 101, 0));
    tx.lock_time = 499'999'999;
    EXPECT_FALSE(is_final(tx, 0, 2'000'000'000));
    tx.lock_time = 500'000'000;
    EXPECT_FALSE(is_final(tx, 0xffff'ffff, 500'000'000));
    EXPECT_TRUE(is_final(tx, 0, 500'000'001));
    tx.inputs[0].sequence = 0xffff'ffff;
    EXPECT_TRUE(is_final(tx, 0, 0)) << "every input is final";
}

TEST(Ids, BindTheOutput) {
    const OutPoint output{{1}, 2};
    EXPECT_NE(job_id(output), receipt_id(output));
    EXPECT_NE(job_id(output), job_id({{1}, 3}));
    EXPECT_NE(tokens_root({1, 2}), tokens_root({2, 1}));
    const Hash256 root = tokens_root({1});
    ReceiptCommand receipt = test::receipt();
    const Hash256 message = receipt_message(receipt, root);
    receipt.signature[0] ^= 1;
    EXPECT_EQ(receipt_message(receipt, root), message) << "the signature does not sign itself";
    receipt.result = {0};
    EXPECT_NE(receipt_message(receipt, root), message);
    receipt.result.clear();
    receipt.job[0] ^= 1;
    EXPECT_NE(receipt_message(receipt, root), message);
}

TEST(JobKinds, HaveResultsOfTheSizesThatTheProtocolStates) {
    const auto size_of = [](JobKind kind) {
        const auto [least, most] = result_size(uint8_t(kind));
        return std::pair{least, most};
    };
    EXPECT_EQ(size_of(JobKind::kInfer), std::pair(size_t{0}, size_t{0}));
    EXPECT_EQ(size_of(JobKind::kEval), std::pair(size_t{16}, size_t{16}));
    EXPECT_EQ(size_of(JobKind::kEmbed), std::pair(size_t{4}, size_t{16'389}));
    EXPECT_EQ(size_of(JobKind::kIndex), std::pair(size_t{36}, size_t{36}));
    for (unsigned kind = 0; kind < 256; ++kind)
        EXPECT_EQ(is_open(uint8_t(kind)), kind < 5 && kind != 3) << kind;
}

}  // namespace
}  // namespace daidd::consensus
