#include "util/big_vector.h"

#include <gtest/gtest.h>

namespace daidd {
namespace {

TEST(BigVector, BeginsAtAHugePageFromThatSizeOn) {
    const auto is_aligned = [](const BigVector<uint8_t>& v) {
        return reinterpret_cast<uintptr_t>(v.data()) % kHugePageBytes == 0;
    };
    // One small block may lie there by chance, several of them not.
    std::vector<BigVector<uint8_t>> small(3, BigVector<uint8_t>(kHugePageBytes - 1));
    EXPECT_FALSE(is_aligned(small[0]) && is_aligned(small[1]) && is_aligned(small[2]));
    for (const size_t size : {kHugePageBytes, kHugePageBytes + 1, 3 * kHugePageBytes - 1}) {
        EXPECT_TRUE(is_aligned(BigVector<uint8_t>(size))) << size;
    }
}

TEST(BigVector, BeginsAtALineOfTheCache) {
    // Blocks of odd sizes, all alive, so that none lies there by chance.
    std::vector<BigVector<uint8_t>> all;
    for (size_t size = 1; size <= 3 * kLineBytes; size += 5) {
        all.emplace_back(size);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(all.back().data()) % kLineBytes, 0u) << size;
    }
}

TEST(BigVector, KeepsWhatIsWrittenToItsEnds) {
    struct alignas(64) Line {
        uint32_t value = 0;
    };
    for (const size_t lines : {kHugePageBytes / sizeof(Line) - 1, kHugePageBytes / sizeof(Line),
                               kHugePageBytes / sizeof(Line) + 1, 5 * kHugePageBytes / sizeof(Line) - 3}) {
        BigVector<Line> v(lines);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(v.data()) % alignof(Line), 0u);
        v.front().value = 1;
        v.back().value = 2;
        BigVector<Line> copy = v, moved = std::move(v);
        copy.resize(2 * lines);
        EXPECT_EQ(copy[0].value, 1u);
        EXPECT_EQ(copy[lines - 1].value, 2u);
        EXPECT_EQ(copy.back().value, 0u);
        EXPECT_EQ(moved.back().value, 2u);
    }
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(BigMemory, KeepsTheLastThatWereReleased) {
    using big_memory::kKeptBytesMax;
    void* const first = big_memory::allocate(kHugePageBytes);
    big_memory::release(first, kHugePageBytes);
    EXPECT_EQ(big_memory::allocate(kHugePageBytes), first) << "the same size again";
    big_memory::release(first, kHugePageBytes);
    void* const longer = big_memory::allocate(kHugePageBytes + 1);
    EXPECT_NE(longer, first) << "two pages";
    big_memory::release(longer, kHugePageBytes + 1);
    EXPECT_EQ(big_memory::allocate(2 * kHugePageBytes), longer) << "also two pages";
    big_memory::release(longer, 2 * kHugePageBytes);

    // What fills the limit alone leaves nothing else; one page more is not kept itself.
    void* const whole = big_memory::allocate(kKeptBytesMax);
    big_memory::release(whole, kKeptBytesMax);
    EXPECT_EQ(big_memory::allocate(kKeptBytesMax), whole);
    big_memory::release(whole, kKeptBytesMax);
    // Memory that is asked for while the kept block still has its place lies elsewhere.
    void* const more = big_memory::allocate(kKeptBytesMax + kHugePageBytes);
    EXPECT_NE(more, whole);
    big_memory::release(more, kKeptBytesMax + kHugePageBytes);
    BigVector<uint8_t> fresh(kHugePageBytes);
    EXPECT_EQ(fresh.back(), 0);
}
#endif

TEST(BigVector, RefusesWhatNoMachineHas) {
    EXPECT_THROW(BigAllocator<uint64_t>{}.allocate(SIZE_MAX / 8 + 1), std::bad_array_new_length);
    EXPECT_THROW(BigAllocator<uint8_t>{}.allocate(size_t{PTRDIFF_MAX} + 1), std::bad_alloc);
}

}  // namespace
}  // namespace daidd
