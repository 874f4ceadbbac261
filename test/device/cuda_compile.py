#!/usr/bin/env python3
"""Compiles the kernels for compute capabilities, to PTX and from there to machine code, and looks at the PTX: the noised
product on tensor cores must be their int8 instruction, the other products the one of four int8 at once; noised codes are
unsigned in both.

Usage: test/device/cuda_compile.py NVCC CAPABILITY... Exits 77, which ctest shows as skipped, where there is no nvcc or
it does not know a capability."""
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent / "src"
# kernel -> what its code must contain.
EXPECTED = {"noised_tiles": "dp4a.u32.s32", "linear_tiles": "dp4a", "linear_columns": "dp4a", "attention_scores": "dp4a"}


def tensor_instruction(capability):
    """The PTX ISA has m16n8k32 for bytes from sm_80 on."""
    return f"mma.sync.aligned.{'m16n8k32' if capability >= 80 else 'm8n8k16'}.row.col.s32.u8.s8.s32"


def compile_to_ptx(nvcc, capability):
    with tempfile.TemporaryDirectory() as folder:
        ptx = pathlib.Path(folder) / "kernels.ptx"
        subprocess.run([nvcc, "-std=c++20", "-O3", "-Werror=all-warnings", f"-I{SOURCE}", f"-arch=compute_{capability}",
                        "-ptx", "-o", ptx, SOURCE / "device" / "cuda" / "kernels.cu"], check=True)
        subprocess.run([nvcc, f"-arch=sm_{capability}", "-cubin", "-o", ptx.with_suffix(".cubin"), ptx], check=True)
        return ptx.read_text(encoding="utf-8")


def body_of(ptx, kernel):
    """From the kernel's entry to the next one."""
    bodies = [text for text in ptx.split(".entry ")[1:] if kernel in text.split("(")[0]]
    return bodies[0] if bodies else ""


def check(nvcc, capability):
    ptx = compile_to_ptx(nvcc, capability)
    expected = {**EXPECTED, "noised_tensor": tensor_instruction(capability)}
    missing = [f"{kernel} has no {what}" for kernel, what in expected.items() if what not in body_of(ptx, kernel)]
    print(f"sm_{capability}: {', '.join(missing) or 'compiled, noised_tensor by ' + tensor_instruction(capability)}")
    return not missing


def main():
    nvcc, capabilities = sys.argv[1], [int(c) for c in sys.argv[2:]]
    if not pathlib.Path(nvcc).exists():
        print("skipped: no nvcc here")
        return SKIPPED
    done = subprocess.run([nvcc, "--list-gpu-arch"], check=True, capture_output=True, text=True)
    skipped = [c for c in capabilities if f"compute_{c}" not in done.stdout.split()]
    results = [check(nvcc, c) for c in capabilities if c not in skipped]
    if skipped:
        print(f"skipped: this nvcc does not know sm_{', sm_'.join(map(str, skipped))}")
    return 1 if not all(results) else SKIPPED if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
