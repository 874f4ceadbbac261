#include "import/llama.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>

#include "import/dequantize.h"
#include "import/llama_shape.h"
#include "import/quantize.h"
#include "import/rope.h"
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
          is_rotated_{options.precision == Precision::kFast},
          memory_{std::make_shared<ImportedMemory>()},
          rotation_{is_rotated_ ? random_orthogonal(d_.dim) : Matrix{0, 0}},
          rotation_back_{transpose(rotation_)} {}

    Result<ModelParts, GgufError> run() {
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
        return finish();
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
    std::string layer_name(uint32_t layer, const char* name) const {
        return "blk." + std::to_string(layer) + "." + name + ".weight";
    }

    /// The gain of a norm is kept apart, or multiplied into the weights that read the norm's output.
    std::vector<double> gain_to_fold(const std::string& name) {
        std::vector<double> gain = tensor(name).values;
        if (is_rotated_) {
            parts_.norms.push_back({});
            return gain;
        }
        auto quantized = quantize_gain(gain);
        if (!quantized) {
            fail(name);
            quantized = QuantizedGain{std::vector<int32_t>(gain.size()), 0};
        }
        const auto& kept = memory_->gains.emplace_back(std::move(*quantized));
        parts_.norms.push_back({kept.gq, kept.ge});
        return std::vector<double>(gain.size(), 1.0);
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
        const double factor = kLog2E / std::sqrt(double(d_.head_dim));
        for (double& value : q.values) value *= factor;
        if (rotates_values()) {
            hadamard(v.values, d_.head_dim, v.cols);
            hadamard(o.values, d_.head_dim, 1);
        }
        add_linear(layer_name(l, "attn_qkv"), rotated_input(stack({&q, &k, &v})));
        add_linear(layer_name(l, "attn_output"), rotated_output(o));
    }

    void import_ffn(uint32_t l) {
        const auto gain = gain_to_fold(layer_name(l, "ffn_norm"));
        Matrix gate = tensor(layer_name(l, "ffn_gate"));
        Matrix up = tensor(layer_name(l, "ffn_up"));
        for (Matrix* w : {&gate, &up}) scale_columns(*w, gain);
        add_linear(layer_name(l, "ffn_gate_up"), rotated_input(stack({&gate, &up})));
        add_linear(layer_name(l, "ffn_down"), rotated_output(tensor(layer_name(l, "ffn_down"))));
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
        for (size_t first = 0; first < d_.vocabulary; first += kBlockRows) {
            const Matrix block =
                dequantize(*embedding, first, std::min<size_t>(kBlockRows, d_.vocabulary - first));
            if (!append_rows(rotated_input(block), inference::kEmbeddingCodeMax, rows)) {
                return fail("token_embd.weight");
            }
        }
        parts_.embedding = {rows.codes, rows.mw, rows.ew};
    }

    ModelParts finish() {
        parts_.architecture = "llama";
        parts_.dimensions = d_;
        parts_.fx = kImportFx;
        parts_.epsilon = uint64_t(std::nearbyint(std::ldexp(shape_.epsilon, 2 * int(kImportFx))));
        parts_.rope = rope_constants(shape_.rope_base, d_.head_dim);
        parts_.end_tokens = shape_.end_tokens;
        const inference::LlamaPlanes fast{.qkv = 2, .o = 1, .gate_up = 2, .down = 2, .head = 2};
        const inference::LlamaPlanes exact{.qkv = 2, .o = 2, .gate_up = 2, .down = 2, .head = 2};
        parts_.graph = inference::make_llama_graph(d_.layers, is_rotated_ ? fast : exact);
        parts_.memory = memory_;
        return std::move(parts_);
    }

    const GgufFile& source_;
    const LlamaShape& shape_;
    const Dimensions& d_;
    const ImportOptions& options_;
    const bool is_rotated_;
    std::shared_ptr<ImportedMemory> memory_;
    const Matrix rotation_;
    const Matrix rotation_back_;
    ModelParts parts_;
    std::optional<GgufError> error_;
};

}  // namespace

Result<ModelParts, GgufError> import_llama(const GgufFile& source, const ImportOptions& options) {
    const auto shape = read_llama_shape(source);
    if (!shape) return Fail{shape.error()};
    return Importer{source, *shape, options}.run();
}

}  // namespace daidd::import
