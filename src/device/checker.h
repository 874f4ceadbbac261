#pragma once

#include <optional>

#include "device/operations.h"

namespace daidd::device {

/// Fixed numbers that reach every exponent (SplitMix64).
class Draw {
public:
    explicit Draw(uint64_t seed) : state_{seed} {}

    uint64_t next();
    /// Of [low, high].
    int64_t in(int64_t low, int64_t high) { return low + int64_t(next() % uint64_t(high - low + 1)); }
    /// Of magnitude below 2^bits, all bit lengths equally likely.
    int32_t spread(int bits);

private:
    uint64_t state_;
};

/// What the inputs of a check are.
enum class Fill : uint8_t {
    kSpread,   ///< of every magnitude
    kExtreme,  ///< the largest magnitudes that the operation takes, of both signs
    kZero,     ///< rows of zeros
};

/// Runs one operation on a device, on inputs of its own, and compares every bit with inference's scalar code.
/// Each check returns the kernel that differs, or nothing.
class Checker {
public:
    using Verdict = std::optional<Kernel>;

    Checker(const Operations& operations, uint64_t seed, Fill fill)
        : operations_{operations}, draw_{seed}, fill_{fill} {}

    Verdict embedding(uint32_t rows, uint32_t dim, uint32_t fx);
    /// gain, add and swiglu.
    Verdict elements(uint32_t rows, uint32_t width, uint32_t fx);
    /// quant, and norm behind it.
    Verdict quantise(uint32_t rows, uint32_t width, int32_t q, uint32_t fx);
    Verdict argmax(uint32_t rows, uint32_t width);
    /// Both kernels, and the outputs of a library's product, from sums made here.
    Verdict linear(uint32_t rows, uint32_t n, uint32_t k, uint32_t planes, uint32_t fx);
    /// Rotation, the cache and the four kernels of attention. Positions before shape.first are drawn.
    Verdict attention(const AttentionShape& shape, uint32_t fx);
    /// On tensor cores too where the device has them.
    Verdict noised(uint32_t groups, uint32_t tiles, uint32_t k, uint32_t r);
    Verdict blake2s(uint32_t count, uint32_t size, bool has_key);

private:
    struct Heads;
    std::vector<int32_t> values(size_t count);
    std::vector<int8_t> bytes(size_t count, int low, int high);
    BufferPtr buffer(size_t bytes) const { return operations_.device().allocate(bytes); }
    Verdict rope(const AttentionShape& shape, uint32_t fx, Heads& heads);
    Verdict attend(const AttentionShape& shape, uint32_t fx, const Heads& heads);
    Verdict norm(const BufferPtr& x, std::span<const int32_t> values, uint32_t from, uint32_t fx,
                 const DeviceCodes& codes);
    template <class T>
    bool same(const BufferPtr& buffer, const std::vector<T>& expected) const {
        return operations_.download<T>(buffer, expected.size()) == expected;
    }

    const Operations& operations_;
    Draw draw_;
    Fill fill_;
};

}  // namespace daidd::device
