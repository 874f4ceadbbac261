#include "import/llama.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>

#include "import/dequantize.h"
#include "import/llama_shape.h"
#include "import/quantize.h"
#include "import/rope.h"
#include "inference/fixed.h"
#include "inference/llama.h"

namespace daidd::import {

using inference::Dimensions;
using inference::GgufError;
using inference::GgufFile;
using inference::GgufReason;
using inference::ModelParts;

namespace {

/// log2(e): with it folded into q, softmax is in base 2.
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr int32_t kWeightCodeMax = 127;

/// Rows of a vocabulary matrix taken at a time: bounds the memory that doubles take.
constexpr size_t kBlockRows = 2048;

struct ImportedMemory {
    std::deque<QuantizedRows<int8_t>> linears;
    QuantizedRows<int16_t> embedding;
    std::deque<QuantizedGain> gains;
    std::deque<std::vector<int32_t>> biases;
};

Matrix stack(std::initializer_list<const Matrix*> parts) {
    size_t rows = 0;
    for (const Matrix* part : parts) rows += part->rows;
    Matrix out{rows, (*parts.begin())->cols};
    auto to = out.values.begin();
    for (const Matrix* part : parts) to = std::copy(part->values.begin(), part->values.end(), to);
    return out;
}

class Importer {
public:
    Importer(const GgufFile& source, const LlamaShape& shape, const ImportOptions& options)
        : source_{source},
          shape_{shape},
          d_{shape.dimensions},
          options_{options},
          family_{*shape.family},
          is_rotated_{options.precision == Precision::kFast && !family_.has_post_norms},
          memory_{std::make_shared<ImportedMemory>()},
          rotation_{is_rotated_ ? random_orthogonal(d_.dim) : Matrix{0, 0}},
          rotation_back_{transpose(rotation_)} {}

    Result<ImportedModel, GgufError> run() {
        const uint32_t steps = d_.layers + 2;
        for (uint32_t l = 0; l < d_.layers && !error_; ++l) {
            import_attention(l);
            import_ffn(l);
            progress(l + 1, steps);
        }
        if (!error_) import_head();
        progress(steps - 1, steps);
        if (!error_) import_embedding();
        progress(steps, steps);
        if (error_) return Fail{*error_};
        return ImportedModel{finish(), is_rotated_ ? Precision::kFast : Precision::kExact};
    }

private:
    void fail(const std::string& tensor) {
        if (!error_) error_ = GgufError{GgufReason::kBadValue, tensor};
    }
    void progress(uint32_t step, uint32_t steps) const {
        if (options_.progress && !error_) options_.progress(step, steps);
    }
    Matrix tensor(const std::string& name) {
        const auto* found = source_.find_tensor(name);
        Matrix values = dequantize(*found, 0, found->rows());
        // Here, where the tensor has its own name still.
        if (!std::ranges::all_of(values.values, [](double v) { return std::isfinite(v); })) fail(name);
        return values;
    }
    std::string layer_name(uint32_t layer, const char* name, const char* what = ".weight") const {
        return "blk." + std::to_string(layer) + "." + name + what;
    }

    /// The gain of a norm is kept apart, or multiplied into the weights that read the norm's output.
    std::vector<double> gain_to_fold(const std::string& name) {
        std::vector<double> gain = tensor(name).values;
        if (is_rotated_) {
            parts_.norms.push_back({});
            return gain;
        }
        add_norm(name, gain);
        return std::vector<double>(gain.size(), 1.0);
    }
    /// A norm with a gain of its own.
    void add_norm(const std::string& name, std::span<const double> gain) {
        auto quantized = quantize_gain(gain);
        if (!quantized) {
            fail(name);
            quantized = QuantizedGain{std::vector<int32_t>(gain.size()), 0};
        }
        const auto& kept = memory_->gains.emplace_back(std::move(*quantized));
        parts_.norms.push_back({kept.gq, kept.ge});
    }
    void add_post_norm(uint32_t l, const char* name) {
        if (family_.has_post_norms) add_norm(layer_name(l, name), tensor(layer_name(l, name)).values);
    }

