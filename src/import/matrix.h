#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace daidd::import {

/// Rows of doubles, one after the other. Every function here uses only + − × ÷ and square root, each rounded
/// as IEEE 754 says, in an order that neither threads nor vector width change: the same bits everywhere.
struct Matrix {
    Matrix(size_t row_count, size_t col_count)
        : rows{row_count}, cols{col_count}, values(row_count * col_count, 0.0) {}

    std::span<double> row(size_t r) { return std::span{values}.subspan(r * cols, cols); }
    std::span<const double> row(size_t r) const { return std::span{values}.subspan(r * cols, cols); }

    size_t rows, cols;
    std::vector<double> values;
};

Matrix transpose(const Matrix& a);

/// a · b; every element is summed from the first index to the last. Requires a.cols == b.rows.
Matrix multiply(const Matrix& a, const Matrix& b, unsigned threads);

/// Column c times factors[c].
void scale_columns(Matrix& a, std::span<const double> factors);

/// A random orthogonal n × n matrix, always the same for one n: the Q of a Householder QR of pseudo-random
/// numbers, with the signs that make R's diagonal positive.
Matrix random_orthogonal(size_t n);

/// Multiplies each group of `size` neighbours of `values`, `stride` apart, by the orthogonal Hadamard matrix
/// of that size. Requires a power of two and values.size() a multiple of size · stride.
void hadamard(std::span<double> values, size_t size, size_t stride);

}  // namespace daidd::import
