"""Collects the evidence: what both sides tell, and what TCP connections between them tell.

In: the full node's web API, the peer's key, and, if the peer is a board within reach, the path of
its serial line. Out: Evidence. Nothing is changed anywhere. Raises ApiError and LineError. Called
by pairing.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shimlet.identity import format_address

from .addresses import best_address
from .api import NodeApiClient
from .evidence import ENDS, OPEN, WILDCARDS, Evidence, Interface, Listing, Side, parts_of
from .loose import a_dict, a_list, is_key, keyed
from .probe import probe
from .words import GOSSIP_PORT

if TYPE_CHECKING:  # a node without a board needs no pyserial
    from shimlet_host.board.line import Answer, BoardLine

LOOPBACK = ipaddress.ip_interface("127.0.0.1/8")
# A board without Wi-Fi, and an earlier one, tells its IP without the size of its network; most
# homes have networks of these.
BOARD_PREFIX, BOARD_PREFIX6 = 24, 64
LATEST_UNIX_TIME = 1 << 40
REACH_S = 12.0  # a board looks a name up, and dials, 5 s each at most


def host_side(api: NodeApiClient) -> Side:
    """What the full node tells of itself and of its list."""
    info = api.info()
    ahead = _number(info.get("unixTime", time.time()))
    return Side(
        name="the full node",
        public_key=info["publicKey"],
        url=api.url,
        clock_ahead_s=ahead - time.time() if ahead else None,
        clock_is_set=ahead > 0,
        offline=False,
        bind=_address(info.get("gossipAddress")),
        listens=bool(info.get("gossipAddress")),
        interfaces=_interfaces(info.get("interfaces")) or None,
        addresses=_addresses(info.get("addresses")),
        peers=_listings(api.peers()),
        refusals=a_dict(info.get("refusals")),
    )


def board_side(port: str, status: Answer, peers: Answer) -> Side:
    """What a board tells of itself and of its list."""
    ahead = _number(status.get("unixTime"))
    if not is_key(status.get("publicKey")):
        from shimlet_host.board.line import LineError

        raise LineError(f"What answers on {port} is no node of ours: it has no key.")
    return Side(
        name="the board",
        public_key=str(status.get("publicKey")),
        port=port,
        clock_ahead_s=ahead - time.time() if ahead else None,
        clock_is_set=ahead > 0,
        clock_source=str(a_dict(status.get("clock")).get("source") or ""),
        offline=status.get("offline") is True,
        bind=_address(status.get("bindAddress")),
        listens=status.get("listening") is not False,
        interfaces=_board_interfaces(status),
        addresses=_addresses(status.get("addresses")),
        peers=_listings(peers.get("peers")),
    )


def unknown_side(public_key: str, calls_from: str = "") -> Side:
    """A peer of which nothing but the key is known, and perhaps the IP that it calls from."""
    addresses = (format_address(calls_from, GOSSIP_PORT),) if calls_from else ()
    return Side(name="the peer", public_key=public_key, addresses=addresses)


def ask_board(line: BoardLine, port: str) -> Side:
    """Ask a running board for all that it tells. Raises LineError."""
    return board_side(port, line.ask({"cmd": "status"}), line.ask({"cmd": "peers"}))


def gather(api: NodeApiClient, public_key: str) -> Evidence:
    """What can be known of a peer without its help. Raises ApiError."""
    host = without_other_loopback(host_side(api), None)
    calls = {str(each.get("publicKey")): str(each.get("remoteIP")) for each in api.pending()}
    peer = unknown_side(public_key, calls.get(public_key, ""))
    listing = host.listing(peer)
    if listing is None:
        return Evidence(host, peer)
    return Evidence(replace(host, reach=probe(listing.address)), peer)


def gather_with_board(api: NodeApiClient, line: BoardLine, port: str) -> Evidence:
    """The same with all that the board tells, and what it reaches. ApiError, LineError."""
    board = ask_board(line, port)
    host = without_other_loopback(host_side(api), board)
    to_board = _where(host, board)
    to_host = _where(board, host)
    return Evidence(
        replace(host, reach=probe(to_board) if to_board else None),
        replace(board, reach=board_reach(line, to_host) if to_host else None),
    )


def board_reach(line: BoardLine, address: str) -> str | None:
    """How the board's TCP connection to an address ends; None: it does not say."""
    answer = line.try_ask({"cmd": "reach", "address": address}, REACH_S) or {}
    end = answer.get("reach")
    return OPEN if end == OPEN else ENDS.get(str(end))


def without_other_loopback(host: Side, board: Side | None) -> Side:
    """The host as the other one sees it: loopback leads to it from the same machine only."""
    together = board is not None and any(each.ip.is_loopback for each in board.interfaces or ())
    if together or host.interfaces is None:
        return host
    seen = tuple(each for each in host.interfaces if not each.ip.is_loopback)
    return replace(host, interfaces=seen)


def _where(side: Side, other: Side) -> str:
    """Where `side` dials, or would have to dial, the other one; "" if that is not known."""
    listing = side.listing(other)
    return listing.address if listing else best_address(other, side)


def _board_interfaces(status: Answer) -> tuple[Interface, ...]:
    """A board without an IP of its own, and not offline either, is a virtual one: it is here."""
    bound = parts_of(str(status.get("bindAddress")))
    ip = str(status.get("ip") or (bound[0] if bound else ""))
    if status.get("offline") is True:
        return ()
    if ip in WILDCARDS:
        return (LOOPBACK,)
    mask = a_dict(status.get("wifi")).get("netmask")
    usual = BOARD_PREFIX if "." in ip else BOARD_PREFIX6
    return _interfaces([f"{ip}/{mask}"]) or _interfaces([f"{ip}/{usual}"])


def _address(value: object) -> str | None:
    return value if isinstance(value, str) and parts_of(value) else None


def _addresses(values: object) -> tuple[str, ...]:
    found = map(_address, a_list(values))
    return tuple(each for each in found if each)


def _interfaces(texts: object) -> tuple[Interface, ...]:
    found: list[Interface] = []
    for text in a_list(texts):
        with suppress(ValueError):
            found.append(ipaddress.ip_interface(text))
    return tuple(found)


def _listings(peers: object) -> tuple[Listing, ...]:
    """The well-formed ones of a list."""
    return tuple(map(_listing, keyed(peers)))


def _listing(peer: Mapping[str, Any]) -> Listing:
    return Listing(
        str(peer["publicKey"]),
        str(peer.get("address")),
        str(peer.get("state") or ""),
        str(peer.get("lastError") or ""),
    )


def _number(value: object) -> float:
    """A unix time that can be one, else 0."""
    if not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < LATEST_UNIX_TIME else 0.0
