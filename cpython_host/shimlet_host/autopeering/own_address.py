"""Which IPs are ours, for the check of dst_addr, and learning the outer one from others.

The bind address counts (a wildcard means all interfaces), and the configured external one. With
`externalAddress: auto` the dst_addr of each matched Pong is a vote, unless it is private and the
voter is not: a liar could make us trust networks that we are not in. The check starts once three
verified peers of different subnets, or all if fewer are known, agree (protocol.md, "Peer
discovery"). Called by verification.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from shimlet_host.autopeering import networks
from shimlet_host.autopeering.events import AddressLearnt
from shimlet_host.autopeering.local import Local

_VOTES_NEEDED = 3
_MAX_VOTERS = 64  # subnets; the latest vote of each counts


class OwnAddress:
    """`external`: the configured IP, or None for auto. `interfaces`: canonical IPs."""

    def __init__(self, local: Local, interfaces: Iterable[str], external: str | None) -> None:
        self._local = local
        self._external = [external] if external else []
        self._learns = external is None
        self._votes: dict[str, str] = {}  # subnet of the voter: our IP as it sees us
        self.learnt = ""
        self.set_interfaces(interfaces)

    def set_interfaces(self, interfaces: Iterable[str]) -> None:
        """The machine has these addresses now."""
        self._fixed = {*interfaces, *self._external}
        self._local.addresses = self._fixed | ({self.learnt} if self.learnt else set())

    def is_ours(self, dst_addr: str) -> bool:
        """Whether a packet for this IP may be meant for us."""
        ip = networks.canonical(dst_addr)
        if ip is None or networks.kind(ip) == networks.UNUSABLE:
            return False
        return ip in self._local.addresses or (self._learns and not self.learnt)

    @property
    def external(self) -> str:
        """Our outer IP as configured or learnt, "" while it is not known."""
        return self._external[0] if self._external else self.learnt

    def seen_as(self) -> dict[str, int]:
        """Our IP as others see it, and in how many subnets they are."""
        return dict(Counter(self._votes.values()))

    def vote(self, voter_ip: str, dst_addr: str, verified: int) -> None:
        """A matched Pong says where it reached us; `verified` peers are known by now."""
        ip = networks.canonical(dst_addr)
        if ip is None or networks.kind(ip) == networks.UNUSABLE:
            return
        if networks.kind(ip) not in (networks.PUBLIC, networks.kind(voter_ip)):
            return
        subnet = networks.subnet(voter_ip)
        self._votes.pop(subnet, None)
        self._votes[subnet] = ip
        if len(self._votes) > _MAX_VOTERS:
            del self._votes[next(iter(self._votes))]
        if self._learns:
            self._count(verified)

    def _count(self, verified: int) -> None:
        ip, votes = Counter(self._votes.values()).most_common(1)[0]
        agreed = votes >= min(_VOTES_NEEDED, max(verified, 1)) and votes * 2 > len(self._votes)
        if agreed and ip != self.learnt:
            self.learnt = ip
            self._local.addresses = self._fixed | {ip}
            self._local.events.append(AddressLearnt(ip))
