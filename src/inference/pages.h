#pragma once

#include <memory>
#include <span>

#include "inference/model.h"
#include "inference/reference.h"

namespace daidd::inference {

/// Positions of one page. A multiple of what the fast attention kernels take at once (16), so that only the
/// last page of a text ends in the middle of a step. Larger pages waste more of their last one and share less
/// of a common prefix; smaller ones cost speed (doc/decisions/0019).
inline constexpr uint32_t kPagePositions = 64;

/// How many of `count` positions lie in the page that begins with position `first`.
inline constexpr uint32_t in_page(uint32_t first, uint32_t count) {
    return count - first < kPagePositions ? count - first : kPagePositions;
}

enum class Part : uint8_t { kKeys = 0, kValues = 1 };

/// Where the keys and values of kPagePositions positions lie in a page: a slab for each (layer, head, part),
/// each codes (position, head_dim) int8 ‖ exponents int16 ‖ mantissas uint8, so that a kernel reads on.
class PageLayout {
public:
    explicit PageLayout(const Dimensions& dimensions)
        : kv_heads_{dimensions.kv_heads},
          head_dim_{dimensions.head_dim},
          slab_bytes_{mantissas(head_dim_) + kPagePositions},
          page_bytes_{slab_bytes_ * 2 * dimensions.kv_heads * dimensions.layers} {}

    size_t page_bytes() const { return page_bytes_; }
    uint32_t head_dim() const { return head_dim_; }
    size_t slab(uint32_t layer, uint32_t head, Part part) const {
        return ((size_t{layer} * kv_heads_ + head) * 2 + size_t(part)) * slab_bytes_;
    }
    // Where they begin in a slab.
    static size_t exponents(uint32_t head_dim) { return size_t{kPagePositions} * head_dim; }
    static size_t mantissas(uint32_t head_dim) {
        return exponents(head_dim) + kPagePositions * sizeof(int16_t);
    }

private:
    uint32_t kv_heads_, head_dim_;
    size_t slab_bytes_, page_bytes_;
};

/// Keys or values of one head over pages of a sequence. The first `skip` positions, all in the first page,
/// are not seen: to attention they are not there.
struct HeadPages {
    const uint8_t* const* pages;
    size_t slab;
    uint32_t skip = 0;

    /// Without the positions before `first`: whole pages, and what remains of one.
    HeadPages from(uint32_t first) const {
        return {pages + first / kPagePositions, slab, first % kPagePositions};
    }

    /// Positions kPagePositions · page ….
    HeadRows rows(size_t page, uint32_t head_dim) const {
        const uint8_t* at = pages[page] + slab;
        return {reinterpret_cast<const int8_t*>(at), at + PageLayout::mantissas(head_dim),
                reinterpret_cast<const int16_t*>(at + PageLayout::exponents(head_dim))};
    }
};

/// The memory of a page, aligned to 64 bytes, shared by all that hold it; the last one gives it back.
using Page = std::shared_ptr<uint8_t[]>;

/// Pages for the sequences of one model, within a budget. Memory is taken when a page is first needed and
/// kept for the next. Copies are the same pool, which lives as long as any of them and any of its pages. Not
/// safe to share between threads, nor are sequences of one pool.
class PagePool {
public:
    /// As many whole pages as fit into `bytes_max`.
    PagePool(const Model& model, size_t bytes_max);

    /// Null when the budget is spent. What it holds is left over from earlier use.
    Page take();

    const PageLayout& layout() const;
    size_t pages_max() const;
    size_t pages_free() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// Pages that hold `positions` positions.
inline constexpr size_t pages_for(size_t positions) {
    return (positions + kPagePositions - 1) / kPagePositions;
}

}  // namespace daidd::inference
