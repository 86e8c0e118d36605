"""The heap of a light node with four connected peers, on the 32-bit rung, and again after 10,000
messages.

The node is the one that boards get, under the 32-bit MicroPython of rung 2, on the sockets of this
machine. Its four peers are the core on CPython in this process; the heap is read over the node's
serial line, after a collection. It is measured for each way in which a board may hold our code,
see light_node.py, and with signatures in plain ints or in native code, which lies beside the heap.

Called by `make bench`. With our modules frozen in the limits are 64 KB without native code and 72
KB with it, where the code itself is in flash. From .mpy files heap and native code may take 104 KB
together. That holds for .mpy files in a ROM file system; from files that are copied into the heap
the node takes more, which is printed, and no limit applies.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from light_node import (
    MODULES,
    UP_WITHIN_S,
    Code,
    LightNode,
    code_in_files,
    code_in_rom,
    frozen_code,
)
from native_bytes import native_bytes
from shimlet.gossip import MESSAGE, Gossip, Store
from shimlet.handshake import Rules
from shimlet.identity import base58_decode, base58_encode
from shimlet.manual import ManualPeering
from shimlet.ports import Watcher
from shimlet.streams import Limits, Streams
from shimlet_host.identity import HostIdentity
from shimlet_host.net import HostNet, Listener

PEERS = 4
WARM_UP = 100  # messages that fill the rings for ids and last messages
MESSAGES = 10_000
MESSAGE_BYTES = 100
BATCH = 100  # messages on their way at once
LIMIT_BYTES = 64 * 1024
NATIVE_LIMIT_BYTES = 72 * 1024
TOGETHER_LIMIT_BYTES = 104 * 1024
COUNTED = "armv7m"  # the processor whose native code is added
PORT = 15_566


class NoStore(Store):
    """These peers are asked for nothing."""

    def put(self, message_id: bytes, data: bytes, source: bytes) -> None:
        """Keep nothing."""


class Peer:
    """One peer of the node, with the core on CPython."""

    def __init__(self, number: int) -> None:
        self.identity = HostIdentity(number.to_bytes(32, "big"))
        self.manual = ManualPeering(self.identity.public_key, 1)
        net = HostNet()
        gossip = Gossip(self.identity, NoStore(), 10, False)
        rules = Rules("spec", [], 10)
        self.streams = Streams(self.identity, self.manual, gossip, rules, net, Limits(), Watcher())
        self.listener = Listener("127.0.0.1", 0, self.streams.on_stream)

    def start(self) -> asyncio.Task[None]:
        """Listen and dial."""
        self.listener.start()
        return asyncio.create_task(self.streams.run())


async def run(folder: Path, code: Code) -> tuple[int, int, int, float]:
    """Start everything and measure: bytes before the links, with them, and after the messages."""
    peers = [Peer(number + 1) for number in range(PEERS)]
    tasks = [peer.start() for peer in peers]
    write_config(folder, peers)
    node = LightNode(folder, code)
    await node.start()
    try:
        status = await node.ask("status")
        alone = heap_of(status)
        introduce(peers, str(status["publicKey"]))
        await until_connected(node)
        await flood(peers, node, WARM_UP)
        before = await settled_heap(node)
        await flood(peers, node, MESSAGES)
        after = await settled_heap(node)
        latency_ms = await slowest_answer_ms(node, 200)
    finally:
        await node.stop()
        for task in tasks:
            task.cancel()
    return alone - code.flash, before - code.flash, after - code.flash, latency_ms


def write_config(folder: Path, peers: list[Peer]) -> None:
    """The node's config.json."""
    known = [
        {"publicKey": base58_encode(peer.identity.public_key), "address": peer.listener.address}
        for peer in peers
    ]
    config = {
        "manualPeering": {"knownPeers": known},
        "gossip": {"bindAddress": f"127.0.0.1:{PORT}"},
    }
    (folder / "config.json").write_text(json.dumps(config))


def introduce(peers: list[Peer], public_key: str) -> None:
    """Every peer lists the node."""
    for peer in peers:
        peer.streams.add(base58_decode(public_key), f"127.0.0.1:{PORT}")


