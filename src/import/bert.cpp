#include "import/bert.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "import/bert_shape.h"
#include "import/dequantize.h"
#include "import/quantize.h"
#include "inference/bert.h"

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
/// Rows of the vocabulary taken at a time: bounds the memory that doubles take.
constexpr size_t kBlockRows = 2048;

struct ImportedMemory {
    std::deque<QuantizedRows<int8_t>> linears;
    QuantizedRows<int16_t> embedding;
    std::deque<std::vector<int32_t>> numbers;
};

class Importer {
public:
    Importer(const GgufFile& source, const BertShape& shape)
        : source_{source}, shape_{shape}, d_{shape.dimensions}, memory_{std::make_shared<ImportedMemory>()} {}

    Result<ImportedModel, GgufError> run() {
        import_embedding();
        add_linear("position_embd", tensor("position_embd.weight"), {});
        import_norm("token_embd_norm");
        for (uint32_t l = 0; l < d_.layers && !error_; ++l) {
            const std::string layer = "blk." + std::to_string(l) + ".";
            import_qkv(layer);
            import_linear(layer + "attn_output");
            import_norm(layer + "attn_output_norm");
            import_linear(layer + "ffn_up");
            import_linear(layer + "ffn_down");
            import_norm(layer + "layer_output_norm");
        }
        if (error_) return Fail{*error_};
        return finish();
    }

private:
    void fail(const std::string& name) {
        if (!error_) error_ = GgufError{GgufReason::kBadValue, name};
    }

    Matrix rows_of(const std::string& name, uint64_t first, uint64_t count) {
        Matrix values = dequantize(*source_.find_tensor(name), first, count);
        if (!std::ranges::all_of(values.values, [](double v) { return std::isfinite(v); })) fail(name);
        return values;
    }
    Matrix tensor(const std::string& name) { return rows_of(name, 0, source_.find_tensor(name)->rows()); }

    void import_embedding() {
        const Matrix type = rows_of("token_types.weight", 0, 1);
        for (uint64_t first = 0; first < d_.vocabulary; first += kBlockRows) {
            Matrix words =
                rows_of("token_embd.weight", first, std::min<uint64_t>(kBlockRows, d_.vocabulary - first));
            for (size_t i = 0; i < words.values.size(); ++i) words.values[i] += type.values[i % d_.dim];
            if (!append_rows(words, inference::kEmbeddingCodeMax, memory_->embedding))
                return fail("token_embd.weight");
        }
        const auto& rows = memory_->embedding;
        parts_.embedding = {rows.codes, rows.mw, rows.ew};
    }

    /// A gain an element, then a bias an element, under one exponent.
    void import_norm(const std::string& name) {
        auto numbers = tensor(name + ".weight").values;
        const auto biases = tensor(name + ".bias").values;
        numbers.insert(numbers.end(), biases.begin(), biases.end());
        auto quantized = quantize_gain(numbers);
        if (!quantized) return fail(name + ".weight");
        const auto& kept = memory_->numbers.emplace_back(std::move(quantized->gq));
        parts_.norms.push_back({kept, quantized->ge});
    }

    void import_linear(const std::string& name) {
        add_pair(name, tensor(name + ".weight"), tensor(name + ".bias").values);
    }

    void import_qkv(const std::string& layer) {
        Matrix all{size_t{3} * d_.dim, d_.dim};
        std::vector<double> biases;
        auto to = all.values.begin();
        const std::pair<const char*, double> parts[] = {
            {"attn_q", kLog2E / std::sqrt(double(d_.head_dim))}, {"attn_k", 1.0}, {"attn_v", 1.0}};
        for (const auto& [name, factor] : parts) {
            for (const double v : tensor(layer + name + ".weight").values) *to++ = v * factor;
            for (const double v : tensor(layer + name + ".bias").values) biases.push_back(v * factor);
        }
        add_pair(layer + "attn_qkv", all, biases);
    }

    /// Two linears: the rounded weights with the biases, and what rounding left of the weights.
    void add_pair(const std::string& name, const Matrix& w, const std::vector<double>& biases) {
        if (add_linear(name, w, biases))
            add_linear(name + ".rest", rounding_rest(w, memory_->linears.back()), {});
    }

    bool add_linear(const std::string& name, const Matrix& w, const std::vector<double>& biases) {
        auto& rows = memory_->linears.emplace_back();
        if (!append_rows(w, kWeightCodeMax, rows)) return fail(name + ".weight"), false;
        auto& bias = memory_->numbers.emplace_back();
        for (const double v : biases) {
            const double fixed = std::nearbyint(std::ldexp(v, int(kBertFx)));
            if (!(std::fabs(fixed) <= double(INT32_MAX))) return fail(name + ".bias"), false;
            bias.push_back(int32_t(fixed));
        }
        parts_.linears.push_back(
            {name, uint32_t(w.rows), uint32_t(w.cols), rows.codes, rows.mw, rows.ew, bias});
        return true;
    }

    ImportedModel finish() {
        parts_.architecture = "bert";
        parts_.dimensions = d_;
        parts_.fx = kBertFx;
        parts_.epsilon = uint64_t(std::nearbyint(std::ldexp(shape_.epsilon, 2 * int(kBertFx))));
        parts_.rope.assign(d_.head_dim / 2, 0);  // no turn: positions are learned
        parts_.graph = inference::make_bert_graph(d_.layers);
        parts_.memory = memory_;
        return {std::move(parts_), Precision::kExact};
    }

    const GgufFile& source_;
    const BertShape& shape_;
    const Dimensions& d_;
    std::shared_ptr<ImportedMemory> memory_;
    ModelParts parts_;
    std::optional<GgufError> error_;
};

}  // namespace

Result<ImportedModel, GgufError> import_bert(const GgufFile& source) {
    const auto shape = read_bert_shape(source);
    if (!shape) return Fail{shape.error()};
    return Importer{source, *shape}.run();
}

}  // namespace daidd::import
