"""A whole run: the clock, the network, the honest nodes and whoever attacks them.

In: Settings, and for tests a function that is called after every step of a node. Out: nodes whose
state statistics.py reads while time passes. The first node is the entry node of all others. Called
by running.py, experiments.py and tests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from shimlet_host.simulation.clock import Clock
from shimlet_host.simulation.links import Links
from shimlet_host.simulation.network import Network
from shimlet_host.simulation.node import SimulatedNode, Surroundings
from shimlet_host.simulation.settings import Settings

_SUBNETS = 250


class World:
    """`nodes` are the honest ones, those that have left included."""

    def __init__(
        self, settings: Settings, after_step: Callable[[SimulatedNode], None] | None = None
    ) -> None:
        self.settings = settings.checked()
        self.random = random.Random(settings.seed)
        self.clock = Clock()
        network = Network(
            self.clock, random.Random(self.random.randbytes(16)), settings.conditions
        )
        links = Links(self.clock, network)
        self.around = Surroundings(self.clock, network, links, settings.signatures, after_step)
        self.network, self.links = network, links
        self.nodes: list[SimulatedNode] = []
        self.by_key: dict[bytes, SimulatedNode] = {}

    # NODES

    def add_node(self, ip: str | None = None, *, only_entry: bool = False) -> SimulatedNode:
        """A new node, not started."""
        settings = self.settings
        node = SimulatedNode(
            self.around,
            ip or self.new_ip(),
            self.random.randbytes(32),
            settings.parameters,
            self.random.uniform(-settings.skew_s, settings.skew_s),
            only_entry=only_entry,
        )
        node.entry_nodes = self.nodes[:1]
        self.nodes.append(node)
        self.by_key[node.public_key] = node
        return node

    def new_ip(self) -> str:
        """An IP in a subnet of its own."""
        third, fourth = divmod(len(self.nodes), _SUBNETS)
        return f"{10 if self.settings.private else 20}.{third}.{fourth}.1"

    def populate(self) -> None:
        """All nodes of the settings, the entry node at once, the others one after the other."""
        for number in range(self.settings.nodes):
            node = self.add_node()
            self.clock.after(
                self.random.uniform(0, self.settings.join_within_s) if number else 0.0, node.start
            )

    def up(self) -> Iterator[SimulatedNode]:
        """The honest nodes that run."""
        return (node for node in self.nodes if node.is_up)

    # TIME AND PARTITIONS

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_until(self.clock.now + seconds)

    def split(self) -> None:
        """Cut the nodes into two halves."""
        shuffled = self.random.sample(self.nodes, len(self.nodes))
        self.network.split(node.ip for node in shuffled[: len(shuffled) // 2])
        self.links.tear()

    def heal(self) -> None:
        """End the partition."""
        self.network.heal()