async def until_connected(node: LightNode) -> None:
    """Wait until all links are up."""
    deadline = time.monotonic() + UP_WITHIN_S
    while (await node.ask("status"))["links"] != PEERS:
        if time.monotonic() > deadline:
            raise SystemExit(f"Not all peers are connected: {await node.ask('peers')}")
        await asyncio.sleep(0.2)


async def settled_heap(node: LightNode) -> int:
    """Bytes in use once the buffers of the last second are gone."""
    await asyncio.sleep(1)
    return heap_of(await node.ask("status"))


def heap_of(status: dict[str, object]) -> int:
    """Bytes in use after a collection."""
    heap = status["heap"]
    assert isinstance(heap, dict)
    return int(heap["used"])


async def flood(peers: list[Peer], node: LightNode, count: int) -> None:
    """Send messages that are new to the node, from all peers in turn, as fast as it takes them."""
    base = received_by(await node.ask("status"))
    for number in range(count):
        (connection,) = peers[number % PEERS].streams.links.values()
        connection.send(MESSAGE, (base + number).to_bytes(4, "big") * (MESSAGE_BYTES // 4))
        if number % BATCH == BATCH - 1:
            await until_received(node, base + number + 1)


async def until_received(node: LightNode, count: int) -> None:
    """Wait until this many messages reached the node."""
    for _ in range(1000):
        if received_by(await node.ask("status")) >= count:
            return
        await asyncio.sleep(0.01)
    raise SystemExit(f"Messages are lost: {count} were sent, {await node.ask('status')}")


def received_by(status: dict[str, object]) -> int:
    """How many new messages reached the node."""
    return int(str(status["received"]))


async def slowest_answer_ms(node: LightNode, count: int) -> float:
    """The longest time from a status request to its answer."""
    slowest = 0.0
    for _ in range(count):
        start = time.perf_counter()
        await node.ask("status")
        slowest = max(slowest, time.perf_counter() - start)
    return slowest * 1000


def measure(code: Code) -> int:
    """Print the figures of one way to hold the code; by how much they are above their limit."""
    folder = Path(tempfile.mkdtemp(prefix="shimlet-heap-"))
    try:
        crypto = code.held_by_crypto(folder)
        alone, before, after, latency_ms = asyncio.run(run(folder, code))
    finally:
        shutil.rmtree(folder)
    limit = f" (limit {code.limit})" if code.limit else ""
    crypto_kind = "native code" if code.native else "plain ints"
    print(f"light node on i386, {code.name}, signatures in {crypto_kind}: {alone} B at first")
    print(f"  {PEERS} peers connected: {before} B of heap{limit}; the signatures hold {crypto}")
    print(f"  after {MESSAGES} messages: {after} B{limit}")
    print(f"  200 status requests: the slowest took {latency_ms:.1f} ms")
    return max(before, after) - code.limit if code.limit else 0


def native_code() -> int:
    """Print the native code of each processor that boards have; that of the counted one."""
    sizes = {folder.name: native_bytes(folder) for folder in sorted(MODULES.parent.iterdir())}
    shown = ", ".join(f"{arch} {size}" for arch, size in sizes.items() if size is not None)
    print(f"native code of the signatures, beside or in the heap: {shown or 'not known'} B")
    return sizes[COUNTED] or 0


def main() -> int:
    """Measure all; exit status 1 above a limit."""
    excess = 0
    together = TOGETHER_LIMIT_BYTES - native_code()
    print(f"from .mpy files the native code of {COUNTED} leaves {together} B for the heap")
    limited = (
        frozen_code(False, LIMIT_BYTES),
        frozen_code(True, NATIVE_LIMIT_BYTES),
        code_in_rom(together),
    )
    for code in (*limited, code_in_files()):
        if code.micropython.exists():
            excess = max(excess, measure(code))
        else:
            held = f"code {code.name}" + (", to which a limit applies" if code.limit else "")
            print(f"Not measured: {held}. `make {code.made_by}` says what is missing.")
    return 1 if excess > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
