#include "import/matrix.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <functional>

#include "crypto/hash.h"
#include "inference/parallel.h"

namespace daidd::import {

// Sums in registers wider than a double would round differently.
static_assert(FLT_EVAL_METHOD == 0);

namespace {

/// Columns that are summed side by side: kPairs registers of two doubles. A vector type and written-out
/// loops, so that every compiler keeps the sums in registers.
constexpr size_t kLanes = 8;
constexpr size_t kPairs = kLanes / 2;
using Pair = double __attribute__((vector_size(16), aligned(8)));

/// `b` cut into panels of kLanes columns, filled up with zeros.
std::vector<double> pack_panels(const Matrix& b) {
    const size_t panels = (b.cols + kLanes - 1) / kLanes;
    std::vector<double> packed(panels * b.rows * kLanes, 0.0);
    for (size_t r = 0; r < b.rows; ++r) {
        for (size_t c = 0; c < b.cols; ++c) {
            packed[(c / kLanes * b.rows + r) * kLanes + c % kLanes] = b.values[r * b.cols + c];
        }
    }
    return packed;
}

/// kRows rows of `a` times one panel.
template <size_t kRows>
void multiply_panel(const double* a, size_t depth, const double* panel, double* out, size_t out_cols,
                    size_t width) {
    Pair sums[kRows][kPairs] = {};
    for (size_t k = 0; k < depth; ++k) {
        const Pair* b = reinterpret_cast<const Pair*>(panel + k * kLanes);
#pragma GCC unroll 4
        for (size_t r = 0; r < kRows; ++r) {
            const Pair factor = {a[r * depth + k], a[r * depth + k]};
#pragma GCC unroll 4
            for (size_t p = 0; p < kPairs; ++p) sums[r][p] += factor * b[p];
        }
    }
    for (size_t r = 0; r < kRows; ++r) {
        for (size_t c = 0; c < width; ++c) out[r * out_cols + c] = sums[r][c / 2][c % 2];
    }
}

/// Reflects all rows of `a` from `first` on: a −= v (2 / v·v) (vᵀ a), where v[i] belongs to row first + i.
void reflect(Matrix& a, std::span<const double> v, size_t first, size_t first_col) {
    double square = 0;
    for (const double x : v) square += x * x;
    if (square == 0) return;
    std::vector<double> product(a.cols, 0.0);
    for (size_t i = 0; i < v.size(); ++i) {
        for (size_t c = first_col; c < a.cols; ++c) product[c] += v[i] * a.row(first + i)[c];
    }
    for (double& x : product) x = 2 * x / square;
    for (size_t i = 0; i < v.size(); ++i) {
        for (size_t c = first_col; c < a.cols; ++c) a.row(first + i)[c] -= v[i] * product[c];
    }
}

/// Which of the rotations of one size is taken: the best of eight by measurement (doc/decisions/0014).
constexpr uint8_t kRotation = 7;

/// Sums of twelve uniform numbers: near enough to normal that no direction is preferred.
Matrix random_matrix(size_t n) {
    assert(n < size_t{1} << 24);
    const std::array<uint8_t, 4> seed{uint8_t(n), uint8_t(n >> 8), uint8_t(n >> 16), kRotation};
    constexpr size_t kTerms = 12;
    Bytes stream(n * n * kTerms * 2);
    crypto::xof("rotation", crypto::hash("rotation", {seed}), stream);
    Matrix a{n, n};
    for (size_t i = 0; i < n * n; ++i) {
        int32_t sum = 0;
        for (size_t t = 0; t < kTerms; ++t) {
            const size_t at = (i * kTerms + t) * 2;
            sum += int32_t(stream[at] | stream[at + 1] << 8) - 32'768;
        }
        a.values[i] = double(sum) / 65'536;
    }
    return a;
}

}  // namespace

Matrix transpose(const Matrix& a) {
    Matrix out{a.cols, a.rows};
    for (size_t r = 0; r < a.rows; ++r) {
        for (size_t c = 0; c < a.cols; ++c) out.values[c * a.rows + r] = a.values[r * a.cols + c];
    }
    return out;
}

Matrix multiply(const Matrix& a, const Matrix& b, unsigned threads) {
    assert(a.cols == b.rows);
    Matrix out{a.rows, b.cols};
    const std::vector<double> packed = pack_panels(b);
    constexpr size_t kRows = 2;
    const size_t depth = a.cols;
    inference::Parallel parallel{threads};
    parallel.run(uint32_t((a.rows + kRows - 1) / kRows), [&](uint32_t begin, uint32_t end, unsigned) {
        for (size_t col = 0; col < b.cols; col += kLanes) {
            const double* panel = &packed[col * depth];
            const size_t width = std::min(kLanes, b.cols - col);
            for (size_t r = begin * kRows; r < std::min<size_t>(end * kRows, a.rows); r += kRows) {
                double* to = &out.values[r * out.cols + col];
                if (a.rows - r >= kRows) {
                    multiply_panel<kRows>(&a.values[r * depth], depth, panel, to, out.cols, width);
                    continue;
                }
                for (size_t i = 0; i < a.rows - r; ++i) {
                    multiply_panel<1>(&a.values[(r + i) * depth], depth, panel, to + i * out.cols, out.cols,
                                      width);
                }
            }
        }
    });
    return out;
}

void scale_columns(Matrix& a, std::span<const double> factors) {
    assert(factors.size() == a.cols);
    for (size_t r = 0; r < a.rows; ++r) {
        for (size_t c = 0; c < a.cols; ++c) a.row(r)[c] *= factors[c];
    }
}

Matrix random_orthogonal(size_t n) {
    Matrix r = random_matrix(n);
    std::vector<std::vector<double>> reflections;
    std::vector<bool> negative(n);
    for (size_t j = 0; j < n; ++j) {
        std::vector<double> v(n - j);
        double square = 0;
        for (size_t i = j; i < n; ++i) {
            v[i - j] = r.row(i)[j];
            square += v[i - j] * v[i - j];
        }
        // The sign that adds instead of cancelling; the diagonal of R gets the opposite one.
        const double length = std::sqrt(square);
        negative[j] = v[0] >= 0;
        v[0] += v[0] >= 0 ? length : -length;
        reflect(r, v, j, j);
        reflections.push_back(std::move(v));
    }
    Matrix q{n, n};
    for (size_t i = 0; i < n; ++i) q.row(i)[i] = negative[i] ? -1.0 : 1.0;
    for (size_t j = n; j-- > 0;) reflect(q, reflections[j], j, 0);
    return q;
}

void hadamard(std::span<double> values, size_t size, size_t stride) {
    assert((size & (size - 1)) == 0 && values.size() % (size * stride) == 0);
    const double scale = 1 / std::sqrt(double(size));
    for (size_t begin = 0; begin < values.size(); begin += size * stride) {
        for (size_t lane = begin; lane < begin + stride; ++lane) {
            for (size_t half = 1; half < size; half *= 2) {
                for (size_t i = 0; i < size; ++i) {
                    if ((i & half) != 0) continue;
                    double& x = values[lane + i * stride];
                    double& y = values[lane + (i + half) * stride];
                    const double sum = x + y;
                    y = x - y;
                    x = sum;
                }
            }
            for (size_t i = 0; i < size; ++i) values[lane + i * stride] *= scale;
        }
    }
}

}  // namespace daidd::import
