"""Faults of the disk at every call that changes a file: faults.c, built by the machine's cc."""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faults.c")
ALL_STEPS_S = 600
TRY = "try "


@functools.cache
def library() -> Path:
    """The built library; without a compiler the test that needs it is skipped, and says so."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("NOT TESTED: faults of the disk at every step need Linux and a C compiler, cc")
    built = Path(tempfile.mkdtemp(prefix="shimlet-faults-")) / "faults.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(built), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


def environment(**variables: str) -> dict[str, str]:
    """For a process with the library."""
    path = os.pathsep.join(each for each in sys.path if each)
    return {**os.environ, "PYTHONPATH": path, "LD_PRELOAD": str(library()), **variables}


def at_every_step(scenario: str, how: int, folder: Path, stride: int = 1) -> list[str]:
    """Runs a scenario of steps.py again and again, with the fault at the 1st, 2nd, ... call; what
    it said, a line for each. `stride`: at every so many of the calls, from a random one on.
    """
    first = random.SystemRandom().randint(1, stride)
    words = [scenario, str(how), str(folder), str(first), str(stride)]
    done = subprocess.run(
        [sys.executable, "-m", "host.faults.steps", *words],
        env=environment(FAULTS_LIBRARY=str(library())),
        capture_output=True,
        text=True,
        timeout=ALL_STEPS_S,
    )
    assert done.returncode == 0, f"from {first}: {done.stdout[-2000:]}{done.stderr[-5000:]}"
    return [line for line in done.stdout.splitlines() if line.startswith(TRY)]
