#include "import/float_llama.h"

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
        for (uint32_t l = 0; l < s_.layers; ++l) {
            const std::string layer = "blk." + std::to_string(l) + ".";
            add(x, attention(l, normed(x, layer + "attn_norm.weight")));
            const Row h = normed(x, layer + "ffn_norm.weight");
            Row gate = times(layer + "ffn_gate.weight", h);
            const Row up = times(layer + "ffn_up.weight", h);
            for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
            add(x, times(layer + "ffn_down.weight", gate));
        }
        ++position_;
        return times(s_.tied ? "token_embd.weight" : "output.weight", normed(x, "output_norm.weight"));
    }

private:
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

    Row normed(const Row& x, const std::string& name) const {
        const auto gain = model_.values_of(name);
        double square = 0;
        for (const double value : x) square += value * value;
        const double epsilon = std::get<float>(model_.fields.at("llama.attention.layer_norm_rms_epsilon"));
        const double root = std::sqrt(square / double(x.size()) + epsilon);
        Row y(x.size());
        for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] / root * gain[i];
        return y;
    }

    void rotate(Row& heads) const {
        if (!with_positions_) return;
        const double base = std::get<float>(model_.fields.at("llama.rope.freq_base"));
        for (size_t i = 0; i < heads.size(); i += 2) {
            const double angle = position_ * std::pow(base, -double(i % s_.head_dim) / s_.head_dim);
            const double a = heads[i], b = heads[i + 1];
            heads[i] = a * std::cos(angle) - b * std::sin(angle);
            heads[i + 1] = a * std::sin(angle) + b * std::cos(angle);
        }
    }

    Row attention(uint32_t l, const Row& h) {
        const std::string layer = "blk." + std::to_string(l) + ".";
        Row q = times(layer + "attn_q.weight", h);
        Row k = times(layer + "attn_k.weight", h);
        rotate(q);
        rotate(k);
        keys_[l].push_back(k);
        values_[l].push_back(times(layer + "attn_v.weight", h));
        Row out(q.size());
        for (uint32_t head = 0; head < s_.heads; ++head) {
            const size_t at = size_t{head} * s_.head_dim;
            const size_t kv_at = size_t{head / (s_.heads / s_.kv_heads)} * s_.head_dim;
            Row weights;
            double sum = 0;
            for (const Row& key : keys_[l]) {
                double score = 0;
                for (size_t i = 0; i < s_.head_dim; ++i) score += q[at + i] * key[kv_at + i];
                weights.push_back(std::exp(score / std::sqrt(double(s_.head_dim))));
                sum += weights.back();
            }
            for (size_t u = 0; u < weights.size(); ++u) {
                for (size_t i = 0; i < s_.head_dim; ++i) {
                    out[at + i] += weights[u] / sum * values_[l][u][kv_at + i];
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
