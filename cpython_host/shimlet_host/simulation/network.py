"""The virtual network: takes a packet, and delivers it later, twice, or never.

In: bytes with their addresses. Out: a call of the receiver's receive(). Latency is drawn anew for
each packet, so packets overtake one another. All that was sent is counted. Called by the nodes,
the attackers and links.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from shimlet_host.simulation.clock import Clock

Address = tuple[str, int]
PORT = 14626
_LATE = 10  # a packet that is held back takes so many times as long


@dataclass
class Conditions:
    """What happens to packets. Shares from 0 to 1, seconds for one way."""

    latency_s: float = 0.05
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0


class Endpoint(Protocol):
    """Whoever has an address."""

    ip: str

    @property
    def is_up(self) -> bool:
        """Whether it runs."""

    def receive(self, data: bytes, source: Address) -> None:
        """A packet has arrived."""


class Network:
    """Who is where, and what is between them."""

    def __init__(self, clock: Clock, entropy: random.Random, conditions: Conditions) -> None:
        self.conditions = conditions
        self.messages = 0
        self.bytes = 0
        self._clock = clock
        self._random = entropy
        self._endpoints: dict[str, Endpoint] = {}
        self._cut_off: frozenset[str] = frozenset()

    def connect(self, endpoint: Endpoint) -> None:
        """Give an endpoint its address."""
        self._endpoints[endpoint.ip] = endpoint

    def disconnect(self, endpoint: Endpoint) -> None:
        """Its address leads nowhere now."""
        self._endpoints.pop(endpoint.ip, None)

    def delay_s(self) -> float:
        """How long the next packet takes."""
        return self.conditions.latency_s * (0.5 + self._random.random())

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        """Put a packet on its way."""
        self.messages += 1
        self.bytes += len(data)
        self._carry(data, source, destination)
        if self.conditions.duplication and self._random.random() < self.conditions.duplication:
            self._carry(data, source, destination)

    def _carry(self, data: bytes, source: Address, destination: Address) -> None:
        conditions, entropy = self.conditions, self._random
        if conditions.loss and entropy.random() < conditions.loss:
            return
        delay_s = self.delay_s()
        if conditions.reordering and entropy.random() < conditions.reordering:
            delay_s *= _LATE
        self._clock.after(delay_s, self._deliver, data, source, destination)

    def _deliver(self, data: bytes, source: Address, destination: Address) -> None:
        endpoint = self._endpoints.get(destination[0])
        if endpoint is None or not endpoint.is_up or destination[1] != PORT:
            return
        if self._cut_off and not self.are_connected(source[0], destination[0]):
            return
        endpoint.receive(data, source)

    # PARTITIONS

    def split(self, cut_off: Iterable[str]) -> None:
        """From now on nothing passes between these IPs and the others."""
        self._cut_off = frozenset(cut_off)

    def heal(self) -> None:
        """Everybody reaches everybody again."""
        self._cut_off = frozenset()

    def are_connected(self, one: str, other: str) -> bool:
        """Whether no partition is between two IPs."""
        return (one in self._cut_off) == (other in self._cut_off)
