"""Under which addresses one side may reach the other.

In: the two sides. Out: "ip:port" texts, the likeliest first. Called by pairing, which asks the
user when there are several, and by the remedies.
"""

from __future__ import annotations

from shimlet.identity import parse_address

from .evidence import Side


def addresses_for(of: Side, asker: Side) -> list[str]:
    """Where `asker` may dial `of`: in a network of its own, if there is such an address."""
    every = list(dict.fromkeys(of.own_addresses))
    shared = [address for address in every if asker.shares_network(address)]
    if shared:
        return shared
    named = [address for address in every if address in of.addresses or not _is_loopback(address)]
    return sorted(named, key=_is_ipv6)


def best_address(of: Side, asker: Side) -> str:
    """The likeliest of them, "" if none is known."""
    return next(iter(addresses_for(of, asker)), "")


def share_a_network(one: Side, two: Side) -> tuple[str, str] | None:
    """Addresses of both in a network that both have."""
    for first in one.own_addresses:
        if two.shares_network(first):
            second = [each for each in addresses_for(two, one) if one.shares_network(each)]
            if second:
                return first, second[0]
    return None


def _is_loopback(address: str) -> bool:
    """Loopback leads nowhere from a machine that does not share that network."""
    return parse_address(address)[0].startswith(("127.", "::1"))


def _is_ipv6(address: str) -> bool:
    return ":" in parse_address(address)[0]