    /// Rotary pairs become neighbours: rows 2j and 2j + 1 of a head are its rows j and j + head_dim / 2.
    void pair_up(Matrix& rows) const {
        if (family_.has_neighbour_pairs) return;
        const Matrix from = rows;
        for (size_t r = 0; r < rows.rows; ++r) {
            const size_t i = r % d_.head_dim, head = r - i;
            std::ranges::copy(from.row(head + i / 2 + i % 2 * (d_.head_dim / 2)), rows.row(r).begin());
        }
    }

    /// Weights that read the residual stream: W · R.
    Matrix rotated_input(const Matrix& w) const {
        return is_rotated_ ? multiply(w, rotation_, options_.threads) : w;
    }
    /// Weights that write to it: Rᵀ · W.
    Matrix rotated_output(const Matrix& w) const {
        return is_rotated_ ? multiply(rotation_back_, w, options_.threads) : w;
    }
    bool rotates_values() const { return is_rotated_ && (d_.head_dim & (d_.head_dim - 1)) == 0; }

    void add_linear(const std::string& name, const Matrix& w) {
        auto& rows = memory_->linears.emplace_back();
        if (!append_rows(w, kWeightCodeMax, rows)) fail(name);
        add_linear(name, uint32_t(w.rows), uint32_t(w.cols), rows);
    }
    /// A pair's second linear holds what rounding left of the first.
    void add_matrix(const std::string& name, const Matrix& w, bool is_pair) {
        add_linear(name, w);
        if (is_pair && !error_) add_linear(name + ".rest", rounding_rest(w, memory_->linears.back()));
    }
    /// Biases of the linear added last.
    void add_bias(const std::string& name, const Matrix& bias) {
        auto& values = memory_->biases.emplace_back();
        for (const double value : bias.values) {
            const double scaled = std::nearbyint(std::ldexp(value, int(kImportFx)));
            if (!(std::fabs(scaled) <= double(inference::kSatMax))) return fail(name);
            values.push_back(int32_t(scaled));
        }
        parts_.linears.back().bias = values;
    }
    void add_linear(const std::string& name, uint32_t n, uint32_t k, const QuantizedRows<int8_t>& rows) {
        parts_.linears.push_back({name, n, k, rows.codes, rows.mw, rows.ew, {}});
    }

    void import_attention(uint32_t l) {
        const auto gain = gain_to_fold(layer_name(l, "attn_norm"));
        Matrix q = tensor(layer_name(l, "attn_q"));
        Matrix k = tensor(layer_name(l, "attn_k"));
        Matrix v = tensor(layer_name(l, "attn_v"));
        Matrix o = tensor(layer_name(l, "attn_output"));
        for (Matrix* w : {&q, &k, &v}) scale_columns(*w, gain);
        for (Matrix* w : {&q, &k}) pair_up(*w);
        if (!family_.has_head_norms) scale_queries(q);
        if (rotates_values()) {
            hadamard(v.values, d_.head_dim, v.cols);
            hadamard(o.values, d_.head_dim, 1);
        }
        add_matrix(layer_name(l, "attn_qkv"), rotated_input(stack({&q, &k, &v})), shape_.variant.pairs.qkv);
        if (family_.has_qkv_biases) import_biases(l);
        if (family_.has_head_norms) import_head_norms(l);
        add_matrix(layer_name(l, "attn_output"), rotated_output(o), shape_.variant.pairs.o);
        add_post_norm(l, "post_attention_norm");
    }

    double query_factor() const { return kLog2E / std::sqrt(double(d_.head_dim)); }
    void scale_queries(Matrix& q) const {
        for (double& value : q.values) value *= query_factor();
    }
    /// One number a row.
    Matrix column(const std::string& name) {
        Matrix values = tensor(name);
        std::swap(values.rows, values.cols);
        return values;
    }

    void import_biases(uint32_t l) {
        Matrix q = column(layer_name(l, "attn_q", ".bias"));
        Matrix k = column(layer_name(l, "attn_k", ".bias"));
        Matrix v = column(layer_name(l, "attn_v", ".bias"));
        for (Matrix* bias : {&q, &k}) pair_up(*bias);
        scale_queries(q);
        if (rotates_values()) hadamard(v.values, d_.head_dim, 1);
        add_bias(layer_name(l, "attn_qkv", ".bias"), stack({&q, &k, &v}));
    }

