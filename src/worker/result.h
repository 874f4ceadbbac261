#pragma once

#include <string>
#include <variant>

#include "training/evaluate.h"
#include "training/vector.h"
#include "worker/ports.h"

namespace daidd::worker {

/// Of kind index.
struct IndexResult {
    uint32_t rows = 0;
    Hash256 root{};  ///< training::VectorIndex

    bool operator==(const IndexResult&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.rows, self.root);
    }
};

/// What a receipt's result says, by the kind of its job (doc/protocol.md, "Results").
using JobResult = std::variant<training::LossSum, training::Vector, IndexResult>;

/// Nothing if the bytes are no such result. The chain asks for their number alone, so that keeps no receipt
/// out of it; running the job again finds it.
std::optional<JobResult> parse_result(uint8_t kind, ByteView bytes);

/// The name of the first part in which `claimed` is not `expected`; nothing if they are equal.
std::optional<std::string> first_difference(uint8_t kind, ByteView claimed, ByteView expected);

/// The documents in a prompt of kind index: the runs between the tokens that are its first one. Empty runs
/// are none.
std::vector<std::span<const uint32_t>> documents_of(std::span<const uint32_t> prompt);

/// Why the model cannot run the job, as far as the prompt alone tells.
std::optional<std::string> misfit_of(const LocalModel& model, const consensus::JobCommand& job);

/// Works out the result of a job, a chunk of positions at a time, so that others get their turns between.
class Computation {
public:
    virtual ~Computation() = default;
    /// Runs the next chunk. Nothing as long as there are more; then the result, or why there is none. Not to
    /// be called again after that.
    virtual std::optional<Result<Bytes, std::string>> step() = 0;
};

/// The reason the model cannot run it. `model` and `job` outlive the computation.
Result<std::unique_ptr<Computation>, std::string> make_computation(const LocalModel& model,
                                                                   const consensus::JobCommand& job,
                                                                   unsigned threads);

/// All steps at once.
Result<Bytes, std::string> compute_result(const LocalModel& model, const consensus::JobCommand& job,
                                          unsigned threads);

}  // namespace daidd::worker
