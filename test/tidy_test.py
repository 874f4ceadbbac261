#!/usr/bin/env python3
"""contrib/tidy.py must find what it looks for: each case writes one breach and expects its line."""
import pathlib
import subprocess
import sys
import tempfile

TIDY = pathlib.Path(__file__).parent.parent / "contrib" / "tidy.py"
CASES = [
    ("src/util/long.cpp", "int x;\n" * 501, "501 lines"),
    ("src/util/long.h", "int x;\n" * 151, "151 lines"),
    ("src/util/wide.cpp", "//" + "x" * 109 + "\n", "111 columns"),
    ("src/inference/gpu.cpp", "#include <CL/cl.h>\n", "belongs to"),
    ("src/inference/gpu.cpp", "#include <cublasLt.h>\n", "belongs to"),
    ("src/device/kernels/real.cl", "float x = 0;\n", "floating point"),
    ("src/util/tall.cpp", "int f() {\n" + "    g();\n" * 69 + "}\n", "a function of 71 lines"),
    ("src/work/real.cpp", "float x = 0;\n", "floating point"),
    ("src/work/clock.cpp", "#include <ctime>\n", "in a pure folder"),
    ("src/work/map.cpp", "std::unordered_map<int, int> m;\n", "unordered iteration"),
    ("src/chain/json.cpp", "#include <nlohmann/json.hpp>\n", "belongs to"),
    ("src/chain/up.cpp", '#include "../util/bytes.h"\n', "include as"),
    ("src/chain/left.cpp", "// TO" + "DO later\n", "leftover"),
]
GOOD = ("src/util/good.cpp", "int f() {\n" + "    g();\n" * 68 + "}\n" + "//" + "x" * 108 + "\n")


def run(name, text):
    with tempfile.TemporaryDirectory() as root:
        path = pathlib.Path(root) / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, TIDY, root], capture_output=True, text=True, check=False)


failures = 0
for name, text, expected in CASES:
    result = run(name, text)
    if result.returncode != 1 or expected not in result.stdout:
        print(f"{name}: expected '{expected}', got {result.returncode}: {result.stdout}")
        failures += 1
if run(*GOOD).returncode != 0:
    print("a file at the limits was refused:", run(*GOOD).stdout)
    failures += 1
print(f"{len(CASES) + 1 - failures} passed, {failures} failed")
sys.exit(1 if failures else 0)
