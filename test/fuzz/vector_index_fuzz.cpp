#include <cstdlib>

#include "training/search.h"

// Decodes what others may send of a vector index: the index itself, a proof of a row, a search result. What
// is an index has one encoding, finds the same on every backend, and proves its rows.

namespace daidd::training {
namespace {

void judge_index(ByteView bytes) {
    const auto index = VectorIndex::decode(bytes);
    if (!index) return;
    const Bytes again = index->encode();
    if (!std::ranges::equal(again, bytes)) std::abort();
    const auto result = run_search(*index, index->row(0).vector, 3, inference::Backend::kScalar);
    if (check_search(*index, result, inference::best_backend())) std::abort();
    if (root_of(index->prove(index->rows() - 1)) != index->root()) std::abort();
}

template <class T>
void judge(ByteView bytes, const auto& use) {
    const auto object = decode<T>(bytes);
    if (!object) return;
    if (!std::ranges::equal(encode(*object), bytes)) std::abort();
    use(*object);
}

}  // namespace
}  // namespace daidd::training

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::training;
    if (size == 0) return 0;
    const daidd::ByteView rest{data + 1, size - 1};
    static const VectorIndex index = *VectorIndex::build({}, 2, {{7, {}, {{1, 2}, 128, 0}}});
    switch (data[0] % 3) {
    case 0: judge_index(rest); break;
    case 1: judge<RowProof>(rest, [](const RowProof& proof) { (void)root_of(proof); }); break;
    default:
        judge<SearchResult>(rest, [](SearchResult result) {
            result.index = index.root();
            (void)check_search(index, result, daidd::inference::Backend::kScalar);
        });
    }
    return 0;
}
