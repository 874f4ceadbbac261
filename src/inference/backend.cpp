#include "inference/backend.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace daidd::inference {

#if defined(__x86_64__)
namespace {

bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

/// 256-bit vpdpbusd without AVX-512: leaf 7.1, which leaf 7.0 says that there is.
bool has_avxvnni() {
    constexpr unsigned kAvxVnniBit = 1u << 4;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__builtin_cpu_supports("avx2")) return false;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || a < 1) return false;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnniBit) != 0;
}

/// The processor has tiles of int8, and the system lets this process use them: they are 8 kB of state a
/// thread that it has to be asked for (Linux, Documentation/arch/x86/xstate.rst).
bool ask_for_amx() {
#if defined(__linux__)
    constexpr unsigned kTileBit = 1u << 24, kInt8Bit = 1u << 25;
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    if ((d & kTileBit) == 0 || (d & kInt8Bit) == 0) return false;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;
#endif
}

bool has_amx() {
    static const bool has = has_avx512() && ask_for_amx();
    return has;
}

}  // namespace
#endif

bool is_supported(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return true;
#if defined(__x86_64__)
    case Backend::kAvx2: return __builtin_cpu_supports("avx2") != 0;
    case Backend::kAvxVnni: return has_avxvnni();
    case Backend::kAvx512: return has_avx512();
    case Backend::kAmx: return has_amx();
#else
    case Backend::kAvx2:
    case Backend::kAvxVnni:
    case Backend::kAvx512:
    case Backend::kAmx: return false;
#endif
    }
    return false;
}

Backend best_backend() {
    for (const Backend backend : {Backend::kAmx, Backend::kAvx512, Backend::kAvxVnni, Backend::kAvx2}) {
        if (is_supported(backend)) return backend;
    }
    return Backend::kScalar;
}

std::string_view to_string(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return "scalar";
    case Backend::kAvx2: return "avx2";
    case Backend::kAvxVnni: return "avxvnni";
    case Backend::kAvx512: return "avx512";
    case Backend::kAmx: return "amx";
    }
    return "unknown";
}

}  // namespace daidd::inference
