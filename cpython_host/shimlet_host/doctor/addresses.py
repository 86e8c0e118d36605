"""Under which addresses one side may reach the other.

In: the two sides. Out: "ip:port" texts, the likeliest first. Called by pairing, which asks the
user when there are several, and by the remedies.
"""

from __future__ import annotations

from shimlet.identity import parse_address

from .evidence import Side

DEFAULT_BIND = "0.0.0.0:14666"


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


def no_address(of: Side, asker: Side) -> str:
    """Why there is no way from one side to the other, and what to do."""
    if asker.offline or of.offline:
        board = asker if asker.port else of
        return (
            "The board is in no network yet: give it one by"
            f" `shimlet board wifi {board.port} --ssid NAME`."
        )
    if of.port:
        return "The board does not tell its address: name it by --board-address IP:PORT."
    port = parse_address(of.bind or DEFAULT_BIND)[1]
    return (
        f"The full node listens on {of.bind} alone, where {asker.name} cannot reach it: start it"
        f" by `shimlet run --set gossip.bindAddress=0.0.0.0:{port}`."
    )


def _is_loopback(address: str) -> bool:
    """Loopback leads nowhere from a machine that does not share that network."""
    return parse_address(address)[0].startswith(("127.", "::1"))


def _is_ipv6(address: str) -> bool:
    return ":" in parse_address(address)[0]