    /// A factor of q's weights would be lost in its norm, so it goes into the gains.
    void import_head_norms(uint32_t l) {
        Matrix q = column(layer_name(l, "attn_q_norm"));
        Matrix k = column(layer_name(l, "attn_k_norm"));
        for (Matrix* gain : {&q, &k}) pair_up(*gain);
        equalize_gains(query_factor(), q.values, k.values);
        add_norm(layer_name(l, "attn_qk_norm"), stack({&q, &k}).values);
    }

    void import_ffn(uint32_t l) {
        const auto gain = gain_to_fold(layer_name(l, "ffn_norm"));
        Matrix gate = tensor(layer_name(l, "ffn_gate"));
        Matrix up = tensor(layer_name(l, "ffn_up"));
        for (Matrix* w : {&gate, &up}) scale_columns(*w, gain);
        add_matrix(layer_name(l, "ffn_gate_up"), rotated_input(stack({&gate, &up})),
                   shape_.variant.pairs.gate_up);
        add_matrix(layer_name(l, "ffn_down"), rotated_output(tensor(layer_name(l, "ffn_down"))),
                   shape_.variant.pairs.down);
        add_post_norm(l, "post_ffw_norm");
    }

    void import_head() {
        const auto gain = gain_to_fold("output_norm.weight");
        const auto* head = source_.find_tensor(shape_.head);
        auto& rows = memory_->linears.emplace_back();
        for (size_t first = 0; first < d_.vocabulary; first += kBlockRows) {
            Matrix block = dequantize(*head, first, std::min<size_t>(kBlockRows, d_.vocabulary - first));
            scale_columns(block, gain);
            if (!append_rows(rotated_input(block), kWeightCodeMax, rows)) return fail(shape_.head);
        }
        add_linear("output.weight", d_.vocabulary, d_.dim, rows);
    }

    void import_embedding() {
        const auto* embedding = source_.find_tensor("token_embd.weight");
        auto& rows = memory_->embedding;
        const std::vector<double> factor(d_.dim, std::sqrt(double(d_.dim)));
        for (size_t first = 0; first < d_.vocabulary; first += kBlockRows) {
            Matrix block = dequantize(*embedding, first, std::min<size_t>(kBlockRows, d_.vocabulary - first));
            if (family_.scales_embedding) scale_columns(block, factor);
            if (!append_rows(rotated_input(block), inference::kEmbeddingCodeMax, rows)) {
                return fail("token_embd.weight");
            }
        }
        parts_.embedding = {rows.codes, rows.mw, rows.ew};
    }

    ModelParts finish() {
        parts_.architecture = family_.architecture;
        parts_.dimensions = d_;
        parts_.fx = kImportFx;
        parts_.epsilon = uint64_t(std::nearbyint(std::ldexp(shape_.epsilon, 2 * int(kImportFx))));
        parts_.rope = rope_constants(shape_.rope_base, d_.head_dim);
        if (shape_.variant.local_rope) {
            parts_.local_rope = rope_constants(family_.local_rope_base, d_.head_dim);
        }
        parts_.window = shape_.variant.window;
        parts_.end_tokens = shape_.end_tokens;
        const inference::LlamaPlanes fast{.qkv = 2, .o = 1, .gate_up = 2, .down = 2, .head = 2};
        const inference::LlamaPlanes exact{.qkv = 2, .o = 2, .gate_up = 2, .down = 2, .head = 2};
        parts_.graph = inference::make_llama_graph(d_.layers, is_rotated_ ? fast : exact, shape_.variant);
        parts_.memory = memory_;
        return std::move(parts_);
    }

    const GgufFile& source_;
    const LlamaShape& shape_;
    const Dimensions& d_;
    const ImportOptions& options_;
    const Family& family_;
    const bool is_rotated_;
    std::shared_ptr<ImportedMemory> memory_;
    const Matrix rotation_;
    const Matrix rotation_back_;
    ModelParts parts_;
    std::optional<GgufError> error_;
};

}  // namespace

Result<ImportedModel, GgufError> import_llama(const GgufFile& source, const ImportOptions& options) {
    const auto shape = read_llama_shape(source);
    if (!shape) return Fail{shape.error()};
    return Importer{source, *shape, options}.run();
}

}  // namespace daidd::import
