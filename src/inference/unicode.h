#pragma once

#include <string>
#include <string_view>

/// What of Unicode (14.0) the tokenizers need beyond PCRE2. Characters are those of utf8.h's to_characters:
/// a broken byte is like a character without properties.
namespace daidd::inference::unicode {

/// Canonical decomposition, in canonical order (UAX #15, NFD).
std::u32string decompose(std::u32string_view text);
/// Canonical composition (UAX #15, NFC).
std::u32string compose(std::u32string_view text);
/// NFC of the well-formed parts of `text`; its broken bytes stay where they are.
std::string to_nfc(std::string_view text);

/// Simple lower case of a character. U+0130 (a dotted I) is left alone: its lower case is two characters.
char32_t to_lower(char32_t character);

/// The property White_Space.
bool is_white_space(char32_t character);

/// The classes of BERT's normalizer. Removed are controls, formats, private use, U+0000 and U+FFFD (a tab, a
/// line feed and a carriage return are not); marks are those that stripping of accents takes away.
bool is_bert_removed(char32_t character);
bool is_bert_mark(char32_t character);
bool is_bert_punctuation(char32_t character);
/// Ideographs, which BERT takes for words of one character.
bool is_bert_ideograph(char32_t character);

}  // namespace daidd::inference::unicode
