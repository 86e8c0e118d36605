"""What a run was like: samples while it goes, a summary at its end.

In: a World. Out: Sample and Summary, plain values that report.py prints and plot.py draws. Only
links that stand count in the graph; a node is eclipsed when all its neighbors are the attacker's.
Called by running.py and tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, quantiles

from shimlet_host.simulation.graph import components, diameter
from shimlet_host.simulation.node import SimulatedNode
from shimlet_host.simulation.world import World


@dataclass(frozen=True)
class Sample:
    """One moment. Means are over the honest nodes that run."""

    minute: float
    nodes: int
    full: float  # share of nodes with all places of their neighborhood taken
    chosen: float
    accepted: float
    verified: float
    eclipsed: int
    messages: float  # sent for each node and minute since the sample before
    largest_component: float  # as a share of the nodes


@dataclass(frozen=True)
class Summary:
    """A whole run. Messages and bytes are UDP packets sent, by attackers too."""

    samples: tuple[Sample, ...]
    messages: int
    bytes: int
    messages_per_node_minute: float
    bytes_per_node_minute: float
    late_messages_per_node_minute: float  # in the second half of the run
    lifetime_deciles_s: tuple[float, ...]  # of the links that ended: 0, 10, ... 100 % lived less
    links: int
    ended_links: int
    median_lifetime_s: float | None  # of the links that ended
    median_age_s: float | None  # of those that stand
    components: int
    largest_component: float  # as a share of the nodes
    diameter: int
    eclipsed: int  # at the end
    ever_eclipsed: int

    @property
    def last(self) -> Sample:
        """The end of the run."""
        return self.samples[-1]


class Recorder:
    """Takes samples of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.samples: list[Sample] = []
        self._messages = 0
        self._node_minutes = 0.0
        self._eclipsed: dict[bytes, None] = {}

    def take(self) -> Sample:
        """Look at all nodes now."""
        nodes = list(self._world.up())
        eclipsed = [node for node in nodes if is_eclipsed(self._world, node)]
        self._eclipsed |= dict.fromkeys(node.public_key for node in eclipsed)
        parts = components(linked(self._world))
        minutes = self._world.clock.now / 60
        passed = (minutes - (self.samples[-1].minute if self.samples else 0.0)) * len(nodes)
        sent = self._world.network.messages - self._messages
        sample = Sample(
            minute=minutes,
            nodes=len(nodes),
            full=_mean(node.is_full for node in nodes),
            chosen=_mean(len(node.core.selection.chosen) for node in nodes),
            accepted=_mean(len(node.core.selection.accepted) for node in nodes),
            verified=_mean(len(node.core.peers.verified) for node in nodes),
            eclipsed=len(eclipsed),
            messages=sent / passed if passed else 0.0,
            largest_component=len(parts[0]) / len(nodes) if parts else 0.0,
        )
        self._node_minutes += passed
        self._messages += sent
        self.samples.append(sample)
        return sample

    def summary(self) -> Summary:
        """All of it; the last sample must be of the end."""
        world = self._world
        now = world.clock.now
        neighbors = linked(world)
        parts = components(neighbors)
        lifetimes = world.links.lifetimes_s
        ages = [now - link.since for link in world.links.standing]
        node_minutes = max(self._node_minutes, 1e-9)
        return Summary(
            samples=tuple(self.samples),
            messages=world.network.messages,
            bytes=world.network.bytes,
            messages_per_node_minute=world.network.messages / node_minutes,
            bytes_per_node_minute=world.network.bytes / node_minutes,
            late_messages_per_node_minute=_mean(
                sample.messages for sample in self.samples[len(self.samples) // 2 :]
            ),
            lifetime_deciles_s=_deciles(lifetimes),
            links=len(world.links.standing),
            ended_links=len(lifetimes),
            median_lifetime_s=median(lifetimes) if lifetimes else None,
            median_age_s=median(ages) if ages else None,
            components=len(parts),
            largest_component=len(parts[0]) / len(neighbors) if parts else 0.0,
            diameter=diameter(neighbors, parts[0]) if parts else 0,
            eclipsed=self.samples[-1].eclipsed,
            ever_eclipsed=len(self._eclipsed),
        )


def linked(world: World) -> list[list[int]]:
    """For each honest node that runs, the numbers of those to which it has a link."""
    nodes = list(world.up())
    number = {node.public_key: index for index, node in enumerate(nodes)}
    return [[number[key] for key in node.links if key in number] for node in nodes]


def is_eclipsed(world: World, node: SimulatedNode) -> bool:
    """Whether a node has neighbors, and no honest one among them."""
    selection = node.core.selection
    halves = (selection.chosen.neighbors, selection.accepted.neighbors)
    if not any(halves):
        return False
    return not any(key in world.by_key for half in halves for key in half)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(mean(found)) if found else 0.0


def _deciles(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) < 2:
        return tuple(values) * 11
    return (min(values), *quantiles(values, n=10, method="inclusive"), max(values))
