#pragma once

#include "consensus/params.h"
#include "consensus/script.h"

namespace daidd::consensus {

/// Reaches the chain: never renumber one. All but kTrain are open.
enum class JobKind : uint8_t { kInfer = 0, kEval = 1, kEmbed = 2, kTrain = 3, kIndex = 4 };
bool is_open(uint8_t kind);
/// Tokens of the shortest prompt: one alone leaves an evaluation, or an index, nothing to look at.
size_t prompt_tokens_min(uint8_t kind);

/// Hard bounds of the wire; Params may be stricter.
inline constexpr size_t kPromptTokensMax = 24'000;
inline constexpr size_t kAnswerTokensMax = 24'000;
static_assert(kPromptTokensMax * 4 < kCommandBytesMax && kAnswerTokensMax * 4 < kCommandBytesMax);

/// Codes of the widest embedding; with their CompactSize and the scale it is the longest result.
inline constexpr size_t kEmbedCodesMax = 16'384;
inline constexpr size_t kResultBytesMax = 3 + kEmbedCodesMax + 2;
/// Bytes of a receipt's result, as far as the kind of its job alone tells: both 0 for kInfer, whose receipt
/// has an answer instead. Requires is_open(kind).
struct ResultSize {
    size_t least = 0, most = 0;
};
ResultSize result_size(uint8_t kind);

/// How tokens are chosen. Greedy when temperature is 0.
struct Sampling {
    uint32_t temperature = 0;  ///< in 2⁻¹⁶; at most 8.0
    uint32_t min_p = 0;        ///< in 2⁻¹⁶ of the likeliest token's probability; at most 1.0
    uint64_t seed = 0;

    bool operator==(const Sampling&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.temperature, self.min_p, self.seed);
    }
};
inline constexpr uint32_t kTemperatureMax = 8 << 16;
inline constexpr uint32_t kMinPMax = 1 << 16;

/// Asks for an answer, or for a result; the output's value is the escrow, the most that may cost.
struct JobCommand {
    Hash256 model{};
    Hash256 adapter{};               ///< zeros: none. Adapters come later and are refused until then.
    uint8_t kind = 0;                ///< JobKind
    uint32_t answer_tokens_max = 0;  ///< 0 but for kInfer, and so is all of the sampling
    Sampling sampling;
    crypto::PublicKey worker{};  ///< zeros: whoever is assigned
    crypto::PublicKey refund{};  ///< output key that gets what was not spent
    uint32_t deadline = 0;       ///< the last height at which a receipt counts
    std::vector<uint32_t> prompt;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.adapter, self.kind, self.answer_tokens_max, self.sampling, self.worker,
              self.refund, self.deadline, bounded(self.prompt, kPromptTokensMax));
    }
};

/// A worker's answer (kInfer) or result (the other kinds); the output's value is the bond, returned when the
/// receipt settles.
struct ReceiptCommand {
    Hash256 job{};
    crypto::PublicKey worker{};  ///< output key that is paid, and that signs
    std::vector<uint32_t> answer;
    Bytes result;
    crypto::Signature signature{};

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.job, self.worker, bounded(self.answer, kAnswerTokensMax),
              bounded(self.result, kResultBytesMax), self.signature);
    }
};

/// BIP340 message of a receipt: tagged hash "dai/receipt" over
/// job ‖ worker ‖ H("tokens"; prompt ‖ answer) ‖ H("result"; result).
Hash256 receipt_message(const ReceiptCommand& receipt, const Hash256& tokens_root);

/// Ids of protocol records, made by an output: H("job"; txid ‖ index u32), H("receipt"; txid ‖ index u32).
Hash256 job_id(const OutPoint& output);
Hash256 receipt_id(const OutPoint& output);

/// H("tokens"; …) of a sequence of tokens.
Hash256 tokens_root(const std::vector<uint32_t>& tokens);

}  // namespace daidd::consensus
