#include "import/small_bert.h"

#include <bit>
#include <cmath>

#include "inference/gguf_writer.h"
#include "inference/random.h"

namespace daidd::import {

using inference::GgufType;
using inference::GgufValue;
using inference::GgufValueType;
using inference::GgufWriter;

Bytes SmallBert::Tensor::bytes() const {
    Bytes out;
    for (const float value : values) {
        const auto bits = std::bit_cast<uint32_t>(value);
        for (size_t b = 0; b < 4; ++b) out.push_back(uint8_t(bits >> (8 * b)));
    }
    return out;
}

SmallBert::SmallBert(const Shape& wanted, uint64_t seed) : shape{wanted} {
    fields = {{"general.architecture", "bert"},        {"general.name", "Small"},
              {"bert.block_count", shape.layers},      {"bert.embedding_length", shape.dim},
              {"bert.feed_forward_length", shape.ffn}, {"bert.attention.head_count", shape.heads},
              {"bert.context_length", shape.context},  {"bert.pooling_type", 1u},
              {"bert.attention.causal", false},        {"bert.attention.layer_norm_epsilon", 1e-12f}};
    inference::Random random{seed};
    /// Uniform within `middle` ± `most`, 24 bits each: exact in a float.
    const auto add = [&](const std::string& name, std::vector<uint64_t> dims, double middle, double most) {
        size_t count = 1;
        for (const uint64_t dim : dims) count *= dim;
        std::vector<float> values(count);
        for (float& v : values) {
            v = float(middle + std::ldexp(double(random.in(-0x7fffff, 0x7fffff)), -23) * most);
        }
        tensors[name] = {std::move(dims), std::move(values)};
    };
    // Outputs of about the size of the inputs: no part of the model drowns another.
    const auto add_linear = [&](const std::string& name, uint64_t cols, uint64_t rows) {
        add(name + ".weight", {cols, rows}, 0, std::sqrt(3.0 / double(cols)));
        add(name + ".bias", {rows}, 0, 0.5);
    };
    const auto add_norm = [&](const std::string& name) {
        add(name + ".weight", {shape.dim}, 1, 0.5);
        add(name + ".bias", {shape.dim}, 0, 0.5);
    };
    add("token_embd.weight", {shape.dim, words.size()}, 0, 1);
    add("token_types.weight", {shape.dim, shape.token_types}, 0, 0.5);
    add("position_embd.weight", {shape.dim, shape.context}, 0, 0.5);
    add_norm("token_embd_norm");
    for (uint32_t l = 0; l < shape.layers; ++l) {
        const std::string layer = "blk." + std::to_string(l) + ".";
        for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
            add_linear(layer + name, shape.dim, shape.dim);
        }
        add_norm(layer + "attn_output_norm");
        add_linear(layer + "ffn_up", shape.dim, shape.ffn);
        add_linear(layer + "ffn_down", shape.ffn, shape.dim);
        add_norm(layer + "layer_output_norm");
    }
}

Bytes SmallBert::file() const {
    GgufWriter writer;
    add_fields(fields, writer);
    std::vector<std::string> texts;
    std::vector<uint64_t> types;
    for (const std::string& word : words) {
        const bool is_special = types.size() < 4;
        types.push_back(is_special ? 3 : 1);
        texts.push_back(is_special ? word : word.starts_with("##") ? word.substr(2) : "\u2581" + word);
    }
    writer.add_text("tokenizer.ggml.model", "bert");
    writer.add_value("tokenizer.ggml.tokens",
                     {GgufValueType::kArray, GgufValueType::kText, {}, {texts.begin(), texts.end()}});
    writer.add_value("tokenizer.ggml.token_type", {GgufValueType::kArray, GgufValueType::kI32, types, {}});
    writer.add_number("tokenizer.ggml.unknown_token_id", 1);
    writer.add_number("tokenizer.ggml.cls_token_id", 2);
    writer.add_number("tokenizer.ggml.seperator_token_id", 3);
    for (const auto& [name, tensor] : tensors) {
        writer.add_tensor(name, GgufType::kF32, tensor.dims, tensor.bytes());
    }
    return writer.finish();
}

