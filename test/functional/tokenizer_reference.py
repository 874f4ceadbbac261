"""Vocabularies as GGUF files, and Hugging Face's `tokenizers` made from the same: what ours is compared with."""
import json
import pathlib
import re
import struct
import sys
from dataclasses import dataclass
from typing import Callable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from small_gguf import ARRAY, F32, I32, TEXT, U32, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from float_reference import Gguf  # noqa: E402

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
BOOL = 7
BLANK = "▁"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


@dataclass
class Vocabulary:
    name: str
    gguf: pathlib.Path
    encode: Callable         # a text's tokens as the reference says
    encode_broken: Callable  # of bytes that are not UTF-8: what follows from the reference, which takes text alone
    decoded: Callable        # what comes back of some bytes, or None where that is not said


def bool_field(key, value):
    key = key.encode()
    return struct.pack("<Q", len(key)) + key + struct.pack("<I?", BOOL, value)


def write_gguf(path, fields, flags=()):
    out = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(fields) + len(flags))
    out += b"".join(field(key, *entry) for key, entry in fields.items())
    out += b"".join(bool_field(key, value) for key, value in flags)
    path.write_bytes(out + bytes(-len(out) % 32))


def vocabulary_fields(model, tokens, types, **more):
    fields = {"tokenizer.ggml.model": (TEXT, model), "tokenizer.ggml.tokens": (ARRAY, (TEXT, tokens)),
              "tokenizer.ggml.token_type": (ARRAY, (I32, types))}
    return {**fields, **{f"tokenizer.ggml.{key}": entry for key, entry in more.items()}}


def ids(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def by_runs(encode, tokens_of_byte):
    """Each well-formed part as the reference says, each byte between as its own token."""
    return lambda data: [token for part in runs(data)
                         for token in (tokens_of_byte(part[0]) if isinstance(part, bytes) else encode(part))]


def runs(data):
    """The parts of bytes: text where they are UTF-8, and single bytes where not."""
    text = data.decode("utf-8", "surrogateescape")
    for part in re.findall("[\udc80-\udcff]|[^\udc80-\udcff]+", text):
        yield part.encode("utf-8", "surrogateescape") if "\udc80" <= part[0] <= "\udcff" else part


# GPT-2's kind: byte-pair encoding of bytes.

def byte_level(tokens, merges, pre, user_defined=()):
    """The published tokenizer of each family."""
    tokenizer = Tokenizer(models.BPE({text: i for i, text in enumerate(tokens)}, merges,
                                     ignore_merges=pre == "llama-bpe"))
    pattern = {"llama-bpe": LLAMA3, "qwen2": QWEN2}.get(pre)
    if pattern:
        split = [pre_tokenizers.Split(Regex(pattern), "isolated")]
    else:
        split = [pre_tokenizers.Digits(individual_digits=True)] if pre == "smollm" else []
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, last])
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in user_defined])
    return tokenizer


def byte_level_vocabulary(name, gguf, pre, tokens, types, merges):
    normal = {text: i for i, (text, kind) in enumerate(zip(tokens, types)) if kind == NORMAL}
    user_defined = [text for text, kind in zip(tokens, types) if kind == USER_DEFINED]
    tokenizer = byte_level(tokens, merges, pre, user_defined)
    alphabet = byte_alphabet()
    lost = bytes(byte for byte in range(256) if alphabet[byte] not in normal)

    def tokens_of_byte(byte):
        return [normal[alphabet[byte]]] if alphabet[byte] in normal else []

    def decoded(data):
        if pre == "qwen2":
            data = b"".join(part if isinstance(part, bytes) else nfc(part).encode() for part in runs(data))
        return data.translate(None, lost)

    return Vocabulary(name, gguf, ids(tokenizer), by_runs(ids(tokenizer), tokens_of_byte), decoded)


def nfc(text):
    return normalizers.NFC().normalize_str(text)


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 0x100 + others.index(byte)) for byte in range(256)]


def trained_byte_level(directory, pre, corpus):
    """Trained here, with a control token and two user-defined ones behind."""
    tokenizer = byte_level([], [], pre)
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=2000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokens, merges = learned(tokenizer)
    types = [NORMAL] * len(tokens) + [CONTROL, USER_DEFINED, USER_DEFINED]
    tokens += ["<|endoftext|>", "<tool_call>", "<tool_call>\n"]
    path = directory / f"{pre}.gguf"
    write_gguf(path, vocabulary_fields("gpt2", tokens, types, pre=(TEXT, pre), bos_token_id=(U32, len(tokens) - 3),
                                       merges=(ARRAY, (TEXT, [" ".join(merge) for merge in merges]))))
    return byte_level_vocabulary(f"trained {pre}", path, pre, tokens, types, merges)


