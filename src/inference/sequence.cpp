#include "inference/sequence.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace daidd::inference {

Sequence::Sequence(const Model& model, uint32_t capacity)
    : Sequence{model, PagePool{model, SIZE_MAX}, capacity} {}

Sequence::Sequence(const Model& model, PagePool pool, uint32_t capacity)
    : pool_{std::move(pool)}, capacity_{capacity} {
    assert(capacity > 0 && capacity <= model.dimensions().context);
    assert(pool_.layout().page_bytes() == PageLayout{model.dimensions()}.page_bytes());
}

void Sequence::truncate(uint32_t length) {
    assert(length <= length_);
    length_ = length;
    pages_.resize(pages_for(length));
    bases_.resize(pages_.size());
}

bool Sequence::reserve(uint32_t count) {
    assert(count <= capacity_ - length_);
    const size_t first = length_ / kPagePositions, end = pages_for(size_t{length_} + count);
    std::vector<std::pair<size_t, Page>> taken;
    for (size_t i = first; i < end; ++i) {
        if (i < pages_.size() && pages_[i].use_count() == 1) continue;
        Page page = pool_.take();
        if (page == nullptr) return false;
        taken.emplace_back(i, std::move(page));
    }
    pages_.resize(std::max(pages_.size(), end));
    bases_.resize(pages_.size());
    for (auto& [i, page] : taken) {
        if (i * kPagePositions < length_) {
            std::memcpy(page.get(), pages_[i].get(), pool_.layout().page_bytes());
        }
        pages_[i] = std::move(page);
        bases_[i] = pages_[i].get();
    }
    return true;
}

void Sequence::adopt(std::span<const Page> pages) {
    assert(length_ == 0 && pages.size() * kPagePositions <= capacity_);
    pages_.assign(pages.begin(), pages.end());
    bases_.clear();
    for (const Page& page : pages_) bases_.push_back(page.get());
    length_ = uint32_t(pages.size()) * kPagePositions;
}

void Sequence::replace(size_t i, Page page) {
    bases_[i] = page.get();
    pages_[i] = std::move(page);
}

Sequence::Row Sequence::row(uint32_t layer, uint32_t head, Part part, uint32_t position) const {
    const PageLayout& layout = pool_.layout();
    const uint32_t at = position % kPagePositions, head_dim = layout.head_dim();
    uint8_t* slab = pages_[position / kPagePositions].get() + layout.slab(layer, head, part);
    return {reinterpret_cast<int8_t*>(slab) + size_t{at} * head_dim,
            slab + PageLayout::mantissas(head_dim) + at,
            reinterpret_cast<int16_t*>(slab + PageLayout::exponents(head_dim)) + at};
}

HeadPages Sequence::head(uint32_t layer, uint32_t head, Part part) const {
    return {bases_.data(), pool_.layout().slab(layer, head, part)};
}

void Sequence::advance(uint32_t count) {
    assert(count <= capacity_ - length_);
    length_ += count;
}

}  // namespace daidd::inference
