"""Runs files of tests side by side, as many as there are processors, and adds up their results.

In: jobs, and a function that runs one and answers what run_mpy.py printed. Out: that, in the order
of the jobs, and at the end `N passed, N failed, N skipped`. Called by run_bare_metal.py and
run_rung2.py.
"""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

Job = TypeVar("Job")
LAST = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


class Result(NamedTuple):
    """What a file of tests said, and how many passed, failed, were skipped."""

    said: str
    counts: list[int]


def result(title: str, output: str, error: str = "") -> Result:
    """Read the last line of the output; without a count in it, or with an error, one failed."""
    *said, last = output.rstrip("\n").split("\n")
    found = LAST.fullmatch(last)
    counts = [int(count) for count in found.groups()] if found and not error else [0, 1, 0]
    told = [] if error in output else [error]
    return Result("\n".join([*said, f"{title}: {last}", *told]), counts)


def run_all(run_one: Callable[[Job], Result], jobs: list[Job]) -> int:
    """Run the jobs; answer the exit status: 1 when a test failed or none passed."""
    total = [0, 0, 0]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for said, counts in pool.map(run_one, jobs):
            print(said, flush=True)
            total = [sum(pair) for pair in zip(total, counts, strict=True)]
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0
