#pragma once

#include <vector>

#include "inference/pages.h"

namespace daidd::inference {

/// The keys and values of the positions seen so far: all that a model remembers of a text. They lie in pages
/// that sequences may share; who writes to a shared page gets one of its own first, so none sees another.
class Sequence {
public:
    /// With pages of its own, as many as it needs. Requires 0 < capacity <= model.dimensions().context.
    Sequence(const Model& model, uint32_t capacity);
    /// With pages of `pool`, which was made for `model`.
    Sequence(const Model& model, PagePool pool, uint32_t capacity);

    uint32_t length() const { return length_; }
    uint32_t capacity() const { return capacity_; }
    /// Forgets all positions from `length` on and gives back the pages that only they needed, together with
    /// what reserve() took for more. Requires length <= length().
    void truncate(uint32_t length);
    /// Makes `count` more positions writable. False, and nothing changed, if the pool has too few pages.
    /// Requires count <= capacity() - length().
    [[nodiscard]] bool reserve(uint32_t count);

    Sequence(Sequence&&) = default;
    Sequence& operator=(Sequence&&) = default;
    /// Shares all pages: costs a pointer a page.
    Sequence copy() const { return Sequence{*this}; }

    /// Whole pages, filled by another sequence of the same pool and model with the tokens that this one
    /// begins with, become its first positions. Requires length() == 0 and no more than fit into capacity().
    void adopt(std::span<const Page> pages);
    /// Page i from now on; it holds the same, so the memory of ours is spared.
    void replace(size_t i, Page page);
    /// Page i holds positions i · kPagePositions ….
    std::span<const Page> pages() const { return pages_; }

    /// Keys or values of one position, to write to (after reserve) or to read.
    struct Row {
        int8_t* codes;
        uint8_t* mantissa;
        int16_t* exponent;
    };
    Row row(uint32_t layer, uint32_t head, Part part, uint32_t position) const;
    /// Keys or values of all positions, valid until pages change.
    HeadPages head(uint32_t layer, uint32_t head, Part part) const;
    /// The forward pass has written the next `count` positions.
    void advance(uint32_t count);

private:
    Sequence(const Sequence&) = default;

    PagePool pool_;
    std::vector<Page> pages_;
    std::vector<const uint8_t*> bases_;  ///< of pages_, as kernels take them
    uint32_t length_ = 0;
    uint32_t capacity_ = 0;
};

}  // namespace daidd::inference
