"""Ping to Pong: their CPU time beside that of one signature check and one signature alone, the
rate with a second core, whether the cost grows with the number of known peers, and the memory
under a flood of a million strangers.

A child process keeps 64 Pings of 64 verified senders under way over loopback; the node runs in
this process, as a full node runs it. CPU times of node and of the signatures alone are taken in
turns in this process, so that what else the machine does weighs on both. `make bench` runs it; the
limits are those that the project has set itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from shimlet.identity import Identity
from shimlet_host.autopeering import Autopeering, Parameters, encoding
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.envelope import open_envelope, seal
from shimlet_host.autopeering.peers import KnownPeer, Peer
from shimlet_host.identity import HostIdentity
from shimlet_host.simulation.identity import UnsignedIdentity
from shimlet_host.udp import UdpShell, bound_udp_socket

OUTSTANDING = 64
PINGS = 3000  # of one round
WARM_UP = 3000  # before it
ROUNDS = 7  # medians are printed
COST_LIMIT = 1.35
SECOND_CORE_LIMIT, INJECTED_LIMIT = 1.4, 1.6
GROWTH_LIMIT = 1.2
STRANGERS = 1_000_000
FLAT_KB = 2048  # what the interpreter's own memory may sway by
SERVICES = {"peering": m.Service("udp", 14626), "gossip": m.Service("tcp", 14666)}
US = HostIdentity(bytes(32))
IP = "127.0.0.1"


def senders(count: int) -> list[HostIdentity]:
    """Identities that ping us."""
    return [HostIdentity((number + 1).to_bytes(32, "little")) for number in range(count)]


def node(keys: list[bytes], identity: Identity = US) -> Autopeering:
    """A core that has verified these peers at loopback."""
    parameters = Parameters(max_managed=20_000, query_interval_s=1e6, max_peering_attempts=1, k=0)
    core = Autopeering(identity, bytes(32), parameters, SERVICES, random.Random(1), [IP])
    for key in keys:
        known = KnownPeer(key, IP, 14626)
        core.peers.add(known)
        core.peers.verify(known, Peer(key, IP, SERVICES))
    return core


def ping(identity: Identity, port: int) -> bytes:
    """A packet that is good for some 20 s."""
    fields = m.Ping(0, 40, int(time.time()) + 8, "0.0.0.0", port, IP)
    return seal(identity, encoding.encode_ping(fields))


# THE LOAD


def load(pipe: Connection) -> None:
    """Keep so many Pings under way, until told to stop; a lost one is sent again."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((IP, 0))
    sock.settimeout(0.2)
    identities = senders(OUTSTANDING)
    while True:
        address = pipe.recv()
        if address is None:
            return
        packets = [ping(identity, sock.getsockname()[1]) for identity in identities]
        keep_going(sock, address, packets, pipe)


def keep_going(
    sock: socket.socket, address: tuple[str, int], packets: list[bytes], pipe: Connection
) -> None:
    """One Ping for each Pong."""
    for packet in packets:
        sock.sendto(packet, address)
    turn = 0
    while not pipe.poll():
        try:
            sock.recvfrom(2048)
        except TimeoutError:
            for packet in packets:
                sock.sendto(packet, address)
            continue
        turn = (turn + 1) % len(packets)
        sock.sendto(packets[turn], address)
    pipe.recv()


# WHAT IS MEASURED


async def serve(pipe: Connection, *, second_core: bool) -> tuple[float, float]:
    """CPU seconds per Ping of this process, and Pongs per second."""
    core = node([identity.public_key for identity in senders(OUTSTANDING)])
    sock = bound_udp_socket(IP, 0, "bench")
    shell = UdpShell(core, sock, lambda events: None, second_core=second_core)
    shell.start()
    pipe.send(sock.getsockname())
    while shell.sent < WARM_UP:  # noqa: ASYNC110 - an event for each Pong would cost time
        await asyncio.sleep(0.001)
    sent, cpu, wall = shell.sent, time.process_time(), time.perf_counter()
    while shell.sent < sent + PINGS:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.02)
    done = shell.sent - sent
    cost, rate = (time.process_time() - cpu) / done, done / (time.perf_counter() - wall)
    pipe.send("stop")
    shell.close()
    return cost, rate


def signatures() -> float:
    """CPU seconds of one signature check and one signature."""
    packet = ping(senders(1)[0], 14626)
    envelope = open_envelope(packet)
    assert not isinstance(envelope, str)
    pong = encoding.encode_pong(m.Pong(bytes(32), SERVICES, IP))
    out = bytearray(64)
    begin = time.process_time()
    for _ in range(PINGS):
        assert envelope.verify(US)
        US.sign(pong, 0, len(pong), out, 0)
    return (time.process_time() - begin) / PINGS


async def injected(*, second_core: bool) -> float:
    """Pongs per second for datagrams out of memory, beside which nothing else runs; the second
    process is started by the first ones, which do not count.
    """
    core = node([identity.public_key for identity in senders(OUTSTANDING)])
    sock = bound_udp_socket(IP, 0, "bench")
    shell = UdpShell(core, sock, lambda events: None, second_core=second_core)
    packets = [ping(identity, sock.getsockname()[1]) for identity in senders(OUTSTANDING)]
    batch = [(packet, (IP, 9)) for packet in packets[:32]]
    shell._send_all = lambda: setattr(shell, "sent", shell.sent + len(core.take_outbox()))

    def next_batch() -> list[tuple[bytes, tuple[str, int]]]:
        waiting = shell._verifier.waiting if shell._verifier is not None else 0
        return batch if waiting < 4 * OUTSTANDING else []

    shell._read = next_batch
    core.start(time.monotonic(), int(time.time()))
    while shell.sent < WARM_UP:
        shell._on_readable()
        await asyncio.sleep(0)
    sent, begin = shell.sent, time.perf_counter()
    while shell.sent < sent + PINGS:
        shell._on_readable()
        await asyncio.sleep(0)
    rate = (shell.sent - sent) / (time.perf_counter() - begin)
    shell.close()
    return rate


