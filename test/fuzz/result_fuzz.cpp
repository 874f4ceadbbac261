#include <algorithm>
#include <cstdlib>

#include "worker/result.h"

// The result of a receipt, whose bytes a stranger chose: the first byte is the kind. What parses has one
// encoding and differs from nothing that is equal to it.

namespace daidd::worker {
namespace {

void read(uint8_t kind, ByteView bytes) {
    const auto result = parse_result(kind, bytes);
    if (!result) return;
    const Bytes again = std::visit([](const auto& fields) { return encode(fields); }, *result);
    if (!std::ranges::equal(again, bytes)) std::abort();
    const auto [least, most] = consensus::result_size(kind);
    if (kind != uint8_t(consensus::JobKind::kEmbed) && again.size() != least) std::abort();
    if (again.size() > most) std::abort();
    if (first_difference(kind, bytes, again)) std::abort();
    Bytes spoiled = again;
    spoiled.back() ^= 1;
    if (!first_difference(kind, spoiled, again)) std::abort();
}

}  // namespace
}  // namespace daidd::worker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 0) daidd::worker::read(data[0], {data + 1, size - 1});
    return 0;
}
