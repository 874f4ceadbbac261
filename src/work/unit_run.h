#pragma once

#include "inference/forward.h"
#include "util/big_vector.h"
#include "work/mine.h"
#include "work/ticket.h"
#include "work/trace.h"

namespace daidd::work {

/// Hashes the trace of one forward pass as it comes, and keeps the rows that tickets are drawn from.
class TraceHasher final : public inference::TraceSink {
public:
    /// `key` is the unit's id. `keep_operands`: without it only the hashes stay.
    TraceHasher(const inference::Model& model, const Hash256& key, bool keep_operands);

    void rows(uint16_t tensor, const inference::TensorInfo& info, uint32_t first_position, ByteView rows,
              inference::Parallel& parallel) override;

    const Trace& trace() const { return trace_; }
    /// All rows of a mined tensor, row_bytes each; empty for the others.
    ByteView operand(size_t tensor) const { return operands_[tensor]; }

private:
    /// Where the rows of a tensor are to stay.
    uint8_t* keep(uint16_t tensor, const inference::TensorInfo& info, ByteView rows);

    Hash256 key_;
    Trace trace_;
    std::vector<bool> kept_;  // by tensor
    size_t kept_bytes_a_token_ = 0;
    BigBytes memory_;  // of all that is kept
    size_t used_ = 0;
    std::vector<ByteView> operands_;  // by tensor, in memory_
};

class UnitRun {
public:
    UnitRun(const inference::Model& model, const UnitPreimage& unit, Content unit_content);

    /// Once: the pass, by `runner` unless that is null. Why that failed.
    std::optional<std::string> run(const inference::Model& model, PassRunner* runner, unsigned threads,
                                   const Drawing* drawing);

    UnitPreimage preimage;
    Content content;
    Hash256 id;
    TraceHasher hasher;
    Hash256 trace_root;
    /// What the tickets of the pass were drawn under, if all were; and the first that won.
    struct Drawn {
        Hash256 parent_hash{};
        consensus::Uint256 target;
        bool operator==(const Drawn&) const = default;
    };
    std::optional<Drawn> drawn;
    std::optional<Found> found;
};

/// The teacher-forced pass of `tokens` into `hasher`; false if the model cannot run them.
bool run_tokens(const inference::Model& model, const std::vector<uint32_t>& tokens, unsigned threads,
                TraceHasher& hasher, inference::TicketDrawer* tickets = nullptr);

}  // namespace daidd::work
