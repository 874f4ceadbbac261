#pragma once

#include <nlohmann/json.hpp>

#include "consensus/params.h"
#include "work/check.h"

namespace daidd::work {

/// test/vectors/poui.json, which the protocol's reference program wrote.
const nlohmann::json& poui_vectors();

Bytes bytes_from(const nlohmann::json& hex);
Hash256 hash_from(const nlohmann::json& hex);
consensus::Manifest manifest_from(const nlohmann::json& spec);
/// The reference's chain: its toy model and its one corpus.
consensus::Params params_from(const nlohmann::json& spec);
Pool pool_from(const nlohmann::json& receipts);
UnitPreimage preimage_from(const nlohmann::json& object);
Seal seal_from(const nlohmann::json& object);
SealWitness witness_from(const nlohmann::json& object);

/// What check_seal and check_contents are given.
struct Sealed {
    SealContext context;
    std::vector<Pool> pools;
    Seal seal;
    SealWitness witness;
};
Sealed sealed_from(const nlohmann::json& object);

/// Both checks, as a node makes them: the step that refuses, or "ok".
std::string verdict(const consensus::Params& params, const Sealed& sealed);

}  // namespace daidd::work
