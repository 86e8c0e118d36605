"""Runs mpremote on a board, and says in a sentence what went wrong.

In: the path of the serial device and mpremote's commands. Out: what they print. Called by: probe,
deploy and the shell. mpremote sends ^C: whatever runs on the board stops.
"""

from __future__ import annotations

import subprocess
import sys
import time

from shimlet_host.model import HostError

from .line import BoardLine, LineError
from .line import check_device as check_line

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
        raise failure(device, done.stderr + done.stdout)
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
    try:
        check_line(device)
    except LineError as error:
        raise DeployError(str(error)) from None


_CUT = "The line to {device} was cut: flash again to complete the board."
_CLOSED = "{device} was in use by another program: try again."
_CAUSES = (
    ("in use by another program", _CLOSED),
    ("failed to access", _CLOSED),
    ("could not enter raw repl", "{device} does not answer: no MicroPython is there."),
    ("ENOSPC", "The board has no space left."),
    ("MemoryError", "The board has not enough memory to take the files."),
    ("damaged copy", "A file arrived damaged on {device}: flash again."),
    ("SerialException", _CUT),
    ("Input/output error", _CUT),
)


def failure(device: str, said: str) -> DeployError:
    """Say in one sentence what mpremote's output means."""
    for sign, sentence in _CAUSES:
        if sign in said:
            if sentence is _CLOSED:
                return _closed(device)
            kind = LineCutError if sentence is _CUT else DeployError
            return kind(sentence.format(device=device))
    lines = said.strip().splitlines() or ["it gave no reason"]
    return DeployError(f"mpremote failed on {device}: {lines[-1]}")


def _closed(device: str) -> DeployError:
    """Why a device cannot be opened: mpremote says of each reason that it may be in use."""
    try:
        BoardLine(device).close()
    except LineError as error:
        return DeployError(str(error))
    return DeployError(_CLOSED.format(device=device))
