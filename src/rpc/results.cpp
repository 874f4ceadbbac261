#include "rpc/results.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "worker/result.h"

namespace daidd::rpc {

namespace {

constexpr std::array<std::string_view, 5> kKindNames{"infer", "eval", "embed", "train", "index"};

/// Only what people read is a float; null where a stranger's numbers give none.
Json perplexity_json(const training::LossSum& sum) {
    if (sum.tokens == 0) return nullptr;
    const double bits = std::ldexp(double(sum.loss), -training::kLossBits) / double(sum.tokens);
    const double perplexity = std::exp2(bits);
    if (!std::isfinite(perplexity)) return nullptr;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6g", perplexity);
    return decimal(text.data());
}

Json fields_of(const training::LossSum& sum) {
    return {{"loss", sum.loss}, {"tokens", sum.tokens}, {"perplexity", perplexity_json(sum)}};
}

Json fields_of(const training::Vector& vector) {
    return {{"codes", vector.codes}, {"mantissa", vector.mantissa}, {"exponent", vector.exponent}};
}

Json fields_of(const worker::IndexResult& index) {
    return {{"rows", index.rows}, {"root", to_hex(index.root)}};
}

}  // namespace

std::string_view kind_name(uint8_t kind) { return kind < kKindNames.size() ? kKindNames[kind] : "unknown"; }

std::optional<uint8_t> parse_kind(std::string_view name) {
    const auto found = std::ranges::find(kKindNames, name);
    if (found == kKindNames.end()) return std::nullopt;
    return uint8_t(found - kKindNames.begin());
}

Json result_json(uint8_t kind, ByteView result) {
    const auto parsed = worker::parse_result(kind, result);
    if (!parsed) return nullptr;
    return std::visit([](const auto& fields) { return fields_of(fields); }, *parsed);
}

}  // namespace daidd::rpc
