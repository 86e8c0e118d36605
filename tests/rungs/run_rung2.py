"""Runs the tests of the core and the light node on 32-bit MicroPython, a process for each file.

    python tests/rungs/run_rung2.py [--frozen] [FILES ...]

Without an option: on ARM under qemu and on i386, with 256 KB of heap, since the tests bring code
of their own. Our modules come compiled, as boards get them: the 1.25 of this rung mis-compiles
large viper functions. With --frozen: the light node's tests on i386 with our modules in the
interpreter, in the 128 KB of a board. Out: a line a file, failures with their traceback, and
`N passed, N failed, N skipped`; the exit status is 1 when one failed or none passed. Called by
`make test-arm32` and `make test-frozen`.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from side_by_side import Result, result, run_all

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 300


class Rung(NamedTuple):
    """An interpreter in build/rung2, where it finds modules, and its heap."""

    name: str
    path: str
    heap: str


class Job(NamedTuple):
    """A file of tests on one of them."""

    rung: Rung
    file: str


COMPILED = [
    Rung("armhf", ".frozen:build/mpy/armv7emdp", "256k"),
    Rung("i386", ".frozen:build/mpy/x86", "256k"),
]
FROZEN = [Rung("frozen", ".frozen", "128k")]


def run_file(job: Job) -> Result:
    """Run one file of tests."""
    title = f"{job.file} on {job.rung.name}"
    command = [f"build/rung2/{job.rung.name}/micropython", "-X", f"heapsize={job.rung.heap}"]
    try:
        done = subprocess.run(
            [*command, "tests/run_mpy.py", job.file],
            cwd=ROOT,
            env={**os.environ, "MICROPYPATH": job.rung.path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return result(title, "", f"It takes more than {TIME_LIMIT_S} s.")
    ended = "" if done.returncode in (0, 1) else f"It ended with {done.returncode}."
    return result(title, done.stdout, ended)


def main(arguments: list[str]) -> int:
    """Run the files; answer the exit status."""
    frozen = "--frozen" in arguments
    paths = [argument for argument in arguments if argument != "--frozen"]
    folders = ["light"] if frozen else ["light", "core"]
    found = [sorted(ROOT.glob(f"tests/{folder}/test_*.py")) for folder in folders]
    files = paths or [str(path.relative_to(ROOT)) for some in found for path in some]
    rungs = FROZEN if frozen else COMPILED
    return run_all(run_file, [Job(rung, file) for rung in rungs for file in files])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