def learned(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(merge.split(" ", 1)) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


def gguf_byte_level(name, path):
    fields = Gguf(path).fields
    get = lambda key: fields[f"tokenizer.ggml.{key}"]  # noqa: E731
    return byte_level_vocabulary(name, path, get("pre"), get("tokens"), get("token_type"),
                                 [tuple(merge.split(" ", 1)) for merge in get("merges")])


# SentencePiece's kind: byte-pair encoding of characters by scores.

def merges_of(pieces, scores):
    """As Hugging Face's conversion of SentencePiece models makes them: by score, then in the vocabulary's order."""
    merges = []
    for piece, _ in sorted(pieces.items(), key=lambda item: -scores[item[1]]):
        halves = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        merges += sorted((half for half in halves if half[0] in pieces and half[1] in pieces),
                         key=lambda half: (pieces[half[0]], pieces[half[1]]))
    return merges


def sentence_pieces_vocabulary(name, gguf, tokens, types, scores, prefix):
    pieces = {text: i for i, (text, kind) in enumerate(zip(tokens, types)) if kind == NORMAL}
    unknown = next((text for text in tokens if text == "<unk>"), None)
    has_bytes = BYTE in types
    tokenizer = Tokenizer(models.BPE({text: i for i, text in enumerate(tokens)}, merges_of(pieces, scores),
                                     unk_token=unknown, fuse_unk=True, byte_fallback=has_bytes))
    tokenizer.normalizer = normalizers.Replace(" ", BLANK)
    tokenizer.add_tokens([AddedToken(text.replace(BLANK, " "), normalized=True, special=False)
                          for text, kind in zip(tokens, types) if kind == USER_DEFINED])
    plain = ids(tokenizer)

    def encode(text):
        return plain(" " + text if prefix and text else text)

    def encode_broken(data):
        data = b" " * prefix + data
        if has_bytes:
            return by_runs(plain, lambda byte: [tokens.index(BYTES[byte])])(data)
        return plain("".join("\U0010ffff" if isinstance(part, bytes) else part for part in runs(data)))

    def decoded(data):
        if not has_bytes:
            return None
        return (b" " if prefix and data else b"") + data.replace(BLANK.encode(), b" ")

    return Vocabulary(name, gguf, encode, encode_broken, decoded)


def trained_sentence_pieces(directory, name, corpus, *, prefix, has_bytes):
    """Pieces trained here; scores with ties; newline and blank runs, and a tag, as Gemma has them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=2000, show_progress=False))
    pieces = [piece for piece in learned(tokenizer)[0] if "\n" not in piece]
    runs_of_blanks = [] if prefix else ["\n", "\n\n", "\n\n\n", "  ", "   ", "<td>", "<td>x"]
    merged = sorted((piece for piece in pieces if len(piece) > 1), key=len)
    singles = [piece for piece in pieces if len(piece) == 1]
    head = ["<unk>", "<s>", "</s>", *(BYTES if has_bytes else [])]
    tokens = [*head, *runs_of_blanks, *merged, *singles]
    types = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * (len(head) - 3), *[USER_DEFINED] * len(runs_of_blanks),
             *[NORMAL] * len(pieces)]
    scores = [0.0] * (len(head) + len(runs_of_blanks)) + [-float(i // 3) for i in range(len(merged))] + \
             [-1e4] * len(singles)
    path = directory / f"{name}.gguf"
    write_gguf(path, vocabulary_fields("llama", tokens, types, scores=(ARRAY, (F32, scores)), bos_token_id=(U32, 1),
                                       unknown_token_id=(U32, 0)),
               flags=[] if prefix else [("tokenizer.ggml.add_space_prefix", False)])
    return sentence_pieces_vocabulary(f"trained {name}", path, tokens, types, scores, prefix)


def gguf_sentence_pieces(name, path):
    fields = Gguf(path).fields
    get = lambda key: fields[f"tokenizer.ggml.{key}"]  # noqa: E731
    return sentence_pieces_vocabulary(name, path, get("tokens"), get("token_type"), get("scores"),
                                      fields.get("tokenizer.ggml.add_space_prefix", True))


# BERT's kind: WordPiece.

def word_pieces(directory, name, tokenizer_json):
    """From a published tokenizer.json, written out as GGUF files have it."""
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary = tokenizer.get_vocab()
    written = sorted(vocabulary, key=vocabulary.get)
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    # Without its special tokens as text, which ours never finds there.
    plain = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    plain.normalizer, plain.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer

    def phantom(text):
        if text.startswith("[") and text.endswith("]"):
            return text
        return text[2:] if text.startswith("##") else BLANK + text

    types = [CONTROL if text in special else NORMAL for text in written]
    path = directory / f"{name}.gguf"
    write_gguf(path, vocabulary_fields("bert", [phantom(text) for text in written], types,
                                       unknown_token_id=(U32, vocabulary["[UNK]"]),
                                       cls_token_id=(U32, vocabulary["[CLS]"]),
                                       seperator_token_id=(U32, vocabulary["[SEP]"])))
    encode = ids(plain)
    return Vocabulary(name, path, encode, lambda data: encode(data.decode("utf-8", "replace")), lambda data: None)