namespace {

using Row = std::vector<double>;

/// The operations in doubles.
class FloatBert {
public:
    explicit FloatBert(const SmallBert& model) : model_{model} {}

    Row embed(const std::vector<uint32_t>& tokens) const {
        std::vector<Row> xs;
        for (size_t p = 0; p < tokens.size(); ++p) {
            Row x = sum(row("token_embd.weight", tokens[p]), row("position_embd.weight", p));
            xs.push_back(norm("token_embd_norm", sum(x, row("token_types.weight", 0))));
        }
        for (uint32_t l = 0; l < model_.shape.layers; ++l) run_layer("blk." + std::to_string(l) + ".", xs);
        Row mean(model_.shape.dim);
        for (const Row& x : xs) mean = sum(mean, x);
        return mean;
    }

private:
    const std::vector<float>& values(const std::string& name) const { return model_.tensors.at(name).values; }
    Row row(const std::string& name, size_t r) const {
        const auto from = values(name).begin() + ptrdiff_t(r * model_.shape.dim);
        return {from, from + model_.shape.dim};
    }
    static Row sum(Row a, const Row& b) {
        for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
        return a;
    }
    Row linear(const std::string& name, const Row& x) const {
        const auto& w = values(name + ".weight");
        Row y(values(name + ".bias").begin(), values(name + ".bias").end());
        for (size_t r = 0; r < y.size(); ++r) {
            for (size_t c = 0; c < x.size(); ++c) y[r] += double(w[r * x.size() + c]) * x[c];
        }
        return y;
    }
    Row norm(const std::string& name, Row x) const {
        const double n = double(x.size());
        double mean = 0, variance = 0;
        for (const double v : x) mean += v / n;
        for (const double v : x) variance += (v - mean) * (v - mean) / n;
        for (size_t i = 0; i < x.size(); ++i) {
            x[i] =
                (x[i] - mean) / std::sqrt(variance) * values(name + ".weight")[i] + values(name + ".bias")[i];
        }
        return x;
    }
    void run_layer(const std::string& layer, std::vector<Row>& xs) const {
        std::vector<Row> q, k, v;
        for (const Row& x : xs) {
            q.push_back(linear(layer + "attn_q", x));
            k.push_back(linear(layer + "attn_k", x));
            v.push_back(linear(layer + "attn_v", x));
        }
        for (size_t r = 0; r < xs.size(); ++r) {
            const Row heads = linear(layer + "attn_output", attend(q[r], k, v));
            const Row x = norm(layer + "attn_output_norm", sum(xs[r], heads));
            Row h = linear(layer + "ffn_up", x);
            for (double& g : h) g *= std::erfc(-g / std::sqrt(2.0)) / 2;
            xs[r] = norm(layer + "layer_output_norm", sum(x, linear(layer + "ffn_down", h)));
        }
    }
    Row attend(const Row& q, const std::vector<Row>& k, const std::vector<Row>& v) const {
        const size_t width = model_.shape.dim / model_.shape.heads;
        Row out(q.size());
        for (size_t first = 0; first < q.size(); first += width) {
            Row p(k.size());
            double total = 0;
            for (size_t u = 0; u < k.size(); ++u) {
                double score = 0;
                for (size_t i = first; i < first + width; ++i) score += q[i] * k[u][i];
                total += p[u] = std::exp(score / std::sqrt(double(width)));
            }
            for (size_t u = 0; u < k.size(); ++u) {
                for (size_t i = first; i < first + width; ++i) out[i] += p[u] / total * v[u][i];
            }
        }
        return out;
    }

    const SmallBert& model_;
};

}  // namespace

std::vector<double> SmallBert::embed(const std::vector<uint32_t>& tokens) const {
    return FloatBert{*this}.embed(tokens);
}

}  // namespace daidd::import
