#include "inference/unicode.h"

#include <algorithm>

#include "inference/unicode_tables.h"
#include "inference/utf8.h"

namespace daidd::inference::unicode {

namespace {

// Hangul syllables are arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kSyllable = 0xAC00, kLeading = 0x1100, kVowel = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kLeadings = 19, kVowels = 21, kTrailings = 28;
constexpr char32_t kSyllables = kLeadings * kVowels * kTrailings;

/// Below it every text is its own composition.
constexpr char32_t kFirstComposing = 0x300;

constexpr Range kWhiteSpace[] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                 {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                 {0x205F, 0x205F}, {0x3000, 0x3000}};

// As the reference has them: U+2B820 to U+2B91F are not among them.
constexpr Range kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                 {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                 {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

/// The range that holds `character`, or null.
template <class Ranges>
auto find_range(const Ranges& ranges, char32_t character) -> decltype(&ranges[0]) {
    const auto at = std::partition_point(std::begin(ranges), std::end(ranges),
                                         [&](const auto& range) { return range.last < character; });
    return at != std::end(ranges) && at->first <= character ? &*at : nullptr;
}

uint8_t combining(char32_t character) {
    const auto* range = find_range(combining_classes(), character);
    return range == nullptr ? 0 : range->combining;
}

void append_decomposed(char32_t character, std::u32string& out) {
    if (character - kSyllable < kSyllables) {
        const char32_t index = character - kSyllable;
        out.push_back(kLeading + index / (kVowels * kTrailings));
        out.push_back(kVowel + index / kTrailings % kVowels);
        if (index % kTrailings != 0) out.push_back(kTrailing + index % kTrailings);
        return;
    }
    const auto steps = decompositions();
    const auto at = std::partition_point(steps.begin(), steps.end(),
                                         [&](const Decomposition& step) { return step.code < character; });
    if (at == steps.end() || at->code != character) {
        out.push_back(character);
        return;
    }
    append_decomposed(at->first, out);
    if (at->second != 0) append_decomposed(at->second, out);
}

/// The character that two compose to, or 0.
char32_t composed(char32_t first, char32_t second) {
    if (first - kLeading < kLeadings && second - kVowel < kVowels) {
        return kSyllable + ((first - kLeading) * kVowels + (second - kVowel)) * kTrailings;
    }
    if (first - kSyllable < kSyllables && (first - kSyllable) % kTrailings == 0 && second > kTrailing &&
        second < kTrailing + kTrailings) {
        return first + (second - kTrailing);
    }
    const auto order = compositions();
    const auto steps = decompositions();
    const auto at = std::partition_point(order.begin(), order.end(), [&](uint16_t i) {
        return std::pair{steps[i].first, steps[i].second} < std::pair{first, second};
    });
    if (at == order.end() || steps[*at].first != first || steps[*at].second != second) return 0;
    return steps[*at].code;
}

}  // namespace

std::u32string decompose(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t character : text) append_decomposed(character, out);
    for (size_t begin = 0; begin < out.size();) {
        if (combining(out[begin]) == 0) {
            ++begin;
            continue;
        }
        size_t end = begin + 1;
        while (end < out.size() && combining(out[end]) != 0) ++end;
        std::stable_sort(out.begin() + ptrdiff_t(begin), out.begin() + ptrdiff_t(end),
                         [](char32_t a, char32_t b) { return combining(a) < combining(b); });
        begin = end;
    }
    return out;
}

std::u32string compose(std::u32string_view text) {
    std::u32string out = decompose(text);
    size_t size = 0;              // of the part of `out` that is done
    size_t starter = out.size();  // its last character of class 0, if there is one
    for (const char32_t character : std::u32string{out}) {
        const uint8_t own = combining(character);
        // Blocked, if a character that lies between has no smaller class. Done ones are in canonical order.
        const bool has_starter = starter < size;
        const bool adjacent = starter + 1 == size;
        const bool blocked = has_starter && !adjacent && (own == 0 || combining(out[size - 1]) >= own);
        if (has_starter && !blocked) {
            if (const char32_t whole = composed(out[starter], character)) {
                out[starter] = whole;
                continue;
            }
        }
        if (own == 0) starter = size;
        out[size++] = character;
    }
    out.resize(size);
    return out;
}

std::string to_nfc(std::string_view text) {
    const auto characters = to_characters(text);
    const auto composes = [](char32_t c) { return c >= kFirstComposing; };
    if (std::ranges::none_of(characters, composes)) return std::string{text};
    return to_bytes(compose(characters));
}

char32_t to_lower(char32_t character) {
    const auto* run = find_range(lower_cases(), character);
    if (run == nullptr || (character - run->first) % run->step != 0) return character;
    return char32_t(int32_t(character) + run->difference);
}

bool is_white_space(char32_t character) { return find_range(kWhiteSpace, character) != nullptr; }
bool is_bert_removed(char32_t character) { return find_range(bert_removed(), character) != nullptr; }
bool is_bert_mark(char32_t character) { return find_range(bert_marks(), character) != nullptr; }
bool is_bert_punctuation(char32_t character) { return find_range(bert_punctuation(), character) != nullptr; }
bool is_bert_ideograph(char32_t character) { return find_range(kIdeographs, character) != nullptr; }

}  // namespace daidd::inference::unicode
