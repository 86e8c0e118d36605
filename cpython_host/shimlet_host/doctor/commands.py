"""The remedies: literal commands to paste.

In: the side where something is to be done. Out: a line for a shell. A board is changed over its
serial line, a full node over its web API. Called by `words`.
"""

from __future__ import annotations

import shlex

from shimlet.identity import format_address

from .addresses import best_address, share_a_network
from .api import DEFAULT_URL
from .evidence import WILDCARDS, Evidence, Side


def set_clock(at: Side) -> str:
    """Bring the clock of a board, or of a machine, to the true time."""
    if at.port:
        return f"shimlet board time {shlex.quote(at.port)}"
    return "sudo timedatectl set-ntp true"


def list_peer(at: Side, other: Side) -> str:
    """Make one side list the other, or give it the other's address."""
    node = shlex.quote(f"{other.public_key}@{best_address(other, at) or 'HOST:PORT'}")
    if at.port:
        return f"shimlet board peers add {shlex.quote(at.port)} {node}"
    return f"shimlet peers add {node}{_api(at.url)}"


def unlist_key(at: Side, key: str) -> str:
    """Make one side forget a key."""
    if at.port:
        return f"shimlet board peers remove {shlex.quote(at.port)} {key}"
    return f"shimlet peers remove {key}{_api(at.url)}"


def replace_peer(at: Side, other: Side, wrong_key: str) -> str:
    """Make one side list the other instead of a wrong key."""
    return f"{unlist_key(at, wrong_key)} && {list_peer(at, other)}"


def replace_by_answering(at: Side, other: Side, address: str) -> str:
    """The same when the right key is known to the other side alone, who shows it as KEY."""
    add = f"shimlet peers add {shlex.quote(f'KEY@{address}')}{_api(at.url)}"
    return f"{unlist_key(at, other.public_key)} && {add}"


def open_port(at: Side, port: int, evidence: Evidence) -> str:
    """Make a full node listen where it is dialled; a board that cannot listen can dial."""
    if at.port:
        return dial_from(at, evidence)
    return f"shimlet run --set gossip.bindAddress={format_address(WILDCARDS[0], port)}"


def dial_from(side: Side, evidence: Evidence) -> str:
    """Give the board a key by which the other side dials."""
    board = evidence.peer
    which = "board" if side is board else "host"
    return f"{_pair(evidence)} --dial-from {which}"


def join_networks(evidence: Evidence) -> str:
    """Use addresses of one network; if there is none, bring the board into the host's."""
    if not evidence.peer.port:  # no board: only its operator knows another address
        return list_peer(evidence.host, evidence.peer)
    shared = share_a_network(evidence.host, evidence.peer)
    if shared is None:
        return f"shimlet board wifi {shlex.quote(evidence.peer.port)} --ssid NAME"
    host, board = shared
    return f"{_pair(evidence)} --host-address {host} --board-address {board}"


def _pair(evidence: Evidence) -> str:
    port = shlex.quote(evidence.peer.port or "PORT")
    return f"shimlet board pair {port}{_api(evidence.host.url)}"


def _api(url: str) -> str:
    """The option that names a full node, unless it is where every command looks."""
    return "" if url in ("", DEFAULT_URL) else f" --api {shlex.quote(url)}"
