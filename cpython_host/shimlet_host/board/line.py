"""Asks a running node over its serial line, without stopping it.

In: a device path and requests, as {"cmd": "status"}. Out: the node's answers; what the board
prints besides goes to a callback. Called by: the command line, `make run`, tests. It sends no ^C
and leaves the control lines (DTR, RTS) as opening the device sets them: changing one of them
alone would reset many boards.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import serial
from shimlet.sentences import sentence_of

from shimlet_host.model import HostError

MARK = b"\x1e"
REQUEST_LIMIT = 256  # bytes, mark and newline included: an ESP32 keeps 260 while it computes
ECHO = b'{"cmd":'  # how each request begins
ANSWER_LIMIT = 4096  # bytes, mark and newline included
READ_S = 0.05  # how long one read of the device may wait
ANSWER_S = 6.0  # a board may check signatures and write its flash just then
BAUD = 115200  # matters to boards behind a USB-to-serial chip only

Answer = dict[str, Any]
Output = Callable[[str], None]


class LineError(HostError):
    """The board cannot be asked or does not answer; the text is a sentence."""


class StoppedError(LineError):
    """The board's REPL answered instead of a node."""


def ask(device: str, request: Mapping[str, object], timeout_s: float = ANSWER_S) -> Answer:
    """Send one request to a running node and return its answer; raises LineError."""
    with BoardLine(device) as line:
        return line.ask(request, timeout_s)


