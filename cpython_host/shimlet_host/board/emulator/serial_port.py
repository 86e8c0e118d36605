"""The outer end of a virtual board: the pseudo-terminal that looks like a serial device.

In: what the board prints. Out: what a client of the device path writes.
Called by: `board.py`. With no client the output is lost, as on a line without a listener.
"""

from __future__ import annotations

import os
import pty
import select
import termios
import time
import tty
from pathlib import Path

OUTPUT_LIMIT = 64 * 1024  # bytes kept for a client that reads slowly
STALL_S = 1.0  # a client that reads nothing for so long loses what comes then
CHUNK = 4096


class SerialPort:
    """A device path that clients open and close at will; `connected` says if one is there."""

    def __init__(self, link: Path | None) -> None:
        self.terminal, slave = pty.openpty()
        self.device = os.ttyname(slave)
        self.connected = False
        self._pending = bytearray()
        self._progress = time.monotonic()
        os.set_blocking(self.terminal, False)
        tty.setraw(self.terminal)
        os.close(slave)
        self._link = link
        if link is not None:
            _point_link(link, self.device)

    def close(self) -> None:
        """Hang up, and remove the link if it still leads here."""
        link = self._link
        if link is not None and link.is_symlink() and os.readlink(link) == self.device:
            link.unlink(missing_ok=True)
        os.close(self.terminal)

    def look(self) -> None:
        """Notice clients that came or left. Nothing tells us of an opening, so it is polled."""
        poll = select.poll()
        poll.register(self.terminal, select.POLLIN)
        events = dict(poll.poll(0)).get(self.terminal, 0)
        connected = not events & select.POLLHUP or bool(events & select.POLLIN)
        if self.connected and not connected:
            self._hang_up()
        self.connected = connected

    def _hang_up(self) -> None:
        """Forget what the last client did not read, so that the next one sees nothing stale."""
        self._pending.clear()
        termios.tcflush(self.terminal, termios.TCOFLUSH)
        tty.setraw(self.terminal, termios.TCSANOW)  # the next one may have written already

    def read(self) -> bytes:
        """Return up to 4 KiB from the client, b"" when there is nothing or nobody."""
        try:
            return os.read(self.terminal, CHUNK)
        except OSError:  # EAGAIN, or EIO when the client left
            return b""

    def write(self, data: bytes) -> None:
        """Queue output for the client, if there is one that reads."""
        self.flush()
        if not self._pending:
            self._progress = time.monotonic()
        if self.connected and len(self._pending) < OUTPUT_LIMIT:
            self._pending += data
            self.flush()

    def flush(self) -> None:
        """Send queued output as far as the client reads it."""
        while self._pending:
            try:
                sent = os.write(self.terminal, self._pending[:CHUNK])
            except BlockingIOError:
                return
            del self._pending[:sent]
            self._progress = time.monotonic()

    @property
    def waiting(self) -> bool:
        """True while output is queued."""
        return bool(self._pending)

    @property
    def full(self) -> bool:
        """True while the board should be kept waiting: the client has only just fallen behind."""
        fresh = time.monotonic() - self._progress < STALL_S
        return fresh and len(self._pending) >= OUTPUT_LIMIT


def _point_link(link: Path, device: str) -> None:
    """Make or replace the link in one step, so that it never leads nowhere."""
    new = link.with_name(f".{link.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(device)
    new.replace(link)
