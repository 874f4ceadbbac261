"""dai-model's embed, index and search on a small model: what they find, and a sentence for what can be wrong."""
import json
import math
import re
import struct

from framework import expect_equal, main
from model_tool_test import (BACKENDS, answer, converted, documented_keys, expect_failure, expect_usage_error, hash_of,
                             merkle, succeed, write_text)
from small_gguf import CONTEXT, DIM

LINES = ["the sea is blue", "", "a blue sea", " \t ", "nine lamps burn", "the sea is blue", "x"]
TEXTS = [line for line in LINES if line.strip()]


def arguments_are_checked(network):
    model = converted(network)
    for command, missing in ((("embed",), "model"), (("index", model), "source"), (("index", model, "a"), "target"),
                             (("search", model), "index"), (("search", model, "a"), "--text")):
        expect_usage_error(f"{missing} is required", *command)
    expect_failure("give either -text or -file", "embed", model)
    expect_usage_error("--text excludes --file", "embed", model, "-text=x", "-file=y")
    for count in (0, 1025):
        expect_usage_error(f"--count: Value {count} not in range 1 to 1024", "search", model, "a", "-text=x",
                           f"-count={count}")
    for command in (("embed", model, "-text=x"), ("index", model, model, "a"), ("search", model, "a", "-text=x")):
        expect_usage_error("--threads: Value 65 not in range 1 to 64", *command, "-threads=65")
        expect_failure("backend: unknown 'mmx' (known: scalar, avx2, avxvnni, avx512, amx)", *command, "-backend=mmx")


def texts_that_cannot_be_embedded(network):
    model = converted(network)
    target = network.directory / "x.index"
    expect_failure("-text: no word that the model knows", "embed", model, "-text", "")
    succeed("embed", model, "-text", "a" * CONTEXT)
    longer = f"{CONTEXT + 1} tokens, more than the model's context of {CONTEXT}"
    expect_failure(f"-text: {longer}", "embed", model, "-text", "a" * (CONTEXT + 1))
    path = write_text(network, b"short\n\n" + b"a" * (CONTEXT + 1) + b"\n")
    expect_failure(f"{path}:3: {longer}", "embed", model, "-file", path)
    expect_failure(f"{path}:3: {longer}", "index", model, path, target)
    expect_failure(f"{path}:3: {longer}", "index", model, path, target, "-paragraphs")
    for content in (b"", b"\n \r\n\t"):
        path = write_text(network, content)
        expect_failure(f"{path}: no text", "index", model, path, target)
        expect_failure(f"{path}: no text", "embed", model, "-file", path)
    for content in (b"one\n\xff\n", b"one\ntwo\0\n"):
        path = write_text(network, content)
        expect_failure(f"{path}: not text (UTF-8)", "index", model, path, target)
    missing = network.directory / "missing"
    expect_failure(f"{missing}: No such file or directory", "index", model, missing, target)
    assert not target.exists()


def index_files_are_checked(network):
    model, other = converted(network), converted(network, "-precision=exact", name="other.gguf")
    path, target = write_text(network, b"one\ntwo\n"), network.directory / "x.index"
    succeed("index", model, path, target)
    expect_failure(f"{target}: made by another model", "search", other, target, "-text=x")
    whole = target.read_bytes()
    for content, reason in ((b"", "truncated"), (whole[:-1], "truncated"), (whole + b"\0", "trailing_bytes")):
        spoiled = write_text(network, content, "spoiled.index")
        expect_failure(f"{spoiled}: not a vector index: {reason}", "search", model, spoiled, "-text=x")


def embeddings_and_search(network):
    model = converted(network)
    path = write_text(network, "\n".join(LINES).encode())
    shown = answer("embed", model, "-file", path)
    expect_equal(documented_keys("embed"), list(shown))
    vectors = shown["embeddings"]
    for text, vector in zip(TEXTS, vectors, strict=True):
        expect_equal(vector["text_hash"], hash_of("text", text.encode()).hex())
        expect_equal(answer("embed", model, "-text", text)["embeddings"], [vector])
        unit = vector["mantissa"] / 2**(14 + vector["exponent"])
        printed = succeed("embed", model, "-text", text).split()
        assert all(math.isclose(float(a), code * unit, rel_tol=1e-5) for a, code in zip(printed, vector["codes"]))
        assert math.isclose(sum(float(a)**2 for a in printed), 1, rel_tol=0.02), printed
    expect_equal(answer("embed", model, "-file", write_text(network, "\r\n".join(LINES).encode(), "dos.txt")), shown)

    target, again = network.directory / "lines.index", network.directory / "again.index"
    made = answer("index", model, path, target)
    expect_equal(documented_keys("index"), list(made))
    rows = [struct.pack("<Q", number) + bytes.fromhex(vector["text_hash"]) +
            struct.pack(f"{DIM}bBB", *vector["codes"], vector["mantissa"], vector["exponent"])
            for number, vector in enumerate(vectors, 1)]
    root = hash_of("vindex", bytes.fromhex(shown["model_root"]), struct.pack("<IQ", DIM, len(rows)),
                   merkle([hash_of("vrow", row) for row in rows])).hex()
    expect_equal(made, {"rows": 5, "width": DIM, "model_root": shown["model_root"], "index_root": root})
    expect_equal(succeed("index", model, path, again), f"{again}: 5 texts, index root {root}\n")
    for backend in BACKENDS:
        expect_equal(answer("index", model, path, again, f"-backend={backend}", "-threads=2"), made)
    expect_equal(target.read_bytes(), again.read_bytes())

    scored = sorted((-sum(map(int.__mul__, vectors[0]["codes"], v["codes"])) * v["mantissa"] * 2**(7 - v["exponent"]),
                     number) for number, v in enumerate(vectors, 1))
    found = answer("search", model, target, "-text", TEXTS[0], "-count=3")
    expect_equal(documented_keys("search"), list(found))
    expect_equal([(hit["score"], hit["id"]) for hit in found["hits"]], [(-score, n) for score, n in scored[:3]])
    expect_equal([hit["id"] for hit in found["hits"]][:2], [1, 4])
    expect_equal((found["index_root"], found["commitment"]),
                 (root, hash_of("vsearch", bytes.fromhex(found["result"])).hex()))
    expect_equal(len(answer("search", model, target, "-text", TEXTS[0])["hits"]), 5)
    assert re.match(r"(1\.0|0\.9)\d+\t1\n", succeed("search", model, target, "-text", TEXTS[0])), "for people"


