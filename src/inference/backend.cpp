#include "inference/backend.h"

namespace daidd::inference {

#if defined(__x86_64__)
namespace {

bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

}  // namespace
#endif

bool is_supported(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return true;
#if defined(__x86_64__)
    case Backend::kAvx2: return __builtin_cpu_supports("avx2") != 0;
    case Backend::kAvx512: return has_avx512();
#else
    case Backend::kAvx2:
    case Backend::kAvx512: return false;
#endif
    }
    return false;
}

Backend best_backend() {
    for (const Backend backend : {Backend::kAvx512, Backend::kAvx2}) {
        if (is_supported(backend)) return backend;
    }
    return Backend::kScalar;
}

std::string_view to_string(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return "scalar";
    case Backend::kAvx2: return "avx2";
    case Backend::kAvx512: return "avx512";
    }
    return "unknown";
}

}  // namespace daidd::inference
