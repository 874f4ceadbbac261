#include "import/float_llama.h"

#include <algorithm>
#include <cmath>

namespace daidd::import {

namespace {

using Row = std::vector<double>;

class FloatLlama {
public:
    FloatLlama(const SmallLlama& model, bool with_positions)
        : model_{model},
          s_{model.shape},
          with_positions_{with_positions},
          keys_(s_.layers),
          values_(s_.layers) {}

    Row next(uint32_t token) {
        const auto embedding = model_.values_of("token_embd.weight");
        const auto* from = &embedding[size_t{token} * s_.dim];
        Row x(from, from + s_.dim);
        if (model_.is("gemma3")) {
            for (double& value : x) value *= std::sqrt(double(s_.dim));
        }
        for (uint32_t l = 0; l < s_.layers; ++l) {
            const std::string layer = "blk." + std::to_string(l) + ".";
            add(x, after(attention(l, normed(x, layer + "attn_norm.weight")), layer + "post_attention_norm"));
            const Row h = normed(x, layer + "ffn_norm.weight");
            Row gate = times(layer + "ffn_gate.weight", h);
            const Row up = times(layer + "ffn_up.weight", h);
            for (size_t i = 0; i < gate.size(); ++i) gate[i] = activated(gate[i]) * up[i];
            add(x, after(times(layer + "ffn_down.weight", gate), layer + "post_ffw_norm"));
        }
        ++position_;
        return times(s_.tied ? "token_embd.weight" : "output.weight", normed(x, "output_norm.weight"));
    }

private:
    double activated(double x) const {
        if (!model_.is("gemma3")) return x / (1 + std::exp(-x));
        return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    }

    Row after(const Row& y, const std::string& norm) const {
        return model_.is("gemma3") ? normed(y, norm + ".weight") : y;
    }

    /// All layers of one that has a window; in a Gemma not each sixth.
    bool is_local(uint32_t l) const { return s_.window > 0 && !(model_.is("gemma3") && l % 6 == 5); }

    static void add(Row& x, const Row& y) {
        for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    }

    Row times(const std::string& name, const Row& x) const {
        const auto weights = model_.values_of(name);
        Row y(weights.size() / x.size());
        for (size_t r = 0; r < y.size(); ++r) {
            for (size_t c = 0; c < x.size(); ++c) y[r] += double{weights[r * x.size() + c]} * x[c];
        }
        return y;
    }

    Row normed(const Row& x, const std::string& name) const { return normed(x, model_.values_of(name)); }

    Row normed(const Row& x, const std::vector<float>& gain) const {
        double square = 0;
        for (const double value : x) square += value * value;
        const double epsilon =
            std::get<float>(model_.fields.at(model_.key("attention.layer_norm_rms_epsilon")));
        const double root = std::sqrt(square / double(x.size()) + epsilon);
        Row y(x.size());
        for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] / root * gain[i];
        return y;
    }

    /// Pairs are neighbours in a Llama and half a head apart in the others.
    void rotate(uint32_t l, Row& heads) const {
        if (!with_positions_) return;
        double base = std::get<float>(model_.fields.at(model_.key("rope.freq_base")));
        if (model_.is("gemma3") && is_local(l)) base = 10'000;
        const bool neighbours = model_.is("llama") || model_.is("mistral");
        const size_t half = s_.head_dim / 2;
        for (size_t pair = 0; pair < heads.size() / 2; ++pair) {
            const size_t head = pair / half * s_.head_dim, j = pair % half;
            double& first = heads[head + (neighbours ? 2 * j : j)];
            double& second = heads[head + (neighbours ? 2 * j + 1 : j + half)];
            const double angle = position_ * std::pow(base, -double(2 * j) / s_.head_dim);
            const double a = first, b = second;
            first = a * std::cos(angle) - b * std::sin(angle);
            second = a * std::sin(angle) + b * std::cos(angle);
        }
    }

    /// q, k or v of all heads, with what the family does to them before they are rotated.
    Row projected(const std::string& name, const Row& h) const {
        Row y = times(name + ".weight", h);
        if (model_.is("qwen2")) {
            const auto bias = model_.values_of(name + ".bias");
            for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i];
        }
        if (!model_.has_head_norms() || name.ends_with("_v")) return y;
        for (size_t at = 0; at < y.size(); at += s_.head_dim) {
            const Row head(y.begin() + long(at), y.begin() + long(at + s_.head_dim));
            std::ranges::copy(normed(head, name + "_norm.weight"), y.begin() + long(at));
        }
        return y;
    }

    Row attention(uint32_t l, const Row& h) {
        const std::string layer = "blk." + std::to_string(l) + ".";
        Row q = projected(layer + "attn_q", h);
        Row k = projected(layer + "attn_k", h);
        rotate(l, q);
        rotate(l, k);
        keys_[l].push_back(k);
        values_[l].push_back(projected(layer + "attn_v", h));
        const size_t seen = keys_[l].size();
        const size_t from = is_local(l) && seen > s_.window ? seen - s_.window : 0;
        Row out(q.size());
        for (uint32_t head = 0; head < s_.heads; ++head) {
            const size_t at = size_t{head} * s_.head_dim;
            const size_t kv_at = size_t{head / (s_.heads / s_.kv_heads)} * s_.head_dim;
            Row weights;
            double sum = 0;
            for (size_t u = from; u < seen; ++u) {
                double score = 0;
                for (size_t i = 0; i < s_.head_dim; ++i) score += q[at + i] * keys_[l][u][kv_at + i];
                weights.push_back(std::exp(score / std::sqrt(double(s_.head_dim))));
                sum += weights.back();
            }
            for (size_t u = 0; u < weights.size(); ++u) {
                for (size_t i = 0; i < s_.head_dim; ++i) {
                    out[at + i] += weights[u] / sum * values_[l][from + u][kv_at + i];
                }
            }
        }
        return times(layer + "attn_output.weight", out);
    }

    const SmallLlama& model_;
    const SmallLlama::Shape& s_;
    const bool with_positions_;
    uint32_t position_ = 0;
    std::vector<std::vector<Row>> keys_, values_;
};

}  // namespace

std::vector<Row> float_logits(const SmallLlama& model, const std::vector<uint32_t>& tokens,
                              bool with_positions) {
    FloatLlama llama{model, with_positions};
    std::vector<Row> logits;
    for (const uint32_t token : tokens) logits.push_back(llama.next(token));
    return logits;
}

double relative_distance(const std::vector<Row>& a, const std::vector<Row>& b) {
    double difference = 0, square = 0;
    for (size_t r = 0; r < b.size(); ++r) {
        for (size_t i = 0; i < b[r].size(); ++i) {
            difference += (a.at(r).at(i) - b[r][i]) * (a[r][i] - b[r][i]);
            square += b[r][i] * b[r][i];
        }
    }
    return std::sqrt(difference / square);
}

}  // namespace daidd::import
