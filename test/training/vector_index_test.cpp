#include "training/vector_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "inference/random.h"
#include "training/search.h"
#include "training/vectors.h"

namespace daidd::training {
namespace {

using inference::Backend;
using inference::Random;

/// Few values, so that many rows have the same score under any query.
Vector coarse_vector(Random& random, uint32_t width) {
    Vector vector;
    for (uint32_t i = 0; i < width; ++i) vector.codes.push_back(int8_t(random.in(-1, 1)));
    vector.codes[size_t(random.in(0, width - 1))] = 1;
    vector.mantissa = uint8_t(random.in(0, 1) == 0 ? 128 : 192);
    vector.exponent = uint8_t(random.in(0, 2));
    return vector;
}

Vector fine_vector(Random& random, uint32_t width) {
    std::vector<int32_t> x(width);
    for (int32_t& v : x) v = int32_t(random.in(-1000, 1000));
    x[0] |= 1;
    return *make_vector(*inference::unit_row(x));
}

std::vector<IndexRow> random_rows(Random& random, uint32_t width, size_t count, bool coarse) {
    std::vector<IndexRow> rows;
    for (size_t i = 0; i < count; ++i) {
        // Distinct: the high half is random, the low half counts.
        rows.push_back({random.next() << 32 | i,
                        {},
                        coarse ? coarse_vector(random, width) : fine_vector(random, width)});
        rows.back().text[0] = uint8_t(i);
    }
    return rows;
}

std::vector<Hit> brute_force(const std::vector<IndexRow>& rows, const Vector& query, uint32_t k) {
    std::vector<Hit> hits;
    for (const IndexRow& row : rows) {
        int64_t score = 0;
        for (size_t i = 0; i < query.codes.size(); ++i) score += query.codes[i] * row.vector.codes[i];
        hits.push_back({row.id, (score * row.vector.mantissa << 7) >> row.vector.exponent});
    }
    std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
        return std::pair{-a.score, a.id} < std::pair{-b.score, b.id};
    });
    hits.resize(std::min<size_t>(k, hits.size()));
    return hits;
}

TEST(VectorIndex, SearchEqualsBruteForce) {
    Random random{4};
    size_t ties = 0;
    for (int round = 0; round < 60; ++round) {
        const auto width = uint32_t(random.in(1, 150));
        const bool coarse = round % 2 == 0;
        const auto rows = random_rows(random, width, size_t(random.in(1, 900)), coarse);
        const auto index = VectorIndex::build({}, width, rows);
        ASSERT_TRUE(index);
        const Vector query = coarse ? coarse_vector(random, width) : rows[rows.size() / 2].vector;
        for (const uint32_t k : {1u, uint32_t(random.in(1, 60)), kHitsMax}) {
            const auto expected = brute_force(rows, query, k);
            for (size_t i = 1; i < expected.size(); ++i) ties += expected[i].score == expected[i - 1].score;
            for (const Backend backend : inference::kBackends) {
                if (!is_supported(backend)) continue;
                for (const unsigned threads : {1u, 3u}) {
                    ASSERT_EQ(index->search(query, k, backend, threads), expected)
                        << "round " << round << ", k " << k << ", " << to_string(backend);
                }
            }
        }
    }
    EXPECT_GT(ties, 1000u);
}

TEST(VectorIndex, EqualsTheVectors) {
    const auto json = index_vectors();
    const auto index = VectorIndex::build(*parse_hash(json["model"].get<std::string>()),
                                          json["width"].get<uint32_t>(), rows_of(json["rows"]));
    ASSERT_TRUE(index);
    EXPECT_EQ(to_hex(index->root()), json["root"].get<std::string>());
    for (const auto& search : json["searches"]) {
        EXPECT_EQ(index->search(vector_of(search["query"]), search["k"].get<uint32_t>(), Backend::kScalar),
                  hits_of(search["hits"]));
    }
}

