"""This node, as discovery and selection share it: identity, clock readings, outbox, events.

The two clocks are set at each entry into the core and read everywhere below it, so that salt,
timestamp and deadlines of one step come from one reading. Made by protocol.py.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from shimlet.identity import Identity

from shimlet_host.autopeering import networks
from shimlet_host.autopeering.encoding import encode_services
from shimlet_host.autopeering.events import Event
from shimlet_host.autopeering.messages import Services
from shimlet_host.autopeering.parameters import MAX_AHEAD_S, Parameters
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.timers import Timer, Timers

Address = tuple[str, int]
MAX_OUTBOX = 4096  # datagrams; the shell takes them after every packet that it hands in


class Entropy(Protocol):
    """What is drawn at random; random.Random and its SystemRandom have all of it."""

    def random(self) -> float:
        """0 <= x < 1."""

    def randbytes(self, n: int) -> bytes:
        """So many bytes."""

    def sample(self, population: Sequence[int], k: int) -> list[int]:
        """k different ones."""


class Local:
    """Us. `now` is monotonic seconds, `unix_time` whole seconds for the wire."""

    def __init__(
        self, identity: Identity, parameters: Parameters, services: Services, entropy: Entropy
    ) -> None:
        self.identity = identity
        self.public_key = identity.public_key
        self.node_id = identity.node_id
        self.parameters = parameters
        self.offer(services)
        self.entropy = entropy
        self.addresses: set[str] = set()  # canonical IPs under which we are reached
        self.now = 0.0
        self.unix_time = 0
        self.timers = Timers()
        self.outbox: deque[tuple[bytes, Address]] = deque(maxlen=MAX_OUTBOX)
        self.events: list[Event] = []
        self.counters: Counter[str] = Counter()

    def offer(self, services: Services) -> None:
        """What our Pongs offer from now on."""
        self.services = services
        self.encoded_services = encode_services(services)

    def send(self, data: bytes, address: Address) -> None:
        """Put the data of a message into the outbox; it is signed when it leaves."""
        self.outbox.append((data, address))

    def after(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Do something later."""
        return self.timers.at(self.now + delay_s, action)

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return low + (high - low) * self.entropy.random()

    def freshness(self, timestamp: int) -> Reason | None:
        """What is wrong with the timestamp of a request."""
        age_s = self.unix_time - timestamp
        if age_s >= self.parameters.request_expiration_time_s:
            return Reason.EXPIRED
        return Reason.IN_THE_FUTURE if -age_s > MAX_AHEAD_S else None

    def may_know(self, ip: str) -> bool:
        """Whether a stranger's address makes sense here: public, or of our own kind of network."""
        kind = networks.kind(ip)
        if kind == networks.PUBLIC:
            return True
        return kind != networks.UNUSABLE and kind in map(networks.kind, self.addresses)
