"""Full nodes with autopeering for tests: several on one loop, or as processes, with short
intervals on loopback.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.processes import NodeProcess
from shimlet.identity import base58_encode
from shimlet_host.config import load_config
from shimlet_host.identity import load_identity
from shimlet_host.model import NeighborLists
from shimlet_host.node import Node
from shimlet_host.store import Store

PATIENCE_S = 30
SETTINGS = {
    "gossip.bindAddress": "127.0.0.1:0",
    "webapi.bindAddress": "127.0.0.1:0",
    "manualPeering.reconnectInterval": "200ms",
    "autoPeering.enabled": True,
    "autoPeering.bindAddress": "127.0.0.1:0",
    "autoPeering.queryInterval": "500ms",
    "autoPeering.outboundUpdateInterval": "100ms",
    "autoPeering.fullOutboundUpdateInterval": "1s",
    "autoPeering.responseTimeout": "200ms",
}


class AutoProcess(NodeProcess):
    """A process; `entries` are those it starts from."""

    def __init__(
        self, folder: Path, *entries: AutoProcess, profile: str = "spec", **settings: object
    ) -> None:
        content = {**SETTINGS, "autoPeering.entryNodes": [each.entry for each in entries]}
        content["profile"] = profile
        content |= {f"autoPeering.{key}": value for key, value in settings.items()}
        super().__init__(folder, content)

    def start(self) -> AutoProcess:
        """Start, and know where it listens for others."""
        super().start()
        self.udp = self.await_log("autopeering listens")["address"]
        return self

    def keep_ports(self) -> None:
        """Listen at the same ports from the next start on, as nodes outside of tests do."""
        ports = {"gossip.bindAddress": self.gossip, "autoPeering.bindAddress": self.udp}
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | ports))

    @property
    def entry(self) -> str:
        """As it stands among the entryNodes of others."""
        return f"{self.public_key}@{self.udp}"

    def neighbors(self) -> dict[str, set[str]]:
        """The keys of all that it knows, by kind."""
        lists = self.ask("GET", "/autopeering/neighbors?known=1")[1]
        return {kind: {peer["publicKey"] for peer in peers} for kind, peers in lists.items()}

    def linked(self) -> set[str]:
        """The keys of its neighbors."""
        lists = self.neighbors()
        return lists["chosen"] | lists["accepted"]


@contextmanager
def made_node(folder: Path, *entries: Node, **settings: Any) -> Iterator[Node]:
    """A node of this process that has not started."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [f"{base58_encode(each.identity.public_key)}@{udp_of(each)}" for each in entries]
    content = {**SETTINGS, "node.dataDirectory": ".", "autoPeering.entryNodes": listed}
    content |= {key.replace("__", "."): value for key, value in settings.items()}
    path = folder / "config.json"
    path.write_text(json.dumps(content))
    store = Store(folder, print)
    try:
        yield Node(load_config(path, environment={}), load_identity(folder, None, print), store)
    finally:
        store.close()


class Running:
    """Nodes on this loop. Use it with `async with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Any] = []
        self.nodes: list[Node] = []

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            await node.stop()
        for made in self._made:
            made.__exit__(None, None, None)

    async def start(self, *entries: Node, **settings: Any) -> Node:
        """One more; `entries` are those it starts from, "__" in a setting stands for a dot."""
        made = made_node(self._folder / str(len(self.nodes)), *entries, **settings)
        node = made.__enter__()
        self._made.append(made)
        node.listen()
        self.nodes.append(node)
        await node.start()
        return node


def udp_of(node: Node) -> str:
    """Where it listens for others."""
    assert node.auto is not None
    return node.auto.status().address


def key_of(node: Node) -> bytes:
    """Its public key."""
    return node.identity.public_key


def auto_keys(node: Node) -> set[bytes]:
    """Those that autopeering calls neighbors."""
    lists: NeighborLists = node.neighbors(known=False)
    return {peer.public_key for peer in lists.chosen + lists.accepted}


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Let the nodes run until this is so."""
    for _ in range(PATIENCE_S * 50):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(what)


def play(test: Callable[[Running], Awaitable[None]], folder: Path) -> None:
    """Run an async test with nodes; a fault in a callback of the loop fails it."""

    async def guarded() -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        async with Running(folder) as running:
            await test(running)
        assert not faults, faults

    asyncio.run(guarded())
