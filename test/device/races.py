#!/usr/bin/env python3
"""Runs the kernels' tests on Oclgrind, an interpreter of OpenCL that reports data races and accesses outside buffers:
what a processor's OpenCL hides, because it runs the threads of a group in order.

Usage: test/device/races.py DEVICE_TEST. Exits 77, which ctest shows as skipped, where Oclgrind is not installed."""
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
OCLGRIND = pathlib.Path("/usr/lib/oclgrind/liboclgrind-rt-icd.so")
# Not those at the limits: an interpreter would take hours.
FILTER = "Devices/Kernels.*TheSame/opencl"
REPORTS = ("data race", "Invalid read", "Invalid write", "Undefined behavior", "FATAL")


def main():
    if not OCLGRIND.exists():
        print("skipped: Oclgrind is not installed (Debian: oclgrind)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "oclgrind.icd").write_text(f"{OCLGRIND}\n", encoding="utf-8")
        # It does not know the functions that clang's optimiser puts in.
        environment = {**os.environ, "OCL_ICD_VENDORS": folder, "OCLGRIND_DATA_RACES": "1",
                       "OCLGRIND_BUILD_OPTIONS": "-cl-opt-disable"}
        done = subprocess.run([sys.argv[1], f"--gtest_filter={FILTER}"], env=environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout[-4000:])
    reports = [line for line in done.stdout.splitlines() if any(report in line for report in REPORTS)]
    print(f"{len(reports)} reports", *reports[:20], sep="\n")
    return 1 if done.returncode != 0 or reports or "[  PASSED  ] 0 tests" in done.stdout else 0


if __name__ == "__main__":
    sys.exit(main())
