#pragma once

#include <cstdint>
#include <span>

/// Literal tables of Unicode, written by contrib/make_unicode_tables.py; who needs their meaning uses
/// unicode.h. Each is in order of its first field.
namespace daidd::inference::unicode {

/// One step of canonical decomposition; `second` is 0 where one character stands for another. Hangul
/// syllables are left to arithmetic.
struct Decomposition {
    char32_t code, first, second;
};
std::span<const Decomposition> decompositions();
/// Indices of the decompositions that composition takes back, in order of (first, second).
std::span<const uint16_t> compositions();

/// Characters first .. last have this combining class, those in no range class 0.
struct CombiningClass {
    char32_t first, last;
    uint8_t combining;
};
std::span<const CombiningClass> combining_classes();

/// The lower case of first, first + step, … last lies `difference` away.
struct LowerCase {
    char32_t first, last;
    uint8_t step;
    int32_t difference;
};
std::span<const LowerCase> lower_cases();

struct Range {
    char32_t first, last;
};
/// What BERT's normalizer takes for no text, for accents, and for punctuation.
std::span<const Range> bert_removed();
std::span<const Range> bert_marks();
std::span<const Range> bert_punctuation();

}  // namespace daidd::inference::unicode
