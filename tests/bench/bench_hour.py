"""An hour of traffic, in virtual time: 100,000 messages and 1,000 reconnects, and what they leave
in the heap of a light node.

The node and its neighbor run in one process, with our modules frozen into 32-bit MicroPython and
128 KB of heap, as on a small board; and on the 64-bit MicroPython of the virtual board. The heap
is measured at rest, after a warm-up and ten times on the way: it may differ by less than 2 %.

Called by `make bench` and `make bench-heap`. The traffic itself is tests/light/traffic.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

from light_node import FROZEN, ROOT

MESSAGES, RECONNECTS, SECONDS = 100_000, 1_000, 3_600
LIMIT = 0.02  # part of the heap in use


class Rung(NamedTuple):
    """A MicroPython, its heap, and where it looks for modules first."""

    name: str
    micropython: str
    heap: str
    path: str = ""


RUNGS = (
    Rung("32 bits, frozen, 128 KB", str(ROOT / FROZEN), "128k", ".frozen"),
    Rung("64 bits, 512 KB", os.environ.get("MICROPYTHON", ".venv/bin/micropython"), "512k"),
)


def measure(rung: Rung) -> float:
    """Print the figures of one rung; by which part its heap differs."""
    words = map(str, (MESSAGES, RECONNECTS, SECONDS))
    command = [rung.micropython, "-X", f"heapsize={rung.heap}", "tests/light/traffic.py", *words]
    environment = {**os.environ, "MICROPYPATH": rung.path} if rung.path else None
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{rung.name}: {done.stdout}{done.stderr}")
    used, longest, (messages, reconnects, seconds) = json.loads(done.stdout)
    growth = max(abs(figure - used[0]) for figure in used) / used[0]
    print(f"{rung.name}: {messages} messages, {reconnects} reconnects in {seconds} virtual s")
    print(f"  two nodes at rest: {used[0]} B of heap, at the end {used[-1]} B;", end=" ")
    print(f"differs by {growth:.2%} (limit {LIMIT:.0%})")
    print(f"  longest free block: {longest[0]} B, at the end {longest[-1]} B;", end=" ")
    print(f"never below {min(longest)} B")
    return growth


def main() -> int:
    """Measure all; exit status 1 above the limit."""
    growths = []
    for rung in RUNGS:
        if os.access(ROOT / rung.micropython, os.X_OK):
            growths.append(measure(rung))
        else:
            print(f"Not measured: {rung.name}. There is no {rung.micropython}.")
    return 1 if any(growth >= LIMIT for growth in growths) else 0


if __name__ == "__main__":
    sys.exit(main())
