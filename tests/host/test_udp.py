"""The shell of autopeering: real sockets on loopback, with and without a second core."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from shimlet_host.autopeering import Autopeering, Parameters
from shimlet_host.autopeering.encoding import encode_ping
from shimlet_host.autopeering.envelope import seal
from shimlet_host.autopeering.events import Event, PeerVerified
from shimlet_host.autopeering.messages import Ping, Service
from shimlet_host.identity import HostIdentity
from shimlet_host.model import ServeError
from shimlet_host.udp import BATCH, RECEIVE_BUFFER, UdpShell, bound_udp_socket
from shimlet_host.verifier import MAX_WAITING, Verifier, has_second_core

PATIENCE_S = 10.0
SETTING = "autoPeering.bindAddress"


class Peer:
    """One core with its shell; `verified` are the addresses of those it has verified."""

    def __init__(self, host: str = "127.0.0.1", *, second_core: bool = False) -> None:
        sock = bound_udp_socket(host, 0, SETTING)
        self.port: int = sock.getsockname()[1]
        self.identity = HostIdentity(random.randbytes(32))
        services = {"peering": Service("udp", self.port)}
        self.core = Autopeering(
            self.identity,
            self.identity.seed,
            Parameters(response_timeout_s=0.2),
            services,
            random.Random(1),
            ["127.0.0.1", "::1"],
            "192.0.2.1",
        )
        self.verified: list[tuple[str, int]] = []
        self.shell = UdpShell(self.core, sock, self._on_events, second_core=second_core)
        self.shell.start()

    def _on_events(self, events: list[Event]) -> None:
        self.verified += [each.peer.address for each in events if isinstance(each, PeerVerified)]

    def meet(self, other: Peer, ip: str) -> None:
        """Verify the other one, as if somebody had told of it."""
        self.core.add_known(other.core.local.public_key, ip, other.port)
        self.shell.flush()

    def ping(self, to_ip: str = "127.0.0.1", src_port: int = 9) -> bytes:
        """A valid Ping of this identity."""
        return seal(
            self.identity, encode_ping(Ping(0, 40, int(time.time()), "0.0.0.0", src_port, to_ip))
        )


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop run until this is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 10 s")


def run(test: Callable[[], Awaitable[None]]) -> None:
    """The test on a loop that takes no fault of a callback."""

    async def guarded() -> None:
        faults: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        await test()
        assert not faults, faults

    asyncio.run(guarded())


@pytest.mark.parametrize("second_core", [False, True])
@pytest.mark.parametrize(
    ("hosts", "ip", "back"),
    [
        (("127.0.0.1", "127.0.0.1"), "127.0.0.1", "127.0.0.1"),
        (("::1", "::1"), "::1", "::1"),
        (("::", "127.0.0.1"), "127.0.0.1", "127.0.0.1"),
        (("127.0.0.1", "::"), "127.0.0.1", "127.0.0.1"),
        (("::", "::"), "::1", "::1"),
    ],
)
def test_two_nodes_verify_each_other_over_both_families(
    hosts: tuple[str, str], ip: str, back: str, second_core: bool
) -> None:
    async def test() -> None:
        a, b = (Peer(host, second_core=second_core) for host in hosts)
        a.meet(b, ip)
        await eventually(lambda: bool(a.verified and b.verified))
        assert a.verified[0] == (ip, b.port)
        assert b.verified[0] == (back, a.port), "a mapped address is not canonical"
        assert not a.core.local.counters and not b.core.local.counters
        a.shell.close()
        b.shell.close()

    run(test)


def test_time_outs_come_from_the_one_timer() -> None:
    async def test() -> None:
        a = Peer()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            silent.settimeout(PATIENCE_S)
            a.core.add_known(bytes(range(32)), "127.0.0.1", silent.getsockname()[1])
            a.shell.flush()
            await eventually(lambda: not a.core.peers.known)
            assert a.shell.sent == 3, "as many attempts as maxVerifyAttempts"
        a.shell.close()

    run(test)


@pytest.mark.parametrize("second_core", [False, True])
def test_many_datagrams_at_once_are_all_read_and_others_get_their_turn(second_core: bool) -> None:
    async def test() -> None:
        a, sender = Peer(second_core=second_core), Peer()
        count, turns = 10 * BATCH, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            packet = sender.ping(src_port=sock.getsockname()[1])
            for _ in range(count):
                sock.sendto(packet, ("127.0.0.1", a.port))
            while a.core.peers.known == {} or a.shell.sent < count:
                turns += 1
                await asyncio.sleep(0)
                assert turns < 1_000_000
            assert a.shell.received == count
            assert turns > 5, "one turn of the loop read everything"
        a.shell.close()
        sender.shell.close()

    run(test)


@pytest.mark.parametrize("second_core", [False, True])
def test_a_bad_signature_and_garbage_are_counted_and_harm_nobody(second_core: bool) -> None:
    async def test() -> None:
        a, sender = Peer(second_core=second_core), Peer()
        good = sender.ping()
        bad = good[:-1] + bytes([good[-1] ^ 1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for packet in (b"", b"\xff" * 50, bytes(2000), bad):
                sock.sendto(packet, ("127.0.0.1", a.port))
            counters = a.core.local.counters
            await eventually(lambda: counters["bad-signature"] == 1)
            assert counters == {"bad-packet": 2, "packet-too-large": 1, "bad-signature": 1}
            assert not a.core.peers.known
            sock.sendto(good, ("127.0.0.1", a.port))
            await eventually(lambda: a.core.peers.known != {})
        a.shell.close()
        sender.shell.close()

    run(test)


def test_what_the_kernel_does_not_take_is_counted_and_forgotten() -> None:
    async def test() -> None:
        a = Peer()
        # Its socket is of the other family.
        a.core.add_known(bytes(range(32)), "2001:db8::1", 14626)
        a.shell.flush()
        await eventually(lambda: a.shell.unsent == 3 and not a.core.peers.known)
        assert a.shell.sent == 0
        a.shell.close()

    run(test)


def test_closing_frees_the_port_and_nothing_is_called_afterwards() -> None:
    async def test() -> None:
        a, b = Peer(second_core=True), Peer()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b.ping(), ("127.0.0.1", a.port))
        a.meet(b, "127.0.0.1")
        a.shell.close()
        a.shell.close()
        sent = a.shell.sent
        a.shell.lost(b.identity.public_key)
        a.shell.flush()
        bound_udp_socket("127.0.0.1", a.port, SETTING).close()
        await asyncio.sleep(0.3)  # longer than its first time-out
        assert a.shell.sent == sent
        b.shell.close()

    run(test)


def test_the_kernel_is_asked_for_a_larger_buffer_and_a_taken_port_is_named() -> None:
    usual = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with usual, bound_udp_socket("127.0.0.1", 0, SETTING) as sock:
        option = socket.SOL_SOCKET, socket.SO_RCVBUF
        with suppress(OSError):
            usual.setsockopt(*option, RECEIVE_BUFFER)
        assert sock.getsockopt(*option) == usual.getsockopt(*option)
        port = sock.getsockname()[1]
        with pytest.raises(ServeError, match=rf"127\.0\.0\.1:{port} \({SETTING}\)"):
            bound_udp_socket("127.0.0.1", port, SETTING)


class Datagram:
    """Stands for a Checked one: at the thread each waits for the gate, every third one fails."""

    def __init__(self, number: int, gate: threading.Event) -> None:
        self.number = number
        self.thread = ""
        self._gate = gate

    def verify(self, identity: object) -> bool:
        self.thread = threading.current_thread().name
        if self.thread == "verifier":
            self._gate.wait(10)
        return self.number % 3 != 0


def test_the_second_core_keeps_the_order_and_drops_what_is_too_much() -> None:
    async def test() -> None:
        done: list[tuple[int, bool]] = []
        gate = threading.Event()
        verifier = Verifier(
            HostIdentity(bytes(32)),
            lambda results: done.extend((each.number, ok) for each, ok in results),
        )
        offered: list[Any] = [Datagram(number, gate) for number in range(MAX_WAITING + 10)]
        dropped = [verifier.offer(offered[at : at + 50]) for at in range(0, len(offered), 50)]
        assert sum(dropped) == 10 and not any(dropped[:-1])
        assert verifier.offer(offered[:1]) == 1, "it is full"
        await asyncio.sleep(0)
        assert done == [], "what the loop has checked waits for what is before it"
        gate.set()
        await eventually(lambda: len(done) == MAX_WAITING)
        assert done == [(number, number % 3 != 0) for number in range(MAX_WAITING)]
        assert {each.thread for each in offered[:100]} == {"verifier"}
        assert {each.thread for each in offered[100:-10]} == {threading.current_thread().name}
        assert verifier.waiting == 0
        assert verifier.offer(offered[:1]) == 0, "there is room again"
        verifier.close()
        await eventually(lambda: not any(t.name == "verifier" for t in threading.enumerate()))

    run(test)


def test_a_second_core_counts_only_if_this_process_may_run_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, second in (({3}, False), ({0, 3}, True)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: cores)
        assert has_second_core() == second


def test_without_a_second_core_there_is_no_thread() -> None:
    async def test() -> None:
        before = set(threading.enumerate())
        a = Peer()
        assert set(threading.enumerate()) <= before
        a.shell.close()

    run(test)
