#include "inference/pages.h"

#include <cassert>
#include <new>
#include <vector>

namespace daidd::inference {

namespace {

constexpr std::align_val_t kAlignment{64};
static_assert(kPagePositions % 64 == 0, "every slab is aligned, whatever head_dim is");

struct Free {
    void operator()(uint8_t* memory) const { ::operator delete[](memory, kAlignment); }
};
using Memory = std::unique_ptr<uint8_t[], Free>;

}  // namespace

struct PagePool::State {
    PageLayout layout;
    size_t pages_max;
    size_t used = 0;
    std::vector<Memory> left;  // given back, for the next
};

PagePool::PagePool(const Model& model, size_t bytes_max) {
    const PageLayout layout{model.dimensions()};
    state_ = std::make_shared<State>(State{layout, bytes_max / layout.page_bytes(), 0, {}});
}

Page PagePool::take() {
    if (state_->used == state_->pages_max) return nullptr;
    Memory memory;
    if (state_->left.empty()) {
        memory.reset(static_cast<uint8_t*>(::operator new[](state_->layout.page_bytes(), kAlignment)));
    } else {
        memory = std::move(state_->left.back());
        state_->left.pop_back();
    }
    ++state_->used;
    return {memory.release(), [state = state_](uint8_t* at) {
                --state->used;
                state->left.emplace_back(at);
            }};
}

const PageLayout& PagePool::layout() const { return state_->layout; }
size_t PagePool::pages_max() const { return state_->pages_max; }
size_t PagePool::pages_free() const { return state_->pages_max - state_->used; }

}  // namespace daidd::inference
