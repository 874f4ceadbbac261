#!/usr/bin/env python3
"""Makes tokenizer.json: what Hugging Face's `tokenizers` says, for a small vocabulary trained here (written out
in full) and for SmolLM2's (from its GGUF file). Needs: pip install tokenizers.

  make_tokenizer.py SmolLM2-135M-Instruct.Q4_1.gguf > tokenizer.json
"""
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

sys.path.insert(0, str(Path(__file__).parent.parent))
from float_reference import Gguf  # noqa: E402

SAMPLE = """The harbour lies quiet before the morning. In 1847 the keeper wrote: "We've seen 12 ships, and they're
all late; I'll wait, he'd said, 'til noon." Rain fell on the 3rd day, and on the 4th. The gulls cried, the gulls
circled, and the keeper's daughter counted them: one, two, three ... twenty-one!    Nothing else moved.\n\n
\tint main(void) { return 0; }\n\tfor (int i = 0; i < 10; ++i) count += i * 2;\n"""

CASES = [
    "", " ", "  ", "\n", " \n ", "\t\tx", "a", "Hello, world!", " Hello", "Hello  world", "The keeper's gulls",
    "I'll we've they're he'd it's can't I'm", "'S 'T 'LL", "''s", "don't5's", "1", "12", "2024", "a1b2c3", "  5", "a  5",
    "5  a", "x = 42;", "3.14159", "1,000,000", "v1.2.3-rc4", "½ ² Ⅷ ٣ 五", "\n\n\nint main(void) {\n    return 0;\n}\n",
    "trailing   ", "tabs\tand\nnewlines\r\n", "nbsp\u00a0here", "em\u2003space", "line\u2028sep", "nel\u0085x",
    "mongolian\u180evowel", "zero\u200bwidth", "ideographic\u3000space", "naïve café", "cafe\u0301", "Ünïcödé",
    "Привет, мир! 2 раза", "你好，世界", "こんにちは", "안녕하세요", "مرحبا 123", "हिन्दी", "🙂👩‍👩‍👧 ok",
    "e\u0301\u0301 x", "snake_case CamelCase kebab-case", "https://example.org/a?b=c&d=1#e", "<|im_start|>system",
    "<|endoftext|>", "<|im_end|>\n<|im_start|>user", "<repo_name>x<file_sep>", "a" * 70, " " * 70, "ab " * 30,
    "\x00\x01\x7f", "\ufeffbom", "\ufffd", "…—–“quoted”", "C++20 & C#", "$1,234.56 (12%)", "#!/bin/sh\nset -eu\n",
]


def reference(tokens, merges, pre):
    vocabulary = {text: i for i, text in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(m.split(" ", 1)) for m in merges]))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = byte_level if pre == "gpt-2" else pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level])
    return tokenizer


def cases(tokenizer):
    return [{"text": t, "tokens": tokenizer.encode(t, add_special_tokens=False).ids} for t in CASES]


def small():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator([SAMPLE], trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]


def main():
    tokens, merges = small()
    gguf = Gguf(sys.argv[1])
    real = [gguf.fields[k] for k in ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")]
    types = gguf.fields["tokenizer.ggml.token_type"]
    # Ids stay as they are; control tokens get a name that no merge can make, so no text becomes one.
    named = [t if kind == 1 else f"\0{i}" for i, (t, kind) in enumerate(zip(real[0], types))]
    json.dump({"tokens": tokens, "merges": merges,
               "gpt-2": cases(reference(tokens, merges, "gpt-2")),
               "smollm": cases(reference(tokens, merges, "smollm")),
               "smollm2": cases(reference(named, real[1], "smollm"))}, sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main()
