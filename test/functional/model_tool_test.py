"""dai-model's manners: every command on a small model, and one sentence for everything that can be wrong."""
import hashlib
import json
import math
import pathlib
import re
import resource
import signal
import struct
import subprocess

from framework import BIN, ROOT, expect_equal, main
from small_gguf import CONTEXT, DIM, F32, FFN, HEADS, HEAD_DIM, KV_HEADS, LAYERS, SPECIALS, TEXT, U32, small_gguf

# What this processor can run; what it cannot is refused by name.
FEATURES = set(pathlib.Path("/proc/cpuinfo").read_text().split())
NEEDED = {"scalar": set(), "avx2": {"avx2"}, "avxvnni": {"avx2", "avx_vnni"},
          "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"}}
NEEDED["amx"] = NEEDED["avx512"] | {"amx_tile", "amx_int8"}
BACKENDS = [backend for backend, needed in NEEDED.items() if needed <= FEATURES]
VOCABULARY = 256 + len(SPECIALS)
HELP = "Run with --help for more information."


def dai_model(*arguments, **options):
    """(exit code, output, errors)."""
    done = subprocess.run([BIN / "dai-model", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=60, **options)
    return done.returncode, done.stdout, done.stderr


def succeed(*arguments):
    code, output, errors = dai_model(*arguments)
    assert code == 0, f"{arguments}: {errors}"
    return output


def answer(*arguments):
    return json.loads(succeed(*arguments, "-json"))


def expect_failure(message, *arguments):
    """Exit code 1, nothing on the output, and this sentence alone."""
    expect_equal((arguments, *dai_model(*arguments)), (arguments, 1, "", f"dai-model: {message}\n"))


def expect_usage_error(message, *arguments):
    expect_equal((arguments, *dai_model(*arguments)), (arguments, 1, "", f"{message}\n{HELP}\n"))


def documented_keys(command):
    """Of -json, as the command's help lists them."""
    lines = succeed(command, "-help").split("--json")[1]
    return " ".join(lines.split()).split("{")[1].split("}")[0].split(", ")


def hash_of(tag, *parts):
    """H(tag; parts) of the protocol."""
    return hashlib.blake2s(b"".join(parts), person=tag.encode().ljust(8, b"\0")).digest()


def merkle(level):
    while len(level) > 1:
        pairs = [hash_of("node", *level[i:i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs):]
    return level[0]


def write_source(network, name="source.gguf", **changes):
    path = network.directory / name
    path.write_bytes(small_gguf(**changes))
    return path


def converted(network, *options, name="model.gguf", **changes):
    target = network.directory / name
    succeed("convert", write_source(network, **changes), target, *options)
    return target


def write_text(network, content, name="text.txt"):
    path = network.directory / name
    path.write_bytes(content)
    return path


def commands_are_known(_):
    code, output, errors = dai_model("--help")
    expect_equal((code, errors), (0, ""))
    for command in ("convert", "inspect", "run", "eval", "embed", "index", "search", "tokenize", "bench", "devices",
                    "chainspec"):
        assert f"\n  {command} " in output, command
        code, usage, errors = dai_model(command, "-help")
        expect_equal((code, errors), (0, ""))
        assert f"Usage: dai-model {command} [OPTIONS]" in usage, usage
    expect_usage_error("A subcommand is required")
    expect_usage_error("The following argument was not expected: transmogrify", "transmogrify")
    for command in ("train", "verify"):
        expect_failure(f"'{command}' is not available in this version", command)
        expect_failure(f"'{command}' is not available in this version", command, "model.gguf", "-steps=3")


def arguments_are_checked(network):
    model = converted(network)
    expect_usage_error("source is required", "convert")
    expect_usage_error("target is required", "convert", "a")
    expect_usage_error("model is required", "inspect")
    expect_usage_error("text is required", "eval", model)
    expect_usage_error("--prompt is required", "run", model)
    expect_usage_error("The following argument was not expected: more", "inspect", model, "more")
    expect_usage_error("The following argument was not expected: --colour=red", "inspect", model, "-colour=red")
    expect_usage_error("--precision: wrong not in {fast,exact}", "convert", "a", "b", "-precision=wrong")
    for command in (("convert", "a", "b"), ("run", model, "-prompt=x"), ("eval", model, model), ("bench", model)):
        for threads in (0, 65):
            expect_usage_error(f"--threads: Value {threads} not in range 1 to 64", *command, f"-threads={threads}")
    for unit in (15, 32_769):
        for command in ("inspect", "chainspec"):
            expect_usage_error(f"--unit: Value {unit} not in range 16 to 32768", command, model, f"-unit={unit}")
    for count in (-1, 0, 100_001):
        expect_usage_error(f"--max-tokens: Value {count} not in range 1 to 100000", "run", model, "-prompt=x",
                           f"-max-tokens={count}")
    expect_usage_error("--window: Value 1 not in range 2 to 100000", "eval", model, model, "-window=1")
    for temperature in ("x", "", "1x", "nan", "-1", "0.0039", "256.1"):
        expect_failure("temperature: must be 0, or from 0.00390625 to 256", "run", model, "-prompt=x",
                       "-temperature", temperature)
    for temperature in ("0", "0.00390625", "256"):
        succeed("run", model, "-prompt=x", "-max-tokens=1", "-temperature", temperature)


def backends_are_named(network):
    print(f"backends: {', '.join(BACKENDS)}")
    model = converted(network)
    text = write_text(network, b"x" * 100)
    for command in (("run", model, "-prompt=x"), ("eval", model, text), ("bench", model)):
        expect_failure("backend: unknown 'abacus' (known: scalar, avx2, avxvnni, avx512, amx)", *command, "-backend=abacus")
        for backend in NEEDED.keys() - set(BACKENDS):
            expect_failure(f"backend: this processor has no {backend}", *command, f"-backend={backend}")
        for later in ("opencl", "cuda"):
            expect_failure(f"backend: {later} is not available in this version (known: scalar, avx2, avxvnni, avx512, amx)", *command,
                           f"-backend={later}")


def devices_are_named(network):
    """Where there is one, its self-test passes and it gives the processor's logits."""
    model = converted(network)
    expect_failure("unknown device 'gpu' (known: opencl:N, cuda:N)", "bench", model, "-device=gpu")
    expect_failure("opencl:999: there is no OpenCL device 999", "bench", model, "-device=opencl:999")
    devices = json.loads(succeed("devices", "-json"))
    print(f"devices: {', '.join(d['name'] for d in devices) or 'none'}")
    lines = succeed("devices")
    for device in devices:
        expect_equal((device["id"], device["self_test"]), (device["id"], "passed"))
        assert f"{device['id']}: {device['name']}, " in lines, lines
        shown = answer("bench", model, f"-device={device['id']}")
        expect_equal(list(shown), ["device", "name", "prefill_tokens_per_s", "decode_tokens_per_s"])
        expect_equal((shown["device"], shown["name"]), (device["id"], device["name"]))
    if not any(device["id"].startswith("cuda") for device in devices):
        assert "no CUDA device: " in lines, lines


def files_that_are_not_there(network):
    model = converted(network)
    missing, folder = network.directory / "missing", network.directory
    for path, what in ((missing, "No such file or directory"), (folder, "not a regular file")):
        sentence = f"{path}: {what}"
        # A folder is one if its configuration is there.
        source = path if path == missing else path / "config.json"
        expect_failure(f"{source}: No such file or directory", "convert", path, network.directory / "target")
        expect_failure(sentence, "inspect", path)
        expect_failure(sentence, "run", path, "-prompt=x")
        expect_failure(sentence, "eval", path, model)
        expect_failure(sentence, "eval", model, path)
        expect_failure(sentence, "tokenize", path, model)
        expect_failure(sentence, "tokenize", model, path)
        expect_failure(sentence, "bench", path)
        expect_failure(sentence, "chainspec", path)


def files_of_another_kind(network):
    source, model = write_source(network), converted(network)
    target = network.directory / "target"
    for content, what in ((b"", "truncated"), (b"GGU", "truncated"), (b"#!/bin/sh\n", "bad magic")):
        path = write_text(network, content)
        expect_failure(f"{path}: magic: {what}", "convert", path, target)
        expect_failure(f"{path}: bad_container: magic: {what}", "inspect", path)
    expect_failure(f"{model}: general.architecture = dai-integer: bad value", "convert", model, target)
    hint = "(a float model: run `dai-model convert` on it first)"
    for command in (("inspect",), ("run", "-prompt=x"), ("bench",), ("chainspec",)):
        expect_failure(f"{source}: unknown_architecture: llama {hint}", command[0], source, *command[1:])
    other = write_source(network, "other.gguf", fields={"general.architecture": (TEXT, "gemma")})
    expect_failure(f"{other}: unknown_architecture: gemma", "inspect", other)
    assert not target.exists()


def truncated_files(network):
    """Wherever a file ends, its first missing part is named, and nothing is written."""
    whole = small_gguf()
    name = "token_embd.weight"
    target = network.directory / "target"
    places = {4: "version: truncated", 8: "tensor_count: truncated", 23: "metadata_kv_count: truncated",
              24: "metadata key 0: truncated", 40: "metadata key 0: truncated",
              whole.index(b"tokenizer.ggml.tokens") + 60: "tokenizer.ggml.tokens: truncated",
              whole.index(name.encode()) + 3: f"tensor name {9 * LAYERS + 1}: truncated",
              whole.index(name.encode()) + len(name) + 6: f"{name}: truncated",
              whole.index(name.encode()) + len(name) + 40: "blk.0.attn_norm.weight: outside the file",
              len(whole) - 1: f"{name}: outside the file"}
    for size, what in places.items():
        path = write_text(network, whole[:size], "cut.gguf")
        expect_failure(f"{path}: {what}", "convert", path, target)
    assert not target.exists()

    whole = converted(network).read_bytes()
    for size in (*range(0, 64, 7), *range(64, len(whole), len(whole) // 40), len(whole) - 32):
        path = write_text(network, whole[:size], "cut.gguf")
        code, output, errors = dai_model("inspect", path)
        expect_equal((size, code, output), (size, 1, ""))
        assert errors.startswith(f"dai-model: {path}: bad_container: ") and errors.count("\n") == 1, errors


def sources_that_cannot_be_converted(network):
    target = write_text(network, b"what was there before", "target")
    cases = {
        "llama.block_count: over limit": {"fields": {"llama.block_count": (U32, LAYERS - 1)}},
        "llama.rope.scaling.type: bad value": {"fields": {"llama.rope.scaling.type": (TEXT, "yarn")}},
        "llama.rope.scaling.factor: bad value": {"fields": {"llama.rope.scaling.factor": (F32, 8.0)}},
        "tokenizer.ggml.pre: bad value": {"fields": {"tokenizer.ggml.pre": (TEXT, "other")}},
        "blk.1.ffn_up.weight: missing": {"without": ["blk.1.ffn_up.weight"]},
    }
    for sentence, changes in cases.items():
        source = write_source(network, **changes)
        expect_failure(f"{source}: {sentence}", "convert", source, target)
    source = write_source(network, values={"blk.1.ffn_down.weight": {77: math.nan}})
    code, output, errors = dai_model("convert", source, target)
    expect_equal((code, output), (1, ""))
    assert errors.endswith(f"dai-model: {source}: blk.1.ffn_down.weight: bad value\n"), errors
    expect_equal(target.read_bytes(), b"what was there before")


def targets_that_cannot_be_written(network):
    source = write_source(network)
    folder = network.directory / "empty"
    folder.mkdir()
    code, output, errors = dai_model("convert", source, folder / "missing" / "model.gguf")
    expect_equal((code, output), (1, ""))
    assert errors.endswith(f"dai-model: {folder}/missing/model.gguf.part: No such file or directory\n"), errors
    expect_equal(list(folder.iterdir()), [])

    # The disk is full after 4,096 bytes.
    target = folder / "model.gguf"
    target.write_bytes(b"what was there before")

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    code, output, errors = dai_model("convert", source, target, restore_signals=False, preexec_fn=small_disk)
    expect_equal((code, output), (1, ""))
    assert errors.endswith(f"dai-model: {target}.part: File too large\n"), errors
    expect_equal(target.read_bytes(), b"what was there before")
    expect_equal(list(folder.iterdir()), [target])


def convert(network):
    source = write_source(network)
    roots = {}
    for precision in ("fast", "exact"):
        files = []
        for threads in (1, 3):
            target = network.directory / f"{precision}{threads}.gguf"
            code, output, errors = dai_model("convert", source, target, f"-precision={precision}",
                                             f"-threads={threads}")
            expect_equal((code, errors), (0, f"converting: {LAYERS + 2} of {LAYERS + 2} parts\n"))
            files.append(target)
            shown = answer("inspect", target)
            expect_equal(shown["precision"], precision)
            expect_equal(output, f"{target}: {target.stat().st_size} bytes, model root {shown['model_root']}"
                                 " (units of 1024 tokens)\n")
            assert not target.with_name(target.name + ".part").exists()
        expect_equal(files[0].read_bytes(), files[1].read_bytes())
        roots[precision] = shown["model_root"]
    assert roots["fast"] != roots["exact"]
    default = converted(network)
    expect_equal(default.read_bytes(), (network.directory / "fast1.gguf").read_bytes())
    other = converted(network, seed=2, name="other.gguf")
    assert answer("inspect", other)["model_root"] != roots["fast"]


def inspect(network):
    model = converted(network)
    shown = answer("inspect", model)
    layer = DIM * (HEADS + 2 * KV_HEADS) * HEAD_DIM + HEADS * HEAD_DIM * DIM + 3 * DIM * FFN
    expected = {"architecture": "llama", "precision": "fast", "vocabulary": VOCABULARY, "layers": LAYERS, "dim": DIM,
                "ffn": FFN, "heads": HEADS, "kv_heads": KV_HEADS, "head_dim": HEAD_DIM, "context": CONTEXT, "fx": 14,
                "linear_weights": LAYERS * layer + VOCABULARY * DIM, "operations": 13 * LAYERS + 3, "unit_tokens": 1024}
    expect_equal({key: shown[key] for key in expected}, expected)
    expect_equal(sorted(set(shown) - set(expected)),
                 ["constants_root", "mined_operands", "model_root", "trace_tensors"])
    assert all(len(bytes.fromhex(shown[key])) == 32 for key in ("constants_root", "model_root"))
    lines = [f"{key}: {value}" for key, value in shown.items()]
    expect_equal(succeed("inspect", model).splitlines(), lines)

    small = answer("inspect", model, "-unit=64")
    expect_equal({key for key in shown if shown[key] != small[key]}, {"unit_tokens", "model_root"})


def tokenize(network):
    model = converted(network)
    content = "Grüße, 2 \x00\x7f".encode() + b"\xff\x80\n"
    expect_equal(json.loads(succeed("tokenize", model, write_text(network, content))), list(content))
    expect_equal(succeed("tokenize", model, write_text(network, b"")), "[]\n")
    endoftext, start, end = range(256, VOCABULARY)
    # No text becomes a special token, in a message or without one.
    content = b"<|im_end|><|endoftext|>"
    path = write_text(network, content)
    expect_equal(json.loads(succeed("tokenize", model, path)), list(content))
    expect_equal(json.loads(succeed("tokenize", model, path, "-chat")),
                 [start, *b"user\n", *content, end, *b"\n", start, *b"assistant\n"])
    assert endoftext not in json.loads(succeed("tokenize", model, path, "-chat"))
    # Each line apart; the last one needs no end.
    lines = write_text(network, b"ab\n\nc\x00d")
    expect_equal(succeed("tokenize", model, lines, "-lines"), "[97,98]\n[]\n[99,0,100]\n")
    expect_equal(succeed("tokenize", model, lines, "-null"), "[97,98,10,10,99]\n[100]\n")
    expect_equal(succeed("tokenize", model, lines, "-decode"), "ab\n\nc\0d\n")
    expect_equal(succeed("tokenize", model, lines, "-decode", "-lines"), "ab\n\nc\0d\n")
    expect_equal(succeed("tokenize", model, lines, "-decode", "-null"), "ab\n\nc\0d\0")
    # Any GGUF with a tokenizer will do, and none of its tensors is looked at.
    expect_equal(json.loads(succeed("tokenize", write_source(network), lines)), list(b"ab\n\nc\x00d"))
    begins = {"fields": {"tokenizer.ggml.pre": (TEXT, "llama-bpe"), "tokenizer.ggml.bos_token_id": (U32, endoftext)}}
    source = write_source(network, **begins)
    expect_equal(succeed("tokenize", source, lines, "-whole", "-lines"),
                 f"[{endoftext},97,98]\n[{endoftext}]\n[{endoftext},99,0,100]\n")
    expect_usage_error("--chat excludes --whole", "tokenize", source, lines, "-whole", "-chat")


def run(network):
    model = converted(network)
    whole = answer("run", model, "-prompt=Hello", "-max-tokens=20")
    expect_equal(sorted(whole), ["prompt_tokens", "stop", "text", "tokens", "trace_root"])
    expect_equal(documented_keys("run"), list(whole))
    expect_equal(whole["prompt_tokens"], len("user\nHello\nassistant\n") + 3)
    expect_equal((whole["stop"], len(whole["tokens"])), ("tokens_max", 20))
    assert all(0 <= token < VOCABULARY for token in whole["tokens"])
    # A byte a token: the text is those bytes, what is not UTF-8 replaced.
    assert set(bytes(t for t in whole["tokens"] if t < 128).decode()) <= set(whole["text"])
    # What would drive a terminal is shown as U+FFFD.
    shown = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", whole["text"])
    expect_equal(succeed("run", model, "-prompt=Hello", "-max-tokens=20"), shown + "\n")
    expect_equal(answer("run", model, "-prompt=Hello", "-max-tokens=7")["tokens"], whole["tokens"][:7])

    for backend in BACKENDS:
        for threads in (1, 2):
            for options in ((), ("-temperature=1.5", "-seed=7")):
                arguments = ("run", model, "-prompt=Hello", "-max-tokens=20", *options)
                expect_equal(answer(*arguments, f"-backend={backend}", f"-threads={threads}"), answer(*arguments))
    warm = [answer("run", model, "-prompt=Hello", "-max-tokens=20", "-temperature=2", f"-seed={seed}")["tokens"]
            for seed in (1, 1, 2)]
    assert warm[0] == warm[1] and warm[0] != warm[2], warm


def sampler_flags_are_checked(network):
    model = converted(network)
    refused = [
        ("top-p: must be from 0 to 1", ("1.1", "-0.1", "x"), "-top-p"),
        ("min-p: must be from 0 to 1", ("1.1", "-0.1", "x"), "-min-p"),
        ("repeat-penalty: must be from 0.0625 to 16", ("0.06", "16.1"), "-repeat-penalty"),
        ("presence-penalty: must be from -2 to 2", ("2.1", "-2.1"), "-presence-penalty"),
        ("frequency-penalty: must be from -2 to 2", ("2.1", "-2.1"), "-frequency-penalty"),
    ]
    for message, values, flag in refused:
        for value in values:
            expect_failure(message, "run", model, "-prompt=x", flag, value)
    for bias in ("1", "x:1", f"{VOCABULARY}:1", "1:100.1", "1:", "-1:3"):
        expect_failure(f"logit-bias: must be TOKEN:BIAS, from -100 to 100: {bias}", "run", model, "-prompt=x",
                       f"-logit-bias={bias}")
    expect_failure("logit_bias: too many, or a token named twice", "run", model, "-prompt=x", "-logit-bias=1:1",
                   "-logit-bias=1:2")
    for stop, error in (("", "empty"), ("x" * 257, "too_long")):
        expect_failure(f"stop: {error}", "run", model, "-prompt=x", "-stop", stop)
    expect_failure("logprobs: shown with -json alone", "run", model, "-prompt=x", "-logprobs=1")
    expect_usage_error("--logprobs: Value 21 not in range 0 to 20", "run", model, "-prompt=x", "-logprobs=21")
    expect_usage_error("--repeat-last-n: Value 131073 not in range 0 to 131072", "run", model, "-prompt=x",
                       "-repeat-last-n=131073")
    grammar = write_text(network, b"root ::= x", "bad.gbnf")
    schema = write_text(network, b'{"type": "string", "pattern": "a"}', "bad.json")
    expect_failure("grammar: unknown_rule: line 1: x", "run", model, "-prompt=x", f"-grammar={grammar}")
    expect_failure("json-schema: unsupported: #/pattern", "run", model, "-prompt=x", f"-json-schema={schema}")
    expect_failure("grammar: not with json-schema", "run", model, "-prompt=x", f"-grammar={grammar}",
                   f"-json-schema={schema}")
    succeed("run", model, "-prompt=x", "-max-tokens=2", "-temp=1", "-top-p=0", "-min-p=1", "-repeat-penalty=16",
            "-presence-penalty=-2", "-frequency-penalty=2", "-logit-bias=1:-100", "-logit-bias=0:100", "-top-k=3",
            "-repeat-last-n=131072", "-stop", "x" * 256)


def run_under_a_grammar(network):
    model = converted(network)
    grammar = write_text(network, b'root ::= [a-c]{4} "!"', "letters.gbnf")
    made = answer("run", model, "-prompt=Hello", f"-grammar={grammar}", "-logprobs=2")
    assert re.fullmatch("[a-c]{4}!", made["text"]), made
    expect_equal((made["stop"], len(made["tokens"])), ("grammar_end", 5))
    expect_equal([len(entry["top"]) for entry in made["logprobs"]], [2] * 5)
    stopped = answer("run", model, "-prompt=Hello", f"-grammar={grammar}", "-stop=!")
    expect_equal((stopped["stop"], stopped["text"]), ("stop_string", made["text"][:4]))


def run_at_the_context_s_end(network):
    model = converted(network)
    for size in (CONTEXT - 1, CONTEXT - 3):
        full = answer("run", model, "-raw", "-prompt", "a" * size, "-max-tokens=50")
        expect_equal((full["prompt_tokens"], full["stop"], len(full["tokens"])), (size, "capacity", CONTEXT - size + 1))
    # The last token is chosen, not run: the trace of all others is the whole trace.
    one_less = answer("run", model, "-raw", "-prompt", "a" * size, f"-max-tokens={CONTEXT - size}")
    expect_equal((one_less["stop"], one_less["tokens"]), ("tokens_max", full["tokens"][:-1]))
    expect_equal(one_less["trace_root"], full["trace_root"])
    for size in (CONTEXT, CONTEXT + 1):
        expect_failure(f"prompt: {size} tokens, the model's context is {CONTEXT}", "run", model, "-raw", "-prompt",
                       "a" * size)
    expect_failure("prompt: empty", "run", model, "-raw", "-prompt", "")
    succeed("run", model, "-prompt", "", "-max-tokens=1")


def evaluate(network):
    model = converted(network)
    text = write_text(network, bytes(range(32, 127)) * 2)
    shown = answer("eval", model, text, "-window=32")
    expect_equal(list(shown), ["tokens", "nll", "perplexity", "loss", "predicted", "model_root", "corpus_root",
                               "commitment"])
    expect_equal(documented_keys("eval"), list(shown))
    tokens = json.loads(succeed("tokenize", model, text))
    corpus = hash_of("corpus", struct.pack(f"<{len(tokens)}I", *tokens))  # one leaf
    expect_equal(shown["corpus_root"], corpus.hex())
    expect_equal(shown["predicted"], 5 * 31)
    assert math.isclose(shown["nll"], shown["loss"] / 2**16 * math.log(2) / shown["predicted"], rel_tol=1e-12)
    expect_equal(shown["commitment"], hash_of("eval", bytes.fromhex(shown["model_root"]), corpus, struct.pack(
        "<IQQ", 32, shown["loss"], shown["predicted"])).hex())
    expect_equal((shown["tokens"], shown["model_root"]), (160, answer("inspect", model)["model_root"]))
    assert math.isclose(shown["perplexity"], math.exp(shown["nll"]), rel_tol=1e-12)
    # Random weights know nothing: no better than any token alike, no worse than a few times that.
    assert VOCABULARY / 4 < shown["perplexity"] < VOCABULARY * 4, shown
    expect_equal(succeed("eval", model, text, "-window=32"),
                 f"5 windows of 32 tokens, perplexity {shown['perplexity']:.6g}\n")
    expect_equal(answer("eval", model, text, "-window=32", "-max-windows=9"), shown)
    expect_equal(answer("eval", model, text, "-window=32", "-max-windows=2")["tokens"], 64)
    for backend in BACKENDS:
        expect_equal(answer("eval", model, text, "-window=32", f"-backend={backend}", "-threads=2"), shown)

    expect_equal(answer("eval", model, text, "-window=190")["tokens"], 190)
    expect_failure(f"{text}: shorter than one window of 191", "eval", model, text, "-window=191")
    expect_failure(f"{text}: shorter than one window of {CONTEXT}", "eval", model, text, f"-window={CONTEXT}")
    expect_failure("window: longer than the model's context", "eval", model, text, f"-window={CONTEXT + 1}")


def evaluate_shows_logits(network):
    """They are those that the loss is of: the float loss of the rows is the integer one."""
    model = converted(network)
    content = bytes(range(32, 127))
    text, logits = write_text(network, content), network.directory / "logits"
    shown = answer("eval", model, text, "-window=32", f"-logits={logits}")
    expect_equal(shown, answer("eval", model, text, "-window=32"))
    data = logits.read_bytes()
    expect_equal(len(data), shown["predicted"] * VOCABULARY * 4)
    unit = 0.5 ** answer("inspect", model)["fx"]
    predicted = [byte for begin in (0, 32) for byte in content[begin + 1:begin + 32]]
    bits = 0.0
    for i, token in enumerate(predicted):
        row = [value * unit for value in struct.unpack_from(f"<{VOCABULARY}i", data, i * VOCABULARY * 4)]
        bits += math.log2(sum(math.exp(value - row[token]) for value in row))
    assert abs(bits - shown["loss"] / 2**16) < 4e-5 * len(predicted), (bits, shown)

    expect_failure(f"{network.directory}: cannot be written", "eval", model, text, "-window=32",
                   f"-logits={network.directory}")
    expect_failure("/dev/full: cannot be written", "eval", model, text, "-window=32", "-logits=/dev/full")
    expect_usage_error("--logits excludes --choices", "eval", model, text, "-choices", f"-logits={logits}")


def evaluate_choices(network):
    model = converted(network)

    def losses(context, choices):
        """Of each choice by the perplexity of the whole text less that of its context."""
        loss = lambda text: answer("eval", model, write_text(network, text.encode()), f"-window={len(text)}")["loss"]
        return [loss(context + choice) - loss(context) for choice in choices]

    asked = [("one two", [" three", " four", " nine"]), ("The sea is", [" blue", " b", " a lamp"]), ("ab", ["c", "c"])]
    best = [min(range(len(choices)), key=losses(context, choices).__getitem__) for context, choices in asked]
    expect_equal(best[2], 0)
    answers = [best[0], best[1], 1]
    lines = [json.dumps({"context": context, "choices": choices, "answer": answer_})
             for (context, choices), answer_ in zip(asked, answers)]
    text = write_text(network, "\n".join(lines).encode())
    shown = answer("eval", model, text, "-choices")
    as_list = lambda words: bytes([len(words)]) + struct.pack(f"<{len(words)}I", *words)  # a token a byte
    root = merkle([hash_of("question", as_list(context.encode()), bytes([len(choices)]),
                           *(as_list(choice.encode()) for choice in choices), struct.pack("<I", answer_))
                   for (context, choices), answer_ in zip(asked, answers)])
    model_root = bytes.fromhex(answer("inspect", model)["model_root"])
    expect_equal(shown, {"questions": 3, "right": 2, "model_root": model_root.hex(), "questions_root": root.hex(),
                         "commitment": hash_of("choices", model_root, root, struct.pack("<II", 3, 2)).hex()})
    expect_equal(succeed("eval", model, text, "-choices"), "2 of 3 questions answered rightly\n")

    form = 'not {"context": text, "choices": [text, ...], "answer": index}'
    for bad in ("", "[]", "{}", '{"context": 1, "choices": ["a"], "answer": 0}',
                '{"context": "a", "choices": "a", "answer": 0}', '{"context": "a", "choices": [1], "answer": 0}',
                '{"context": "a", "choices": ["a"], "answer": 1}', '{"context": "a", "choices": ["a"], "answer": -1}',
                json.dumps({"context": "a", "choices": ["b"] * 65, "answer": 0})):
        text = write_text(network, f"{lines[0]}\n{bad}\n{lines[1]}".encode())
        expect_failure(f"{text}: line 2: {form}", "eval", model, text, "-choices")
    for bad, why in ((("", ["a"]), "too_short"), (("a", [""]), "too_short"), (("a" * CONTEXT, ["bc"]), "too_long")):
        text = write_text(network, json.dumps({"context": bad[0], "choices": bad[1], "answer": 0}).encode())
        expect_failure(f"{text}: line 1: {why}", "eval", model, text, "-choices")
    text = write_text(network, b"")
    expect_failure(f"{text}: no question", "eval", model, text, "-choices")


def bench(network):
    model = converted(network)
    speeds = ["backend", "threads", "prefill_tokens_per_s", "decode_tokens_per_s", "gemm_gops"]
    shown = answer("bench", model)
    expect_equal(list(shown), [*speeds, "plain_pass_tokens_per_s", "mining_pass_overhead", "overhead_of_trace_rows",
                               "overhead_of_row_hashing", "overhead_of_fold_and_peel",
                               "overhead_of_noise_and_tickets"])
    expect_equal(list(answer("bench", model, "-speed-only")), speeds)
    expect_equal(list(answer("bench", model, "-prompt=40")), speeds)  # no whole groups of rows: nothing is mined
    expect_equal((shown["backend"], shown["threads"]), (BACKENDS[-1], 1))
    assert all(shown[key] > 0 for key in ("decode_tokens_per_s", "gemm_gops", "prefill_tokens_per_s"))
    lines = succeed("bench", model, "-backend=scalar", "-threads=2").splitlines()
    expect_equal(lines[:2], ["backend: scalar", "threads: 2"])
    expect_equal([line.split(": ")[0] for line in lines], list(shown))

    batched = succeed("bench", model, "-batch=3", "-speed-only").splitlines()
    expect_equal([line.split(": ")[0] for line in batched], [*speeds, "batched_tokens_per_s"])
    assert float(batched[-1].split(": ")[1]) > 0

    for context, options in ((191, ()), (192 + 2, ("-batch=3",))):
        short = converted(network, name="short.gguf", fields={"llama.context_length": (U32, context)})
        expect_failure("model: its context is shorter than the benchmark's text", "bench", short, *options)
    silent = converted(network, name="silent.gguf", tokens=["!", *SPECIALS])
    expect_failure("model: its vocabulary leaves too little of the benchmark's text", "bench", silent)


def chain_spec(network):
    model = converted(network)
    spec = json.loads(succeed("chainspec", model, "-name=mine", "-unit=32"))
    expect_equal({key: spec[key] for key in ("base", "name", "unit_tokens")},
                 {"base": "regtest", "name": "mine", "unit_tokens": 32})
    [entry], [corpus] = spec["models"], spec["corpora"]
    expect_equal((entry["name"], entry["first_height"]), ("llama-fast", 0))
    expect_equal(entry["root"], answer("inspect", model, "-unit=32")["model_root"])
    assert bytes.fromhex(entry["manifest"])[:4] == (32).to_bytes(4, "little")
    expect_equal((corpus["name"], len(bytes.fromhex(corpus["root"]))), ("project", 32))
    expect_equal(corpus["tokens"], (ROOT / "contrib" / "corpus" / "project.txt").stat().st_size)
    expect_equal(json.loads(succeed("chainspec", model))["name"], "private")
    expect_equal(json.loads(succeed("chainspec", model))["unit_tokens"], 64)
    expect_failure("unit: must be a multiple of 16", "chainspec", model, "-unit=40")
    succeed("chainspec", model, f"-unit={CONTEXT}")
    expect_failure("unit: longer than the model's context", "chainspec", model, f"-unit={CONTEXT + 16}")

    path = network.directory / "mine.json"
    path.write_text(json.dumps(spec))
    node = network.add(f"-model={model}", chain=f"-chain={path}", network="mine")
    expect_equal(node.getblockchaininfo()["chain"], "mine")
    expect_equal(node.stop(), 0)


def models_of_another_vocabulary(network):
    """A model whose words do not fit its rows is refused by what would read them."""
    model = converted(network)
    words = bytearray(model.read_bytes())
    at = words.index(b"<|im_start|>")
    words[at:at + 12] = b"<|im_begin|>"
    path = write_text(network, bytes(words), "renamed.gguf")
    expect_failure(f"{path}: tokenizer.chat_template: missing", "run", path, "-prompt=x")


if __name__ == "__main__":
    main(commands_are_known, arguments_are_checked, backends_are_named, devices_are_named,
         files_that_are_not_there, files_of_another_kind,
         truncated_files, sources_that_cannot_be_converted, targets_that_cannot_be_written, convert, inspect, tokenize,
         run, sampler_flags_are_checked, run_under_a_grammar, run_at_the_context_s_end, evaluate, evaluate_shows_logits,
         evaluate_choices, bench, chain_spec, models_of_another_vocabulary)
