#include "import/matrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "crypto/hash.h"
#include "inference/random.h"
#include "util/bytes.h"

namespace daidd::import {
namespace {

using inference::Random;

/// Numbers of all signs and of very different sizes, so that another order of a sum shows.
Matrix random_values(Random& random, size_t rows, size_t cols) {
    Matrix a{rows, cols};
    for (double& value : a.values) value = std::ldexp(double(random.spread(31)), int(random.in(-40, 10)));
    return a;
}

std::vector<uint64_t> bits_of(const Matrix& a) {
    std::vector<uint64_t> bits;
    for (const double value : a.values) bits.push_back(std::bit_cast<uint64_t>(value));
    return bits;
}

/// The specification: every element summed from the first index to the last.
Matrix naive_product(const Matrix& a, const Matrix& b) {
    Matrix out{a.rows, b.cols};
    for (size_t r = 0; r < a.rows; ++r) {
        for (size_t c = 0; c < b.cols; ++c) {
            double sum = 0;
            for (size_t k = 0; k < a.cols; ++k) sum += a.row(r)[k] * b.row(k)[c];
            out.row(r)[c] = sum;
        }
    }
    return out;
}

Matrix identity(size_t n) {
    Matrix a{n, n};
    for (size_t i = 0; i < n; ++i) a.row(i)[i] = 1;
    return a;
}

double largest_difference(const Matrix& a, const Matrix& b) {
    EXPECT_EQ(a.rows, b.rows);
    EXPECT_EQ(a.cols, b.cols);
    double most = 0;
    for (size_t i = 0; i < a.values.size(); ++i) {
        most = std::max(most, std::fabs(a.values[i] - b.values[i]));
    }
    return most;
}

TEST(Multiply, SumsInOrderForEveryShape) {
    Random random{1};
    for (const size_t rows : {1, 2, 3, 5, 8}) {
        for (const size_t depth : {1, 2, 7, 33}) {
            for (const size_t cols : {1, 2, 7, 8, 9, 16, 23}) {
                const Matrix a = random_values(random, rows, depth);
                const Matrix b = random_values(random, depth, cols);
                EXPECT_EQ(bits_of(multiply(a, b, 1)), bits_of(naive_product(a, b)))
                    << rows << " × " << depth << " × " << cols;
            }
        }
    }
}

TEST(Multiply, ThreadsDoNotChangeABit) {
    Random random{2};
    const Matrix a = random_values(random, 101, 40);
    const Matrix b = random_values(random, 40, 29);
    const auto expected = bits_of(naive_product(a, b));
    for (const unsigned threads : {1, 2, 3, 7, 64}) {
        EXPECT_EQ(bits_of(multiply(a, b, threads)), expected) << threads << " threads";
    }
}

TEST(Multiply, CarriesWhatIsNotFinite) {
    Random random{3};
    Matrix a = random_values(random, 3, 4);
    a.row(1)[2] = NAN;
    const Matrix out = multiply(a, random_values(random, 4, 9), 1);
    for (size_t r = 0; r < out.rows; ++r) {
        for (const double value : out.row(r)) EXPECT_EQ(std::isnan(value), r == 1);
    }
}

TEST(Transpose, SwapsRowsAndColumns) {
    Matrix a{2, 3};
    a.values = {1, 2, 3, 4, 5, 6};
    const Matrix t = transpose(a);
    EXPECT_EQ(t.rows, 3u);
    EXPECT_EQ(t.cols, 2u);
    EXPECT_EQ(t.values, (std::vector<double>{1, 4, 2, 5, 3, 6}));
    EXPECT_EQ(transpose(t).values, a.values);
}

TEST(ScaleColumns, MultipliesEachColumnByItsFactor) {
    Matrix a{2, 3};
    a.values = {1, 2, 3, 4, 5, 6};
    scale_columns(a, std::vector<double>{2, 0, -0.5});
    EXPECT_EQ(a.values, (std::vector<double>{2, 0, -1.5, 8, 0, -3}));
}

TEST(RandomOrthogonal, TimesItsTransposeIsOne) {
    for (const size_t n : {1, 2, 3, 8, 33, 96}) {
        const Matrix q = random_orthogonal(n);
        ASSERT_EQ(q.rows, n);
        ASSERT_EQ(q.cols, n);
        EXPECT_LE(largest_difference(multiply(q, transpose(q), 1), identity(n)), 1e-12) << n;
        EXPECT_LE(largest_difference(multiply(transpose(q), q, 1), identity(n)), 1e-12) << n;
    }
}

TEST(RandomOrthogonal, SpreadsOneColumnOverAll) {
    // A column of n entries with squares that add up to one: the largest of random ones is far below 1.
    constexpr size_t kSize = 96;
    const Matrix q = random_orthogonal(kSize);
    for (const double value : q.values) EXPECT_LT(std::fabs(value), 0.6);
    EXPECT_GT(largest_difference(q, identity(kSize)), 0.9);
}

/// Models are rotated by these bits: another compiler, or a machine with other roundings, shows here.
TEST(RandomOrthogonal, HasTheSameBitsEverywhere) {
    Bytes bytes;
    for (const uint64_t bits : bits_of(random_orthogonal(24))) {
        for (size_t i = 0; i < 8; ++i) bytes.push_back(uint8_t(bits >> (8 * i)));
    }
    EXPECT_EQ(to_hex(crypto::sha256(bytes)),
              "3381985765a77e3d606ea27ba2848c63bf4a3362e4ca53f566df76a0398651ef");
}

/// Element (i, j) is −1 to the number of ones that i and j share, over the root of the size.
Matrix hadamard_matrix(size_t n) {
    Matrix h{n, n};
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) {
            h.row(i)[j] = (std::popcount(i & j) % 2 == 0 ? 1 : -1) / std::sqrt(double(n));
        }
    }
    return h;
}

