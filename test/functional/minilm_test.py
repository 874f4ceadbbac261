"""all-MiniLM-L6-v2 in integers beside its float model: embeddings, whom a text is near, a search run again."""
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from framework import ROOT, expect_equal, main
from models import TEXTS, dai_model

SOURCE = ROOT / "models" / "all-minilm-l6-v2"
REFERENCE = ROOT / "test" / "float_bert.py"
SENTENCES = 40  # of each text
COSINE_MIN = 0.9998
# Two texts whose float cosines differ by less may change places.
COSINE_ERROR = 0.01
# The same on every machine and from every compiler.
MODEL_ROOT = "922011a48bee7d497f2de1b424b989cd8315d4e3846958b8f6afafd124c0e6d7"
SKIPPED = 77

# Converted once for all tests; gone when the program ends.
FOLDER = tempfile.TemporaryDirectory(prefix="daidd-test-")
MODEL = pathlib.Path(FOLDER.name) / "minilm.dai.gguf"
SENTENCES_FILE = pathlib.Path(FOLDER.name) / "sentences.txt"


def sentences():
    found = []
    for text in TEXTS:
        parts = re.split(r"(?<=[.!?])\s+", " ".join(text.read_text().split()))
        found += [part for part in parts if len(part) > 20][:SENTENCES]
    assert len(found) == SENTENCES * len(TEXTS)
    return found


def unit(x):
    length = sum(v * v for v in x)**0.5
    return [v / length for v in x]


def product(a, b):
    return sum(map(float.__mul__, a, b))


def text_hash(sentence):
    return hashlib.blake2s(sentence.encode(), person=b"text".ljust(8, b"\0")).hexdigest()


class Embedded:
    """What the tests compare: the rows as dai-model shows them, and each sentence in integers and in floats."""
    rows, integers, floats = [], [], []


def conversion_reproduces(_):
    dai_model("convert", SOURCE, MODEL, "-precision=fast", "-threads=2")
    shown = json.loads(dai_model("inspect", MODEL, "-json"))
    expect_equal((shown["architecture"], shown["precision"], shown["context"]), ("bert", "exact", 512))
    expect_equal(shown["model_root"], MODEL_ROOT)


def embeddings_are_the_float_model_s(_):
    SENTENCES_FILE.write_text("\n".join(sentences()) + "\n")
    shown = json.loads(dai_model("embed", MODEL, f"-file={SENTENCES_FILE}", "-json", "-threads=2"))
    expect_equal(shown["model_root"], MODEL_ROOT)
    Embedded.rows = shown["embeddings"]
    expect_equal([row["text_hash"] for row in Embedded.rows], [text_hash(s) for s in sentences()])
    Embedded.integers = [unit([float(code) for code in row["codes"]]) for row in Embedded.rows]
    tokens = pathlib.Path(FOLDER.name) / "tokens.json"
    lines = dai_model("tokenize", MODEL, SENTENCES_FILE, "-lines", "-whole").splitlines()
    tokens.write_text(f"[{','.join(lines)}]")
    done = subprocess.run([sys.executable, REFERENCE, SOURCE, tokens], capture_output=True, text=True, check=True)
    Embedded.floats = json.loads(done.stdout)
    cosines = [product(a, b) for a, b in zip(Embedded.integers, Embedded.floats)]
    expect_equal(len(cosines), SENTENCES * len(TEXTS))
    print(f"cosine to the float embedding of {len(cosines)} sentences: lowest {min(cosines):.6f}, mean "
          f"{sum(cosines) / len(cosines):.6f}")
    assert min(cosines) >= COSINE_MIN, min(cosines)


def neighbours_are_the_float_model_s(_):
    """Whom a sentence is nearest to: the float model's choice, or one that it finds as near within the error."""
    same, count = 0, len(Embedded.rows)
    for i in range(count):
        others = [j for j in range(count) if j != i]
        near = lambda vectors: lambda j: product(vectors[i], vectors[j])
        ours, theirs = max(others, key=near(Embedded.integers)), max(others, key=near(Embedded.floats))
        same += ours == theirs
        assert near(Embedded.floats)(ours) >= near(Embedded.floats)(theirs) - COSINE_ERROR, (i, ours, theirs)
    print(f"nearest neighbour: the float model's for {same} of {count}")
    assert same >= 0.95 * count, same


def every_backend_gives_the_same_bits(_):
    features = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    first = {"model_root": MODEL_ROOT, "embeddings": [Embedded.rows[0]]}
    for backend, needed in (("scalar", None), ("avx2", "avx2"), ("avx512", "avx512_vnni"), ("amx", "amx_int8")):
        if needed is not None and needed not in features:
            print(f"skipped {backend}: this processor has no {needed}")
            continue
        expect_equal(json.loads(dai_model("embed", MODEL, f"-text={sentences()[0]}", "-json", f"-backend={backend}",
                                          "-threads=2")), first)


def search_equals_brute_force_and_runs_again(network):
    index = network.directory / "sentences.index"
    shown = json.loads(dai_model("index", MODEL, SENTENCES_FILE, index, "-json", "-threads=2"))
    expect_equal((shown["rows"], shown["width"], shown["model_root"]), (len(Embedded.rows), 384, MODEL_ROOT))
    for query in ("The monster was created by a student.", "How do I remove a file from the archive?"):
        vector = json.loads(dai_model("embed", MODEL, f"-text={query}", "-json"))["embeddings"][0]
        scored = [(-sum(map(int.__mul__, vector["codes"], row["codes"])) * row["mantissa"] * 2**(7 - row["exponent"]),
                   number) for number, row in enumerate(Embedded.rows, 1)]
        expected = [{"id": number, "score": -score} for score, number in sorted(scored)[:7]]
        printed = dai_model("search", MODEL, index, f"-text={query}", "-count=7", "-json")
        found = json.loads(printed)
        expect_equal([{key: hit[key] for key in ("id", "score")} for hit in found["hits"]], expected)
        expect_equal(found["index_root"], shown["index_root"])
        commitment = hashlib.blake2s(bytes.fromhex(found["result"]), person=b"vsearch\0").hexdigest()
        expect_equal(found["commitment"], commitment)
        result = network.directory / "result.json"
        result.write_text(printed)
        expect_equal(dai_model("search", MODEL, index, f"-text={query}", f"-check={result}", "-backend=scalar"),
                     f"identical: 7 hits, commitment {commitment}\n")


if __name__ == "__main__":
    if not SOURCE.exists():
        print(f"skipped: {SOURCE} is missing, contrib/setup --tests fetches it")
        sys.exit(SKIPPED)
    main(conversion_reproduces, embeddings_are_the_float_model_s, neighbours_are_the_float_model_s,
         every_backend_gives_the_same_bits, search_equals_brute_force_and_runs_again)
