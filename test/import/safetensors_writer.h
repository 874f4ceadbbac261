#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "util/bytes.h"

namespace daidd::import {

/// Header length, header and data as they are, whatever they say.
inline Bytes safetensors_bytes(const std::string& header, const Bytes& data) {
    Bytes out;
    for (size_t i = 0; i < 8; ++i) out.push_back(uint8_t(uint64_t{header.size()} >> (8 * i)));
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

struct WrittenTensor {
    std::string dtype;
    std::vector<uint64_t> shape;
    Bytes data;
};

/// A well-formed file: tensors one behind the other in order of name.
inline Bytes write_safetensors(const std::map<std::string, WrittenTensor>& tensors) {
    nlohmann::json header{{"__metadata__", {{"format", "pt"}}}};
    Bytes data;
    for (const auto& [name, tensor] : tensors) {
        const size_t begin = data.size();
        data.insert(data.end(), tensor.data.begin(), tensor.data.end());
        header[name] = {
            {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
    }
    return safetensors_bytes(header.dump(), data);
}

}  // namespace daidd::import