def wait_for_node(device: str, timeout_s: float = 15.0, on_output: Output | None = None) -> Answer:
    """Ask for the status until the node answers, as after a reset; raises LineError."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with BoardLine(device, on_output) as line:
                while True:
                    answer = line.try_ask({"cmd": "status"}, min(0.5, timeout_s))
                    if answer is not None:
                        return answer
                    if time.monotonic() > deadline:
                        raise line.silence(timeout_s)
        except LineError:
            if time.monotonic() > deadline:
                raise
            time.sleep(READ_S)  # a USB device may be gone for a moment while its board starts


class BoardLine:
    """The open line to a board; one program at a time can have it."""

    def __init__(self, device: str, on_output: Output | None = None) -> None:
        self.device = device
        self._on_output = on_output
        self._reader = LineReader()
        self._answers: list[bytes] = []
        self._number = 0
        self._echoed = False  # a REPL repeats what it reads; a node does not
        self._serial = _open(device)

    def __enter__(self) -> BoardLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the device free."""
        self._serial.close()

    def ask(self, request: Mapping[str, object], timeout_s: float = ANSWER_S) -> Answer:
        """Return the node's answer to one request; raises LineError after `timeout_s`."""
        answer = self.try_ask(request, timeout_s)
        if answer is None:
            raise self.silence(timeout_s)
        return answer

    def silence(self, timeout_s: float) -> LineError:
        """Why there is no answer, and what to do."""
        if self._echoed:
            return StoppedError(
                f"The board on {self.device} is in its REPL, and its node is stopped. Press the"
                f" reset button, or press Ctrl-D in `shimlet board shell {self.device}`."
            )
        return LineError(
            f"{self.device} does not answer within {timeout_s:g} s: no node runs there."
            " `shimlet board list` shows all ports, `shimlet board flash` brings a node."
        )

    def try_ask(self, request: Mapping[str, object], timeout_s: float) -> Answer | None:
        """As `ask`, but None when no answer came in time."""
        self._number += 1
        self._echoed = False
        self._send(encode({**request, "id": self._number}))
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            self._receive(left)
            if self._echoed:
                deadline = min(deadline, time.monotonic() + READ_S)
            while self._answers:
                answer = decode(self._answers.pop(0))
                # A node that repeats the id tells a late answer to an earlier request apart.
                if answer.pop("id", self._number) == self._number:
                    return answer
        return None

    def listen(self, duration_s: float) -> None:
        """Pass on what the board prints, for a while."""
        deadline = time.monotonic() + duration_s
        while (left := deadline - time.monotonic()) > 0:
            self._receive(left)
            self._answers.clear()

    def _send(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise LineError(f"{self.device} takes no more data.") from None
        except OSError as error:
            raise LineError(f"The line to {self.device} is cut: {error}") from error

    def _receive(self, wait_s: float) -> None:
        """Read what is there, waiting shortly for the first byte."""
        try:
            self._serial.timeout = min(wait_s, READ_S)
            data = self._serial.read(max(1, min(self._serial.in_waiting, ANSWER_LIMIT)))
        except (OSError, TypeError) as error:  # TypeError: pyserial's, when closed meanwhile
            raise LineError(f"The line to {self.device} is cut: {error}") from error
        for marked, line in self._reader.feed(data):
            if marked:
                self._answers.append(line)
                continue
            self._echoed = self._echoed or ECHO in line
            if self._on_output is not None:
                self._on_output(line.decode(errors="replace"))


class LineReader:
    """Splits the board's bytes into answers and other output; holds one line at most."""

    def __init__(self) -> None:
        self._line = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        """Yield (is an answer, line without its end) for each line that became complete.

        A mark starts a new line wherever it stands. Output without a line end comes in pieces of
        the largest size; an answer beyond that size becomes output, as it cannot be one.
        """
        for piece in data.replace(MARK, b"\n" + MARK).splitlines(keepends=True):
            self._line += piece
            ended = piece.endswith((b"\n", b"\r"))
            if ended or len(self._line) >= ANSWER_LIMIT:
                line = bytes(self._line).rstrip(b"\r\n")
                self._line.clear()
                if line:
                    marked = ended and line.startswith(MARK)
                    yield marked, line[1:] if marked else line


def encode(request: Mapping[str, object]) -> bytes:
    """Return the bytes of a request; raises LineError if it is too long or not Unicode."""
    text = json.dumps(request, separators=(",", ":"), ensure_ascii=False)
    try:
        data = MARK + text.encode() + b"\n"
    except UnicodeEncodeError:
        raise LineError("The request holds bytes that are no text in UTF-8.") from None
    if len(data) > REQUEST_LIMIT:
        raise LineError(
            f"The request has {len(data)} bytes; {REQUEST_LIMIT} is the most that a board takes."
            " What is longer goes into its config.json."
        )
    return data


def decode(line: bytes) -> Answer:
    """Return the object of an answer; raises LineError if it is none."""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise LineError(f"The board's answer is not a JSON object: {line[:60]!r}")
    _add_sentences(answer)
    return answer


def _add_sentences(answer: Answer) -> None:
    """A board tells the name of each peer's last error; its sentence would not fit there."""
    peers = answer.get("peers")
    for peer in peers if isinstance(peers, list) else []:
        if isinstance(peer, dict) and isinstance(peer.get("lastError"), str):
            peer["lastErrorText"] = sentence_of(peer["lastError"])


def _open(device: str) -> serial.Serial:
    """Open the device for this program alone; raises LineError."""
    check_device(device)
    try:
        return serial.Serial(device, BAUD, exclusive=True, write_timeout=2.0)
    except (OSError, ValueError) as error:
        if "lock" in str(error):
            raise LineError(
                f"{device} is in use by another program. Close it: a terminal, an mpremote,"
                " a `shimlet board log --follow`."
            ) from None
        if "configure" in str(error):
            raise _no_line(device) from None
        raise LineError(f"Cannot open {device}: {error}") from error


def check_device(device: str) -> None:
    """Raise LineError for what cannot be a serial line, or not for this user."""
    try:
        is_device = stat.S_ISCHR(os.stat(device).st_mode)
    except (OSError, ValueError):
        raise LineError(
            f"There is no device {device}. `shimlet board list` shows those there are."
        ) from None
    if not is_device:
        raise _no_line(device)
    if not os.access(device, os.R_OK | os.W_OK):
        raise LineError(
            f"You may not use {device}: on most systems the members of the group dialout may"
            " (sudo usermod -aG dialout $USER, then log in again)."
        )


def _no_line(device: str) -> LineError:
    return LineError(f"{device} is no serial line. `shimlet board list` shows those there are.")
