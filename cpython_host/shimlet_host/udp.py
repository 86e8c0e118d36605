"""The one shell around the autopeering core: a raw UDP socket, two clocks, one timer.

In: an Autopeering, a bound socket, and what to do with events. Out: datagrams on the wire. The
socket is read until it is empty, in batches so that others get the loop; after each batch and each
timer the outbox is sent, the events are handed on and the one timer is set anew. With a second
core the signature checks go to a Verifier (verifier.py): check() here, verify() there, then
receive_verified() here, in the order of arrival. Called by auto.py and the benchmarks.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from shimlet.identity import format_address

from shimlet_host.autopeering import Autopeering, Reason
from shimlet_host.autopeering.events import Event
from shimlet_host.autopeering.local import Address
from shimlet_host.autopeering.networks import canonical
from shimlet_host.autopeering.parameters import MAX_PACKET
from shimlet_host.autopeering.protocol import Checked
from shimlet_host.model import ServeError
from shimlet_host.net import why_not_bound
from shimlet_host.verifier import Verifier

BATCH = 32  # datagrams, then others get the loop: 5 ms
RECEIVE_BUFFER = 4 * 1024 * 1024  # bytes that the kernel is asked to hold; it may give less

EventsCall = Callable[[list[Event]], None]


class UdpShell:
    """One core on one socket. `second_core`: check signatures there."""

    def __init__(
        self,
        core: Autopeering,
        sock: socket.socket,
        on_events: EventsCall,
        unix_time: Callable[[], int] = lambda: int(time.time()),
        *,
        second_core: bool = False,
    ) -> None:
        self.core = core
        self.received = self.sent = self.unsent = 0
        self._socket = sock
        self._mapped = sock.family == socket.AF_INET6
        self._on_events = on_events
        self._unix_time = unix_time
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._verifier: Verifier | None = None
        if second_core:
            self._verifier = Verifier(core.local.identity, self._take_verified)

    # Life

    def start(self) -> None:
        """Begin to read, and start the core."""
        self.core.start(time.monotonic(), self._unix_time())
        self._loop.add_reader(self._socket, self._on_readable)
        self.flush()

    def close(self) -> None:
        """Send what is left, free the port; nothing is called afterwards."""
        if self._socket.fileno() < 0:
            return
        self.core.stop(time.monotonic(), self._unix_time())
        self._send_all()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._verifier is not None:
            self._verifier.close()

    def lost(self, public_key: bytes) -> None:
        """A neighbor's link is gone."""
        if self._socket.fileno() >= 0:
            self.core.link_lost(public_key, time.monotonic(), self._unix_time())
            self.flush()

    # In

    def _on_readable(self) -> None:
        """One batch; what is left makes the socket readable again at once."""
        batch = self._read()
        self.received += len(batch)
        now, unix_time = time.monotonic(), self._unix_time()
        if self._verifier is not None:
            self._hand_over(self._verifier, batch, now, unix_time)
        else:
            for data, address in batch:
                self.core.receive(data, address, now, unix_time)
        self.flush()

    def _read(self) -> list[tuple[bytes, Address]]:
        batch: list[tuple[bytes, Address]] = []
        with suppress(OSError):  # mostly BlockingIOError: it is empty
            while len(batch) < BATCH:
                data, address = self._socket.recvfrom(MAX_PACKET + 1)
                if self._mapped:
                    address = (canonical(address[0]) or address[0], address[1])
                batch.append((data, address))
        return batch

    def _hand_over(
        self, verifier: Verifier, batch: list[tuple[bytes, Address]], now: float, unix_time: int
    ) -> None:
        """The cheap checks here, the expensive one elsewhere."""
        checked = []
        for data, address in batch:
            result = self.core.check(data, address, now, unix_time)
            if isinstance(result, Checked):
                checked.append(result)
        for _ in range(verifier.offer(checked)):
            self.core.count(Reason.OVERLOADED)

    def _take_verified(self, results: list[tuple[Checked, bool]]) -> None:
        """Called on the loop with the verifier's results."""
        if self._socket.fileno() < 0:
            return
        now, unix_time = time.monotonic(), self._unix_time()
        for checked, holds in results:
            if holds:
                self.core.receive_verified(checked, now, unix_time)
            else:
                self.core.count(Reason.BAD_SIGNATURE)
        self.flush()

    # Out

    def flush(self) -> None:
        """Hand the events on, send the outbox, set the timer; to be called after each change."""
        if self._socket.fileno() < 0:
            return
        while events := self.core.take_events():
            self._on_events(events)
        self._send_all()
        self._set_timer()

    def _send_all(self) -> None:
        for data, (ip, port) in self.core.take_outbox():
            if self._mapped and "." in ip:
                ip = f"::ffff:{ip}"
            try:
                self._socket.sendto(data, (ip, port))
                self.sent += 1
            except OSError:  # full, or no way there: UDP promises nothing
                self.unsent += 1

    def _set_timer(self) -> None:
        """One timer for the earliest moment; one that is set too early finds nothing due."""
        moment = self.core.next_timer()
        if moment is None:
            return
        if self._timer is not None:
            if self._timer_at <= moment:
                return
            self._timer.cancel()
        self._timer_at = moment
        self._timer = self._loop.call_later(max(0.0, moment - time.monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.core.handle_timer(time.monotonic(), self._unix_time())
        self.flush()


def bound_udp_socket(host: str, port: int, setting: str) -> socket.socket:
    """A non-blocking UDP socket; "::" takes IPv4, too. ServeError names address and setting."""
    try:
        family, kind, protocol, _, numeric = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refusal(host, port, setting, error) from error
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind(numeric)
    except OSError as error:
        sock.close()
        raise _refusal(host, port, setting, error) from error
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.setblocking(False)
    return sock


def _refusal(host: str, port: int, setting: str, error: OSError) -> ServeError:
    address = format_address(host, port)
    return ServeError(f"Cannot listen on {address} ({setting}): {why_not_bound(error)}.")
