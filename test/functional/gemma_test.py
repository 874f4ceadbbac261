"""Gemma 3 270M in integers against a float model of the same GGUF file: the operations that Llama does not have."""
import json
import pathlib
import sys
import tempfile

from framework import ROOT, expect_equal, main
from models import TEXTS, Closeness, compare_with_float, dai_model, expect_near_ties, expect_one_answer

SOURCE = ROOT / "models" / "gemma3-270m.gguf"
BEGIN = 2  # the token that every text begins with
# Of each text four windows as long as what a windowed layer sees, and one in which it does not see everything.
WINDOWS = [(512, 4), (1024, 1)]
PERPLEXITY_RATIO_MAX = 1.01
# Where they come from: doc/decisions/0028-closeness-by-distributions.md.
KL_MAX = 0.01
SAME_TOP_MIN = 0.928
GAP_MAX = 0.59

# The same on every machine and from every compiler.
MODEL_ROOT = "6a2fc9c887a379ab1a79d0da8730eed26445b7e37d612c3819cf8f1461ef57c8"

PROMPTS = [
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time there was a",
    "The three primary colours are",
    "In the year 1969 the first man",
]

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


def predictions_are_close_to_the_float_model_s(network):
    found = []
    for text in TEXTS:
        for window, windows in WINDOWS:
            ours, theirs = compare_with_float(model_file(), SOURCE, text, window, windows, network.directory, [BEGIN])
            assert ours["perplexity"] <= theirs["perplexity"] * PERPLEXITY_RATIO_MAX, (ours, theirs["perplexity"])
            found.append(theirs)
    all_windows = Closeness(found)
    print(f"all windows: {all_windows}")
    assert all_windows.same_top >= SAME_TOP_MIN and all_windows.kl <= KL_MAX


def answers_leave_the_float_model_s_at_near_ties(network):
    expect_near_ties(model_file(), SOURCE, PROMPTS, GAP_MAX, network.directory, "-whole", "-raw")


def every_backend_gives_the_same_bits(_):
    expect_one_answer(model_file(), "-prompt=Count: one, two,", "-raw", "-max-tokens=4")


if __name__ == "__main__":
    if not SOURCE.exists():
        sys.exit(f"{SOURCE} is missing: contrib/setup --tests fetches it")
    main(conversion_reproduces, predictions_are_close_to_the_float_model_s,
         answers_leave_the_float_model_s_at_near_ties, every_backend_gives_the_same_bits)
