"""Gemma 3 270M in integers against a float model of the same GGUF file: the operations that Llama does not have."""
import json
import pathlib
import sys
import tempfile

from framework import ROOT, expect_equal, main
from models import TEXTS, dai_model, float_reference

SOURCE = ROOT / "models" / "gemma3-270m.gguf"
BEGIN = 2  # the token that every text begins with
# Of each text four windows as long as what a windowed layer sees, and one in which it does not see everything.
WINDOWS = [(512, 4), (1024, 1)]
PERPLEXITY_RATIO_MAX = 1.01

# The same on every machine and from every compiler.
MODEL_ROOT = "6a2fc9c887a379ab1a79d0da8730eed26445b7e37d612c3819cf8f1461ef57c8"

PROMPTS = [
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time there was a",
    "The three primary colours are",
    "In the year 1969 the first man",
]
FIRST_TOKENS = 8
PROMPTS_EQUAL_MIN = 4


# Converted once for all tests; gone when the program ends.
FOLDER = tempfile.TemporaryDirectory(prefix="daidd-test-")


def model_file():
    return pathlib.Path(FOLDER.name) / "gemma3-270m.dai.gguf"


def conversion_reproduces(_):
    """Its norms forbid the rotation, so it is exact whatever is asked for."""
    dai_model("convert", SOURCE, model_file(), "-precision=fast", "-threads=2")
    shown = json.loads(dai_model("inspect", model_file(), "-json"))
    expect_equal(shown["precision"], "exact")
    expect_equal(shown["model_root"], MODEL_ROOT)


def perplexity_is_within_a_percent_of_float(network):
    model = model_file()
    for text in TEXTS:
        all_tokens = json.loads(dai_model("tokenize", model, text))
        for window, windows in WINDOWS:
            ours = json.loads(dai_model("eval", model, text, f"-window={window}", f"-max-windows={windows}",
                                        "-threads=2", "-json"))
            tokens = []
            for i in range(windows):
                tokens += [BEGIN, *all_tokens[i * (window - 1):(i + 1) * (window - 1)]]
            expect_equal(ours["tokens"], len(tokens))
            theirs = float_reference(SOURCE, "perplexity", tokens, network.directory, f"--window={window}")
            ratio = ours["perplexity"] / theirs["perplexity"]
            print(f"{text.name}, {windows} of {window}: perplexity {ours['perplexity']:.4f}, float "
                  f"{theirs['perplexity']:.4f}, ratio {ratio:.4f}")
            assert ratio <= PERPLEXITY_RATIO_MAX, ratio


def answers_begin_as_the_float_model_s(network):
    prompts, ours = [], []
    for prompt in PROMPTS:
        path = network.directory / "prompt.txt"
        path.write_text(prompt)
        prompts.append(json.loads(dai_model("tokenize", model_file(), path, "-whole")))
        answer = json.loads(dai_model("run", model_file(), f"-prompt={prompt}", "-raw",
                                      f"-max-tokens={FIRST_TOKENS}", "-json"))
        ours.append(answer["tokens"])
    theirs = float_reference(SOURCE, "greedy", prompts, network.directory, f"--count={FIRST_TOKENS}")
    equal = sum(a == b[:len(a)] for a, b in zip(ours, theirs))
    print(f"{equal} of {len(PROMPTS)} prompts go on with the float model's {FIRST_TOKENS} tokens")
    assert equal >= PROMPTS_EQUAL_MIN, (ours, theirs)


def every_backend_gives_the_same_bits(_):
    features = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    expected = None
    for backend, needed in (("scalar", None), ("avx2", "avx2"), ("avx512", "avx512_vnni"), ("amx", "amx_int8")):
        if needed is not None and needed not in features:
            print(f"skipped {backend}: this processor has no {needed}")
            continue
        answer = json.loads(dai_model("run", model_file(), "-prompt=Count: one, two,", "-raw", "-max-tokens=4",
                                      f"-backend={backend}", "-threads=2", "-json"))
        expected = expected or answer
        expect_equal(answer, expected)
    assert len(expected["trace_root"]) == 64


if __name__ == "__main__":
    if not SOURCE.exists():
        sys.exit(f"{SOURCE} is missing: contrib/setup --tests fetches it")
    main(conversion_reproduces, perplexity_is_within_a_percent_of_float, answers_begin_as_the_float_model_s,
         every_backend_gives_the_same_bits)
