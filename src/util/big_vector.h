#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace daidd {

/// From this size on a BigVector's memory begins at a multiple of it and asks for pages of this size.
inline constexpr size_t kHugePageBytes = size_t{1} << 21;

namespace big_memory {

/// Released memory that is kept for the next, in one process.
inline constexpr size_t kKeptBytesMax = size_t{384} << 20;

/// Not zeroed. Requires bytes >= kHugePageBytes. Throws std::bad_alloc.
void* allocate(size_t bytes);
void release(void* memory, size_t bytes) noexcept;

}  // namespace big_memory

/// Any BigVector begins at a multiple of this: then a row of vector registers crosses no line of the cache.
inline constexpr size_t kLineBytes = 64;

/// Memory for buffers of megabytes that are filled once and read once: in pages of 4 KiB their page faults
/// and the misses of the address cache cost as much as the work itself (Linux, "Transparent Hugepage
/// Support": madvise).
template <class T>
struct BigAllocator {
    using value_type = T;

    BigAllocator() = default;
    template <class U>
    explicit(false) BigAllocator(const BigAllocator<U>& /*other*/) noexcept {}

    T* allocate(size_t count) {
        if (count > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length{};
        const size_t bytes = count * sizeof(T);
        if (bytes >= kHugePageBytes) return static_cast<T*>(big_memory::allocate(bytes));
        return static_cast<T*>(::operator new(bytes, kAlignment));
    }
    void deallocate(T* memory, size_t count) noexcept {
        const size_t bytes = count * sizeof(T);
        if (bytes >= kHugePageBytes) return big_memory::release(memory, bytes);
        ::operator delete(memory, kAlignment);  // without its size: clang 14 has no such operator
    }
    template <class U>
    bool operator==(const BigAllocator<U>& /*other*/) const noexcept {
        return true;
    }

private:
    static_assert(alignof(T) <= kLineBytes);
    static constexpr std::align_val_t kAlignment{kLineBytes};
};

template <class T>
using BigVector = std::vector<T, BigAllocator<T>>;

/// The same memory, not zeroed: several threads may fill it.
struct BigRelease {
    size_t bytes = 0;
    void operator()(uint8_t* memory) const noexcept { BigAllocator<uint8_t>{}.deallocate(memory, bytes); }
};
using BigBytes = std::unique_ptr<uint8_t[], BigRelease>;
inline BigBytes make_big_bytes(size_t bytes) {
    return {BigAllocator<uint8_t>{}.allocate(bytes), BigRelease{bytes}};
}

}  // namespace daidd
