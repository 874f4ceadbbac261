#pragma once

#include <algorithm>
#include <vector>

#include "inference/pages.h"

namespace daidd::inference {

/// Keys or values of one head that lie one after the other, copied into pages as kernels take them.
class PagedHead {
public:
    PagedHead(const HeadRows& rows, uint32_t count, uint32_t head_dim)
        : layout_{{.layers = 1, .kv_heads = 1, .head_dim = head_dim}} {
        for (uint32_t first = 0; first < count; first += kPagePositions) {
            // Beyond the last position lies what no result may depend on.
            memory_.emplace_back(layout_.page_bytes() / 2, uint16_t(0x5a5a));
            auto* page = reinterpret_cast<uint8_t*>(memory_.back().data());
            const uint32_t here = in_page(first, count);
            std::copy_n(rows.codes + size_t{first} * head_dim, size_t{here} * head_dim,
                        reinterpret_cast<int8_t*>(page));
            std::copy_n(rows.mantissa + first, here, page + PageLayout::mantissas(head_dim));
            std::copy_n(rows.exponent + first, here,
                        reinterpret_cast<int16_t*>(page + PageLayout::exponents(head_dim)));
            bases_.push_back(page);
        }
    }

    HeadPages pages() const { return {bases_.data(), 0}; }

private:
    PageLayout layout_;
    std::vector<std::vector<uint16_t>> memory_;
    std::vector<const uint8_t*> bases_;
};

}  // namespace daidd::inference
