"""How often a source may do something: a token bucket for each, in bounded memory.

In: the IP of a caller and a monotonic time in seconds. Out: whether it may. Pure. Used by
`callers.py`.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from contextlib import suppress

MAX_SOURCES = 1024  # the one that was quiet for the longest is forgotten first
IPV6_NETWORK = 64  # bits: one customer has them all


class Rates:
    """`burst` at once, `per_s` over time."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, and when

    def left(self, source: str, now: float) -> float:
        """How many it may do now."""
        left, since = self._left.get(network_of(source), (float(self._burst), now))
        return min(self._burst, left + (now - since) * self._per_s)

    def take(self, source: str, now: float) -> bool:
        """Count one; False if that was one too many."""
        left = self.left(source, now)
        enough = left >= 1
        network = network_of(source)
        self._left[network] = (left - enough, now)
        self._left.move_to_end(network)
        if len(self._left) > MAX_SOURCES:
            self._left.popitem(last=False)
        return enough


def network_of(source: str) -> str:
    """What counts as one source."""
    with suppress(ValueError):
        ip = ipaddress.ip_address(source)
        if ip.version == 6 and ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, IPV6_NETWORK), strict=False))
    return source


def is_loopback(source: str) -> bool:
    """Whether the caller is on this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(source.removeprefix("::ffff:")).is_loopback
    return False
