"""Texts that tokenizers stumble over: more than 10,000, always the same ones."""
import pathlib
import random
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATED = 6000
BROKEN = 600

# Characters by script or kind. Ranges end before the second number.
ALPHABETS = {
    "ascii": [chr(c) for c in range(0x20, 0x7F)],
    "latin": [chr(c) for c in range(0xC0, 0x250)],
    "greek": [chr(c) for c in range(0x391, 0x3CA) if c != 0x3A2],
    "cyrillic": [chr(c) for c in range(0x400, 0x460)],
    "hebrew": [chr(c) for c in (*range(0x5D0, 0x5EB), *range(0x5B0, 0x5BD))],
    "arabic": [chr(c) for c in (*range(0x620, 0x653), *range(0x660, 0x66A), 0x60C, 0x61F, 0x200F)],
    "devanagari": [chr(c) for c in (*range(0x905, 0x93A), *range(0x93E, 0x94E), *range(0x966, 0x970))],
    "thai": [chr(c) for c in (*range(0xE01, 0xE3B), *range(0xE40, 0xE4E))],
    "kana": [chr(c) for c in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x3001, 0x3002, 0x300C, 0x300D)],
    "han": [chr(c) for c in (*range(0x4E00, 0x5200), *range(0x3400, 0x3420), *range(0x20000, 0x20020),
                             *range(0xF900, 0xF930))],
    "hangul": [chr(c) for c in (*range(0xAC00, 0xAD00), *range(0x1100, 0x1113), *range(0x1161, 0x1176),
                                *range(0x11A8, 0x11C3))],
    "marks": [chr(c) for c in (*range(0x300, 0x370), *range(0x20D0, 0x20E1), 0x5B0, 0x591, 0x64B, 0x302E)],
    "emoji": ["🙂", "👩", "👨", "👧", "❤", "🔥", "🏳", "🌈", "🇩", "🇪", "🇯", "🇵", "🏽", "🏿", "\u200d", "\ufe0f",
              "1\ufe0f\u20e3", "👩\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "🤷🏽\u200d♀\ufe0f"],
    "digits": [*"0123456789" * 3, "٣", "५", "½", "²", "Ⅷ", "①", "五", ",", ".", "-", "+", "e"],
    "blanks": [*" \t\n\r" * 4, "\u00a0", "\u2003", "\u2028", "\u2029", "\u0085", "\u3000", "\u1680", "\u180e", "\u200b",
               "\u202f", "\x0b", "\x0c", "\x1c", "\x1f"],
    "controls": [chr(c) for c in (*range(0x01, 0x20), *range(0x7F, 0xA0), 0xAD, 0x200E, 0x2060, 0xFEFF, 0xFFFD, 0xFFFE,
                                  0xE000, 0xF8FF, 0x10FFFF, 0xE0001, 0xD7FF)],
    "symbols": [*"€£¥§©®™°±×÷¶•…—–“”‘’«»‹›¿¡†‡‰′″∑∏√∞≠≤≥←→↑↓⇒∀∃∈∅⊂αβ■□▲▼◆○●★☆♠♣♥♦✓✗", "▁", "▁▁", "Ġ", "Ċ", "##", "ſ",
                "K", "İ",
                "ẞ", "ß", "ﬁ", "Å", "ª", "º"],
    "code": ["if", "else", "for", "return", "def", "int", "(", ")", "{", "}", "[", "]", ";", ":", "==", "!=", "<=",
             "->",
             "::", "&&", "||", "//", "/*", "*/", "#include", "0x1F", "1e-5", "_", "self.", "    ", "\n", "\n    ",
             "\t", "\t\t", "'", '"', "\\n", "\\", "$x", "@x", "%d", "`"],
    "words": ["the", "The", "THE", " harbour", "don't", "I'LL", "we've", "HE'D", "'s", "'S", "'ſ", "naïve",
              "cafe\u0301",
              "Straße", "Überraschung", "CamelCase", "snake_case", "kebab-case", "e.g.", "U.S.", "http://a.b/c?d=e#f",
              "x@y.org", " ", " ", " ", "  ", "\n", ",", ".", "!", "?"],
    "markers": ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>",
                "<unk>", "<pad>", "<s>", "</s>", "[INST]", "[/INST]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "<0x0A>",
                "<0xFF>", "<table>", "</table>", "<tr>", "<td>", "</td>", "<h1>", "</h1>", "<b>", "</b>", "<strong>",
                "<code>", "<tool_call>", "</tool_call>", "<unused3>", "[multimodal]", "<start_of_image>", "user",
                "\n", " "],
}

