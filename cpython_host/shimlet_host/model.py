"""What the parts of the host tell each other: errors, records, and the facade of the node.

In: nothing. Out: exceptions whose text is a sentence for people, frozen records, and `NodeApi`,
the only view that the web API has of the node. `node.py` fills these records, `web/` shows them,
`store.py` keeps some of them. Times are unix seconds unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from shimlet_host.events import Subscription

if TYPE_CHECKING:
    from shimlet_host.config.peers import PeerEntry

LOCAL = "local"  # the source of a message of our own


class HostError(Exception):
    """Something that an operator can mend. The text is a sentence and says how."""


class IdentityError(HostError):
    """The seed file cannot be read, made or trusted."""


class StoreError(HostError):
    """The data folder or a database in it cannot be used."""


class PeerError(HostError):
    """A list of known peers was refused as a whole; nothing has changed."""


class MessageError(HostError):
    """A message was refused: empty or too large."""


class ServeError(HostError):
    """An address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A known peer as it stands now."""

    public_key: bytes
    address: str  # as typed
    outbound: bool  # True: we dial
    state: str
    last_error: str = ""  # name of the reason, "" for none
    last_error_text: str = ""
    last_connected: int | None = None
    next_attempt: float | None = None
    counters: dict[str, int] = field(default_factory=dict)
    alias: str = ""  # the operator's name for it
    enabled: bool = True  # False: neither dialled nor accepted
    rtt_ms: float | None = None  # of a live link, where the kernel tells

    @property
    def connected(self) -> bool:
        return self.state == "connected"


@dataclass(frozen=True, slots=True)
class PeerMark:
    """What the operator says of a known peer beside its address; None: as it is."""

    public_key: bytes
    alias: str | None = None  # "" for none
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class PendingStatus:
    """Somebody who proved a key that is not on the list."""

    public_key: bytes
    remote_ip: str
    first_seen: float
    last_seen: float
    attempts: int


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A gossip message with where it came from: LOCAL, or the base58 key of a neighbor."""

    message_id: bytes
    data: bytes
    received: float
    source: str
    alias: str = ""  # of the source, when it is told on


@dataclass(frozen=True, slots=True)
class StoredPeer:
    """A known peer as it is kept: `source` is "config" or "api"."""

    public_key: bytes
    address: str
    added: float
    source: str


@dataclass(frozen=True, slots=True)
class TimeServerStatus:
    """Where the node answers questions for the time, and how many so far."""

    address: str
    answered: int
    ignored: int  # no question of a client
    limited: int  # one too many of the same source


@dataclass(frozen=True, slots=True)
class NeighborStatus:
    """A peer that autopeering knows; `services` are "ip:port" by their names."""

    public_key: bytes
    node_id: bytes
    services: dict[str, str]


@dataclass(frozen=True, slots=True)
class NeighborChange:
    """What autopeering did with a peer: "chosen", "accepted" or "dropped", and why it was."""

    change: str
    peer: NeighborStatus
    why: str = ""  # of a dropped one, see autopeering/events.py


