"""Gives a board another key, so that the wanted side dials: the keys decide it.

In: the board's serial device, the full node's web API, and which side is to dial. Out: a board
that is another node, restarted, and known to the full node under its new key. The key's secret is
drawn on the board and never leaves it. Called by: pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shimlet.identity import decode_key

from shimlet_host.doctor.api import NodeApiClient
from shimlet_host.doctor.evidence import Evidence
from shimlet_host.doctor.gather import ask_board, host_side
from shimlet_host.model import HostError

from .line import BoardLine, wait_for_node
from .talk import granted

IDENTITY_S = 600.0  # for a slow board to find a rare key
RESTART_S = 30.0
RAREST = 200  # one of so many keys on the wanted side is still found by a slow board
POLL_S = 0.1
BOARD, HOST = "board", "host"

Say = Callable[[str], None]


class PairError(HostError):
    """The two cannot be paired as wished; the text is a sentence."""


def take_direction(port: str, api: NodeApiClient, dial_from: str, say: Say) -> None:
    """Give the board a new identity, unless its key makes that side dial already."""
    host = host_side(api)
    with BoardLine(port) as line:
        old = ask_board(line, port)
        dialler = BOARD if Evidence(host, old).dialler is old else HOST
        if dialler == dial_from:
            return
        refuse_rare(host.public_key, dial_from)
        say(f"The board looks for a new key, so that the {_name(dial_from)} dials.")
        new_key = _renew_key(line, port, host.public_key, dial_from)
    listing = host.listing(old)
    if listing is not None:  # before the restarted board dials
        api.add_peer(new_key, listing.address)
        api.remove_peer(old.public_key)
    _await_identity(port, new_key)
    say(f"The board is a new node now: {new_key}. Its old key {old.public_key} is gone for good.")


def _renew_key(line: BoardLine, port: str, host_key: str, dial_from: str) -> str:
    """Have the board make itself a key on the wanted side of the host's; it then restarts."""
    side = "smallerThan" if dial_from == BOARD else "largerThan"
    answer = line.try_ask({"cmd": "identity-new", side: host_key}, IDENTITY_S)
    if answer is None:
        raise PairError(f"The board on {port} found no new key within {IDENTITY_S:.0f} s.")
    return str(granted(answer)["publicKey"])


def _name(which: str) -> str:
    return "board" if which == BOARD else "full node"


def refuse_rare(host_key: str, dial_from: str) -> None:
    """A search among too few keys would take a board hours."""
    share = int.from_bytes(decode_key(host_key), "big") / (1 << 256)
    share = share if dial_from == BOARD else 1 - share
    if share * RAREST < 1:
        side = "smaller" if dial_from == BOARD else "larger"
        raise PairError(
            f"Hardly any key is {side} than that of the full node, {host_key}: give the full node"
            " another identity (move its data folder away and start it anew)."
        )


def _await_identity(port: str, key: str) -> None:
    deadline = time.monotonic() + RESTART_S
    while wait_for_node(port, RESTART_S).get("publicKey") != key:
        if time.monotonic() > deadline:
            raise PairError(f"The board on {port} did not restart as {key}: press its button.")
        time.sleep(POLL_S)
