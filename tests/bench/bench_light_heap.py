"""The heap of a light node with four connected peers, on the 32-bit rung, and again after 10,000
messages.

The node is the one that boards get, under the i386 MicroPython of rung 2, on the sockets of this
machine. Its four peers are the core on CPython in this process; the heap is read over the node's
serial line, after a collection. Two ways in which a board may hold our code are measured:

- in flash, as a firmware with our modules frozen in has it, or one with a ROM file system: here a
  ROM file system in memory, whose own size is subtracted;
- as .mpy files on the board's LittleFS, which are copied into the heap when they are imported.

The signatures are plain ints, without native code: what they hold is told apart. Called by `make
bench`; the limit is 64 KB, for code in flash.
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

from mpremote.romfs import VfsRomWriter
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
MODULES = ROOT / "build/mpy/x86"
PACKAGES = ("shimlet", "shimlet_light", "shimlet_crypto")
HEAP_BYTES = 128 * 1024
MOUNT = """
import sys, vfs
vfs.mount(vfs.VfsRom(open("rom.img", "rb").read()), "/rom")
sys.path[:0] = ["/rom"]
"""
START = MOUNT + "import main\n"
CRYPTO = """
import gc
gc.collect()
before = gc.mem_alloc()
import shimlet_crypto
gc.collect()
print(gc.mem_alloc() - before)
"""
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


def flash_image() -> bytes:
    """Our modules as a ROM file system, from which MicroPython runs them in place."""
    rom = VfsRomWriter()
    for package in PACKAGES:
        rom.opendir(package)
        for module in sorted((MODULES / package).glob("*.mpy")):
            rom.mkfile(module.name, module.read_bytes())
        rom.closedir()
    return bytes(rom.finalise())


class LightNode:
    """The node under test: a MicroPython process, asked over its standard input."""

    def __init__(self, folder: Path, image: bytes) -> None:
        self.folder = folder
        self.image = image
        path = ".frozen" if image else f".frozen:{MODULES}"
        self.environment = {**os.environ, "MICROPYPATH": path}
        self.process: asyncio.subprocess.Process | None = None
        self.asked = 0

    async def start(self) -> None:
        """Run main.py as the board does; all else comes compiled."""
        shutil.copy(ROOT / "firmware/main.py", self.folder)
        (self.folder / "rom.img").write_bytes(self.image)
        (self.folder / "start.py").write_text(START if self.image else "import main\n")
        self.process = await asyncio.create_subprocess_exec(
            str(MICROPYTHON),
            "-X",
            f"heapsize={HEAP_BYTES + len(self.image)}",
            "start.py",
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


async def run(folder: Path, image: bytes) -> tuple[int, int, int, float]:
    """Start everything and measure: bytes before the links, with them, and after the messages."""
    peers = [Peer(number + 1) for number in range(PEERS)]
    tasks = [peer.start() for peer in peers]
    write_config(folder, peers)
    node = LightNode(folder, image)
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
    flash = len(image)
    return alone - flash, before - flash, after - flash, latency_ms


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


def held_by_crypto(image: bytes, folder: Path) -> int:
    """What the signatures alone hold once they are imported."""
    (folder / "rom.img").write_bytes(image)
    (folder / "crypto.py").write_text((MOUNT if image else "") + CRYPTO)
    environment = {**os.environ, "MICROPYPATH": ".frozen" if image else f".frozen:{MODULES}"}
    heap = f"heapsize={HEAP_BYTES + len(image)}"
    command = [str(MICROPYTHON), "-X", heap, "crypto.py"]
    return int(subprocess.check_output(command, cwd=folder, env=environment, text=True))


def measure(name: str, image: bytes) -> int:
    """Print the figures of one way to hold the code; the larger of the two that are limited."""
    folder = Path(tempfile.mkdtemp(prefix="shimlet-heap-"))
    try:
        crypto = held_by_crypto(image, folder)
        alone, before, after, latency_ms = asyncio.run(run(folder, image))
    finally:
        shutil.rmtree(folder)
    limit = f" (limit {LIMIT_BYTES})" if image else ""
    print(f"light node on i386, code {name}: {alone} B before its peers are connected")
    print(f"  {PEERS} peers connected: {before} B of heap{limit}; the signatures hold {crypto}")
    print(f"  after {MESSAGES} messages: {after} B{limit}")
    print(f"  200 status requests: the slowest took {latency_ms:.1f} ms")
    return max(before, after)


def main() -> int:
    """Measure both; exit status 1 above the limit."""
    if not MICROPYTHON.exists():
        print("The 32-bit MicroPython is not there: `make test-arm32` gets it.")
        return 0
    in_flash = measure("in flash", flash_image())
    measure("in .mpy files", b"")
    return 1 if in_flash > LIMIT_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
