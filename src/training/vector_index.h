#pragma once

#include "crypto/merkle.h"
#include "inference/backend.h"
#include "training/vector.h"

namespace daidd::training {

inline constexpr uint64_t kIndexRowsMax = uint64_t{1} << 20;
inline constexpr size_t kIndexPathMax = 20;  ///< of a row in a tree of kIndexRowsMax
inline constexpr uint32_t kHitsMax = 1024;
static_assert(kIndexRowsMax <= uint64_t{1} << kIndexPathMax);

/// One text of an index: its id, the hash of its bytes and its embedding.
struct IndexRow {
    uint64_t id = 0;
    Hash256 text{};
    Vector vector;

    bool operator==(const IndexRow&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.id, self.text, self.vector);
    }
};

/// Shown to users: never rename one.
enum class IndexError {
    kTruncated,      ///< fewer bytes than the counts say
    kTrailingBytes,  ///< more
    kWidth,          ///< 0 or above kVectorWidthMax
    kNoRows,
    kTooManyRows,    ///< above kIndexRowsMax
    kRowWidth,       ///< a row of another width
    kRowOutOfRange,  ///< a code, mantissa or exponent that no quantisation makes, or all zero
    kSameId,         ///< two rows with one id
    kUnordered,      ///< encoded rows that do not ascend: an index has one encoding
};
std::string_view to_string(IndexError error);

/// A row found. Among the rows of one index the score orders by cosine: score · 2^−21 times the query's
/// scale.
struct Hit {
    uint64_t id = 0;
    int64_t score = 0;  ///< dot · mantissa · 2^(7 − exponent): exact, below 2^43

    bool operator==(const Hit&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.id, self.score);
    }
};

/// Total and exact: the larger score first, the lower id on ties.
inline bool is_before(const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
}

/// A row under the root of an index.
struct RowProof {
    Hash256 model{};
    uint32_t width = 0;
    uint64_t rows = 0, position = 0;
    IndexRow row;
    std::vector<Hash256> path;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.width, self.rows, self.position, self.row, bounded(self.path, kIndexPathMax));
    }
};
/// The root of the only index that the proof can be of; nothing if it cannot be a proof.
std::optional<Hash256> root_of(const RowProof& proof);

/// Exact search over the embeddings of texts. Immutable, safe to share between threads. Rows lie in the order
/// of their ids, so the order in which they came never shows:
///   root = H("vindex"; model 32 ‖ width u32 ‖ rows u64 ‖ Merkle over H("vrow"; id u64 ‖ text 32 ‖ codes ‖
///          mantissa u8 ‖ exponent u8))
class VectorIndex {
public:
    /// `model`: root of the model that made the embeddings. In any order; the first breach is the error.
    static Result<VectorIndex, IndexError> build(const Hash256& model, uint32_t width,
                                                 std::vector<IndexRow> rows);

    /// model 32 ‖ width u32 ‖ rows u64 ‖ (id u64 ‖ text 32 ‖ codes ‖ mantissa u8 ‖ exponent u8) …
    Bytes encode() const;
    static Result<VectorIndex, IndexError> decode(ByteView bytes);

    const Hash256& root() const { return root_; }
    const Hash256& model() const { return model_; }
    uint32_t width() const { return width_; }
    uint64_t rows() const { return ids_.size(); }
    /// Requires position < rows().
    IndexRow row(uint64_t position) const;
    std::optional<uint64_t> find(uint64_t id) const;
    RowProof prove(uint64_t position) const;

    /// The min(k, rows()) rows that come first, best first: the same with every backend and any number of
    /// threads. Requires a valid query of this width, 0 < k <= kHitsMax and is_supported(backend).
    std::vector<Hit> search(const Vector& query, uint32_t k, inference::Backend backend,
                            unsigned threads = 1) const;

private:
    VectorIndex() = default;
    void append(const IndexRow& row);
    void write_row(uint64_t position, Writer& writer) const;
    Hash256 make_root();

    Hash256 model_{}, root_{};
    uint32_t width_ = 0;
    std::vector<uint64_t> ids_;
    std::vector<Hash256> texts_;
    std::vector<int8_t> codes_;
    std::vector<uint8_t> mantissas_, exponents_;
    std::shared_ptr<const crypto::MerkleTree> tree_;
};

}  // namespace daidd::training
