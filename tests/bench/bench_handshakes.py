"""Handshakes accepted by the host: per second, and their CPU time beside that of the signature
check and signature alone.

A child process accepts (the core's Streams on real sockets); this one dials with requests signed
beforehand, one after the other and eight at once. The baseline of the same run is plain asyncio
streams that read, check, sign and answer, with none of our checks. `make bench` runs it. The limit
is a CPU ratio of 4.5.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from shimlet.gossip import Gossip, Store
from shimlet.handshake import Rules
from shimlet.link import Link
from shimlet.manual import ManualPeering
from shimlet.packet import Packet
from shimlet.ports import Watcher
from shimlet.streams import Limits, Streams
from shimlet_host.identity import HostIdentity
from shimlet_host.net import HostNet, Listener

HANDSHAKES = 1500
LIMIT = 4.5
ROUNDS = 3  # medians are printed


class NoStore(Store):
    """No messages pass here."""


def identity(number: int) -> HostIdentity:
    """The number-th of a row of identities."""
    return HostIdentity(number.to_bytes(32, "big"))


def accepter_keys(count: int) -> tuple[HostIdentity, list[HostIdentity]]:
    """An identity with a key larger than those of `count` dialling ones."""
    identities = sorted((identity(n) for n in range(count + 1)), key=lambda i: i.public_key)
    return identities[-1], identities[:-1]


async def serve_shimlet(pipe: Connection) -> None:
    """Our accepting side, with every dialler listed."""
    us, diallers = accepter_keys(HANDSHAKES)
    manual = ManualPeering(us.public_key, HANDSHAKES)
    rules = Rules("spec", [], 4096)
    net = HostNet()
    gossip = Gossip(us, NoStore(), 100, True)
    streams = Streams(us, manual, gossip, rules, net, Limits(), Watcher())
    for dialler in diallers:
        streams.add(dialler.public_key, "127.0.0.1:1")
    listener = Listener("127.0.0.1", 0, streams.on_stream)
    listener.start()
    task = asyncio.create_task(streams.run())
    await report(pipe, listener.address)
    task.cancel()


async def serve_plain(pipe: Connection) -> None:
    """asyncio streams that only check and sign."""
    us, _ = accepter_keys(HANDSHAKES)
    packet = Packet()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = bytearray(await reader.read(256))
        packet.parse(request, 0, len(request))
        assert packet.verify(us, request)
        signature = bytearray(64)
        us.sign(request, packet.data_at, packet.data_length, signature, 0)
        writer.write(bytes(136))
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    await report(pipe, f"{host}:{port}")


async def report(pipe: Connection, address: str) -> None:
    """Tell where we listen; at each word from the parent, tell the CPU seconds used so far, and
    those of one check and signature alone, measured here and now.
    """
    loop = asyncio.get_running_loop()
    pipe.send(address)
    while await loop.run_in_executor(None, pipe.recv):
        used = time.process_time()
        pipe.send((used, crypto_alone(), time.process_time() - used))


def child(serve: Callable[[Connection], None], pipe: Connection) -> None:
    asyncio.run(serve(pipe))  # type: ignore[arg-type]


def presigned(diallers: list[HostIdentity], us: HostIdentity, address: str) -> list[bytes]:
    """One request of each dialler."""
    rules = Rules("spec", [], 16)
    now = int(time.time())
    return [
        Link(dialler, rules, 0).request(us.public_key, address.encode(), now, 0)
        for dialler in diallers
    ]


async def dial(address: str, requests: list[bytes]) -> None:
    """All handshakes of the list, one after the other."""
    host, port = address.split(":")
    for request in requests:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        await reader.readexactly(136)
        writer.close()


async def dial_many(address: str, requests: list[bytes], at_once: int) -> None:
    await asyncio.gather(*(dial(address, requests[n::at_once]) for n in range(at_once)))


def measure(serve: object, at_once: int) -> tuple[float, float, float]:
    """Handshakes per second; CPU seconds of the accepting process for each, and their ratio to
    those of check and signature alone, as measured before and after in the same process.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(serve, theirs))
    process.start()
    address = ours.recv()
    us, diallers = accepter_keys(HANDSHAKES)
    requests = presigned(diallers, us, address)
    ours.send(True)
    used_before, alone_before, measuring = ours.recv()
    start = time.perf_counter()
    asyncio.run(dial_many(address, requests, at_once))
    elapsed = time.perf_counter() - start
    ours.send(True)
    used_after, alone_after, _ = ours.recv()
    process.kill()
    process.join()
    cpu = (used_after - used_before - measuring) / len(requests)
    return len(requests) / elapsed, cpu, cpu / ((alone_before + alone_after) / 2)


def latencies(silent: int) -> list[float]:
    """Seconds from connect to response, 100 times, beside so many silent connections."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=child, args=(serve_shimlet, theirs)
    )
    process.start()
    address = ours.recv()
    host, port = address.split(":")
    us, diallers = accepter_keys(HANDSHAKES)
    found = []
    for request in presigned(diallers[:100], us, address):
        quiet = [socket.create_connection((host, int(port))) for _ in range(silent)]
        start = time.perf_counter()
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(request)
            assert len(sock.recv(256)) == 136
        found.append(time.perf_counter() - start)
        for sock in quiet:
            sock.close()
    process.kill()
    process.join()
    return sorted(found)


def crypto_alone() -> float:
    """CPU seconds of one signature check and one signature."""
    us, diallers = accepter_keys(200)
    requests = [bytearray(r) for r in presigned(diallers, us, "127.0.0.1:14666")]
    packet = Packet()
    out = bytearray(64)
    start = time.process_time()
    for request in requests:
        packet.parse(request, 0, len(request))
        assert packet.verify(us, request)
        us.sign(request, packet.data_at, packet.data_length, out, 0)
    return (time.process_time() - start) / len(requests)


def main() -> None:
    kinds = [("plain asyncio streams", serve_plain), ("shimlet", serve_shimlet)]
    for at_once in (1, 8):
        # In turn, so that a machine that is slow for a while is so for both.
        rounds = [[measure(serve, at_once) for _, serve in kinds] for _ in range(ROUNDS)]
        for index, (name, _) in enumerate(kinds):
            rate, cpu, ratio = (
                statistics.median(x) for x in zip(*(r[index] for r in rounds), strict=True)
            )
            print(
                f"{name}, {at_once} at once: {rate:.0f} handshakes/s, {cpu * 1e6:.0f} us of CPU"
                f" each; times check and signature alone: {ratio:.2f}"
                + (f" (limit {LIMIT})" if index else "")
            )
    for silent in (0, 200):
        times = latencies(silent)
        print(
            f"shimlet, beside {silent} silent connections: a handshake takes"
            f" {times[50] * 1000:.1f} ms in the middle, {times[-1] * 1000:.1f} ms at most"
            + (" (limit: 100 ms more)" if silent else "")
        )


if __name__ == "__main__":
    sys.exit(main())
