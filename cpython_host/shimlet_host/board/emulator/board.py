"""The pump between the serial device and MicroPython, and what a reset means.

In: bytes of the client and of the interpreter. Out: the same, passed on; a new interpreter
after each end of the last one. Called by: `__main__`.
"""

from __future__ import annotations

import select
import time

from .interpreter import (
    HARD_RESET,
    PWRON_RESET,
    SOFT_RESET,
    WDT_RESET,
    Interpreter,
    Settings,
)
from .serial_port import SerialPort

TICK_S = 0.02  # how late a client may be noticed
CRASH_PAUSE_S = 0.5  # so that a board that crashes at every start does not eat a core
ENTER_RAW, LEAVE_RAW = b"\x01", b"\x02"


class BoardError(Exception):
    """The board cannot start; the text is a sentence."""


class Board:
    """A MicroPython that starts again after each reset, and the line to it."""

    def __init__(self, settings: Settings, port: SerialPort) -> None:
        self.settings = settings
        self.port = port
        self.raw = False  # which REPL the client asked for; a soft reset comes back to it
        self.interpreter = Interpreter(settings, PWRON_RESET, with_main=True)
        self._wait_for_first_start()

    def run(self) -> None:
        """Pump until an exception (a signal's SystemExit) ends it."""
        while True:
            self._wait()
            alive = self.interpreter.read_control()
            if not alive or self.interpreter.wants_reset or self.interpreter.starved:
                self._restart()  # before any input: that of a dying interpreter would be lost
            self.port.look()
            self._to_board()
            self._to_client()

    def close(self) -> None:
        """End the interpreter."""
        self.interpreter.end()
        self.interpreter.close()

    def _wait(self) -> None:
        """Sleep until a byte can move; at most one tick."""
        poll = select.poll()
        poll.register(self.interpreter.control, select.POLLIN)
        if not self.port.full:
            poll.register(self.interpreter.terminal, select.POLLIN)
        if self.port.connected:
            wanted = select.POLLOUT if self.port.waiting else 0
            poll.register(self.port.terminal, wanted | (select.POLLIN if self._listens else 0))
        poll.poll(TICK_S * 1000)

    @property
    def _listens(self) -> bool:
        return self.interpreter.ready

    def _to_board(self) -> None:
        """Pass the client's bytes on, and remember which REPL it asked for last."""
        self.interpreter.flush()
        if not self._listens:
            return
        data = self.port.read()
        if data:
            if ENTER_RAW in data or LEAVE_RAW in data:
                self.raw = data.rfind(ENTER_RAW) > data.rfind(LEAVE_RAW)
            self.interpreter.write(data)

    def _to_client(self) -> None:
        self.port.flush()
        if not self.port.full:
            self.port.write(self.interpreter.read())

    def _restart(self) -> None:
        """The interpreter ended or asked for a reset: do what a board would do."""
        old = self.interpreter
        starved = old.starved
        code = old.end()
        while not self.port.full and (data := old.read()):
            self.port.write(data)
        old.close()
        if starved or old.wants_reset:
            self._hard_reset(WDT_RESET if starved else HARD_RESET)
        elif code < 0:
            text = f"\r\nMicroPython ended with signal {-code}.\r\n"
            self.port.write(text.encode())
            time.sleep(CRASH_PAUSE_S)
            self._hard_reset(HARD_RESET)
        else:
            self._soft_reset(old.fed_until)

    def _soft_reset(self, fed_until: float) -> None:
        """The raw REPL comes back without main.py, as tools expect; else main.py runs. A watchdog
        goes on.
        """
        self.port.write(b"MPY: soft reboot\r\n")
        self.interpreter = Interpreter(self.settings, SOFT_RESET, not self.raw, fed_until)
        if self.raw:
            self.interpreter.pending += ENTER_RAW

    def _hard_reset(self, cause: int) -> None:
        self.raw = False
        self.interpreter = Interpreter(self.settings, cause, with_main=True)

    def _wait_for_first_start(self) -> None:
        """Tell a wrong interpreter from a board: the first start must come to boot.py."""
        output = b""
        while not self.interpreter.ready:
            select.select([self.interpreter.control, self.interpreter.terminal], [], [], TICK_S)
            output = (output + self.interpreter.read())[-400:]
            if not self.interpreter.read_control():
                self.close()
                text = output.decode(errors="replace").strip()
                raise BoardError(f"{self.settings.micropython} did not start: {text}")
        self.port.write(output)
