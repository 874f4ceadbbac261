#include "inference/toy.h"

#include <algorithm>
#include <deque>

#include "crypto/hash.h"
#include "inference/bert.h"
#include "inference/fixed.h"

namespace daidd::inference {

namespace {

struct ToyMemory {
    std::deque<std::vector<int8_t>> weights;
    std::deque<std::vector<int16_t>> codes;
    std::deque<std::vector<uint16_t>> mantissas;
    std::deque<std::vector<uint8_t>> exponents;
    std::deque<std::vector<int32_t>> numbers;
};

/// XOF("toy " ‖ name; seed) as little-endian integers.
template <class T>
std::vector<T> stream(const Hash256& seed, const std::string& name, size_t count) {
    Bytes bytes(count * sizeof(T));
    crypto::xof("toy " + name, seed, bytes);
    std::vector<T> values(count);
    for (size_t i = 0; i < count; ++i) {
        std::make_unsigned_t<T> value = 0;
        for (size_t b = 0; b < sizeof(T); ++b) {
            value =
                std::make_unsigned_t<T>(value | std::make_unsigned_t<T>(bytes[i * sizeof(T) + b]) << (8 * b));
        }
        values[i] = T(value);
    }
    return values;
}

class ToyMaker {
public:
    explicit ToyMaker(const ToyShape& shape) : shape_{shape}, memory_{std::make_shared<ToyMemory>()} {}

    ModelParts make() {
        const Dimensions& d = shape_.dimensions;
        make_facts();
        const LlamaVariant& variant = shape_.variant;
        // θ = 2^12: half the exponent's steps of 12 bits over the pairs.
        for (uint32_t j = 0; j < d.head_dim / 2; ++j) {
            parts_.rope.push_back(kTurn >> (24 * j / d.head_dim));
            if (variant.local_rope) parts_.local_rope.push_back(kTurn >> (12 * j / d.head_dim));  // θ = 2^6
        }
        parts_.window = variant.window;
        for (const uint32_t token : kToyEndTokens) {
            if (token < d.vocabulary) parts_.end_tokens.push_back(token);
        }
        make_embedding();
        for (uint32_t l = 0; l < d.layers; ++l) {
            add_norm(d.dim, shape_.gains);
            add_matrix(d.qkv_width(), d.dim, shape_.bias, variant.pairs.qkv);
            if (variant.head_norms) add_norm(2 * d.head_dim, true);
            add_matrix(d.dim, d.heads * d.head_dim, false, variant.pairs.o);
            if (variant.post_norms) add_norm(d.dim, true);
            add_norm(d.dim, shape_.gains);
            add_matrix(2 * d.ffn, d.dim, false, variant.pairs.gate_up);
            add_matrix(d.dim, d.ffn, false, variant.pairs.down);
            if (variant.post_norms) add_norm(d.dim, true);
        }
        add_norm(d.dim, shape_.gains);
        add_linear(d.vocabulary, d.dim, false);
        const uint8_t planes = shape_.planes;
        parts_.graph = make_llama_graph(d.layers, {.qkv = planes, .o = planes, .gate_up = planes}, variant);
        parts_.memory = memory_;
        return std::move(parts_);
    }

    ModelParts make_encoder() {
        const Dimensions& d = shape_.dimensions;
        make_facts();
        parts_.rope.assign(d.head_dim / 2, 0);
        make_embedding();
        add_linear(d.context, d.dim, false);
        add_layer_norm();
        const std::pair<uint32_t, uint32_t> shapes[] = {
            {d.qkv_width(), d.dim}, {d.dim, d.heads * d.head_dim}, {d.ffn, d.dim}, {d.dim, d.ffn}};
        for (uint32_t l = 0; l < d.layers; ++l) {
            for (const auto& [n, k] : shapes) {
                add_linear(n, k, true);
                add_linear(n, k, false);
            }
            add_layer_norm();
            add_layer_norm();
        }
        parts_.graph = make_bert_graph(d.layers);
        parts_.memory = memory_;
        return std::move(parts_);
    }

private:
    void make_facts() {
        parts_.architecture = "toy";
        parts_.dimensions = shape_.dimensions;
        parts_.fx = shape_.fx;
        parts_.epsilon = (uint64_t{1} << (2 * shape_.fx)) / 100'000;
    }

