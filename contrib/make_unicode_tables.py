#!/usr/bin/env python3
"""Writes src/inference/unicode_tables.cpp: what of Unicode the tokenizers need and PCRE2 does not give.

  contrib/make_unicode_tables.py | clang-format > src/inference/unicode_tables.cpp

Decompositions, combining classes and lower case are those of Python's unicodedata (Python 3.11: Unicode 14.0). The
three classes of BERT's normalizer are asked from its reference, `tokenizers`, whose tables of marks and punctuation
are older than that (Unicode 8) and treat what was added since as letters. Needs: pip install tokenizers==0.23.3."""
import unicodedata

from tokenizers import normalizers, pre_tokenizers

UNICODE = "14.0.0"
CODES = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic


def ranges(codes):
    out = []
    for code in codes:
        if out and out[-1][1] == code - 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return [f"{{{first:#x}, {last:#x}}}" for first, last in out]


def decompositions():
    """(code, first, second) of one step; second is 0 where there is one character only."""
    out = []
    for code in CODES:
        text = unicodedata.decomposition(chr(code))
        if text and not text.startswith("<") and code not in HANGUL:
            parts = [int(part, 16) for part in text.split()]
            out.append((code, *parts, *[0] * (2 - len(parts))))
    return out


def composition_order(table):
    """Indices of the steps that composition takes back, in order of (first, second)."""
    taken = [i for i, (code, first, second) in enumerate(table)
             if second and unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(code)]
    return sorted(taken, key=lambda i: table[i][1:])


def combining_classes():
    out = []
    for code in CODES:
        combining = unicodedata.combining(chr(code))
        if not combining:
            continue
        if out and out[-1][1] == code - 1 and out[-1][2] == combining:
            out[-1][1] = code
        else:
            out.append([code, code, combining])
    return [f"{{{first:#x}, {last:#x}, {combining}}}" for first, last, combining in out]


def lower_cases():
    """Runs (first, last, step, difference) of characters whose lower case is one character."""
    out = []
    for code in CODES:
        lower = chr(code).lower()
        if len(lower) != 1 or ord(lower) == code:
            continue
        difference = ord(lower) - code
        run = out[-1] if out else None
        if run and run[3] == difference and code - run[1] in (1, 2) and run[2] in (0, code - run[1]):
            run[1], run[2] = code, code - run[1]
        else:
            out.append([code, code, 0, difference])
    return [f"{{{first:#x}, {last:#x}, {max(step, 1)}, {difference}}}" for first, last, step, difference in out]


def bert_classes():
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False,
                                       lowercase=False)
    strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True,
                                       lowercase=False)
    split = pre_tokenizers.BertPreTokenizer()
    removed = [code for code in CODES if not clean.normalize_str(chr(code))]
    marks = [code for code in CODES if not strip.normalize_str(chr(code))]
    punctuation = [code for code in CODES if len(split.pre_tokenize_str(f"a{chr(code)}b")) == 3]
    return removed, marks, punctuation


def array(kind, name, items):
    print(f"constexpr {kind} {name}[] = {{{', '.join(items)}}};")


def main():
    assert unicodedata.unidata_version == UNICODE, unicodedata.unidata_version
    steps = decompositions()
    removed, marks, punctuation = bert_classes()
    print(f'// Written by contrib/make_unicode_tables.py: Unicode {UNICODE}.\n'
          '#include "inference/unicode_tables.h"\n\nnamespace daidd::inference::unicode {\nnamespace {\n')
    array("Decomposition", "kDecompositions", [f"{{{code:#x}, {a:#x}, {b:#x}}}" for code, a, b in steps])
    array("uint16_t", "kCompositions", map(str, composition_order(steps)))
    array("CombiningClass", "kCombiningClasses", combining_classes())
    array("LowerCase", "kLowerCases", lower_cases())
    array("Range", "kBertRemoved", ranges(removed))
    array("Range", "kBertMarks", ranges(marks))
    array("Range", "kBertPunctuation", ranges(punctuation))
    print("\n}  // namespace\n")
    for kind, name in (("Decomposition", "decompositions"), ("uint16_t", "compositions"),
                       ("CombiningClass", "combining_classes"), ("LowerCase", "lower_cases"),
                       ("Range", "bert_removed"), ("Range", "bert_marks"), ("Range", "bert_punctuation")):
        constant = "k" + name.title().replace("_", "")
        print(f"std::span<const {kind}> {name}() {{ return {constant}; }}")
    print("\n}  // namespace daidd::inference::unicode")


if __name__ == "__main__":
    main()
