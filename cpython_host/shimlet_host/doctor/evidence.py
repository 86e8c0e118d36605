"""What is known about the two sides of a link that does not come up.

In: what `gather` found. Out: records that `causes` judges. None stands for "not known" everywhere:
of a board all can be asked, of somebody else's node often nothing but the key. Keys are base58,
addresses "ip:port".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from shimlet.identity import decode_key, format_address, parse_address

OPEN, REFUSED, UNREACHABLE, TIMEOUT = "open", "refused", "unreachable", "timeout"
NAMELESS = "nameless"  # the name in the address has no address
# How a TCP connection ended, as the last error of a dial tells it. Any other error comes later.
ENDS = {
    "connection-refused": REFUSED,
    "unreachable": UNREACHABLE,
    "connect-timeout": TIMEOUT,
    "name-not-found": NAMELESS,
    "key-mismatch": OPEN,
    "closed-before-response": OPEN,
    "response-timeout": OPEN,
}
WILDCARDS = ("0.0.0.0", "::")

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class Listing:
    """One known peer on a side's list."""

    public_key: str
    address: str
    state: str = ""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One end of the link. `port` is a board's serial device, `url` a full node's web API.

    Its keys and its own addresses are well-formed; those on its list may be anything.
    """

    name: str
    public_key: str
    port: str = ""
    url: str = ""
    clock_ahead_s: float | None = None  # of the clock of whoever asked
    clock_is_set: bool | None = None
    clock_source: str = ""  # who set it, as a board tells it
    offline: bool | None = None  # True: in no network
    bind: str | None = None  # where it listens; may be a wildcard
    listens: bool | None = None
    interfaces: tuple[Interface, ...] | None = None  # loopback only if the other is there, too
    addresses: tuple[str, ...] = ()  # further ones that it takes for its own
    peers: tuple[Listing, ...] | None = None
    refusals: dict[str, str] = field(default_factory=dict)  # claimed key -> why it was refused
    reach: str | None = None  # how a TCP connection from here to where the other is listed ends

    def listing(self, other: Side) -> Listing | None:
        """How this side lists the other one; None: it does not, or that is not known."""
        return next((p for p in self.peers or () if p.public_key == other.public_key), None)

    def wrong_listing(self, other: Side) -> Listing | None:
        """A key on the list that is not the other's, though the address is.

        Beside the right key it matters only if it is dialled: each such dial ends the good link,
        as the other sees a newer connection of ours.
        """
        at_other = [p for p in self.peers or () if other.is_at(p.address)]
        wrong = [p for p in at_other if p.public_key != other.public_key]
        if self.listing(other) is not None:
            wrong = [p for p in wrong if self.dials(p.public_key) and p.state != "connected"]
        return wrong[0] if wrong else None

    def dials(self, public_key: str) -> bool:
        """Whether it is this side that dials, as its key is smaller."""
        return decode_key(self.public_key) < decode_key(public_key)

    @property
    def own_addresses(self) -> list[str]:
        """Where others may dial it, as far as it says so."""
        if self.bind is None:
            return list(self.addresses)
        host, port = parse_address(self.bind)
        ips = [str(each.ip) for each in self.interfaces or ()] if host in WILDCARDS else [host]
        return [*(format_address(ip, port) for ip in ips), *self.addresses]

    def is_at(self, address: str) -> bool | None:
        """Whether this port of this machine is its own; None: it did not tell where it is."""
        if self.bind is None:
            return None
        parts = parts_of(address)
        if parts is None:
            return None
        host, port = parts
        if any(parse_address(own) == (host, port) for own in self.own_addresses):
            return True
        if not is_numeric(host):
            return None
        own_host, own_port = parse_address(self.bind)
        if port != own_port:
            return False
        if _same_machine(own_host, host):
            return True
        if self.interfaces is None:
            return None if own_host in WILDCARDS else False
        return any(_same_machine(str(each.ip), host) for each in self.interfaces)

    def takes(self, address: str) -> bool | None:
        """Whether it listens at this address of its own machine."""
        if self.listens is False or self.bind is None:
            return self.listens
        bound = parse_address(self.bind)
        claimed = [parse_address(own) for own in self.addresses]
        return bound[0] in WILDCARDS or parts_of(address) in (bound, *claimed)

    def shares_network(self, address: str) -> bool | None:
        """Whether the IP of an address lies in a network of ours; None: ours are not known."""
        parts = parts_of(address)
        if self.interfaces is None or parts is None or not is_numeric(parts[0]):
            return None
        return any(ipaddress.ip_address(parts[0]) in each.network for each in self.interfaces)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both sides; `host` is the full node that was asked, `peer` a board or another node."""

    host: Side
    peer: Side

    @property
    def sides(self) -> Sequence[tuple[Side, Side]]:
        """Each side with the other one."""
        return (self.peer, self.host), (self.host, self.peer)

    @property
    def dialler(self) -> Side:
        """The side whose public key is smaller."""
        return self.host if self.host.dials(self.peer.public_key) else self.peer

    @property
    def waiter(self) -> Side:
        """The other one."""
        return self.peer if self.dialler is self.host else self.host

    @property
    def linked(self) -> bool:
        """Whether one of them says that the link is up."""
        listings = [side.listing(other) for side, other in self.sides]
        return any(each is not None and each.state == "connected" for each in listings)

    @property
    def address(self) -> str | None:
        """Where the dialler dials; None: not known, or nowhere."""
        listing = self.dialler.listing(self.waiter)
        return listing.address if listing else None

    @property
    def dial(self) -> str | None:
        """How the dialler's TCP connections end: of a probe now, or of its last dial."""
        listing = self.dialler.listing(self.waiter)
        last = ENDS.get(listing.last_error) if listing else None
        return self.dialler.reach or last

    @property
    def last_error(self) -> str:
        """Why the last dial failed, "" if that is not known."""
        listing = self.dialler.listing(self.waiter)
        return listing.last_error if listing else ""

    @property
    def fails_in_tcp(self) -> bool | None:
        """Whether no TCP connection comes about; None: not known."""
        return None if self.dial is None else self.dial != OPEN


def parts_of(address: str) -> tuple[str, int] | None:
    """Host and port; None for a text that is no address, as a board shortens long ones."""
    try:
        return parse_address(address)
    except ValueError:
        return None


def _same_machine(own: str, host: str) -> bool:
    return own == host or (_is_loopback(own) and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    return is_numeric(host) and ipaddress.ip_address(host).is_loopback


def is_numeric(host: str) -> bool:
    """Whether it is an IP, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
