#!/usr/bin/env python3
"""The rules of style that a program can check: sizes, includes, floats, leftovers. Run as a test.

Usage: contrib/tidy.py [ROOT]. Prints a line a breach and exits 1 if there is any. The list of exceptions may only
shrink."""
import pathlib
import re
import sys

FILE_LINES_MAX = 500
HEADER_LINES_MAX = 150
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 110

# Tables of literals: their length is their content. file -> why
TABLES = {
    "src/crypto/bip39_english.cpp": "2048 words",
    "src/inference/tables.cpp": "literal tables of the specification",
    "src/inference/unicode_tables.cpp": "literal tables of Unicode",
}

# An outside library is known in one place. include prefix -> folders that may
OUTSIDE = {
    "boost/": {"http", "p2p"},
    "lmdb.h": {"store"},
    "secp256k1": {"crypto"},
    "cryptopp/": {"crypto"},
    "nlohmann/": {"rpc", "cli", "node", "import", "schema", "tools"},
    "spdlog/": {"util"},
    "fmt/": {"util"},
    "CLI/": {"node", "cli", "tools"},
    "pcre2.h": {"inference"},
    "openssl/": {"http", "p2p"},
    "CL/": {"device"},
    "cuda": {"device"},
    "cublas": {"device"},
}

# Functions of their arguments alone: the same bits on every machine.
PURE = {"consensus", "inference", "training", "work", "ledger"}
PURE_FORBIDDEN = {
    r"\bunordered_(map|set)\b": "unordered iteration",
    r"\bstd::(chrono::\w+_clock|time|rand|random_device|mt19937)\b": "clock or randomness",
    r"#include <(fstream|filesystem|ctime|random|cmath)>": "disk, clock or floats",
}
FLOAT_FREE = PURE | {"device", "chain", "mempool", "wallet", "crypto", "store", "util"}

LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now|not implemented|placeholder)\b", re.IGNORECASE)
PATHS = re.compile(r"(/work/|/home/\w|/root/)")
FUNCTION_OPENS = re.compile(r"\)\s*(const|noexcept|override|->[^{]*|mutable|\s)*\{\s*$")
NOT_FUNCTION = re.compile(r"\s*\}?\s*(if|for|while|switch|else|do|catch|namespace|struct|class|enum|union)\b")


def strip_comment(line):
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line).split("//")[0]


def functions(lines):
    """(first line, length) of each brace block that opens after a parameter list."""
    depth = 0
    start = None
    start_depth = 0
    for number, raw in enumerate(lines, 1):
        line = strip_comment(raw)
        opens, closes = line.count("{"), line.count("}")
        if start is None and opens > closes and FUNCTION_OPENS.search(line) and not NOT_FUNCTION.match(line):
            start, start_depth = number, depth
        depth += opens - closes
        if start is not None and depth <= start_depth:
            yield start, number - start + 1
            start = None


def check_sizes(lines, name):
    limit = HEADER_LINES_MAX if name.endswith(".h") else FILE_LINES_MAX
    if len(lines) > limit:
        yield f"{name}: {len(lines)} lines, the limit is {limit}"
    for start, length in functions(lines):
        if length > FUNCTION_LINES_MAX:
            yield f"{name}:{start}: a function of {length} lines, the limit is {FUNCTION_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield f"{name}:{number}: {len(line)} columns, the limit is {LINE_COLUMNS_MAX}"


def check_include(where, folder, line, target):
    if "../" in target or ('"' in line and "/" not in target):
        yield f'{where}: include as "folder/file.h"'
    for prefix, allowed in OUTSIDE.items():
        if folder is not None and target.startswith(prefix) and folder not in allowed:
            yield f"{where}: <{prefix}…> belongs to {', '.join(sorted(allowed))}"


def check_lines(lines, name):
    parts = name.split("/")
    folder = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if parts[0] == "src" and LEFTOVERS.search(line):
            yield f"{where}: leftover: {line.strip()}"
        if PATHS.search(line):
            yield f"{where}: a machine's path"
        include = re.match(r'#include ["<]([^">]+)[">]', line)
        if include:
            yield from check_include(where, folder, line, include.group(1))
        code = strip_comment(line)
        if folder in FLOAT_FREE and re.search(r"\b(float|double)\b", code):
            yield f"{where}: floating point"
        if folder in PURE:
            for pattern, what in PURE_FORBIDDEN.items():
                if re.search(pattern, code):
                    yield f"{where}: {what} in a pure folder"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    breaches = []
    count = 0
    for top in ("src", "test", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".cu", ".cl") or not path.is_file():
                continue
            count += 1
            name = path.relative_to(root).as_posix()
            lines = path.read_text(encoding="utf-8").splitlines()
            if name not in TABLES:
                breaches += check_sizes(lines, name)
            breaches += check_lines(lines, name)
    for breach in breaches:
        print(breach)
    print(f"tidy: {count} files, {len(breaches)} breaches")
    return 1 if breaches or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
