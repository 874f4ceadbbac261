#!/usr/bin/env python3
"""SmolLM2-135M-Instruct here and in llama.cpp (Q8_0 made from the same GGUF file), in turns on one machine.

    python3 -m venv build/llama && build/llama/bin/pip install llama-cpp-python==0.3.36     (builds for minutes)
    build/llama/bin/python bench/compare_llama.py [-rounds=5] [-threads=1,2]

Prints tokens a second of both, and their ratio, from the median of the rounds. Both read a prompt of 128 tokens and
decode 64 more; each number of a round is the best of three. Exits 77 where llama.cpp is not there. Nothing is asserted.
"""
import ctypes
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "models/smollm2-135m-instruct.gguf"
MODEL = ROOT / "models/smollm2-135m-instruct.dai.gguf"
Q8 = ROOT / "build/smollm2-q8_0.gguf"
TOOL = ROOT / "build/bin/dai-model"
PROMPT, DECODE, REPEATS = 128, 64, 3
SKIPPED = 77


def make_q8():
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    parameters.allow_requantize = True
    failed = llama_cpp.llama_model_quantize(str(SOURCE).encode(), str(Q8).encode(), ctypes.byref(parameters))
    if failed:
        sys.exit(f"llama.cpp cannot quantize {SOURCE.name}")


def measure_llama(threads, repack):
    """In a process of its own: what crashes there ends one measurement."""
    import llama_cpp as llama

    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    parameters.use_extra_bufts = repack
    model = llama.llama_model_load_from_file(str(Q8).encode(), parameters)
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = PROMPT + DECODE + 8
    parameters.n_batch = parameters.n_ubatch = PROMPT
    parameters.n_threads = parameters.n_threads_batch = threads
    context = llama.llama_init_from_model(model, parameters)
    tokens = [100 + i * 7919 % 40000 for i in range(PROMPT + DECODE)]

    def run(some):
        array = (ctypes.c_int32 * len(some))(*some)
        if llama.llama_decode(context, llama.llama_batch_get_one(array, len(some))):
            sys.exit("llama_decode failed")
        llama.llama_synchronize(context)

    prefill = decode = float("inf")
    for _ in range(REPEATS):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        begin = time.perf_counter()
        run(tokens[:PROMPT])
        prefill = min(prefill, time.perf_counter() - begin)
        begin = time.perf_counter()
        for token in tokens[PROMPT:]:
            run([token])
        decode = min(decode, time.perf_counter() - begin)
    print(json.dumps({"prefill": PROMPT / prefill, "decode": DECODE / decode}))


def llama(threads, repack):
    """None if it crashed."""
    child = subprocess.run([sys.executable, __file__, f"-child={threads},{int(repack)}"], capture_output=True, text=True)
    return json.loads(child.stdout.splitlines()[-1]) if child.returncode == 0 else None


def ours(threads, backend):
    command = [TOOL, "bench", MODEL, f"--threads={threads}", f"--prompt={PROMPT}", "--speed-only", "--json"]
    if backend:
        command.append(f"--backend={backend}")
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"prefill": result["prefill_tokens_per_s"], "decode": result["decode_tokens_per_s"]}


def compare(threads, rounds, kinds):
    taken = {name: {"prefill": [], "decode": []} for name in kinds}
    for _ in range(rounds):
        for name, measure in kinds.items():
            for what, speed in measure(threads).items():
                taken[name][what].append(speed)
    medians = {name: {what: statistics.median(all) for what, all in of.items()} for name, of in taken.items()}
    for name, of in medians.items():
        print(f"{threads} thread(s)  {name:22} prefill {of['prefill']:7.0f}  decode {of['decode']:6.1f} tokens/s")
    peers = [name for name in kinds if name.startswith("llama.cpp")]
    for name in (name for name in kinds if name not in peers):
        ratios = [medians[name][what] / max(medians[peer][what] for peer in peers) for what in ("prefill", "decode")]
        print(f"{threads} thread(s)  {name:22} prefill {ratios[0]:6.2f}x  decode {ratios[1]:5.2f}x llama.cpp's best")


def main():
    options = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
    if "child" in options:
        threads, repack = options["child"].split(",")
        return measure_llama(int(threads), repack == "1")
    try:
        import llama_cpp
    except ImportError:
        print("skipped: llama-cpp-python is not installed (see the first lines of this file)")
        return SKIPPED
    for needed in (SOURCE, MODEL, TOOL):
        if not needed.exists():
            print(f"skipped: {needed.relative_to(ROOT)} is missing; contrib/setup and contrib/build make it")
            return SKIPPED
    if not Q8.exists():
        make_q8()
    print(f"llama-cpp-python {llama_cpp.__version__}: {llama_cpp.llama_print_system_info().decode().strip(' |')}")
    kinds = {"dai": lambda threads: ours(threads, ""), "dai, avx512": lambda threads: ours(threads, "avx512")}
    kinds["llama.cpp"] = lambda threads: llama(threads, False)
    if llama(1, True):
        kinds["llama.cpp, repacked"] = lambda threads: llama(threads, True)
    else:
        print("llama.cpp with repacked weights (AMX) crashes on this machine: left out")
    for threads in options.get("threads", "1,2").split(","):
        compare(int(threads), int(options.get("rounds", 5)), kinds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
