#!/usr/bin/env python3
"""What llama.cpp's arithmetic costs in accuracy, as the tests of whole models measure ours: its distributions beside
those of the float model in numpy of the same GGUF file, over the same windows of the same texts.

    build/llama/bin/python bench/compare_llama_accuracy.py [-q8]     (compare_llama.py says how to make build/llama)

llama.cpp runs the very file, whose weights it unpacks exactly and whose activations it rounds to 8 bits a block; with
-q8 it runs Q8_0 made from it, whose weights are rounded again, as ours are. Exits 77 where llama.cpp is not there.
Nothing is asserted.
"""
import ctypes
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "build/bin/dai-model"
REFERENCE = ROOT / "test/float_reference.py"
TEXTS = [ROOT / "test/data" / name for name in ("frankenstein.txt", "manual.txt")]
# File, what every window begins with, and (length, count) of the windows, as in model_test.py and gemma_test.py.
MODELS = [(ROOT / "models/smollm2-135m-instruct.gguf", [], [(512, 4)]),
          (ROOT / "models/gemma3-270m.gguf", [2], [(512, 4), (1024, 1)])]
ROWS_AT_ONCE = 64
THREADS = 1
SKIPPED = 77


def make_q8(source, target):
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    parameters.allow_requantize = True
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(parameters)):
        sys.exit(f"llama.cpp cannot quantize {source.name}")


def write_logits(path, tokens, window, target):
    """Of all positions but the last of each window, which predicts nothing."""
    import llama_cpp as llama
    import numpy as np

    parameters = llama.llama_model_default_params()
    parameters.use_extra_bufts = False  # repacked weights crash where compare_llama.py says so
    model = llama.llama_model_load_from_file(str(path).encode(), parameters)
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = window
    parameters.n_batch = parameters.n_ubatch = ROWS_AT_ONCE
    parameters.n_threads = parameters.n_threads_batch = THREADS
    context = llama.llama_init_from_model(model, parameters)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    batch = llama.llama_batch_init(ROWS_AT_ONCE, 0, 1)
    for begin in range(0, len(tokens), window):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        for first in range(0, window - 1, ROWS_AT_ONCE):
            batch.n_tokens = min(ROWS_AT_ONCE, window - 1 - first)
            for i in range(batch.n_tokens):
                batch.token[i], batch.pos[i] = tokens[begin + first + i], first + i
                batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, 1
            if llama.llama_decode(context, batch):
                sys.exit("llama_decode failed")
            rows = np.ctypeslib.as_array(llama.llama_get_logits(context), (batch.n_tokens, vocabulary))
            target.write(rows.astype("<f4").tobytes())
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    llama.llama_model_free(model)


def compare(source, run, tokens, window, directory):
    path = directory / "tokens.json"
    path.write_text(json.dumps(tokens))
    reference = subprocess.Popen([sys.executable, REFERENCE, "compare", source, path, f"--window={window}"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    write_logits(run, tokens, window, reference.stdin)
    output, _ = reference.communicate()
    return json.loads(output)


def show(what, found):
    """Shares and means over all positions of some comparisons."""
    positions = sum(one["tokens"] for one in found)
    gaps = sorted(gap for one in found for gap in one["gaps"])
    kl = sum(one["kl"] * one["tokens"] for one in found) / positions
    largest = ", ".join(f"{gaps[int(share * (len(gaps) - 1))]:.3f}" for share in (0.5, 0.9, 0.99, 1))
    print(f"{what}: {positions} positions, same top {100 * (1 - len(gaps) / positions):.2f} %, KL {kl:.5f}, gaps "
          f"(median, 90 %, 99 %, all) up to {largest}", flush=True)


def main():
    try:
        import llama_cpp
    except ImportError:
        print("skipped: llama-cpp-python is not installed")
        return SKIPPED
    print(f"llama-cpp-python {llama_cpp.__version__}: {llama_cpp.llama_print_system_info().decode().strip(' |')}")
    silent = llama_cpp.llama_log_callback(lambda level, text, user_data: None)
    llama_cpp.llama_log_set(silent, None)
    llama_cpp.llama_backend_init()
    for source, begin, windows in MODELS:
        run = source
        if "-q8" in sys.argv:
            run = ROOT / "build" / f"{source.stem}-q8_0.gguf"
            make_q8(source, run)
        found = []
        for text in TEXTS:
            words = json.loads(subprocess.run([TOOL, "tokenize", source, text], capture_output=True, check=True).stdout)
            for window, count in windows:
                step = window - len(begin)
                tokens = sum((begin + words[i * step:(i + 1) * step] for i in range(count)), [])
                with tempfile.TemporaryDirectory() as directory:
                    found.append(compare(source, run, tokens, window, pathlib.Path(directory)))
                show(f"{run.name}, {text.name}, {count} of {window}", found[-1:])
        show(run.name, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
