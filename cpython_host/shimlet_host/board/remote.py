"""Runs mpremote on a board, and says in a sentence what went wrong.

In: the path of the serial device and mpremote's commands. Out: what they print. Called by: probe,
deploy and the shell. mpremote sends ^C: whatever runs on the board stops.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from shimlet_host.model import HostError

PROBE_S = 20.0  # for a board to stop its program, restart and tell what it holds
RESET_S = 0.3  # mpremote comes back 0.1 s before the reset; who talks in between spoils it


class DeployError(HostError):
    """The board could not be reached or written; the text is a sentence."""


class LineCutError(DeployError):
    """The line was cut: there is no board to talk to any more."""


def mpremote(device: str, commands: list[str], timeout_s: float | None = None) -> str:
    """Run mpremote commands on the board and return what they print; raises DeployError."""
    check_device(device)
    try:
        done = subprocess.run(
            command(device, commands), capture_output=True, text=True, timeout=timeout_s or PROBE_S
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{device} does not answer: no MicroPython is there.") from None
    if done.returncode != 0:
        raise _error(device, done.stderr + done.stdout)
    return done.stdout


def command(device: str, commands: list[str]) -> list[str]:
    """The command line of mpremote."""
    return [sys.executable, "-m", "mpremote", "connect", device, *commands]


def reset(device: str) -> None:
    """Press the board's reset button, so to speak: boot.py and main.py run again."""
    mpremote(device, ["resume", "reset"])
    time.sleep(RESET_S)


def check_device(device: str) -> None:
    """Raise DeployError if there is no such device, or it is another user's."""
    if not os.path.exists(device):
        raise DeployError(
            f"There is no device {device}. `shimlet board list` shows those that are there."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise DeployError(f"You may not use {device}: on most systems the group dialout may.")


_CUT = "The line to {device} was cut: flash again to complete the board."
_CAUSES = (
    ("in use by another program", "{device} is in use by another program."),
    ("could not enter raw repl", "{device} does not answer: no MicroPython is there."),
    ("ENOSPC", "The board has no space left."),
    ("MemoryError", "The board has not enough memory to take the files."),
    ("damaged copy", "A file arrived damaged on {device}: flash again."),
    ("SerialException", _CUT),
    ("Input/output error", _CUT),
)


def _error(device: str, said: str) -> DeployError:
    """Say in one sentence what mpremote's output means."""
    for sign, sentence in _CAUSES:
        if sign in said:
            kind = LineCutError if sentence is _CUT else DeployError
            return kind(sentence.format(device=device))
    lines = said.strip().splitlines() or ["it gave no reason"]
    return DeployError(f"mpremote failed on {device}: {lines[-1]}")
