"""SmolLM2-135M-Instruct in integers against a float model of the same GGUF file: accuracy, sameness, reproduction."""
import json
import pathlib

from framework import ROOT, expect_equal, main
from models import TEXTS, Closeness, compare_with_float, dai_model, expect_near_ties, expect_one_answer

SOURCE = ROOT / "models" / "smollm2-135m-instruct.gguf"
MODEL = ROOT / "models" / "smollm2-135m-instruct.dai.gguf"
WINDOW = 512
WINDOWS = 4  # of each text: 2,048 tokens
PERPLEXITY_RATIO_MAX = 1.01
# Where they come from: doc/decisions/0028-closeness-by-distributions.md.
KL_MAX = 0.01
SAME_TOP_MIN = 0.942
GAP_MAX = 0.54

# The same on every machine and from every compiler.
MODEL_ROOTS = {
    "fast": "9bc5df3882a98ca47ef610452aacf50c8dc964848c3dd788db96a47dfac21cbd",
    "exact": "2f880e4db13541fb00756bb3890291981132a4b02ca4fd9c8302f88318a2d015",
}

PROMPTS = [
    "What is the capital of France?",
    "Name three primary colors.",
    "Write one sentence about the sea.",
    "How many days are in a week?",
    "What do bees make?",
    "Translate 'good morning' to Spanish.",
    "Explain what a computer is to a child.",
    "Who wrote Romeo and Juliet?",
    "Give me a recipe for pancakes.",
    "What is 7 plus 5?",
]
ANSWERS_EQUAL_MIN = 7


def conversion_reproduces(network):
    """Whatever the number of threads: the bytes of the file, and so the root, are the same."""
    for precision, root in MODEL_ROOTS.items():
        files = []
        for threads in (1, 2):
            target = network.directory / f"{precision}{threads}.gguf"
            dai_model("convert", SOURCE, target, f"-precision={precision}", f"-threads={threads}")
            files.append(target)
        assert files[0].read_bytes() == files[1].read_bytes(), precision
        expect_equal(json.loads(dai_model("inspect", files[0], "-json"))["model_root"], root)
        if precision == "fast":
            assert files[0].read_bytes() == MODEL.read_bytes(), "models/ holds another conversion: run contrib/build"


def predictions_are_close_to_the_float_model_s(network):
    found = []
    for text in TEXTS:
        ours, theirs = compare_with_float(MODEL, SOURCE, text, WINDOW, WINDOWS, network.directory)
        assert ours["perplexity"] <= theirs["perplexity"] * PERPLEXITY_RATIO_MAX, (ours, theirs["perplexity"])
        found.append(theirs)
    all_windows = Closeness(found)
    print(f"all windows: {all_windows}")
    assert all_windows.same_top >= SAME_TOP_MIN and all_windows.kl <= KL_MAX


def answers_leave_the_float_model_s_at_near_ties(network):
    equal = expect_near_ties(MODEL, SOURCE, PROMPTS, GAP_MAX, network.directory, "-chat")
    print(f"{equal} of {len(PROMPTS)} answers are the float model's")
    assert equal >= ANSWERS_EQUAL_MIN, equal


def every_backend_gives_the_same_bits(_):
    expect_one_answer(MODEL, "-prompt=Count to five.", "-max-tokens=12")


if __name__ == "__main__":
    main(conversion_reproduces, predictions_are_close_to_the_float_model_s,
         answers_leave_the_float_model_s_at_near_ties, every_backend_gives_the_same_bits)
