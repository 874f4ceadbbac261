#pragma once

#include "device/device.h"
#include "inference/model.h"
#include "inference/reference.h"

namespace daidd::device {

/// Rows of codes and weights lie this many bytes apart, zero behind their end: kernels read them by words,
/// and libraries want rows aligned.
inline constexpr uint32_t kRowAlign = 16;
inline constexpr uint32_t row_stride(uint32_t width) {
    return (width + kRowAlign - 1) / kRowAlign * kRowAlign;
}
/// Weight rows are rounded up to this many, so that tiles of 16 and libraries' blocks are whole.
inline constexpr uint32_t kColumnAlign = 16;
/// From this many rows of codes (of all planes) on, a product is bound by arithmetic, not by reading weights.
inline constexpr uint32_t kTiledRowsMin = 8;
/// Positions whose weighted values are summed in int32: 512 · 16383 · 127 < 2^31.
inline constexpr uint32_t kSplitPositions = 512;
static_assert(int64_t{kSplitPositions} * 16383 * 127 <= INT32_MAX);

struct DeviceLinear {
    uint32_t n = 0, k = 0;
    bool has_bias = false;
    BufferPtr weights;  ///< n rounded up × row_stride(k)
    BufferPtr scales;   ///< mw | ew << 16, n of them
    BufferPtr bias;
};

/// What quantise() leaves: as inference::CodeRows, with rows row_stride(width) apart.
struct DeviceCodes {
    uint32_t rows = 0, width = 0, planes = 0;
    BufferPtr codes;
    BufferPtr info;     ///< m, e, index, amax of every row, int32 each
    BufferPtr factors;  ///< m, e
};

/// Keys and values of one sequence: rows (layer, head, position).
struct DeviceCache {
    uint32_t capacity = 0;
    BufferPtr keys, key_scales, values, value_scales;
};

/// One layer's attention over `rows` new positions, the first of them at position `first`.
struct AttentionShape {
    uint32_t rows = 0, first = 0, layer = 0;
    uint32_t heads = 0, kv_heads = 0, head_dim = 0;
    uint32_t capacity = 0;

    uint32_t all_heads() const { return heads + 2 * kv_heads; }
    uint32_t positions() const { return first + rows; }
    uint32_t splits() const { return (positions() + kSplitPositions - 1) / kSplitPositions; }
};

/// Memory that attention works in, for all query heads of all rows.
struct AttentionScratch {
    BufferPtr scores;   ///< int64 (head, position)
    BufferPtr states;   ///< int32 (head, 3)
    BufferPtr partial;  ///< int32 (head, split, head_dim)

    static size_t score_bytes(const AttentionShape& shape);
    static size_t state_bytes(const AttentionShape& shape);
    static size_t partial_bytes(const AttentionShape& shape);
};

/// The operations of inference/reference.h on a device, one function a kernel. They give commands and do not
/// wait. Sizes are the caller's duty, within inference's limits; outputs are not the inputs, except where
/// said.
class Operations {
public:
    /// Copies inference's tables to the device.
    explicit Operations(std::shared_ptr<Device> device);

    Device& device() const { return *device_; }
    const std::shared_ptr<Device>& shared_device() const { return device_; }
    template <class T>
    BufferPtr upload(std::span<const T> values) const {
        const BufferPtr buffer = device_->allocate(values.size_bytes());
        device_->write(buffer, {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()});
        return buffer;
    }
    template <class T>
    std::vector<T> download(const BufferPtr& buffer, size_t count) const {
        std::vector<T> values(count);
        device_->read(buffer, 0, {reinterpret_cast<uint8_t*>(values.data()), count * sizeof(T)});
        return values;
    }
    DeviceLinear upload(const inference::Linear& linear) const;
    /// What that takes.
    static uint64_t bytes_of(const inference::Linear& linear);

    void embedding(const BufferPtr& tokens, const BufferPtr& codes, const BufferPtr& scales, uint32_t rows,
                   uint32_t dim, uint32_t fx, const BufferPtr& y) const;
    void gain(const BufferPtr& x, const BufferPtr& gq, uint32_t rows, uint32_t width,
              const BufferPtr& y) const;
    void add(const BufferPtr& a, const BufferPtr& b, uint64_t count, const BufferPtr& y) const;
    void swiglu(const BufferPtr& x, uint32_t rows, uint32_t width, uint32_t fx, const BufferPtr& y) const;
    /// Rows `from` … of x into `out`, whose sizes are set.
    void quantise(const BufferPtr& x, uint32_t from, int32_t q, uint32_t fx, const DeviceCodes& out) const;
    /// Replaces the factors of `out`; x is the row before its gain.
    void norm_scale(const BufferPtr& x, uint32_t from, uint64_t epsilon, int32_t ge, uint32_t fx,
                    const DeviceCodes& out) const;
    /// Of rows `from` … of `codes`, `rows` of them. `kernel` is kLinearTiles or kLinearColumns.
    void linear(Kernel kernel, const DeviceLinear& linear, const DeviceCodes& codes, uint32_t from,
                uint32_t rows, uint32_t fx, const BufferPtr& y) const;
    /// The second half of a linear: from a library's sums, `pitch` apart, those of high planes first.
    void linear_outputs(const DeviceLinear& linear, const DeviceCodes& codes, const BufferPtr& sums,
                        uint32_t pitch, uint32_t fx, const BufferPtr& y) const;
    /// All heads of x into `codes` (a row a head) and `info`; keys and values into the cache too.
    void rope(const BufferPtr& x, const BufferPtr& turns, const AttentionShape& shape, uint32_t fx,
              const DeviceCodes& out, const DeviceCache& cache) const;
    void scores(const DeviceCodes& heads, const DeviceCache& cache, const AttentionShape& shape,
                const AttentionScratch& scratch) const;
    void weights(const DeviceCache& cache, const AttentionShape& shape, uint32_t fx,
                 const AttentionScratch& scratch) const;
    void values(const DeviceCache& cache, const AttentionShape& shape, const AttentionScratch& scratch) const;
    void outputs(const AttentionShape& shape, const AttentionScratch& scratch, const BufferPtr& y) const;
    void argmax(const BufferPtr& logits, uint32_t rows, uint32_t width, const BufferPtr& chosen) const;
    /// words (tile, group, k / r) of `groups` groups of 16 rows by `tiles` tiles of 16 weight rows, `stride`
    /// bytes apart from `weights_at` on. `kernel` is kNoisedTiles or kNoisedTensor. Requires stride and
    /// weights_at to be multiples of 4, and k and r as NoisedRows does.
    void noised(Kernel kernel, const BufferPtr& rows, uint32_t groups, const BufferPtr& weights,
                uint64_t weights_at, uint32_t stride, uint32_t tiles, uint32_t k, uint32_t r,
                const BufferPtr& words) const;
    /// 32 bytes a row of `size` > 0; `personal` as in crypto::Blake2s, `key` of 32 bytes or null.
    void blake2s(const BufferPtr& rows, uint32_t count, uint32_t size, std::string_view personal,
                 const BufferPtr& key, const BufferPtr& digests) const;

private:
    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::initializer_list<Argument> arguments) const;
    void launch_elements(Kernel kernel, uint64_t count, std::initializer_list<Argument> arguments) const;

    std::shared_ptr<Device> device_;
    BufferPtr exp2_, sigmoid_, quarter_sine_, empty_;
};

}  // namespace daidd::device