HAND = [
    "", " ", "  ", "\n", "\n\n", "\r\n", "\t", " \n ", "a", "ab ", " ab", "a  b", "x" * 300, "ab" * 150, "a" * 99,
    "a" * 100, "a" * 101, "é" * 100, "é" * 101, "1" * 400, "12 " * 50, "=" * 80, "-" * 79, "!?" * 60, "🙂" * 40,
    "\u0301" * 50, "a" + "\u0301\u0323" * 30, "e\u0301\u0323 \u1e69 s\u0323\u0307 s\u0307\u0323",
    "각 각 \u1100\u1161\u11a8",
    "\u0958 \u0915\u093c \u2126 \u212b \u00c5 A\u030a \ufb1d \u0344 \u1d15e", "ΑΣ ΣΑ Σ", "İstanbul ısı I i",
    "ǅ ǆ Ǆ ῼ", *("\n" * n for n in range(3, 70)), *(" " * n for n in range(3, 70)), *("\t" * n for n in range(2, 40)),
    *(" " * n + "x" for n in range(2, 40)), *("x" + "\n" * n + " y" for n in range(2, 40)),
    *("x" + " " * n + "\n" + " " * m + "y" for n in range(4) for m in range(4)), *("9" * n for n in range(1, 30)),
]


def corpus():
    """Lines of the repository's own texts, blank ones left out."""
    paths = [ROOT / "contrib/corpus/project.txt", *sorted((ROOT / "test/data").glob("*.txt"))]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines(keepends=True)]
    return [line for line in lines if line.strip()]


def generated(numbers):
    """Mixtures of up to three alphabets, and characters from anywhere in Unicode."""
    names = sorted(ALPHABETS)
    for i in range(GENERATED):
        mixture = [names[i % len(names)], *numbers.sample(names, numbers.randrange(3))]
        pieces = []
        for _ in range(numbers.randrange(1, 40)):
            alphabet = ALPHABETS[numbers.choice(mixture)]
            run = numbers.choice((1, 1, 1, 2, 3, numbers.randrange(1, 40)))
            pieces.append(numbers.choice(alphabet) * run if numbers.random() < 0.1
                          else "".join(numbers.choice(alphabet) for _ in range(run)))
            if numbers.random() < 0.2:
                pieces.append(" ")
        yield "".join(pieces)


def every_character():
    """All that Unicode assigns, ten of a text with letters between, and alone: what normalizers do to each."""
    codes = [c for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")
             and not 0xAC10 < c < 0xD7A0 and not 0x4E80 < c < 0x9F00 and not 0x20020 < c < 0x2F800
             and not 0xE010 < c < 0xF8F0 and not 0xF0010 < c < 0x10FFF0 and not 0x17010 < c < 0x18C00]
    for i in range(0, len(codes), 10):
        yield "".join(f"a{chr(c)}1 {chr(c)}" for c in codes[i:i + 10])


def texts():
    """No text holds U+0000."""
    numbers = random.Random(20_000)
    return [*HAND, *corpus(), *generated(numbers), *every_character()]


def broken_texts():
    """Bytes of which some are not UTF-8: characters cut, overlong, surrogates, beyond U+10FFFF, any byte."""
    numbers = random.Random(20_001)
    bad = [b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe2\x82", b"\xf0\x9f\x99", b"\xed\xa0\x80", b"\xed\xbf\xbf",
           b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xe0\x80\x80",
           *(bytes([i]) for i in range(128, 256))]
    good = list(generated(numbers))[:BROKEN]
    for text in good:
        parts = [text[i:i + 7].encode() for i in range(0, len(text), 7)]
        for _ in range(numbers.randrange(1, 6)):
            parts.insert(numbers.randrange(len(parts) + 1), numbers.choice(bad))
        yield b"".join(parts)
