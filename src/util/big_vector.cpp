#include "util/big_vector.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <deque>
#include <mutex>

namespace daidd::big_memory {

namespace {

void check_size(size_t bytes) {
    assert(bytes >= kHugePageBytes);
    if (bytes > PTRDIFF_MAX) throw std::bad_alloc{};
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// The sanitizer watches what comes from the heap.
void* allocate(size_t bytes) {
    check_size(bytes);
    return ::operator new (bytes, std::align_val_t{kHugePageBytes});
}
void release(void* memory, size_t bytes) noexcept {
    ::operator delete (memory, bytes, std::align_val_t{kHugePageBytes});
}

#else

namespace {

/// Blocks that were released, for those who ask next: touching fresh memory costs more than most of what is
/// done with it.
class Kept {
public:
    /// The latest block of exactly this size, or null.
    void* take(size_t bytes) {
        const std::lock_guard lock{mutex_};
        const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                        [bytes](const Block& block) { return block.bytes == bytes; });
        if (found == blocks_.rend()) return nullptr;
        void* const memory = found->memory;
        total_ -= bytes;
        blocks_.erase(std::next(found).base());
        return memory;
    }

    /// The oldest make room. Throws std::bad_alloc, and then has not kept it.
    void put(void* memory, size_t bytes) {
        const std::lock_guard lock{mutex_};
        blocks_.push_back({memory, bytes});
        total_ += bytes;
        while (total_ > kKeptBytesMax) {
            ::munmap(blocks_.front().memory, blocks_.front().bytes);
            total_ -= blocks_.front().bytes;
            blocks_.pop_front();
        }
    }

private:
    struct Block {
        void* memory;
        size_t bytes;
    };
    std::mutex mutex_;
    std::deque<Block> blocks_;
    size_t total_ = 0;
};

/// Never destroyed: vectors may outlive every other object.
Kept& kept() {
    static auto* const kept = new Kept;
    return *kept;
}

/// Whole pages: blocks of about the same size can take each other's place.
size_t rounded(size_t bytes) { return (bytes + kHugePageBytes - 1) & ~(kHugePageBytes - 1); }

}  // namespace

void* allocate(size_t bytes) {
    check_size(bytes);
    const size_t size = rounded(bytes);
    if (void* const memory = kept().take(size)) return memory;
    const size_t mapped = size + kHugePageBytes;
    void* const memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    const size_t before = (kHugePageBytes - begin % kHugePageBytes) % kHugePageBytes;
    auto* const result = static_cast<std::byte*>(memory) + before;
    if (before > 0) ::munmap(memory, before);
    ::munmap(result + size, kHugePageBytes - before);
    // Advice: where the kernel does not follow it, the memory is as good.
    ::madvise(result, size, MADV_HUGEPAGE);
    return result;
}

void release(void* memory, size_t bytes) noexcept {
    try {
        kept().put(memory, rounded(bytes));
    } catch (const std::bad_alloc&) {
        ::munmap(memory, rounded(bytes));
    }
}

#endif

}  // namespace daidd::big_memory
