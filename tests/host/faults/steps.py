"""The process that meets a fault at every step: all kinds of writes of a full node, as scenarios.

In: a scenario's name, what is to happen, a folder, the first n and its steps. Each try starts from
the same state in a forked child; the fault comes at its n-th call that changes a file, until one
gets through without. Out: a line a try, and exit status 0, or the assertion that failed. What a
child was told is done, it confirms; `check` judges what is left. Called by `at_every_step`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.faults import TRY, scenarios
from shimlet_host.model import HostError

MOST_STEPS = 2000
REFUSED = 3  # exit status: a sentence was said, and all went well once the fault was gone

Confirm = Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes what is there before; `open` gives what `act` works with."""

    prepare: Callable[[Path], None]
    open: Callable[[Path], Any]
    act: Callable[[Any, Confirm], None]
    check: Callable[[Path, list[str]], None]


def main() -> None:
    """See the head of this file."""
    name, how, root = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    first, stride = int(sys.argv[4]), int(sys.argv[5])
    scenario = Scenario(*scenarios.SCENARIOS[name])
    template = root / "template"
    template.mkdir(parents=True)
    scenario.prepare(template)
    for step in range(first, MOST_STEPS, stride):
        folder = root / "try"
        shutil.copytree(template, folder, symlinks=True)
        status, told = _forked(scenario, folder, step, how)
        scenario.check(folder, told)
        print(f"{TRY}{step}", _said(status), *told, flush=True)
        shutil.rmtree(folder)
        if status == 0:
            return
    raise AssertionError("it never gets through")


def _said(status: int) -> str:
    return {0: "through", REFUSED: "refused"}.get(status, "killed")


def _forked(scenario: Scenario, folder: Path, step: int, how: int) -> tuple[int, list[str]]:
    """The exit status of the child and what it confirmed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os._exit(_meet(scenario, folder, step, how, writing))
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(99)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().split()
    status = os.waitpid(child, 0)[1]
    assert status != 99 << 8, f"step {step}: see above"
    if how <= 0:
        assert status in (0, 9), (step, status, told)  # through, or SIGKILL
    return (os.waitstatus_to_exitcode(status), told)


def _meet(scenario: Scenario, folder: Path, step: int, how: int, pipe: int) -> int:
    faults = ctypes.CDLL(os.environ["FAULTS_LIBRARY"])

    def confirm(what: str) -> None:
        os.write(pipe, f"{what}\n".encode())

    opened = scenario.open(folder)
    faults.faults_arm(str(folder).encode(), ctypes.c_long(step), how)
    try:
        scenario.act(opened, confirm)
    except HostError as error:
        faults.faults_disarm()
        _judge(str(error), folder, how)
    else:
        if faults.faults_disarm() < step:
            return 0
    scenario.act(opened, confirm)  # the fault is gone: the same works, without a restart
    return REFUSED


def _judge(sentence: str, folder: Path, error: int) -> None:
    """It names the file and the way out."""
    assert str(folder) in sentence and sentence.endswith("."), sentence
    assert "Errno" not in sentence and len(sentence.split(". ")) > 1, sentence
    words = {errno.ENOSPC: ("ree some space",), errno.EROFS: ("read-only", "writable")}
    assert any(word in sentence for word in words.get(error, ("disk", "read-only"))), sentence


if __name__ == "__main__":
    main()
