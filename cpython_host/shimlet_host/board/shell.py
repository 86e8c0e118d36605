"""A terminal on the board's REPL, by mpremote; the node stops before and starts again after.

In: the serial device, and the terminal that we run in. Out: the node's status afterwards, None if
no node answers. Called by: the command line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from .line import LineError, wait_for_node
from .remote import DeployError, check_device, command, reset

UP_WITHIN_S = 20.0

Say = Callable[[str], None]


def shell(device: str, say: Say = print) -> dict[str, Any] | None:
    """Run the REPL until the user leaves it; raises DeployError."""
    check_device(device)
    if not sys.stdin.isatty():
        raise DeployError("A shell needs a terminal; `mpremote exec` runs code without one.")
    say(f"Stopping the node on {device}. Ctrl-X leaves the shell, and the node starts again.")
    # exec stops the program and restarts MicroPython without it, so the shell has all the memory.
    status = subprocess.run(command(device, ["exec", "pass", "+", "repl"])).returncode
    if status:
        raise DeployError(f"mpremote ended with exit status {status}.")
    reset(device)
    try:
        return wait_for_node(device, UP_WITHIN_S)
    except LineError:
        return None
