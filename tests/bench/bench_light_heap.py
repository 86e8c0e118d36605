"""The heap of a light node with four connected peers, on the 32-bit rung, and again after 10,000
messages.

The node runs as boards get it (compiled, the same modules that boards/manifest.py ships) under the
i386 MicroPython of rung 2, on the sockets of this machine. Its four peers are the core on CPython
in this process; the heap is read over the node's serial line, after a collection. Called by `make
bench`; the limit is 64 KB.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shimlet.gossip import MESSAGE, Gossip, Store
from shimlet.handshake import Rules
from shimlet.identity import base58_decode, base58_encode
from shimlet.manual import ManualPeering
from shimlet.ports import Watcher
from shimlet.streams import Limits, Streams
from shimlet_host.identity import HostIdentity
from shimlet_host.net import HostNet, Listener

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = ROOT / "build/rung2/i386/micropython"
PEERS = 4
WARM_UP = 100  # messages that fill the rings for ids and last messages
MESSAGES = 10_000
MESSAGE_BYTES = 100
BATCH = 100  # messages on their way at once
LIMIT_BYTES = 64 * 1024
PORT = 15_566
UP_WITHIN_S = 30.0


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


class LightNode:
    """The node under test: a MicroPython process, asked over its standard input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        modules = ROOT / "build/mpy/x86"
        self.environment = {**os.environ, "MICROPYPATH": f".frozen:{modules}"}
        self.process: asyncio.subprocess.Process | None = None
        self.asked = 0

    async def start(self) -> None:
        """Run main.py as the board does; all else comes compiled."""
        shutil.copy(ROOT / "firmware/main.py", self.folder)
        self.process = await asyncio.create_subprocess_exec(
            str(MICROPYTHON),
            "-X",
            os.environ.get("HEAP", "heapsize=128k"),
            "main.py",
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    async def ask(self, command: str) -> dict[str, object]:
        """One answer of the serial line; what the node prints besides is passed over."""
        assert self.process and self.process.stdin and self.process.stdout
        self.asked += 1
        request = json.dumps({"cmd": command, "id": self.asked}).encode()
        self.process.stdin.write(b"\x1e" + request + b"\n")
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), UP_WITHIN_S)
            if not line:
                raise SystemExit("The light node ended.")
            if not line.startswith(b"\x1e"):
                print("   node:", line.decode().rstrip())
                continue
            answer: dict[str, object] = json.loads(line[1:])
            if answer.get("id") == self.asked:
                return answer

    async def stop(self) -> None:
        """End it."""
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def run(folder: Path) -> int:
    """Start everything, measure, and answer the exit status."""
    peers = [Peer(number + 1) for number in range(PEERS)]
    tasks = [peer.start() for peer in peers]
    write_config(folder, peers)
    node = LightNode(folder)
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
    print(f"light node, i386, no native code: {loaded_code()} B of loaded modules")
    print(f"at the start: {alone} B of heap in all")
    print(f"{PEERS} peers connected: {before} B of heap (limit {LIMIT_BYTES})")
    print(f"after {MESSAGES} messages: {after} B")
    print(f"200 status requests: the slowest took {latency_ms:.1f} ms")
    return 1 if max(before, after) > LIMIT_BYTES else 0


def loaded_code() -> int:
    """Heap that the modules take: nearly nothing on boards that have them frozen into flash."""
    program = (
        "import gc, asyncio; gc.collect(); before = gc.mem_alloc()\n"
        "import shimlet_light.node, shimlet_light.identity\n"
        "gc.collect(); print(gc.mem_alloc() - before)"
    )
    node = LightNode(ROOT)
    command = [str(MICROPYTHON), "-c", program]
    return int(subprocess.check_output(command, env=node.environment, text=True))


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


def main() -> int:
    """Measure in a temporary folder."""
    if not MICROPYTHON.exists():
        print("The 32-bit MicroPython is not there: `make test-arm32` gets it.")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="shimlet-heap-"))
    try:
        return asyncio.run(run(folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
