"""What stands between two nodes, for tests on loopback: a router that translates addresses and may
keep UDP away, and a firewall that keeps TCP away.

Nodes behind a router list others at the router's address. Both open when a file appears, as the
stand-in for the machine's `sudo` makes it (`a_sudo`).
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shimlet.identity import parse_address

Address = tuple[str, int]
NEVER = Path("/nonexistent")


def a_sudo(folder: Path) -> Path:
    """A folder for PATH, whose `sudo` writes what it was told to do into the file "sudo.told"."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    script = bin_folder / "sudo"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder / "sudo.told"}\n')
    script.chmod(0o755)
    return bin_folder


class Router:
    """`ip` on both sides: who is inside sends to it at the port of `outside`, a node's address.

    To the outside all look as if they were at `ip`, each at its own port. What comes in is let
    through if somebody inside has sent to that address less than `state_s` ago; all of it once
    the file `opened` exists. `blocks`: nothing passes before.
    """

    def __init__(
        self,
        ip: str,
        outside: str,
        *,
        state_s: float = 3600.0,
        blocks: bool = False,
        opened: Path = NEVER,
    ) -> None:
        self._ip = ip
        self._target = parse_address(outside)
        self._state_s = state_s
        self._blocks = blocks
        self._opened = opened
        self._inner = _bound(ip, self._target[1])
        self._outer: dict[Address, socket.socket] = {}
        self._sent: dict[Address, float] = {}
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._inner, selectors.EVENT_READ)
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the outside is, seen from inside."""
        return f"{self._ip}:{self._target[1]}"

    def close(self) -> None:
        """End."""
        self._ended = True
        self._thread.join(10)
        for sock in (self._inner, *self._outer.values()):
            sock.close()

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._ready.select(0.05):
                with suppress(OSError):
                    data, source = key.fileobj.recvfrom(2048)  # type: ignore[union-attr]
                    self._pass(key.fileobj, data, source)  # type: ignore[arg-type]

    def _pass(self, sock: socket.socket, data: bytes, source: Address) -> None:
        if self._blocks and not self._opened.exists():
            return
        if sock is self._inner:
            self._sent[source] = time.monotonic()
            self._outer_of(source).sendto(data, self._target)
            return
        inside = next(each for each, outer in self._outer.items() if outer is sock)
        fresh = time.monotonic() - self._sent[inside] < self._state_s
        if self._opened.exists() or (fresh and source == self._target):
            self._inner.sendto(data, inside)

    def _outer_of(self, inside: Address) -> socket.socket:
        if inside not in self._outer:
            self._outer[inside] = _bound(self._ip, inside[1])
            self._ready.register(self._outer[inside], selectors.EVENT_READ)
        return self._outer[inside]


@contextmanager
def router(ip: str, outside: str, **how: object) -> Iterator[Router]:
    """A Router while the block runs."""
    made = Router(ip, outside, **how)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


@contextmanager
def tcp_firewall(address: str, behind: str, opened: Path) -> Iterator[None]:
    """Connections to `address` are not answered; once the file exists they are taken to `behind`.

    The kernel drops the call when a listener's queue is full.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(parse_address(address))
    listener.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    ended = threading.Event()
    thread = threading.Thread(
        target=_take_over, args=(listener, parse_address(behind), opened, ended), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
        for sock in (listener, *fillers):
            sock.close()


def _take_over(
    listener: socket.socket, behind: Address, opened: Path, ended: threading.Event
) -> None:
    while not opened.exists():
        if ended.wait(0.05):
            return
    listener.settimeout(0.05)
    while not ended.is_set():
        with suppress(TimeoutError):
            caller, _ = listener.accept()
            with suppress(OSError):
                other = socket.create_connection(behind, 5)
                for one, two in ((caller, other), (other, caller)):
                    threading.Thread(target=_pump, args=(one, two), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    source.settimeout(None)
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _bound(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((ip, port))
    sock.setblocking(False)
    return sock
