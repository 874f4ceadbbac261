"""Text becomes the tokens that Hugging Face's `tokenizers` make of it: for every vocabulary at hand, on more than
10,000 texts with every script, emoji, code, runs of white space, controls and broken UTF-8."""
import json
import subprocess

from framework import BIN, ROOT, expect_equal, main
from tokenizer_reference import (gguf_byte_level, gguf_sentence_pieces, trained_byte_level, trained_sentence_pieces,
                                 word_pieces)
from tokenizer_texts import broken_texts, corpus, texts

MODELS = ROOT / "models"
TEXTS_MIN = 10_000
DIFFERENCES_SHOWN = 5
WITH_ZERO_BYTES = ["\0", "a\0b", "\0\0\0 x\0", " \0\n"]


def dai_model(*arguments):
    done = subprocess.run([BIN / "dai-model", *map(str, arguments)], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def tokenize(network, vocabulary, inputs, *options):
    """The command's output on many texts without zero bytes."""
    path = network.directory / "texts"
    path.write_bytes(b"".join(text + b"\0" for text in inputs))
    return dai_model("tokenize", vocabulary.gguf, path, "-null", *options)


def compare(name, inputs, found, expected):
    assert len(inputs) == len(found) == len(expected), (len(inputs), len(found), len(expected))
    different = [i for i in range(len(inputs)) if found[i] != expected[i]]
    for i in different[:DIFFERENCES_SHOWN]:
        print(f"{name}: {inputs[i]!r}\n  ours      {found[i]}\n  reference {expected[i]}")
    assert not different, f"{name}: {len(different)} of {len(inputs)} texts differ"


def check(network, vocabulary):
    inputs = texts()
    assert len(inputs) >= TEXTS_MIN, len(inputs)
    encoded = [text.encode() for text in inputs]
    found = [json.loads(line) for line in tokenize(network, vocabulary, encoded).splitlines()]
    compare(vocabulary.name, inputs, found, [vocabulary.encode(text) for text in inputs])

    broken = list(broken_texts())
    found = [json.loads(line) for line in tokenize(network, vocabulary, broken).splitlines()]
    compare(f"{vocabulary.name}, broken UTF-8", broken, found,
            [vocabulary.encode_broken(data) for data in broken])

    for text in WITH_ZERO_BYTES:
        path = network.directory / "zero"
        path.write_text(text)
        expect_equal(json.loads(dai_model("tokenize", vocabulary.gguf, path)), vocabulary.encode(text))

    back = [(data, vocabulary.decoded(data)) for data in encoded + broken]
    back = [(data, expected) for data, expected in back if expected is not None]
    decoded = tokenize(network, vocabulary, [data for data, _ in back], "-decode").split(b"\0")[:-1] if back else []
    compare(f"{vocabulary.name}, back", [data for data, _ in back], decoded, [expected for _, expected in back])
    print(f"{vocabulary.name}: {len(inputs)} texts, {len(broken)} broken ones, {len(back)} back")


def smollm2(network):
    check(network, gguf_byte_level("SmolLM2", MODELS / "smollm2-135m-instruct.gguf"))


def gemma3(network):
    path = MODELS / "gemma3-270m.gguf"
    if path.exists():
        check(network, gguf_sentence_pieces("Gemma 3", path))
    else:
        print(f"skipped: no {path} (contrib/setup --tests fetches it)")


def minilm(network):
    path = MODELS / "all-minilm-l6-v2" / "tokenizer.json"
    if path.exists():
        check(network, word_pieces(network.directory, "all-MiniLM-L6-v2", path))
    else:
        print(f"skipped: no {path} (contrib/setup --tests fetches it)")


def trained_byte_pairs(network):
    for pre in ("gpt-2", "smollm", "llama-bpe", "qwen2"):
        check(network, trained_byte_level(network.directory, pre, corpus()))


def trained_pieces(network):
    for name, options in {"mistral": {"prefix": True, "has_bytes": True},
                          "gemma": {"prefix": False, "has_bytes": True},
                          "no-bytes": {"prefix": True, "has_bytes": False}}.items():
        check(network, trained_sentence_pieces(network.directory, name, corpus(), **options))


if __name__ == "__main__":
    main(smollm2, gemma3, minilm, trained_byte_pairs, trained_pieces)
