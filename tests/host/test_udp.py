"""The shell of autopeering: real sockets on loopback, with and without a second core."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import structlog
from shimlet_host import verifier
from shimlet_host.autopeering import Autopeering, Parameters
from shimlet_host.autopeering.encoding import encode_ping
from shimlet_host.autopeering.envelope import seal
from shimlet_host.autopeering.events import Event, PeerVerified
from shimlet_host.autopeering.messages import Ping, Service
from shimlet_host.autopeering.protocol import Checked
from shimlet_host.identity import HostIdentity
from shimlet_host.model import ServeError
from shimlet_host.udp import BATCH, RECEIVE_BUFFER, UdpShell, bound_udp_socket
from shimlet_host.verifier import AHEAD, FEW, MANY, MAX_WAITING, Verifier, has_second_core

PATIENCE_S = 30.0
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
    for _ in range(int(PATIENCE_S * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it did not happen within {PATIENCE_S:.0f} s")


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
            while a.shell.received < count:
                turns += 1
                await asyncio.sleep(0)
                assert turns < 1_000_000
            assert turns > 5, "one turn of the loop read everything"
            await eventually(lambda: a.shell.sent >= count)
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


def checked(numbers: range) -> list[Checked]:
    """Datagrams that passed the cheap checks; the signature of every third one fails."""
    sender, receiver = Peer(), Peer()
    pings = []
    for number in numbers:
        packet = bytearray(sender.ping())
        packet[-1] ^= number % 3 == 0
        result = receiver.core.check(bytes(packet), ("127.0.0.1", 9), 0.0, int(time.time()))
        assert isinstance(result, Checked)
        pings.append(result)
    sender.shell.close()
    receiver.shell.close()
    return pings


class Results:
    """What a verifier delivers."""

    def __init__(self) -> None:
        self.verifier = Verifier(HostIdentity(bytes(32)), self.delivered)
        self.done: list[tuple[Checked, bool]] = []

    def delivered(self, results: list[tuple[Checked, bool]]) -> None:
        self.done += results

    async def has_a_process(self, many: list[Checked]) -> int:
        """Its number, once it is ready."""
        self.verifier.offer(many)
        process = self.verifier._process
        assert process is not None
        await eventually(lambda: process.room > 0)
        assert self.verifier.waiting == 0, "until then the loop has checked them itself"
        self.done.clear()
        return process._child.pid


def test_the_second_core_keeps_the_order_and_drops_what_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verifier, "PATIENCE_S", 60.0)

    async def test() -> None:
        offered = checked(range(MAX_WAITING + 10))
        results = Results()
        process = await results.has_a_process(offered[:MANY])
        os.kill(process, signal.SIGSTOP)
        offer = results.verifier.offer
        dropped = [offer(offered[at : at + 50]) for at in range(0, len(offered), 50)]
        assert sum(dropped) == 10 and not any(dropped[:-1])
        assert offer(offered[:1]) == 1, "it is full"
        await asyncio.sleep(0)
        assert results.done == [], "what the loop has checked waits for what is before it"
        given = [each.holds for each in results.verifier._waiting]
        assert given[:AHEAD] == [None] * AHEAD and None not in given[AHEAD:]
        os.kill(process, signal.SIGCONT)
        await eventually(lambda: len(results.done) == MAX_WAITING)
        assert [each for each, _ in results.done] == offered[:MAX_WAITING]
        assert [holds for _, holds in results.done] == [n % 3 != 0 for n in range(MAX_WAITING)]
        assert results.verifier.waiting == 0
        assert offer(offered[:1]) == 0, "there is room again"
        results.verifier.close()

    run(test)


@pytest.mark.parametrize("patience_s", [60.0, 0.01])
def test_the_loop_checks_all_when_the_second_process_has_ended_or_stands_still(
    monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr(verifier, "PATIENCE_S", patience_s)

    async def test() -> None:
        offered = checked(range(MANY))
        results = Results()
        process = await results.has_a_process(offered)
        os.kill(process, signal.SIGSTOP)
        results.verifier.offer(offered)
        assert results.done == []
        with structlog.testing.capture_logs() as logs:
            if patience_s > 1:
                os.kill(process, signal.SIGKILL)
            await eventually(lambda: len(results.done) == MANY)
        (entry,) = logs
        assert entry["log_level"] == "warning"
        assert ("has ended" if patience_s > 1 else "stands still") in entry["event"]
        results.verifier.offer(offered)
        assert results.done == 2 * [(each, n % 3 != 0) for n, each in enumerate(offered)]
        assert results.verifier._process is None, "it is not started again and again"
        results.verifier.close()

    run(test)


def test_few_datagrams_need_no_second_process_and_wake_none() -> None:
    async def test() -> None:
        offered = checked(range(MANY))
        results = Results()
        results.verifier.offer(offered[: MANY - 1])
        assert results.verifier._process is None
        await results.has_a_process(offered)
        results.verifier.offer(offered[: FEW - 1])
        assert len(results.done) == FEW - 1, "at once"
        results.verifier.close()

    run(test)


def test_the_second_process_ends_with_the_node_and_leaves_signals_to_it() -> None:
    async def test() -> None:
        results = Results()
        process = await results.has_a_process(checked(range(MANY)))
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(process, number)
        results.verifier.offer(checked(range(MANY)))
        await eventually(lambda: len(results.done) == MANY)
        assert results.verifier._process is not None, "it lives"
        results.verifier._process._socket.shutdown(socket.SHUT_RDWR)  # as when the node is killed
        await eventually(lambda: results.verifier._process is None)
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)

    run(test)


def test_a_second_core_counts_only_if_this_process_may_run_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, second in (({3}, False), ({0, 3}, True)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: cores)
        assert has_second_core() == second
