"""Tells systemd how the node is, as sd_notify(3) does: datagrams to a socket of systemd.

In: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd sets them for a unit with
Type=notify. Out: READY, STATUS, RELOADING, STOPPING and WATCHDOG messages; without NOTIFY_SOCKET
nothing at all. A socket that does not take them never stops the node. Called by service.py.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

SEND_TIMEOUT_S = 0.5  # systemd's queue is full; READY is worth waiting for, the loop is too

log = structlog.get_logger()


class Notifier:
    """`wanted`: somebody listens. `watchdog_s`: after such a silence systemd restarts the node;
    None: it does not watch.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._failed = False
        self.wanted = self._path.startswith(("/", "@"))
        self.watchdog_s = _watchdog_s(environment) if self.wanted else None

    def ready(self) -> None:
        """Everything listens, or a reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The config is being read again; ready() will follow."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1", "STATUS=Stopping.")

    def status(self, sentence: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={sentence}")

    def alive(self) -> None:
        """The loop runs: to be called twice in `watchdog_s`."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self.wanted:
            return
        # The name of an abstract socket begins with a 0 byte, written as @.
        path = "\0" + self._path[1:] if self._path[0] == "@" else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(SEND_TIMEOUT_S)
                sock.sendto("\n".join(lines).encode(), path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("systemd cannot be told how the node is", why=error.strerror)
            self._failed = True


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """None also if the watchdog waits for another process."""
    span, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if process not in ("", str(os.getpid())) or not span.isdecimal() or int(span) == 0:
        return None
    return int(span) / 1_000_000
