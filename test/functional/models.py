"""What the tests of whole models share: dai-model, and the float model in numpy of the same file."""
import json
import os
import pathlib
import subprocess
import sys

from framework import BIN, ROOT, expect_equal

TEXTS = [ROOT / "test" / "data" / name for name in ("frankenstein.txt", "manual.txt")]
REFERENCE = ROOT / "test" / "float_reference.py"


def dai_model(*arguments):
    done = subprocess.run([BIN / "dai-model", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"dai-model {arguments[0]}: {done.stderr}"
    return done.stdout


def float_reference(source, what, tokens, directory, *arguments, stdin=None):
    path = pathlib.Path(directory) / "tokens.json"
    path.write_text(json.dumps(tokens))
    done = subprocess.run([sys.executable, REFERENCE, what, source, path, *arguments], stdin=stdin,
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def compare_with_float(model, source, text, window, windows, directory, begin=()):
    """What `dai-model eval` says of a text's first windows, and what the float model says of them and of its logits."""
    words = json.loads(dai_model("tokenize", model, text))
    step = window - len(begin)
    tokens = sum(([*begin, *words[i * step:(i + 1) * step]] for i in range(windows)), [])
    fx = json.loads(dai_model("inspect", model, "-json"))["fx"]
    reading, writing = os.pipe()  # two gigabytes may pass
    evaluation = subprocess.Popen([BIN / "dai-model", "eval", model, text, f"-window={window}", "-json", "-threads=2",
                                   f"-max-windows={windows}", f"-logits=/dev/fd/{writing}"], pass_fds=[writing],
                                  stdout=subprocess.PIPE, text=True)
    os.close(writing)
    with open(reading, "rb") as logits:
        theirs = float_reference(source, "compare", tokens, directory, f"--window={window}", f"--fx={fx}", stdin=logits)
    ours = json.loads(evaluation.communicate()[0])
    expect_equal((ours["tokens"], ours["predicted"]), (len(tokens), theirs["tokens"]))
    print(f"{text.name}, {windows} of {window}: perplexity {ours['perplexity']:.4f}, float {theirs['perplexity']:.4f}, "
          f"ratio {ours['perplexity'] / theirs['perplexity']:.4f}, {Closeness([theirs])}")
    return ours, theirs


class Closeness:
    """Of the integer model to the float one over all positions of some comparisons: the share in which both have the
    same top token, and the mean Kullback-Leibler divergence of the float model's distribution from ours, in nats."""

    def __init__(self, comparisons):
        positions = sum(one["tokens"] for one in comparisons)
        self.same_top = 1 - sum(len(one["gaps"]) for one in comparisons) / positions
        self.kl = sum(one["kl"] * one["tokens"] for one in comparisons) / positions

    def __str__(self):
        return f"same top {100 * self.same_top:.2f} %, KL {self.kl:.5f}"


def expect_near_ties(model, source, prompts, gap_max, directory, *options):
    """Where an answer leaves the float model's own, that model all but ties the two tokens. Returns how many answers do
    not leave it. options: of tokenize and of run, for a prompt as it is."""
    answers = []
    for prompt in prompts:
        path = directory / "prompt.txt"
        path.write_text(prompt)
        tokens = json.loads(dai_model("tokenize", model, path, options[0]))
        answer = json.loads(dai_model("run", model, f"-prompt={prompt}", "-max-tokens=8", "-json", *options[1:]))
        answers.append((tokens, answer["tokens"]))
    followed = float_reference(source, "follow", answers, directory)
    for prompt, (_, answer), one in zip(prompts, answers, followed):
        print(f"{prompt} {one['equal']} of {len(answer)} tokens are the float model's, gap {one['gap']:.4f}")
    assert all(one["gap"] <= gap_max for one in followed), followed
    return sum(one["equal"] == len(answer) for (_, answer), one in zip(answers, followed))


# The name of each backend and what /proc/cpuinfo calls what it needs.
BACKENDS = {"scalar": None, "avx2": "avx2", "avxvnni": "avx_vnni", "avx512": "avx512_vnni", "amx": "amx_int8"}


def expect_one_answer(model, *options):
    """Every backend of this processor gives the same answer and trace, on one thread and on two."""
    features = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    expected = None
    for backend, needed in BACKENDS.items():
        if needed is not None and needed not in features:
            print(f"skipped {backend}: this processor has no {needed}")
            continue
        for threads in (2,) if backend == "scalar" else (1, 2):
            answer = json.loads(dai_model("run", model, f"-backend={backend}", f"-threads={threads}", "-json", *options))
            expected = expected or answer
            expect_equal(answer, expected)
    assert len(expected["trace_root"]) == 64
