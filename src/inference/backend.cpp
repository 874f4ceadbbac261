#include "inference/backend.h"

namespace daidd::inference {

bool is_supported(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return true;
    case Backend::kAvx2:
#if defined(__x86_64__)
        return __builtin_cpu_supports("avx2") != 0;
#else
        return false;
#endif
    }
    return false;
}

Backend best_backend() { return is_supported(Backend::kAvx2) ? Backend::kAvx2 : Backend::kScalar; }

std::string_view to_string(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return "scalar";
    case Backend::kAvx2: return "avx2";
    }
    return "unknown";
}

}  // namespace daidd::inference
