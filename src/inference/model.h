#pragma once

#include <memory>
#include <optional>
#include <string>

#include "inference/backend.h"
#include "inference/graph.h"
#include "util/result.h"

namespace daidd::inference {

// Limits under which no intermediate overflows (doc/numerics.md, "Bounds").
inline constexpr uint32_t kDimMax = 16'384;
inline constexpr uint32_t kDepthMax = 32'768;  ///< K of a linear: a mined slice index stays in a byte
inline constexpr uint32_t kHeadDimMax = 256, kHeadsMax = 256, kLayersMax = 512;
inline constexpr uint32_t kVocabularyMax = 1u << 20;
inline constexpr uint32_t kContextMax = 131'072;
inline constexpr uint32_t kWidthMax = 1u << 20;  ///< n of a linear
inline constexpr uint32_t kFxMin = 14, kFxMax = 16;
inline constexpr uint32_t kEwMin = 8, kEwMax = 30;
inline constexpr uint32_t kMwMin = 512, kMwMax = 1023;
inline constexpr int32_t kGainMax = 1 << 15;
inline constexpr int32_t kGainExponentMax = 16;  ///< |ge|
inline constexpr uint64_t kEpsilonMax = uint64_t{1} << 32;
inline constexpr int32_t kEmbeddingCodeMax = 32'639;

struct Dimensions {
    uint32_t vocabulary = 0;
    uint32_t layers = 0;
    uint32_t dim = 0;
    uint32_t ffn = 0;
    uint32_t heads = 0;
    uint32_t kv_heads = 0;
    uint32_t head_dim = 0;
    uint32_t context = 0;  ///< most positions of a sequence

    uint32_t qkv_width() const { return (heads + 2 * kv_heads) * head_dim; }
    bool operator==(const Dimensions&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.vocabulary, self.layers, self.dim, self.ffn, self.heads, self.kv_heads, self.head_dim,
              self.context);
    }
};

/// Row r of the matrix is weights[r · k …] · mw[r] · 2^−ew[r]; bias is empty or one int32 a row, in FX.
struct Linear {
    std::string name;  ///< for people; not committed to
    uint32_t n = 0;    ///< rows, the outputs
    uint32_t k = 0;    ///< columns, the inputs
    std::span<const int8_t> weights;
    std::span<const uint16_t> mw;
    std::span<const uint8_t> ew;
    std::span<const int32_t> bias;

    std::span<const int8_t> row(size_t r) const { return weights.subspan(r * k, k); }
};

/// gain = gq · 2^−(15 + ge); gq empty when the gain is folded into the weights (then ge is 0).
struct Norm {
    std::span<const int32_t> gq;
    int32_t ge = 0;
};

/// Row of token t is codes[t · dim …] · mw[t] · 2^−ew[t].
struct Embedding {
    std::span<const int16_t> codes;
    std::span<const uint16_t> mw;
    std::span<const uint8_t> ew;
};

/// Everything a model is made of, unchecked. The spans look into `memory` (a mapped file, vectors), which
/// lives as long as the last model made of it.
struct ModelParts {
    std::string architecture;
    Dimensions dimensions;
    uint32_t fx = 0;                   ///< fraction bits of int32 values
    uint64_t epsilon = 0;              ///< round(ε · 4^fx), of every norm
    std::vector<uint64_t> rope;        ///< F_j, one a pair: head_dim / 2
    std::vector<uint64_t> local_rope;  ///< the same for kLocalRopeQuant; empty where no operation is one
    uint32_t window = 0;  ///< positions that kLocalAttention sees, its own among them; 0 where none is one
    std::vector<uint32_t> end_tokens;  ///< generation stops at these; not committed to
    Embedding embedding;
    std::vector<Linear> linears;
    std::vector<Norm> norms;
    Graph graph;
    std::shared_ptr<const void> memory;
};

/// Shown to users: never rename one.
enum class ModelErrorReason {
    kBadContainer,         ///< not a GGUF file, or a broken one
    kMissing,              ///< a metadata key or tensor is not there
    kWrongType,            ///< a metadata value or tensor has another type
    kUnknownArchitecture,  ///< `field` is its name
    kUnknownOperation,     ///< `field` says which operation of the graph and its number
    kBadGraph,             ///< an operation's inputs, order or indices do not fit
    kOutOfRange,           ///< a number is outside its limits
    kWrongShape,           ///< sizes do not fit each other
    kMisaligned,           ///< tensor data not aligned for its type
};
std::string_view to_string(ModelErrorReason reason);

struct ModelError {
    ModelErrorReason reason;
    std::string field;
    std::string text() const;  ///< "out_of_range: blk.3.ffn_down.mw"
};

/// Checks operation kinds, inputs, order, indices and widths; the widths, tensors and operands that follow.
Result<Plan, ModelError> make_plan(const Graph& graph, const ModelParts& parts);

struct PackedModel;  // weights in the order the fast kernels read them

/// A checked model: all its numbers are within the limits above, so no operation on it can overflow. Cheap
/// to copy, safe to share between threads.
class Model {
public:
    /// Checks every number. `backend`: the fastest one the model shall run on (packs the weights once).
    static Result<Model, ModelError> build(ModelParts parts, Backend backend = best_backend());
    /// From the bytes of a model file (model_file.h). They live as long as the model: by `memory`, which the
    /// model keeps, or because the caller sees to it.
    static Result<Model, ModelError> load(ByteView file, Backend backend = best_backend(),
                                          std::shared_ptr<const void> memory = nullptr);

    const ModelParts& parts() const { return state_->parts; }
    const Dimensions& dimensions() const { return state_->parts.dimensions; }
    const Graph& graph() const { return state_->parts.graph; }
    const Plan& plan() const { return state_->plan; }
    const std::vector<Linear>& linears() const { return state_->parts.linears; }
    uint32_t fx() const { return state_->parts.fx; }

    Backend backend() const { return state_->backend; }  ///< the one it was built for
    /// Null unless built for a backend that wants it.
    const PackedModel* packed() const { return state_->packed.get(); }

private:
    struct State {
        ModelParts parts;
        Plan plan;
        Backend backend = Backend::kScalar;
        std::shared_ptr<const PackedModel> packed;
    };
    explicit Model(std::shared_ptr<const State> state) : state_{std::move(state)} {}
    std::shared_ptr<const State> state_;
};

}  // namespace daidd::inference
