#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "training/vector_index.h"

namespace daidd::training {

/// test/vectors/vector_index.json, made by make_vector_index.py.
inline nlohmann::json index_vectors() {
    return nlohmann::json::parse(std::ifstream{std::string{DAIDD_VECTORS} + "/vector_index.json"});
}

inline Vector vector_of(const nlohmann::json& json) {
    return {json["codes"].get<std::vector<int8_t>>(), json["mantissa"].get<uint8_t>(),
            json["exponent"].get<uint8_t>()};
}

inline std::vector<IndexRow> rows_of(const nlohmann::json& json) {
    std::vector<IndexRow> rows;
    for (const auto& row : json) {
        rows.push_back({row["id"].get<uint64_t>(), *parse_hash(row["text"].get<std::string>()),
                        vector_of(row["vector"])});
    }
    return rows;
}

inline std::vector<Hit> hits_of(const nlohmann::json& json) {
    std::vector<Hit> hits;
    for (const auto& hit : json) hits.push_back({hit["id"].get<uint64_t>(), hit["score"].get<int64_t>()});
    return hits;
}

}  // namespace daidd::training
