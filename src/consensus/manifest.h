#pragma once

#include "util/codec.h"

namespace daidd::consensus {

/// What a node without the model's file knows of a base model (protocol, "Base models"): enough to check
/// every shape in a seal and its witness.
struct Manifest {
    struct Linear {
        uint32_t k = 0;  ///< inputs
        uint32_t n = 0;  ///< outputs
        bool operator==(const Linear&) const = default;
    };
    /// One mined product: the trace tensor that holds its operand, the linear it is multiplied by, and which
    /// plane of the codes it is.
    struct Operation {
        uint16_t tensor = 0;
        uint16_t linear = 0;
        uint8_t plane = 0;  ///< 0 the only one, 1 high, 2 low
        bool operator==(const Operation&) const = default;
    };

    uint32_t unit_tokens = 0;  ///< P of the chain
    uint32_t vocabulary = 0;
    uint16_t tensors = 0;  ///< trace tensors of a unit
    std::vector<Linear> linears;
    std::vector<Operation> operations;  ///< in graph order, high before low
    /// Root over everything of the model that is not a linear's int8 weights. The reference's toy has none.
    std::optional<Hash256> constants_root;

    bool operator==(const Manifest&) const = default;

    /// The bytes whose H("manifest"; …) is leaf 0 of the model root.
    /// Requires at most 65,535 linears and operations.
    Bytes encode() const;
    static Result<Manifest, DecodeError> decode(ByteView bytes);
};

}  // namespace daidd::consensus
