#include "training/embed.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/hash.h"
#include "inference/reference.h"
#include "inference/unit_row.h"

namespace daidd::training {

using inference::ForwardError;
using inference::kNoIndex;
using inference::Model;
using inference::OpKind;

namespace {

EmbedError error_of(ForwardError error) {
    switch (error) {
    case ForwardError::kNoTokens: return EmbedError::kNoTokens;
    case ForwardError::kUnknownToken: return EmbedError::kUnknownToken;
    case ForwardError::kTooLong: return EmbedError::kTooLong;
    case ForwardError::kOutOfPages:  // sequences here have no budget
    case ForwardError::kNotADecoder:
    case ForwardError::kNotAnEncoder: break;
    }
    assert(false);
    return EmbedError::kTooLong;
}

/// Where a decoder's last norm reads the residual stream.
struct FinalNorm {
    uint16_t tensor = kNoIndex;
    const inference::Norm* norm = nullptr;
};

std::optional<FinalNorm> final_norm(const Model& model) {
    const auto& ops = model.graph().ops;
    const auto& quant = ops[ops.back().a];
    if (quant.op() != OpKind::kNormQuant) return std::nullopt;
    const OpKind source = ops[quant.a].op();
    if (source != OpKind::kAdd && source != OpKind::kEmbedding) return std::nullopt;
    return FinalNorm{model.plan().tensor[quant.a], &model.parts().norms[quant.norm]};
}

/// Sums what the last norm makes of the rows.
class Pool final : public inference::TraceSink {
public:
    Pool(const FinalNorm& source, uint32_t width) : source_{source}, sums_(width) {}

    void rows(uint16_t tensor, const inference::TensorInfo& info, uint32_t, ByteView rows,
              inference::Parallel& /*parallel*/) override {
        if (tensor != source_.tensor) return;
        std::vector<int32_t> row(info.width);
        for (; !rows.empty(); rows = rows.subspan(info.row_bytes)) {
            std::memcpy(row.data(), rows.data(), info.row_bytes);
            if (const auto unit = inference::unit_row(row)) add(*unit);
        }
    }
    const std::vector<int64_t>& sums() const { return sums_; }

private:
    void add(const std::vector<int32_t>& unit) {
        const auto& gains = source_.norm->gq;
        for (size_t i = 0; i < unit.size(); ++i) {
            sums_[i] += gains.empty() ? unit[i] : inference::gain_element(unit[i], gains[i]);
        }
    }

    FinalNorm source_;
    std::vector<int64_t> sums_;  // <= 2^17 · 2^30
};

Result<Vector, EmbedError> embed_by_encoder(const Model& model, std::span<const uint32_t> tokens,
                                            const EvalOptions& options) {
    const auto unit = encode_text(model, options.backend, tokens, options.threads);
    if (!unit) return Fail{error_of(unit.error())};
    auto vector = make_vector(*unit);
    if (!vector) return Fail{EmbedError::kNoDirection};
    return *std::move(vector);
}

}  // namespace

std::string_view to_string(EmbedError error) {
    switch (error) {
    case EmbedError::kNoTokens: return "no_tokens";
    case EmbedError::kUnknownToken: return "unknown_token";
    case EmbedError::kTooLong: return "too_long";
    case EmbedError::kNoDirection: return "no_direction";
    case EmbedError::kNoFinalNorm: return "no_final_norm";
    }
    return "unknown";
}

Result<Vector, EmbedError> embed(const Model& model, std::span<const uint32_t> tokens,
                                 const EvalOptions& options) {
    Embedding embedding{model, tokens, options};
    for (;;) {
        if (auto vector = embedding.step()) return *std::move(vector);
    }
}

struct Embedding::Decoding {
    Pool pool;
    inference::Sequence sequence;
};

Embedding::Embedding(const Model& model, std::span<const uint32_t> tokens, const EvalOptions& options)
    : model_{model}, rest_{tokens}, options_{options} {
    assert(options.chunk > 0);
}

Embedding::~Embedding() = default;

std::optional<EmbedError> Embedding::begin() {
    const auto source = final_norm(model_);
    if (!source) return EmbedError::kNoFinalNorm;
    if (rest_.empty()) return EmbedError::kNoTokens;
    if (rest_.size() > model_.dimensions().context) return EmbedError::kTooLong;
    // Braces, for Clang 14 has no aggregates in parentheses.
    decoding_.reset(new Decoding{.pool = Pool{*source, model_.dimensions().dim},
                                 .sequence = inference::Sequence{model_, uint32_t(rest_.size())}});
    return std::nullopt;
}

std::optional<Result<Vector, EmbedError>> Embedding::step() {
    if (model_.graph().is_encoder()) return embed_by_encoder(model_, rest_, options_);
    if (!decoding_) {
        if (const auto error = begin()) return Fail{*error};
    }
    const auto chunk = rest_.first(std::min<size_t>(options_.chunk, rest_.size()));
    const auto done =
        forward(model_, options_.backend, decoding_->sequence, chunk,
                {.logits = inference::Logits::kNone, .trace = &decoding_->pool, .threads = options_.threads});
    if (!done) return Fail{error_of(done.error())};
    rest_ = rest_.subspan(chunk.size());
    if (!rest_.empty()) return std::nullopt;
    const auto unit = inference::unit_row_of_sums(decoding_->pool.sums());
    if (!unit) return Fail{EmbedError::kNoDirection};
    return *make_vector(*unit);
}

Hash256 text_hash(std::string_view text) { return crypto::hash("text", {as_bytes(text)}); }

}  // namespace daidd::training
