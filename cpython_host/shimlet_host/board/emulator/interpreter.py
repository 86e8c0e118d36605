"""One run of MicroPython on a pseudo-terminal of its own, from its start to its end.

In: bytes for its standard input. Out: bytes of its output; news on the control pipe.
Called by: `board.py`, which starts a new one after each reset.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .image import ON_BOARD

INPUT_LIMIT = 4096  # bytes kept for a program that does not read; a UART keeps fewer
TERMINAL_LIMIT = 1024  # bytes given to the terminal ahead of the reader: beyond ~4 KiB it stalls
CHUNK = 4096
INTERRUPT = b"\x03"

# Words of the control pipe: it runs, it wants a reset, its watchdog's time in ms, a pin's level.
WORD = re.compile(rb"(\+)|(R)|W(\d+);|P(\w+)=(\d);")

PWRON_RESET, HARD_RESET, WDT_RESET, SOFT_RESET = 1, 2, 3, 5
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


@dataclass
class Settings:
    """What does not change from one run to the next."""

    micropython: str
    heap: str
    image: str
    image_descriptor: int  # handed down: the image stays locked while an interpreter lives
    clock: str = ""  # "unset", or by how many seconds it is off; "" is right
    on_pin: Callable[[str, int], None] = lambda _pin, _level: None


class Interpreter:
    """A running MicroPython. `ready` tells whether it listens yet, `wants_reset` what it asked,
    `fed_until` when its watchdog resets it; 0.0: never.
    """

    def __init__(
        self, settings: Settings, cause: int, with_main: bool, fed_until: float = 0.0
    ) -> None:
        self.ready = False
        self.wants_reset = False
        self.fed_until = fed_until
        self._settings = settings
        self._news = b""
        self.pending = bytearray()
        self.terminal, self._slave = _terminal()
        self.control, control_end = os.pipe()
        try:
            self.process = _spawn(settings, self._slave, control_end, cause, with_main)
        finally:
            os.close(control_end)
        os.set_blocking(self.control, False)

    def write(self, data: bytes) -> None:
        """Queue input. When the queue is full, bytes are lost as on a UART, but never a ^C."""
        if INTERRUPT in data and self.input_waits():
            termios.tcflush(self._slave, termios.TCIFLUSH)
            self.pending.clear()
            data = data[data.rindex(INTERRUPT) :]
        if INTERRUPT in data and self._runs_deaf():
            self.process.send_signal(signal.SIGINT)
            data = data.replace(INTERRUPT, b"")
        self.pending += data[: INPUT_LIMIT - len(self.pending)]
        self.flush()

    def _runs_deaf(self) -> bool:
        """Whether it runs what came by raw paste: the Unix port waits for the signal then, and
        leaves its terminal in the mode in which ^C is a byte.
        """
        if termios.tcgetattr(self._slave)[3] & termios.ISIG:
            return False
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:  # no Linux
            return False
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught & 1 << signal.SIGINT - 1)

    def flush(self) -> None:
        """Give queued input to the terminal as far as its reader keeps up."""
        while self.pending and not self.input_waits():
            try:
                sent = os.write(self.terminal, self.pending[:TERMINAL_LIMIT])
            except BlockingIOError:
                return
            del self.pending[:sent]

    def input_waits(self) -> bool:
        """True while the program has not read what the terminal already holds."""
        answer = fcntl.ioctl(self._slave, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", answer)[0]) >= TERMINAL_LIMIT

    def read(self) -> bytes:
        """Return up to 4 KiB of output, b"" when there is none."""
        return _read(self.terminal)

    def read_control(self) -> bool:
        """Take the news of the control pipe; False when the interpreter has ended."""
        try:
            news = os.read(self.control, CHUNK)
        except BlockingIOError:
            return True
        self._news += news
        at = 0
        for word in WORD.finditer(self._news):
            self._hear(*word.groups())
            at = word.end()
        self._news = self._news[at:]
        return bool(news)

    def _hear(
        self, ready: bytes, reset: bytes, watchdog_ms: bytes, pin: bytes, level: bytes
    ) -> None:
        """One word of the control pipe; the others are None."""
        self.ready = self.ready or bool(ready)
        self.wants_reset = self.wants_reset or bool(reset)
        if watchdog_ms:
            self.fed_until = time.monotonic() + int(watchdog_ms) / 1000
        if pin:
            self._settings.on_pin(pin.decode(), int(level))

    @property
    def starved(self) -> bool:
        """Whether its watchdog was not fed in time."""
        return 0 < self.fed_until < time.monotonic()

    def end(self) -> int:
        """Kill it if it still runs and free everything; returns subprocess' return code."""
        if self.wants_reset or self.starved or self.process.poll() is None:
            self.process.kill()
        return self.process.wait()

    def close(self) -> None:
        """Close the terminal and the pipe; output not yet read is gone."""
        for descriptor in (self.terminal, self._slave, self.control):
            os.close(descriptor)


def _terminal() -> tuple[int, int]:
    """A terminal that passes every byte as it is, except that ^C interrupts a program. It is
    locked as serial lines are, since it may get the number of a board that has gone: who comes
    back to that path would take our bytes.
    """
    master, slave = pty.openpty()
    fcntl.flock(slave, fcntl.LOCK_EX)
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = termios.tcgetattr(slave)
    iflag &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP)
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    lflag |= termios.ISIG | termios.NOFLSH  # a ^C must not throw away output on its way
    cc[termios.VQUIT] = cc[termios.VSUSP] = b"\0"
    attributes = [iflag, oflag & ~termios.OPOST, cflag, lflag, ispeed, ospeed, cc]
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    os.set_blocking(master, False)
    return master, slave


def _spawn(
    settings: Settings, slave: int, control: int, cause: int, with_main: bool
) -> subprocess.Popen[bytes]:
    arguments = f"{settings.image!r}, {control}, {cause}, {with_main}, {settings.clock!r}"
    parent = os.getpid()

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if sys.platform == "linux":  # elsewhere the hang-up of the terminal must do
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the emulator died before the line above
            os._exit(1)

    return subprocess.Popen(
        [settings.micropython, "-X", f"heapsize={settings.heap}", "-i", "-c",
         f"__import__('start').run({arguments})"],
        stdin=slave, stdout=slave, stderr=slave,
        pass_fds=(control, settings.image_descriptor),
        start_new_session=True,
        preexec_fn=own_terminal,
        env={**os.environ, "MICROPYPATH": str(ON_BOARD)},
    )  # fmt: skip


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return b""