TEST(Hadamard, OfOneChangesNothing) {
    std::vector<double> values{3, -1, 0.1};
    hadamard(values, 1, 3);
    EXPECT_EQ(values, (std::vector<double>{3, -1, 0.1}));
}

TEST(Hadamard, IsTheOrthogonalMatrixOfItsSize) {
    for (const size_t n : {2, 4, 8, 64}) {
        Matrix columns = identity(n);
        hadamard(columns.values, n, n);
        EXPECT_LE(largest_difference(columns, hadamard_matrix(n)), 1e-15) << n;
        EXPECT_LE(largest_difference(multiply(columns, transpose(columns), 1), identity(n)), 1e-14) << n;
    }
}

TEST(Hadamard, IsItsOwnInverse) {
    Random random{4};
    for (const size_t stride : {1, 3, 5}) {
        for (const size_t size : {1, 2, 16, 32}) {
            Matrix a{2, size * stride};
            for (double& value : a.values) value = double(random.in(-1000, 1000)) / 1000;
            const Matrix before = a;
            hadamard(a.values, size, stride);
            if (size > 1) {
                EXPECT_GT(largest_difference(a, before), 0.1);
            }
            hadamard(a.values, size, stride);
            EXPECT_LE(largest_difference(a, before), 1e-14) << size << " apart by " << stride;
        }
    }
}

TEST(Hadamard, KeepsGroupsAndLanesApart) {
    // Two groups of two, three lanes: only lane 1 of the second group is not zero.
    std::vector<double> values(12, 0.0);
    values[7] = 1;
    hadamard(values, 2, 3);
    const double half = 1 / std::sqrt(2.0);
    for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i], i == 7 ? half : i == 10 ? half : 0.0) << i;
    }
}

/// What import folds: rotating the rows of v and the columns of o leaves o · v as it is.
TEST(Hadamard, CancelsBetweenValuesAndTheirReaders) {
    Random random{5};
    Matrix v{16, 5}, o{7, 16};
    for (Matrix* m : {&v, &o}) {
        for (double& value : m->values) value = double(random.in(-1000, 1000)) / 1000;
    }
    const Matrix expected = multiply(o, v, 1);
    hadamard(v.values, 8, v.cols);
    hadamard(o.values, 8, 1);
    EXPECT_LE(largest_difference(multiply(o, v, 1), expected), 1e-13);
}

}  // namespace
}  // namespace daidd::import
