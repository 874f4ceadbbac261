#include "import/small_llama.h"

#include <bit>
#include <cmath>

#include "inference/random.h"

namespace daidd::import {

using inference::GgufFile;
using inference::GgufType;
using inference::GgufValueType;
using inference::GgufWriter;

namespace {

/// Uniform within ±`most`, 24 bits each: exact in a float.
std::vector<float> random_floats(inference::Random& random, size_t count, double most) {
    std::vector<float> values(count);
    for (float& value : values) value = float(std::ldexp(double(random.in(-0x7fffff, 0x7fffff)), -23) * most);
    return values;
}

}  // namespace

SmallLlama::SmallLlama(const Shape& wanted, uint64_t seed) : shape{wanted} {
    fields = {{"general.architecture", shape.architecture},
              {"general.name", "Small"},
              {"general.license", "mit"},
              {"general.source.url", "https://example.org"},
              {key("block_count"), shape.layers},
              {key("embedding_length"), shape.dim},
              {key("feed_forward_length"), shape.ffn},
              {key("attention.head_count"), shape.heads},
              {key("attention.head_count_kv"), shape.kv_heads},
              {key("attention.key_length"), shape.head_dim},
              {key("context_length"), 64u},
              {key("attention.layer_norm_rms_epsilon"), 0x1p-16f},
              {key("rope.freq_base"), 10'000.0f}};
    if (shape.window > 0) fields[key("attention.sliding_window")] = shape.window;
    inference::Random random{seed};
    // Outputs of about the size of the inputs: no part of the model drowns another.
    const auto add = [&](const std::string& name, uint64_t cols, uint64_t rows) {
        tensors[name].dims = {cols, rows};
        set_values(name, random_floats(random, cols * rows, std::sqrt(3.0 / double(cols))));
    };
    const auto add_norm = [&](const std::string& name, uint32_t width) {
        auto gains = random_floats(random, width, 0.5);
        for (float& gain : gains) gain += 1;
        tensors[name].dims = {width};
        set_values(name, gains);
    };
    const auto add_bias = [&](const std::string& name, uint64_t width) {
        tensors[name].dims = {width};
        set_values(name, random_floats(random, width, 1));
    };
    const uint64_t q = uint64_t{shape.heads} * shape.head_dim;
    const uint64_t kv = uint64_t{shape.kv_heads} * shape.head_dim;
    for (uint32_t l = 0; l < shape.layers; ++l) {
        const std::string layer = "blk." + std::to_string(l) + ".";
        add_norm(layer + "attn_norm.weight", shape.dim);
        add(layer + "attn_q.weight", shape.dim, q);
        add(layer + "attn_k.weight", shape.dim, kv);
        add(layer + "attn_v.weight", shape.dim, kv);
        add(layer + "attn_output.weight", q, shape.dim);
        add_norm(layer + "ffn_norm.weight", shape.dim);
        add(layer + "ffn_gate.weight", shape.dim, shape.ffn);
        add(layer + "ffn_up.weight", shape.dim, shape.ffn);
        add(layer + "ffn_down.weight", shape.ffn, shape.dim);
        if (is("qwen2")) {
            add_bias(layer + "attn_q.bias", q);
            add_bias(layer + "attn_k.bias", kv);
            add_bias(layer + "attn_v.bias", kv);
        }
        if (has_head_norms()) {
            add_norm(layer + "attn_q_norm.weight", shape.head_dim);
            add_norm(layer + "attn_k_norm.weight", shape.head_dim);
        }
        if (is("gemma3")) {
            add_norm(layer + "post_attention_norm.weight", shape.dim);
            add_norm(layer + "post_ffw_norm.weight", shape.dim);
        }
    }
    add("token_embd.weight", shape.dim, vocabulary.tokens.size());
    add_norm("output_norm.weight", shape.dim);
    if (!shape.tied) add("output.weight", shape.dim, vocabulary.tokens.size());
}

std::vector<float> SmallLlama::values_of(const std::string& name) const {
    const Bytes& data = tensors.at(name).data;
    std::vector<float> values;
    for (size_t i = 0; i < data.size(); i += 4) {
        uint32_t bits = 0;
        for (size_t b = 0; b < 4; ++b) bits |= uint32_t{data[i + b]} << (8 * b);
        values.push_back(std::bit_cast<float>(bits));
    }
    return values;
}

void SmallLlama::set_values(const std::string& name, const std::vector<float>& values) {
    Bytes& data = tensors.at(name).data;
    data.clear();
    for (const float value : values) {
        const auto bits = std::bit_cast<uint32_t>(value);
        for (size_t b = 0; b < 4; ++b) data.push_back(uint8_t(bits >> (8 * b)));
    }
}

void SmallLlama::set_tensor(const std::string& name, std::vector<uint64_t> dims, float value) {
    size_t count = 1;
    for (const uint64_t dim : dims) count *= dim;
    tensors[name] = {GgufType::kF32, std::move(dims), {}};
    set_values(name, std::vector<float>(count, value));
}

Bytes SmallLlama::file() const {
    GgufWriter writer;
    add_fields(fields, writer);
    const Bytes words = vocabulary.file();
    const auto parsed = GgufFile::parse(words);
    for (const auto& field : parsed->fields()) writer.add_value(field.key, field.value);
    for (const auto& [name, tensor] : tensors) writer.add_tensor(name, tensor.type, tensor.dims, tensor.data);
    return writer.finish();
}

}  // namespace daidd::import
