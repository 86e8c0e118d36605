"""At which address one side is to dial the other.

In: the two sides, and the address that the user wishes, if any. Out: "host:port", or PairError
with a sentence. Called by: pair.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from shimlet.identity import format_address, parse_address

from shimlet_host.doctor.addresses import DEFAULT_BIND, addresses_for, no_address
from shimlet_host.doctor.evidence import Side

from .dial_from import PairError

Choose = Callable[[str, Sequence[str]], str]


def take_address(of: Side, asker: Side, wish: str, choose: Choose) -> str:
    """Where `asker` is to dial `of`: as wished, as it does already, or as found out. `choose`
    asks the user which one of several.
    """
    if wish:
        return with_port(wish, of)
    found = addresses_for(of, asker)
    listing = asker.listing(of)
    if listing is not None and listing.address in found:
        return listing.address
    if not found:
        raise PairError(no_address(of, asker))
    if len(found) == 1:
        return found[0]
    return choose(f"Under which address does {asker.name} reach {of.name}?", found)


def with_port(wish: str, of: Side) -> str:
    """An address as the user gave it, with the port of that side if it has none."""
    port = parse_address(of.bind or DEFAULT_BIND)[1]
    try:
        address = format_address(str(ipaddress.ip_address(wish.strip("[]"))), port)
    except ValueError:
        address = wish if ":" in wish else f"{wish}:{port}"
    try:
        host = parse_address(address)[0]
        if not host.strip("0123456789."):  # no name: one that looks so would be saved, and dialled
            ipaddress.ip_address(host)
    except ValueError as error:
        raise PairError(f"{wish} is no address: {error}.") from None
    return address
