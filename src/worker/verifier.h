#pragma once

#include <memory>

#include "worker/gate.h"
#include "worker/ports.h"

namespace daidd::worker {

inline constexpr size_t kVerdictsMax = 1000;
inline constexpr size_t kVerifyQueueMax = 64;

/// What re-running the three units of a block gave.
struct Verdict {
    Hash256 block{};
    uint32_t height = 0;
    std::vector<work::UnitReport> units;  ///< the sealed one first, then those before it, nearest first
    bool identical() const;
};

/// Re-runs the sealed units of connected blocks in the background. When it falls behind it drops the oldest.
class Verifier {
public:
    Verifier(chain::Chain& chain, const std::vector<LocalModel>& models, Gate& gate, unsigned threads);
    ~Verifier();
    Verifier(const Verifier&) = delete;
    Verifier& operator=(const Verifier&) = delete;

    void start();
    void stop();
    bool running() const;
    /// Only remembers the block's hash; the body is read when its turn comes.
    void enqueue(const Hash256& block, uint32_t height);

    /// The last kVerdictsMax, newest first.
    std::vector<Verdict> verdicts() const;
    std::optional<Verdict> find(const Hash256& block) const;
    uint64_t blocks_dropped() const;  ///< for being too far behind

    /// Re-runs a block now, on the caller's thread; the reason it cannot (no seal, model not here).
    Result<Verdict, std::string> verify(const work::SealedBlock& block, const Hash256& parent_beacon,
                                        uint32_t height);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// What re-running a receipt gave.
struct ReceiptReport {
    size_t prompt_tokens = 0;
    // Of kind infer.
    size_t answer_tokens = 0;
    std::optional<size_t> first_difference;  ///< position in the answer; its length when it ended too early
    std::optional<uint32_t>
        expected_token;             ///< what the model chooses there; nothing where it would have ended
    std::vector<Hash256> op_roots;  ///< of the trace of prompt ‖ answer, keyed with the receipt's id
    Hash256 trace_root{};
    // Of the other kinds.
    std::optional<std::string> result_difference;  ///< name of the part (result.h)
    Bytes expected_result;
    bool identical() const { return !first_difference && !result_difference; }
};

/// Re-runs a receipt, an answer in one teacher-forced pass. The reason it cannot: what the kind does not
/// have, a token outside the vocabulary, too long for the model.
Result<ReceiptReport, std::string> verify_receipt(const LocalModel& model, const consensus::JobCommand& job,
                                                  const consensus::ReceiptCommand& receipt, const Hash256& id,
                                                  unsigned threads);

}  // namespace daidd::worker
