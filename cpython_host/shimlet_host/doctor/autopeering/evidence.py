"""What is known of a node's autopeering, and of one peer that it has to do with.

In: what `gather` found. Out: records that `table` judges. None stands for "not known". Keys are
base58, addresses "ip:port", as in the evidence about links made by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shimlet.identity import parse_address

from ..evidence import OPEN
from .probe import Answer, Network


@dataclass(frozen=True, slots=True)
class Failed:
    """The link of a neighbor that did not come up; `outbound`: the full node dialled."""

    public_key: str
    address: str
    outbound: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry node as it is configured, and what its name means."""

    public_key: str
    address: str
    resolved: str = ""


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """Places, who holds them, and who might, as in /info."""

    places: int = 0
    chosen: int = 0
    accepted: int = 0
    candidates: int = 0
    similar: int = 0
    in_range: int = 0
    refused: int = 0
    silent: int = 0

    @property
    def taken(self) -> int:
        """How many neighbors there are."""
        return self.chosen + self.accepted

    @property
    def seeks(self) -> bool:
        """Whether it would choose one more."""
        return self.chosen < (self.places + 1) // 2


NO_NETWORK, NO_NEIGHBORHOOD = Network(0, 0), Neighborhood()


@dataclass(frozen=True, slots=True)
class Own:
    """The full node that was asked. `address` is that of its UDP socket."""

    public_key: str
    url: str
    enabled: bool
    gossip: str = ""
    address: str = ""
    ips: frozenset[str] = frozenset()  # all that it takes for its own
    external: str = ""  # "" unless it is configured
    network: Network = NO_NETWORK
    ahead_s: float = 0.0  # of its clock, before that of whoever asks
    here: bool = True  # it runs on the machine of whoever asks
    known: int = 0
    verified: int = 0
    seen_as: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    neighborhood: Neighborhood = NO_NEIGHBORHOOD
    accepted: frozenset[str] = frozenset()
    failed: tuple[Failed, ...] = ()
    called_back: str | None = None  # how a packet that nobody expects ends, sent to its UDP port

    def entry(self, public_key: str) -> Entry | None:
        """The entry node with this key."""
        return next((each for each in self.entries if each.public_key == public_key), None)

    def failure(self, public_key: str) -> Failed | None:
        """Why the link of this neighbor did not come up."""
        return next((each for each in self.failed if each.public_key == public_key), None)


@dataclass(frozen=True, slots=True)
class Remote:
    """A peer that the full node has met, or should meet, over UDP."""

    public_key: str
    name: str  # "the entry node", "the neighbor", "the peer"
    listed: str = ""  # as an entry node: "host:port" as typed
    udp: str = ""  # "" if it is not known where it is
    tcp: str = ""
    neighbor: bool = False  # selected by now
    verified: bool = False
    unresolved: bool = False
    failed: Failed | None = None
    answer: Answer | None = None  # to Pings of ours
    tcp_end: str | None = None

    @property
    def port(self) -> int:
        """Its UDP port."""
        return parse_address(self.udp or self.listed)[1]

    @property
    def ip(self) -> str:
        """Where it is."""
        return parse_address(self.udp)[0] if self.udp else ""

    @property
    def answers(self) -> bool:
        """Whether somebody answers our Pings there."""
        return self.answer is not None and self.answer.end == OPEN