def results_are_run_again(network):
    model = converted(network)
    path, target = write_text(network, "\n".join(LINES).encode()), network.directory / "lines.index"
    succeed("index", model, path, target)
    found = answer("search", model, target, "-text=sea", "-count=2")
    search = ("search", model, target, "-text=sea")

    def written(result):
        return write_text(network, json.dumps({"result": result.hex()}).encode(), "result.json")

    result = bytes.fromhex(found["result"])
    for backend in BACKENDS:
        expect_equal(succeed(*search, "-check", written(result), f"-backend={backend}"),
                     f"identical: 2 hits, commitment {found['commitment']}\n")
    file = network.directory / "result.json"
    # index root 32 ‖ codes (a byte of length, DIM) ‖ mantissa ‖ exponent ‖ k u32 ‖ count ‖ hits of 16
    query = 32 + 1 + DIM
    spoils = {0: "other_index", 33: "the query is another text's", query: "the query is another text's",
              query + 2: "wrong_hits", query + 7: "wrong_hits", len(result) - 1: "wrong_hits"}
    for at, reason in spoils.items():
        spoiled = bytearray(result)
        spoiled[at] ^= 1
        expect_failure(f"{file}: {reason}", *search, "-check", written(spoiled))
    expect_failure(f"{file}: result: not well-formed", *search, "-check", written(result[:-1]))
    expect_failure(f"{file}: the query is another text's", "search", model, target, "-text=lamp", "-check",
                   written(result))
    for content in (b"", b"[]", b'{"result": 1}', b'{"result": "0"}'):
        write_text(network, content, "result.json")
        expect_failure(f"{file}: no result of a search (what `search -json` prints)", *search, "-check", file)


def folders_of_texts(network):
    """Files in order of path; hidden ones and what is no text are passed over."""
    model, target = converted(network), network.directory / "notes.index"
    notes = network.directory / "notes"
    (notes / "b" / "c").mkdir(parents=True)
    (notes / ".git").mkdir()
    files = {"z.txt": b"last\n", "a.md": b"# Title\r\n\r\nfirst line\r\nsecond line\r\n", "b/c/d.txt": b"within\n\ntwo\n",
             "b/.hidden": b"no\n", ".git/x": b"no\n", "b/image": b"\xff\xd8"}
    for name, content in files.items():
        (notes / name).write_bytes(content)
    lines = [("a.md", 1, "# Title"), ("a.md", 3, "first line"), ("a.md", 4, "second line"),
             ("b/c/d.txt", 1, "within"), ("b/c/d.txt", 3, "two"), ("z.txt", 1, "last")]
    paragraphs = [lines[0], ("a.md", 3, "first line\r\nsecond line"), *lines[3:]]
    for flags, texts in (((), lines), (("-paragraphs",), paragraphs)):
        expect_equal(answer("index", model, notes, target, *flags)["rows"], len(texts))
        hits = answer("search", model, target, "-text=within", f"-source={notes}", *flags)["hits"]
        expect_equal(sorted((hit["id"], hit["file"], hit["line"], hit["text"]) for hit in hits),
                     [(number, f"{notes}/{name}", line, text) for number, (name, line, text) in enumerate(texts, 1)])
        shown = succeed("search", model, target, "-text=within", f"-source={notes}", "-count=1", *flags)
        assert re.fullmatch(rf"[01]\.\d{{4}}\t{notes}/b/c/d.txt:1\twithin\n", shown), shown
    # Divided otherwise, or changed since.
    (notes / "b/image").unlink()
    sentence = "is another than the index has (changed, or divided otherwise?)"
    expect_failure(f"{notes}: text 2 {sentence}", "search", model, target, "-text=first line\r\nsecond line",
                   "-count=1", f"-source={notes}")
    (notes / "z.txt").write_bytes(b"least\n")
    expect_failure(f"{notes}: text 5 {sentence}", "search", model, target, "-text=last", "-count=1",
                   f"-source={notes}", "-paragraphs")


def long_paragraphs_are_cut_at_lines(network):
    model, target = converted(network), network.directory / "x.index"
    line = "b" * (CONTEXT // 2)
    # Two lines and what ends the first are a token too many; one less fits.
    for second, starts in ((line, [1, 2, 3]), (line[1:], [1, 3])):
        path = write_text(network, f"{line}\n{second}\n{line}\n".encode())
        succeed("index", model, path, target, "-paragraphs")
        hits = answer("search", model, target, "-text=b", f"-source={path}", "-paragraphs")["hits"]
        expect_equal(sorted(hit["line"] for hit in hits), starts)


if __name__ == "__main__":
    main(arguments_are_checked, texts_that_cannot_be_embedded, index_files_are_checked, embeddings_and_search,
         results_are_run_again, folders_of_texts, long_paragraphs_are_cut_at_lines)
