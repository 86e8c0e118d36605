"""Runs the tests of the core and the light node on 32-bit MicroPython, a process for each file.

    python tests/rungs/run_rung2.py [FILES ...]

On i386, and on ARM under qemu, with 256 KB of heap: the tests bring code of their own. Our modules
come compiled, as boards get them: the 1.25 of this rung mis-compiles large viper functions. Out: a
line a file, failures with their traceback, and `N passed, N failed, N skipped`; the exit status is
1 when one failed or none passed. Called by `make test-arm32`.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from side_by_side import Result, result, run_all

ROOT = Path(__file__).resolve().parents[2]
RUNGS = {"armhf": "armv7emdp", "i386": "x86"}  # the interpreter, and its code for mpy-cross
HEAP = "256k"
TIME_LIMIT_S = 300


class Job(NamedTuple):
    """A file of tests on one of the two."""

    rung: str
    file: str


def run_file(job: Job) -> Result:
    """Run one file of tests."""
    command = [f"build/rung2/{job.rung}/micropython", "-X", f"heapsize={HEAP}"]
    environment = {**os.environ, "MICROPYPATH": f".frozen:build/mpy/{RUNGS[job.rung]}"}
    try:
        done = subprocess.run(
            [*command, "tests/run_mpy.py", job.file],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return result(f"{job.file} on {job.rung}", "", f"It takes more than {TIME_LIMIT_S} s.")
    ended = "" if done.returncode in (0, 1) else f"It ended with {done.returncode}."
    return result(f"{job.file} on {job.rung}", done.stdout, ended)


def main(paths: list[str]) -> int:
    """Run the files; answer the exit status."""
    found = [ROOT.glob(f"tests/{folder}/test_*.py") for folder in ("light", "core")]
    files = [str(path.relative_to(ROOT)) for some in found for path in sorted(some)]
    return run_all(run_file, [Job(rung, file) for rung in RUNGS for file in paths or files])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