    static constexpr uint64_t kTurn = 0x28BE'60DB'9391'054A;  // floor(2^64 / 2π)

    std::span<const uint16_t> mantissas(const std::string& name, uint32_t rows) {
        auto values = stream<uint16_t>(shape_.seed, name, rows);
        for (uint16_t& value : values) value = uint16_t(kMwMin + value % kMwMin);
        return memory_->mantissas.emplace_back(std::move(values));
    }
    std::span<const uint8_t> exponents(uint32_t rows, int ew) {
        return memory_->exponents.emplace_back(rows, uint8_t(ew));
    }
    std::span<const int32_t> numbers(std::vector<int32_t> values) {
        return memory_->numbers.emplace_back(std::move(values));
    }

    void make_embedding() {
        const Dimensions& d = shape_.dimensions;
        auto codes = stream<int16_t>(shape_.seed, "E", size_t{d.vocabulary} * d.dim);
        for (int16_t& code : codes) code = int16_t(code / 2);
        // Codes of ±2^14 times about 2^9.5 over 2^23: values around one half.
        parts_.embedding = {memory_->codes.emplace_back(std::move(codes)), mantissas("ES", d.vocabulary),
                            exponents(d.vocabulary, 23)};
    }

    void add_matrix(uint32_t n, uint32_t k, bool bias, bool is_pair) {
        add_linear(n, k, bias);
        if (is_pair) add_linear(n, k, false);
    }
    void add_linear(uint32_t n, uint32_t k, bool bias) {
        const std::string index = std::to_string(parts_.linears.size());
        Linear linear;
        linear.n = n;
        linear.k = k;
        linear.weights =
            memory_->weights.emplace_back(stream<int8_t>(shape_.seed, "W" + index, size_t{n} * k));
        linear.mw = mantissas("S" + index, n);
        // Weights of spread 74 · 2^9.5 · 2^−16 / √k: outputs about as large as inputs.
        linear.ew = exponents(n, std::clamp(16 + bit_length(k - 1) / 2, int(kEwMin), int(kEwMax)));
        if (bias) {
            auto values = stream<int32_t>(shape_.seed, "B" + index, n);
            for (int32_t& value : values) value >>= 31 - int(shape_.fx);
            linear.bias = numbers(std::move(values));
        }
        parts_.linears.push_back(linear);
    }

    void add_norm(uint32_t width, bool gains) {
        Norm norm;
        if (gains) {
            auto values = stream<int32_t>(shape_.seed, "G" + std::to_string(parts_.norms.size()), width);
            for (int32_t& value : values) value = kGainMax / 2 + (value & (kGainMax / 2 - 1));
            norm.gq = numbers(std::move(values));
        }
        parts_.norms.push_back(norm);
    }

    /// Biases of both signs.
    void add_layer_norm() {
        add_norm(2 * shape_.dimensions.dim, true);
        auto& numbers = memory_->numbers.back();
        for (size_t i = shape_.dimensions.dim; i < numbers.size(); ++i) numbers[i] -= 3 * kGainMax / 4;
    }

    const ToyShape& shape_;
    std::shared_ptr<ToyMemory> memory_;
    ModelParts parts_;
};

}  // namespace

ToyShape regtest_toy() {
    return {.dimensions = {.vocabulary = 272,
                           .layers = 2,
                           .dim = 64,
                           .ffn = 128,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_dim = 16,
                           .context = 4096}};
}

ModelParts make_toy(const ToyShape& shape) { return ToyMaker{shape}.make(); }
ModelParts make_toy_encoder(const ToyShape& shape) { return ToyMaker{shape}.make_encoder(); }

}  // namespace daidd::inference
