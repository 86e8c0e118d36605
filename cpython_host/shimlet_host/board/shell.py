"""The board's REPL, by mpremote: a prompt in this terminal, or code that is run on the board.

In: the serial device, and the terminal that we run in or the code. Out: what the code prints, as
it comes, and its traceback. The node stops for it; `start_again` starts it, and tells its status.
Called by: the command line.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, redirect_stdout, suppress
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from .line import LineError, wait_for_node
from .remote import DeployError, check_device, command, failure, reset

UP_WITHIN_S = 20.0
ANSWER_S = 10.0  # for the REPL to say a word
MAX_CODE = 256 * 1024  # bytes; more than the heap of most boards
END = b"\x04"  # of what a program prints, in the raw REPL

Say = Callable[[str], None]
Take = Callable[[bytes], None]


def shell(device: str, say: Say = print) -> dict[str, Any] | None:
    """Run the prompt until the user leaves it; the node's status afterwards, None if no node
    answers. Raises DeployError.
    """
    check_device(device)
    if not sys.stdin.isatty():
        raise DeployError(
            "A prompt needs a terminal: `shimlet board shell PORT --run CODE` runs code without."
        )
    say(f"Stopping the node on {device}. Ctrl-X leaves the shell, and the node starts again.")
    # exec stops the program and restarts MicroPython without it, so the shell has all the memory.
    status = subprocess.run(command(device, ["exec", "pass", "+", "repl"])).returncode
    if status:
        raise DeployError(f"mpremote ended with exit status {status}.")
    return start_again(device)


def start_again(device: str) -> dict[str, Any] | None:
    """Restart the board; its node's status, None if no node answers. Raises DeployError."""
    reset(device)
    try:
        return wait_for_node(device, UP_WITHIN_S)
    except LineError:
        return None


def run_code(device: str, code: bytes, take: Take) -> str | None:
    """Run code on a board that was restarted without its program, until it ends. `take` gets what
    it prints, its lines ended by \\n.

    Its traceback, None if it did not raise; the board is left in its REPL, for `start_again`.
    Raises DeployError. Whatever else ends it, as Ctrl-C or an error of `take`, the board restarts.
    """
    if len(code) > MAX_CODE:
        raise DeployError(
            f"The code has more than {MAX_CODE} bytes: copy it to the board as a file, and import"
            " that."
        )
    output = LineEnds(take)
    try:
        with closing(_raw_repl(device)) as transport:
            transport.exec_raw_no_follow(code)
            _, error = transport.follow(None, output.feed)
    except (TransportError, OSError) as problem:
        with suppress(DeployError):
            reset(device)
        if isinstance(problem, BrokenPipeError):  # whoever reads our output has enough
            raise
        raise DeployError(f"The line to {device} failed while the code ran: {problem}") from None
    except DeployError:
        raise
    except BaseException:
        _stop(device)
        raise
    output.end()
    return str(error.decode(errors="replace")).replace("\r\n", "\n") or None


def _raw_repl(device: str) -> SerialTransport:
    """The REPL for programs; what ran on the board is stopped. Raises DeployError."""
    check_device(device)
    try:
        with ExitStack() as opened:
            transport = SerialTransport(device, timeout=ANSWER_S)
            opened.callback(transport.close)
            with redirect_stdout(io.StringIO()):  # it prints what it does not understand
                transport.enter_raw_repl()
            opened.pop_all()
    except (TransportError, OSError) as problem:
        raise failure(device, str(problem)) from None
    return transport


def _stop(device: str) -> None:
    """End the code by a restart of the board, which starts its node."""
    try:
        reset(device)
    except DeployError:
        raise DeployError(
            f"The code on {device} does not stop: press the board's reset button, and its node"
            " starts again."
        ) from None


class LineEnds:
    """Passes on what a board prints; most send \\r\\n for each \\n."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._held = b""  # a \r, until it is known what follows

    def feed(self, data: bytes) -> None:
        """Some bytes of the line."""
        data = self._held + data.replace(END, b"")
        self._held = data[-1:] if data.endswith(b"\r") else b""
        data = data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")
        if data:
            self._take(data)

    def end(self) -> None:
        """There are no more."""
        if self._held:
            self._take(self._held)
