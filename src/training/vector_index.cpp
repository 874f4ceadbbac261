#include "training/vector_index.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"
#include "inference/parallel.h"
#include "training/vector_kernels.h"

namespace daidd::training {

namespace {

constexpr size_t kHeaderBytes = 32 + 4 + 8;
constexpr size_t kRowFactsBytes = 8 + 32 + 1 + 1;  // of a row, beside its codes
/// Rows that are scored or hashed at a time: their sums stay in the cache.
constexpr uint64_t kBlockRows = 256;

Hash256 index_root(const Hash256& model, uint32_t width, uint64_t rows, const Hash256& rows_root) {
    Writer writer;
    writer(model, width, rows, rows_root);
    const Bytes bytes = writer.take();
    return crypto::hash("vindex", {bytes});
}

void write_parts(Writer& writer, uint64_t id, const Hash256& text, std::span<const int8_t> codes,
                 uint8_t mantissa, uint8_t exponent) {
    writer(id, text);
    writer.raw({reinterpret_cast<const uint8_t*>(codes.data()), codes.size()});
    writer(mantissa, exponent);
}

/// The k first of those offered: a heap with the last of them on top.
class Best {
public:
    explicit Best(size_t k) : k_{k} {}

    void offer(Hit hit) {
        if (hits_.size() == k_) {
            if (!is_before(hit, hits_.front())) return;
            std::ranges::pop_heap(hits_, is_before);
            hits_.pop_back();
        }
        hits_.push_back(hit);
        std::ranges::push_heap(hits_, is_before);
    }
    void offer(const Best& other) {
        for (const Hit& hit : other.hits_) offer(hit);
    }
    std::vector<Hit> take() {
        std::ranges::sort_heap(hits_, is_before);
        return std::move(hits_);
    }

private:
    size_t k_;
    std::vector<Hit> hits_;
};

}  // namespace

std::string_view to_string(IndexError error) {
    switch (error) {
    case IndexError::kTruncated: return "truncated";
    case IndexError::kTrailingBytes: return "trailing_bytes";
    case IndexError::kWidth: return "width";
    case IndexError::kNoRows: return "no_rows";
    case IndexError::kTooManyRows: return "too_many_rows";
    case IndexError::kRowWidth: return "row_width";
    case IndexError::kRowOutOfRange: return "row_out_of_range";
    case IndexError::kSameId: return "same_id";
    case IndexError::kUnordered: return "unordered";
    }
    return "unknown";
}

std::optional<Hash256> root_of(const RowProof& proof) {
    const Vector& vector = proof.row.vector;
    if (proof.rows > kIndexRowsMax || vector.codes.size() != proof.width || !is_valid(vector))
        return std::nullopt;
    Writer writer;
    write_parts(writer, proof.row.id, proof.row.text, vector.codes, vector.mantissa, vector.exponent);
    const Bytes bytes = writer.take();
    const auto root = crypto::climb(crypto::hash("vrow", {bytes}), proof.position, proof.rows, proof.path);
    if (!root) return std::nullopt;
    return index_root(proof.model, proof.width, proof.rows, *root);
}

Result<VectorIndex, IndexError> VectorIndex::build(const Hash256& model, uint32_t width,
                                                   std::vector<IndexRow> rows) {
    if (width == 0 || width > kVectorWidthMax) return Fail{IndexError::kWidth};
    if (rows.empty()) return Fail{IndexError::kNoRows};
    if (rows.size() > kIndexRowsMax) return Fail{IndexError::kTooManyRows};
    for (const IndexRow& row : rows) {
        if (row.vector.codes.size() != width) return Fail{IndexError::kRowWidth};
        if (!is_valid(row.vector)) return Fail{IndexError::kRowOutOfRange};
    }
    std::ranges::sort(rows, {}, &IndexRow::id);
    if (std::ranges::adjacent_find(rows, {}, &IndexRow::id) != rows.end()) return Fail{IndexError::kSameId};
    VectorIndex index;
    index.model_ = model;
    index.width_ = width;
    for (const IndexRow& row : rows) index.append(row);
    index.root_ = index.make_root();
    return index;
}

void VectorIndex::append(const IndexRow& row) {
    ids_.push_back(row.id);
    texts_.push_back(row.text);
    codes_.insert(codes_.end(), row.vector.codes.begin(), row.vector.codes.end());
    mantissas_.push_back(row.vector.mantissa);
    exponents_.push_back(row.vector.exponent);
}

void VectorIndex::write_row(uint64_t position, Writer& writer) const {
    write_parts(writer, ids_[position], texts_[position],
                std::span{codes_}.subspan(position * width_, width_), mantissas_[position],
                exponents_[position]);
}

Hash256 VectorIndex::make_root() {
    std::vector<Hash256> leaves(rows());
    for (uint64_t begin = 0; begin < rows(); begin += kBlockRows) {
        const uint64_t end = std::min(begin + kBlockRows, rows());
        Writer writer;
        for (uint64_t r = begin; r < end; ++r) write_row(r, writer);
        crypto::hash_rows("vrow", nullptr, writer.take(), kRowFactsBytes + width_,
                          std::span{leaves}.subspan(begin, end - begin));
    }
    tree_ = std::make_shared<const crypto::MerkleTree>(std::move(leaves));
    return index_root(model_, width_, rows(), tree_->root());
}

Bytes VectorIndex::encode() const {
    Writer writer;
    writer(model_, width_, rows());
    for (uint64_t r = 0; r < rows(); ++r) write_row(r, writer);
    return writer.take();
}

Result<VectorIndex, IndexError> VectorIndex::decode(ByteView bytes) {
    if (bytes.size() < kHeaderBytes) return Fail{IndexError::kTruncated};
    Reader reader{bytes};
    VectorIndex index;
    uint64_t rows = 0;
    reader(index.model_, index.width_, rows);
    if (index.width_ == 0 || index.width_ > kVectorWidthMax) return Fail{IndexError::kWidth};
    if (rows == 0) return Fail{IndexError::kNoRows};
    if (rows > kIndexRowsMax) return Fail{IndexError::kTooManyRows};
    const uint64_t expected = rows * (kRowFactsBytes + index.width_);
    if (reader.rest().size() < expected) return Fail{IndexError::kTruncated};
    if (reader.rest().size() > expected) return Fail{IndexError::kTrailingBytes};
    for (uint64_t r = 0; r < rows; ++r) {
        IndexRow row;
        reader(row.id, row.text);
        const ByteView codes = reader.take(index.width_);
        row.vector.codes.assign(codes.begin(), codes.end());
        reader(row.vector.mantissa, row.vector.exponent);
        if (!is_valid(row.vector)) return Fail{IndexError::kRowOutOfRange};
        if (r > 0 && row.id == index.ids_.back()) return Fail{IndexError::kSameId};
        if (r > 0 && row.id < index.ids_.back()) return Fail{IndexError::kUnordered};
        index.append(row);
    }
    index.root_ = index.make_root();
    return index;
}

IndexRow VectorIndex::row(uint64_t position) const {
    assert(position < rows());
    const auto codes = std::span{codes_}.subspan(position * width_, width_);
    return {ids_[position],
            texts_[position],
            {{codes.begin(), codes.end()}, mantissas_[position], exponents_[position]}};
}

std::optional<uint64_t> VectorIndex::find(uint64_t id) const {
    const auto at = std::ranges::lower_bound(ids_, id);
    if (at == ids_.end() || *at != id) return std::nullopt;
    return uint64_t(at - ids_.begin());
}

RowProof VectorIndex::prove(uint64_t position) const {
    return {model_, width_, rows(), position, row(position), tree_->path(position)};
}

std::vector<Hit> VectorIndex::search(const Vector& query, uint32_t k, inference::Backend backend,
                                     unsigned threads) const {
    assert(query.codes.size() == width_ && is_valid(query) && k > 0 && k <= kHitsMax);
    DotRows* const dots = dot_rows(backend);
    inference::Parallel parallel{threads};
    std::vector<Best> best(parallel.size(), Best{k});
    const auto blocks = uint32_t((rows() + kBlockRows - 1) / kBlockRows);
    parallel.run(blocks, [&](uint32_t begin, uint32_t end, unsigned part) {
        std::array<int32_t, kBlockRows> sums{};
        for (uint64_t first = begin * kBlockRows; first < end * kBlockRows && first < rows();
             first += kBlockRows) {
            const uint64_t count = std::min(kBlockRows, rows() - first);
            dots(query.codes.data(), codes_.data() + first * width_, width_, count, sums.data());
            for (uint64_t r = 0; r < count; ++r) {
                const int64_t scaled = int64_t{sums[r]} * mantissas_[first + r];
                best[part].offer(
                    {ids_[first + r], scaled * (1 << (kVectorExponentMax - exponents_[first + r]))});
            }
        }
    });
    for (unsigned part = 1; part < parallel.size(); ++part) best[0].offer(best[part]);
    return best[0].take();
}

}  // namespace daidd::training