TEST(VectorIndex, TheOrderOfInsertionNeverShows) {
    Random random{5};
    auto rows = random_rows(random, 20, 300, false);
    const auto expected = VectorIndex::build({}, 20, rows);
    for (int round = 0; round < 5; ++round) {
        for (size_t i = rows.size() - 1; i > 0; --i)
            std::swap(rows[i], rows[size_t(random.in(0, int64_t(i)))]);
        const auto index = VectorIndex::build({}, 20, rows);
        EXPECT_EQ(index->root(), expected->root());
        EXPECT_EQ(index->encode(), expected->encode());
    }
}

TEST(VectorIndex, TheRootNamesEverything) {
    Random random{6};
    const auto rows = random_rows(random, 8, 5, false);
    std::vector<Hash256> roots{VectorIndex::build({}, 8, rows)->root(),
                               VectorIndex::build({1}, 8, rows)->root()};
    const auto with = [&](auto spoil) {
        auto other = rows;
        spoil(other[3]);
        roots.push_back(VectorIndex::build({}, 8, other)->root());
    };
    with([](IndexRow& row) { ++row.id; });
    with([](IndexRow& row) { row.text[31] ^= 1; });
    with([](IndexRow& row) { row.vector.codes[7] ^= 1; });
    with([](IndexRow& row) { row.vector.mantissa ^= 1; });
    with([](IndexRow& row) { row.vector.exponent ^= 1; });
    roots.push_back(VectorIndex::build({}, 8, {rows.begin(), rows.begin() + 4})->root());
    std::ranges::sort(roots);
    EXPECT_EQ(std::ranges::adjacent_find(roots), roots.end());
}

TEST(VectorIndex, RefusesByTheFirstBreach) {
    Random random{7};
    const auto rows = random_rows(random, 8, 3, false);
    const struct {
        IndexError error;
        uint32_t width;
        std::function<void(std::vector<IndexRow>&)> spoil;
    } cases[] = {{IndexError::kWidth, 0, [](auto&) {}},
                 {IndexError::kWidth, kVectorWidthMax + 1, [](auto&) {}},
                 {IndexError::kNoRows, 8, [](auto& r) { r.clear(); }},
                 {IndexError::kTooManyRows, 8, [](auto& r) { r.resize(kIndexRowsMax + 1); }},
                 {IndexError::kRowWidth, 9, [](auto&) {}},
                 {IndexError::kRowWidth, 8, [](auto& r) { r[2].vector.codes.pop_back(); }},
                 {IndexError::kRowOutOfRange, 8, [](auto& r) { r[1].vector.codes[0] = -128; }},
                 {IndexError::kSameId, 8, [](auto& r) { r[2].id = r[0].id; }}};
    for (const auto& c : cases) {
        auto spoiled = rows;
        c.spoil(spoiled);
        const auto index = VectorIndex::build({}, c.width, std::move(spoiled));
        ASSERT_FALSE(index) << to_string(c.error);
        EXPECT_EQ(index.error(), c.error) << to_string(c.error) << " " << to_string(index.error());
    }
}

