"""Autopeering cores on a pretend network with one virtual clock, for tests.

In: a seed and what the network does to packets. Out: nodes that have met, and every packet that
was sent, so that a test can hold it, repeat it or change it. Nothing sleeps: run() jumps from one
moment to the next. Called by tests/autopeering.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import replace

from shimlet_host.autopeering import Autopeering, Parameters, Reason
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.envelope import open_envelope, seal
from shimlet_host.autopeering.events import Event, NeighborChosen, NeighborDropped
from shimlet_host.autopeering.messages import Message, Service
from shimlet_host.identity import HostIdentity

UNIX_START = 1_800_000_000
PORT = 14626
LATENCY_S = 0.02
SERVICES = {"peering": Service("udp", PORT), "gossip": Service("tcp", 14666)}
PARAMETERS = Parameters(chain_length=64, chain_start_s=UNIX_START - 20 * 7200)

Packet = tuple[bytes, tuple[str, int], tuple[str, int]]  # bytes, from, to


class WorldNode:
    """One core at an address; `core` is the real one."""

    def __init__(self, world: "World", ip: str, seed: bytes, parameters: Parameters) -> None:
        self.world = world
        self.ip = ip
        self.identity = HostIdentity(seed)
        entropy = random.Random(seed)
        self.core = Autopeering(self.identity, seed, parameters, SERVICES, entropy, [ip])
        self.events: list[Event] = []
        self.links: set[bytes] = set()

    @property
    def key(self) -> bytes:
        """The public key."""
        return self.identity.public_key

    def start(self) -> None:
        """Begin at the world's time."""
        self.core.start(self.world.now, self.world.unix_time)
        self.world.settle(self)

    def receive(self, packet: bytes, address: tuple[str, int]) -> Reason | None:
        """Hand in one packet; what it causes is put on the wire."""
        reason = self.core.receive(packet, address, self.world.now, self.world.unix_time)
        self.world.settle(self)
        return reason

    def sign(self, data: bytes) -> bytes:
        """A packet of this node around any data."""
        return seal(self.identity, data)


class World:
    """The network. `drop` decides which packets are lost; all of them are in `sent`."""

    def __init__(self, seed: int = 1, parameters: Parameters = PARAMETERS) -> None:
        self.random = random.Random(seed)
        self.parameters = parameters
        self.now = 0.0
        self.nodes: dict[str, WorldNode] = {}
        self.sent: list[Packet] = []
        self.drop: Callable[[Packet], bool] = lambda packet: False
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def unix_time(self) -> int:
        """The wall clock of everybody."""
        return UNIX_START + int(self.now)

    def node(self, ip: str | None = None, **changes: object) -> WorldNode:
        """A new node, not started; `changes` are parameters of its own."""
        ip = ip or f"20.0.{len(self.nodes)}.1"
        parameters = replace(self.parameters, **changes)  # type: ignore[arg-type]
        self.nodes[ip] = WorldNode(self, ip, self.random.randbytes(32), parameters)
        return self.nodes[ip]

    def started(self, count: int, **changes: object) -> list[WorldNode]:
        """So many nodes; the first one is the entry node of the others."""
        nodes = [self.node(**changes) for _ in range(count)]
        for node in nodes:
            node.start()
            if node is not nodes[0]:
                node.core.add_entry_node(nodes[0].key, nodes[0].ip, PORT)
            self.settle(node)
        return nodes

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            due = [(timer, node) for node in self.nodes.values() if (timer := _next(node)) <= end]
            first = min((timer for timer, _ in due), default=end + 1)
            if self._queue and self._queue[0][0] <= min(first, end):
                self.now, _, action = heapq.heappop(self._queue)
                action()
            elif first <= end:
                self.now = max(first, self.now)
                self._tick([node for timer, node in due if timer == first])
            else:
                self.now = end
                return

    def _tick(self, nodes: list[WorldNode]) -> None:
        for node in nodes:
            node.core.handle_timer(self.now, self.unix_time)
            self.settle(node)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something after a while."""
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay_s, self._count, action))

    def settle(self, node: WorldNode) -> None:
        """Put a node's outbox on the wire, and act upon its events as a full node does."""
        for data, address in node.core.take_outbox():
            packet = (data, (node.ip, PORT), address)
            self.sent.append(packet)
            if not self.drop(packet):
                self.later(LATENCY_S, lambda packet=packet: self._deliver(packet))
        for event in node.core.take_events():
            node.events.append(event)
            if isinstance(event, NeighborChosen):
                self.later(LATENCY_S, lambda key=event.peer.public_key: self._link(node, key))
            elif isinstance(event, NeighborDropped):
                self._unlink(node, event.peer.public_key)

    def _deliver(self, packet: Packet) -> None:
        data, sender, address = packet
        node = self.nodes.get(address[0])
        if node is not None:
            node.receive(data, sender)

    def by_key(self, public_key: bytes) -> WorldNode | None:
        """The node with this key."""
        return next((node for node in self.nodes.values() if node.key == public_key), None)

    def _link(self, node: WorldNode, public_key: bytes) -> None:
        """The requester dials; the other takes whom it accepted."""
        other = self.by_key(public_key)
        if other is not None and node.key in other.core.selection.accepted:
            node.links.add(public_key)
            other.links.add(node.key)
            node.core.link_up(public_key)
            other.core.link_up(node.key)
        else:
            node.core.link_lost(public_key, self.now, self.unix_time)
            self.settle(node)

    def _unlink(self, node: WorldNode, public_key: bytes) -> None:
        other = self.by_key(public_key)
        node.links.discard(public_key)
        if other is not None and node.key in other.links:
            other.links.discard(node.key)
            self.later(LATENCY_S, lambda: self._notice(other, node.key))

    def _notice(self, node: WorldNode, public_key: bytes) -> None:
        if public_key not in node.links:
            node.core.link_lost(public_key, self.now, self.unix_time)
            self.settle(node)

    def messages(self, sender: WorldNode, kind: type, since: int = 0) -> list[Message]:
        """The messages of one kind that a node has sent."""
        found = []
        for data, address, _ in self.sent[since:]:
            envelope = open_envelope(data)
            if address[0] == sender.ip and not isinstance(envelope, Reason):
                message = decode(envelope.data)
                if isinstance(message, kind):
                    found.append(message)
        return found


def _next(node: WorldNode) -> float:
    timer = node.core.next_timer()
    return float("inf") if timer is None else timer
