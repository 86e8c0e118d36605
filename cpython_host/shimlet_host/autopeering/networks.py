"""IP addresses as the protocol compares them: parsed, with mapped IPv4 addresses as IPv4.

In goes text, out come canonical text, the subnet that limits count by, and the kind of network. A
zone ("%eth0") is part of a link-local address only: elsewhere it would make many of one address.
Results are remembered, since a node meets the same few thousand addresses again and again.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_REMEMBERED = 8192

PUBLIC, PRIVATE, LOOPBACK, LINK_LOCAL, UNUSABLE = range(5)
_ZONE = re.compile(r"[\w.:-]{1,15}", re.ASCII)  # the names that Linux gives interfaces


@lru_cache(_REMEMBERED)
def canonical(text: str) -> str | None:
    """The shortest text of the same address; None for what is no IP address."""
    parsed = _parse(text)
    return None if parsed is None else str(parsed)


@lru_cache(_REMEMBERED)
def kind(ip: str) -> int:
    """PUBLIC, PRIVATE, LOOPBACK, LINK_LOCAL, or UNUSABLE: unspecified, multicast, reserved."""
    parsed = _parse(ip)
    if parsed is None or parsed.is_unspecified or parsed.is_multicast:
        return UNUSABLE
    if parsed.is_loopback:
        return LOOPBACK
    if parsed.is_link_local:
        return LINK_LOCAL
    if parsed.version == 4 and parsed.is_reserved:
        return UNUSABLE
    return PRIVATE if _is_private(parsed) else PUBLIC


@lru_cache(_REMEMBERED)
def subnet(ip: str) -> str:
    """The /24 or /48 of a canonical address, as text."""
    length = 48 if ":" in ip else 24
    return str(ipaddress.ip_network(f"{ip.partition('%')[0]}/{length}", strict=False))


@lru_cache(_REMEMBERED)
def is_unspecified(text: str) -> bool:
    """Whether this is 0.0.0.0, ::, or another spelling of them."""
    parsed = _parse(text)
    return parsed is not None and parsed.is_unspecified


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    zone = parsed.scope_id
    if zone is not None and not (parsed.is_link_local and _ZONE.fullmatch(zone)):
        return None
    return parsed.ipv4_mapped or parsed


# What people use behind their routers. Python's is_private also holds the networks of examples,
# which are public to us: they are what documentation and our simulations use.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)


def _is_private(parsed: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(parsed in network for network in _PRIVATE)