TEST(VectorIndex, DecodesWhatItEncodesAndNothingElse) {
    Random random{8};
    const auto index = VectorIndex::build({7}, 5, random_rows(random, 5, 4, false));
    const Bytes bytes = index->encode();
    constexpr size_t kRow = 8 + 32 + 5 + 2;
    ASSERT_EQ(bytes.size(), 44 + 4 * kRow);
    const auto decoded = VectorIndex::decode(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->root(), index->root());
    EXPECT_EQ(decoded->encode(), bytes);
    for (size_t size = 0; size < bytes.size(); ++size) {
        const auto prefix = VectorIndex::decode(ByteView{bytes}.first(size));
        ASSERT_FALSE(prefix);
        EXPECT_EQ(prefix.error(), IndexError::kTruncated) << size;
    }
    const struct {
        IndexError error;
        std::function<void(Bytes&)> spoil;
    } cases[] = {
        {IndexError::kTrailingBytes, [](Bytes& b) { b.push_back(0); }},
        {IndexError::kWidth, [](Bytes& b) { std::fill_n(b.begin() + 32, 4, uint8_t{0}); }},
        {IndexError::kWidth, [](Bytes& b) { b[33] = 0x40; }},  // 16,384 + 5
        {IndexError::kNoRows, [](Bytes& b) { b[36] = 0; }},
        {IndexError::kTooManyRows, [](Bytes& b) { b[38] = 0x10; }},  // 2^20 + 4
        {IndexError::kTooManyRows, [](Bytes& b) { b[43] = 0x80; }},
        {IndexError::kRowOutOfRange, [](Bytes& b) { b[44 + 40] = 0x80; }},
        {IndexError::kRowOutOfRange, [](Bytes& b) { b.back() = kVectorExponentMax + 1; }},
        {IndexError::kRowOutOfRange, [](Bytes& b) { b[b.size() - 2] = 127; }},
        {IndexError::kSameId, [](Bytes& b) { std::copy_n(b.begin() + 44, 8, b.begin() + 44 + kRow); }},
        {IndexError::kUnordered,
         [](Bytes& b) { std::swap_ranges(b.begin() + 44, b.begin() + 44 + kRow, b.begin() + 44 + kRow); }}};
    for (const auto& c : cases) {
        Bytes spoiled = bytes;
        c.spoil(spoiled);
        const auto result = VectorIndex::decode(spoiled);
        ASSERT_FALSE(result) << to_string(c.error);
        EXPECT_EQ(result.error(), c.error) << to_string(c.error) << " " << to_string(result.error());
    }
}

TEST(VectorIndex, HoldsAsManyRowsAsItMay) {
    Writer writer;
    writer(Hash256{}, uint32_t{1}, kIndexRowsMax);
    for (uint64_t id = 0; id < kIndexRowsMax; ++id) {
        writer(id, Hash256{}, int8_t(id % 127 + 1), uint8_t{128}, uint8_t{0});
    }
    const auto index = VectorIndex::decode(writer.take());
    ASSERT_TRUE(index);
    const auto hits = index->search({{1}, 128, 0}, kHitsMax, inference::best_backend());
    ASSERT_EQ(hits.size(), kHitsMax);
    EXPECT_EQ(hits[0], (Hit{126, int64_t{127} * 128 << 7}));
    EXPECT_EQ(hits[kHitsMax - 1].id, 126 + 127 * (kHitsMax - 1));
    const RowProof proof = index->prove(kIndexRowsMax - 1);
    EXPECT_EQ(proof.path.size(), kIndexPathMax);
    EXPECT_EQ(root_of(proof), index->root());
}

TEST(RowProof, LeadsFromEveryRowToTheRoot) {
    Random random{9};
    for (size_t count = 1; count <= 20; ++count) {
        const auto rows = random_rows(random, 3, count, false);
        const auto index = VectorIndex::build({3}, 3, rows);
        for (const IndexRow& row : rows) {
            const auto position = index->find(row.id);
            ASSERT_TRUE(position);
            EXPECT_EQ(index->row(*position), row);
            const Bytes bytes = encode(index->prove(*position));
            const auto proof = decode<RowProof>(bytes);
            ASSERT_TRUE(proof);
            EXPECT_EQ(root_of(*proof), index->root());
        }
        EXPECT_FALSE(index->find(rows[0].id + 1000));
    }
}

