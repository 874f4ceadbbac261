#pragma once

#include <cstdint>
#include <string_view>

namespace daidd::inference {

/// Every backend returns the same bytes; they differ in speed only. kScalar is the specification.
enum class Backend : uint8_t { kScalar, kAvx2, kAvxVnni, kAvx512, kAmx };
inline constexpr Backend kBackends[] = {Backend::kScalar, Backend::kAvx2, Backend::kAvxVnni, Backend::kAvx512,
                                        Backend::kAmx};

/// Whether this processor can run it.
bool is_supported(Backend backend);
/// The fastest one that this processor can run.
Backend best_backend();
std::string_view to_string(Backend backend);

}  // namespace daidd::inference
