#include "device/self_test.h"

#include "device/checker.h"

namespace daidd::device {

using namespace inference;

namespace {

constexpr uint64_t kSeed = 0x4441'4944;

Checker::Verdict check_all(const Operations& operations, Fill fill) {
    Checker checker{operations, kSeed, fill};
    constexpr uint32_t fx = kFxMin;
    if (const auto bad = checker.embedding(3, 70, fx)) return bad;
    if (const auto bad = checker.elements(3, 100, fx)) return bad;
    for (const int32_t q : {kQOnePlane, kQTwoPlanes}) {
        if (const auto bad = checker.quantise(3, 300, q, fx)) return bad;
    }
    if (const auto bad = checker.argmax(2, 300)) return bad;
    for (const uint32_t planes : {1u, 2u}) {
        if (const auto bad = checker.linear(40, 70, 90, planes, fx)) return bad;
        if (const auto bad = checker.linear(1, 3, kDepthMax, planes, fx)) return bad;
    }
    const AttentionShape shape{
        .rows = 3, .first = 600, .layer = 1, .heads = 4, .kv_heads = 2, .head_dim = 36, .capacity = 610};
    if (const auto bad = checker.attention(shape, fx)) return bad;
    // Every length of a step that kernels treat apart: half a word row, one, a tail, several.
    for (const uint32_t r : {8u, 16u, 40u, 128u}) {
        if (const auto bad = checker.noised(2, 5, 3 * r, r)) return bad;
    }
    if (const auto bad = checker.blake2s(3, 64, false)) return bad;
    return checker.blake2s(3, 129, true);
}

}  // namespace

std::optional<std::string> self_test(std::shared_ptr<Device> device) {
    const std::string who = device->info().id + " (" + device->info().name + ")";
    try {
        const Operations operations{std::move(device)};
        for (const Fill fill : {Fill::kSpread, Fill::kExtreme, Fill::kZero}) {
            if (const auto bad = check_all(operations, fill)) {
                return who + ": kernel " + std::string{info_of(*bad).name} + " differs from the scalar code";
            }
        }
    } catch (const DeviceFailure& failure) {
        return who + ": " + failure.what();
    }
    return std::nullopt;
}

}  // namespace daidd::device