TEST(RowProof, ProvesNothingElse) {
    Random random{10};
    const auto index = VectorIndex::build({}, 3, random_rows(random, 3, 5, false));
    const std::function<void(RowProof&)> spoils[] = {[](RowProof& p) { p.model[0] ^= 1; },
                                                     [](RowProof& p) { ++p.width; },
                                                     [](RowProof& p) { p.rows = 4; },
                                                     [](RowProof& p) { p.rows = kIndexRowsMax + 1; },
                                                     [](RowProof& p) { ++p.position; },
                                                     [](RowProof& p) { p.position = 5; },
                                                     [](RowProof& p) { ++p.row.id; },
                                                     [](RowProof& p) { p.row.text[0] ^= 1; },
                                                     [](RowProof& p) { p.row.vector.codes[0] ^= 1; },
                                                     [](RowProof& p) { p.row.vector.codes[0] = -128; },
                                                     [](RowProof& p) { p.row.vector.mantissa ^= 1; },
                                                     [](RowProof& p) { p.path.pop_back(); },
                                                     [](RowProof& p) { p.path.push_back({}); },
                                                     [](RowProof& p) { p.path[0][0] ^= 1; }};
    for (size_t i = 0; i < std::size(spoils); ++i) {
        RowProof proof = index->prove(2);
        spoils[i](proof);
        EXPECT_NE(root_of(proof), index->root()) << i;
    }
}

TEST(SearchResult, IsCheckedByARerun) {
    Random random{11};
    const auto rows = random_rows(random, 16, 40, true);
    const auto index = VectorIndex::build({}, 16, rows);
    const Vector query = coarse_vector(random, 16);
    const auto good = run_search(*index, query, 6, inference::best_backend(), 2);
    const auto sent = decode<SearchResult>(encode(good));
    ASSERT_TRUE(sent);
    EXPECT_EQ(check_search(*index, *sent, Backend::kScalar), std::nullopt);
    EXPECT_EQ(sent->hits, brute_force(rows, query, 6));
    const struct {
        SearchError error;
        std::function<void(SearchResult&)> spoil;
    } cases[] = {{SearchError::kOtherIndex, [](SearchResult& r) { r.index[5] ^= 1; }},
                 {SearchError::kBadQuery, [](SearchResult& r) { r.query.codes.push_back(1); }},
                 {SearchError::kBadQuery, [](SearchResult& r) { r.query.codes[0] = -128; }},
                 {SearchError::kBadQuery, [](SearchResult& r) { r.query.codes.assign(16, 0); }},
                 {SearchError::kBadCount, [](SearchResult& r) { r.k = 0; }},
                 {SearchError::kBadCount, [](SearchResult& r) { r.k = kHitsMax + 1; }},
                 {SearchError::kWrongHits, [](SearchResult& r) { r.k = 5; }},
                 {SearchError::kWrongHits, [](SearchResult& r) { r.hits.pop_back(); }},
                 {SearchError::kWrongHits, [](SearchResult& r) { std::swap(r.hits[0], r.hits[1]); }},
                 {SearchError::kWrongHits, [](SearchResult& r) { ++r.hits[5].score; }},
                 {SearchError::kWrongHits, [](SearchResult& r) { r.hits[2].id ^= 1; }}};
    for (const auto& c : cases) {
        SearchResult spoiled = good;
        c.spoil(spoiled);
        EXPECT_EQ(check_search(*index, spoiled, Backend::kScalar), c.error) << to_string(c.error);
        EXPECT_NE(commitment_of(spoiled), commitment_of(good));
    }
}

TEST(SearchResult, AListIsNoLongerThanAllowed) {
    SearchResult result;
    result.hits.resize(kHitsMax);
    EXPECT_TRUE(decode<SearchResult>(encode(result)));
    result.hits.resize(kHitsMax + 1);
    EXPECT_EQ(decode<SearchResult>(encode(result)).error(), DecodeError::kOverLimit);
    RowProof proof;
    proof.path.resize(kIndexPathMax);
    EXPECT_TRUE(decode<RowProof>(encode(proof)));
    proof.path.resize(kIndexPathMax + 1);
    EXPECT_EQ(decode<RowProof>(encode(proof)).error(), DecodeError::kOverLimit);
}

}  // namespace
}  // namespace daidd::training