def cost_at(count: int) -> Callable[[], float]:
    """A function that measures one Ping without its signatures, with so many known peers."""
    identities = [UnsignedIdentity(n.to_bytes(32, "little")) for n in range(1, count + 1)]
    core = node([identity.public_key for identity in identities], UnsignedIdentity(b"o" * 32))
    core.start(0.0, int(time.time()))
    step = max(1, count // 100)
    packets = [ping(identity, 14626) for identity in identities[::step]]
    unix_time = int(time.time())

    def measure() -> float:
        begin = time.process_time()
        for turn in range(PINGS * 3):
            core.receive(packets[turn % len(packets)], (IP, 9), 0.1, unix_time)
            core.take_outbox()
        return (time.process_time() - begin) / (PINGS * 3)

    return measure


def flood(core: Autopeering, first: int, count: int) -> None:
    """Valid Pings of new identities at new public IPs, one each millisecond."""
    unix_time = int(time.time())
    data = encoding.encode_ping(m.Ping(0, 40, unix_time, "0.0.0.0", 14626, IP))
    for number in range(first, first + count):
        now = number / 1000
        ip = f"{20 + (number >> 24)}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        core.handle_timer(now, unix_time)
        packet = seal(UnsignedIdentity(number.to_bytes(32, "little")), data)
        core.receive(packet, (ip, 14626), now, unix_time)
        core.take_outbox()
        core.take_events()


# THE REPORT


def verdict(value: float, limit: float, *, at_most: bool) -> str:
    """What to print beside a figure."""
    good = value <= limit if at_most else value >= limit
    return f"{'at most' if at_most else 'at least'} {limit}: {'met' if good else 'MISSED'}"


def cost_and_rate(pipe: Connection) -> None:
    """The figures that need the load generator."""
    ratios, ones, twos = [], [], []
    for _ in range(ROUNDS):
        alone = signatures()
        cost, rate = asyncio.run(serve(pipe, second_core=False))
        ratios.append(cost / ((alone + signatures()) / 2))
        ones.append(rate)
        twos.append(asyncio.run(serve(pipe, second_core=True))[1])
    ratio = statistics.median(ratios)
    print(
        f"CPU of a Ping: {ratio:.2f} times one signature check and one signature"
        f" ({min(ratios):.2f} to {max(ratios):.2f}; {verdict(ratio, COST_LIMIT, at_most=True)})"
    )
    gain = statistics.median(two / one for one, two in zip(ones, twos, strict=True))
    print(
        f"Pongs per second: {statistics.median(ones):,.0f}, with a second core"
        f" {statistics.median(twos):,.0f}: {gain:.2f} times"
        f" ({verdict(gain, SECOND_CORE_LIMIT, at_most=False)})"
    )


def injected_rates() -> None:
    """The same out of memory."""
    pairs = [
        (asyncio.run(injected(second_core=False)), asyncio.run(injected(second_core=True)))
        for _ in range(ROUNDS)
    ]
    gain = statistics.median(two / one for one, two in pairs)
    print(
        f"Out of memory: {statistics.median(one for one, _ in pairs):,.0f}, with a second core"
        f" {statistics.median(two for _, two in pairs):,.0f}: {gain:.2f} times"
        f" ({verdict(gain, INJECTED_LIMIT, at_most=False)})"
    )


def growth() -> None:
    """Without signatures, at 10 to 10,000 known peers, in turns."""
    measures = {count: cost_at(count) for count in (10, 100, 1000, 10_000)}
    rounds = [[measure() for measure in measures.values()] for _ in range(ROUNDS)]
    costs = [statistics.median(column) for column in zip(*rounds, strict=True)]
    shown = ", ".join(
        f"{count:,}: {cost * 1e6:.1f} us" for count, cost in zip(measures, costs, strict=True)
    )
    factor = max(costs) / min(costs)
    print(
        f"CPU of a Ping without signatures, by known peers: {shown}; {factor:.2f} times"
        f" ({verdict(factor, GROWTH_LIMIT, at_most=True)})"
    )


def memory() -> None:
    """What this process holds after 100,000 strangers, and after a million."""
    core = node([], UnsignedIdentity(b"o" * 32))
    core.start(0.0, int(time.time()))
    flood(core, 0, 100_000)
    before = resident_kb()
    flood(core, 100_000, STRANGERS - 100_000)
    grown = resident_kb() - before
    good = "met" if grown <= FLAT_KB else "MISSED"
    print(
        f"Memory after {STRANGERS:,} Pings of strangers: {grown:+,} KB since the first 100,000"
        f" (at most {FLAT_KB:+,}: {good}); known: {len(core.peers.known)}"
    )


def resident_kb() -> int:
    """The memory that this process has now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize() // 1024


def main() -> int:
    """Print every figure."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=load, args=(theirs,), daemon=True)
    child.start()
    try:
        cost_and_rate(ours)
    finally:
        ours.send(None)
        child.join(5)
    injected_rates()
    growth()
    memory()
    return 0


if __name__ == "__main__":
    sys.exit(main())