@dataclass(frozen=True, slots=True)
class NeighborLists:
    """What autopeering has found: the verified peers if they were asked for, and the neighbors."""

    known: tuple[NeighborStatus, ...] = ()
    chosen: tuple[NeighborStatus, ...] = ()
    accepted: tuple[NeighborStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryNodeStatus:
    """An entry node of the config, and how it answers."""

    public_key: bytes
    address: str  # as typed
    resolved: str = ""  # the "ip:port" that its name has now
    last_answer: int | None = None
    last_error: str = ""  # "no-address" or "no-answer", "" for none


@dataclass(frozen=True, slots=True)
class FailedLink:
    """A neighbor to whom no TCP link came up; `outbound`: we dialled."""

    public_key: bytes
    address: str
    outbound: bool
    reason: str  # its name


@dataclass(frozen=True, slots=True)
class NeighborhoodStatus:
    """How full the neighborhood is, and why it is not fuller."""

    places: int
    chosen: int
    accepted: int
    candidates: int  # verified peers that take neighbors, and are none of ours as yet
    similar: int  # of these, those whom mana lets be neighbors
    in_range: int  # of those, whom theta lets, too
    refused: int  # of these, those whose last answer was no
    silent: int  # or who did not answer


@dataclass(frozen=True, slots=True)
class AutoPeeringStatus:
    """Where autopeering listens, how many peers it knows, and its counters since the start."""

    address: str
    known: int
    verified: int
    received: int  # datagrams
    sent: int
    unsent: int  # the kernel did not take them
    refusals: dict[str, int]  # how often, by the name of the reason
    version: int = 0
    network_version: int = 0
    external_address: str = ""  # our outer IP as configured or learnt
    seen_as: dict[str, int] = field(default_factory=dict)  # our IP -> how many subnets see it
    entry_nodes: tuple[EntryNodeStatus, ...] = ()
    neighborhood: NeighborhoodStatus | None = None
    failed_links: tuple[FailedLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether others reach a service of ours at an address. `result`: see reachability.py."""

    service: str  # gossip or autopeering
    protocol: str  # TCP or UDP
    address: str
    result: str
    sentence: str


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Who this node is."""

    public_key: bytes
    node_id: bytes
    version: str
    profile: str
    gossip_address: str
    uptime_s: float
    unix_time: int = 0  # by its own clock; 0 while that is plainly not set
    interfaces: tuple[str, ...] = ()  # "ip/prefix" of this machine
    addresses: tuple[str, ...] = ()  # further "ip:port" under which others may dial
    refusals: dict[bytes, str] = field(default_factory=dict)  # see News
    time_server: TimeServerStatus | None = None  # None: there is none
    auto_peering: AutoPeeringStatus | None = None  # None: it is off
    reachability: tuple[Reach, ...] = ()  # () until it was tested


@dataclass(frozen=True, slots=True)
class LinkTotals:
    """What passed over links since the start, also over those that have ended."""

    handshakes: int = 0  # that led to a link
    traffic: dict[str, int] = field(default_factory=dict)  # named as in PeerStatus.counters
    dial_errors: dict[str, int] = field(default_factory=dict)  # how often, by the reason's name


@dataclass(frozen=True, slots=True)
class NodeTotals:
    """Counters since the start: none of them ever goes back."""

    links: LinkTotals = LinkTotals()  # of all peers, neighbors that autopeering found included
    peers: dict[bytes, LinkTotals] = field(default_factory=dict)  # at least the known ones
    published: int = 0  # messages of our own
    received: int = 0  # messages of others, each once
    stored: int = 0  # messages written to the disk
    lost: int = 0  # messages that could not be written
    refusals: dict[str, int] = field(default_factory=dict)  # of calls, by the reason's name


class NodeApi(Protocol):
    """What the web API may ask of the node. Called from the node's own event loop."""

    def add_peers(self, entries: Sequence[PeerEntry]) -> None:
        """Adds peers, or changes what the entries say of known ones: all or none, kept before it
        returns. What an entry does not say stays.

        Raises PeerError (own key, list full) or StoreError.
        """

    def remove_peers(self, public_keys: list[bytes]) -> None:
        """Forgets peers; unknown keys are fine. Raises StoreError."""

    def mark_peers(self, marks: list[PeerMark]) -> None:
        """Gives known peers names, switches them off and on: all or none, kept as above.

        Raises PeerError (not listed) or StoreError.
        """

    def peers(self) -> Sequence[PeerStatus]: ...

    def pending(self) -> Sequence[PendingStatus]: ...

    def neighbors(self, *, known: bool) -> NeighborLists:
        """What autopeering has found; `known`: the verified peers, too."""

    def publish(self, data: bytes) -> bytes:
        """Sends a message and returns its id (32 bytes). Raises MessageError."""

    def messages(self, limit: int) -> Sequence[StoredMessage]:
        """The newest `limit` messages, newest first. Raises StoreError."""

    def info(self) -> NodeInfo: ...

    def totals(self) -> NodeTotals: ...

    def unready(self) -> str:
        """Why the node cannot do its work now, as a sentence; "" if it can."""

    def subscribe(self) -> Subscription:
        """News from now on. Raises events.TooManyListeners."""
