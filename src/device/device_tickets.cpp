#include "device/device_tickets.h"

#include <algorithm>

namespace daidd::device {

using namespace inference;

void DeviceTickets::draw(const DeviceTrace& trace, TicketDrawer& drawer, Parallel& parallel) const {
    const auto& operands = model_.plan().operands;
    for (size_t operand = 0; operand < operands.size(); ++operand) {
        const std::vector<Slice> cut = slices(linears_[operands[operand].linear].k);
        for (size_t i = 0; i < cut.size(); ++i) {
            if (!gives_tickets(cut[i])) continue;
            const MinedSlice slice{.operand = uint16_t(operand),
                                   .index = uint8_t(i),
                                   .slice = cut[i],
                                   .step = step_for(cut[i].columns)};
            draw_slice(slice, trace.rows(operands[operand].tensor), drawer, parallel);
        }
    }
}

void DeviceTickets::draw_slice(const MinedSlice& slice, ByteView rows, TicketDrawer& drawer,
                               Parallel& parallel) const {
    const std::vector<uint8_t> noise = drawer.noise(slice, parallel);
    if (noise.empty()) return;
    const Operand& operand = model_.plan().operands[slice.operand];
    const DeviceLinear& linear = linears_[operand.linear];
    const size_t row_bytes = model_.plan().tensors[operand.tensor].row_bytes;
    const uint32_t columns = slice.slice.columns, tiles = linear.n / kTile;
    const size_t steps = columns / slice.step, noise_size = size_t{kTile} * slice.step;
    assert(rows.size() % (kTile * row_bytes) == 0);
    const auto groups = uint32_t(rows.size() / (kTile * row_bytes));
    assert(noise.size() == groups * noise_size);
    const Kernel kernel =
        operations_.device().supports(Kernel::kNoisedTensor) ? Kernel::kNoisedTensor : Kernel::kNoisedTiles;
    for (uint32_t first = 0; first < groups && tiles > 0; first += kGroupsAtOnce) {
        const uint32_t count = std::min(kGroupsAtOnce, groups - first);
        std::vector<uint8_t> noised(size_t{count} * kTile * columns);
        for (size_t g = 0; g < count; ++g) {
            const auto* const codes = reinterpret_cast<const int8_t*>(&rows[(first + g) * kTile * row_bytes]);
            add_noise(codes, row_bytes, slice.slice,
                      std::span{noise}.subspan((first + g) * noise_size, noise_size),
                      &noised[g * kTile * columns]);
        }
        const BufferPtr on_device = pool_.take(noised.size());
        operations_.device().write(on_device,
                                   {reinterpret_cast<const uint8_t*>(noised.data()), noised.size()});
        const size_t words_a_tile = count * steps;
        const BufferPtr folded = pool_.take(sizeof(uint32_t) * tiles * words_a_tile);
        operations_.noised(kernel, on_device, count, linear.weights, slice.slice.start, row_stride(linear.k),
                           tiles, columns, slice.step, folded);
        const auto words = operations_.download<uint32_t>(folded, tiles * words_a_tile);
        parallel.run(tiles, [&](uint32_t begin, uint32_t end, unsigned part) {
            for (uint32_t tile = begin; tile < end; ++tile) {
                drawer.draw(slice, tile, first, std::span{words}.subspan(tile * words_a_tile, words_a_tile),
                            part);
            }
        });
    }
}

}  // namespace daidd::device
