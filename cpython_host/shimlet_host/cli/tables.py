"""Tables for people of what a running node answers.

In: its records as JSON, whose texts may hold anything. Out: text on standard output, or rich
renderables for a live view. Called by the commands of `peers.py` and `state.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .board_tables import PIPE_COLUMNS, duration, plain

Record = Mapping[str, Any]

KEY_SHOWN = 8  # characters of a key that stand for it
UNREACHED = ("refused", "no-answer", "somebody-else")  # how a call of the node to itself may end
_COLOURS = {"connected": "green", "disabled": "dim"}


def console() -> Console:
    """As wide as the terminal, or wide enough where there is none."""
    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)


def show_peers(peers: Sequence[Record]) -> None:
    """Whole keys, to be copied: two lines a peer."""
    if not peers:
        console().print("No peer is known: shimlet peers add KEY@HOST:PORT")
    for peer in peers:
        console().print(_peer(peer), soft_wrap=True)


def _peer(peer: Record) -> Text:
    text = Text(plain(peer.get("publicKey")))
    if peer.get("alias"):
        text.append(f"  {plain(peer['alias'])}", style="bold")
    text.append("\n  ")
    text.append_text(_state(peer))
    text.append(f", {plain(peer.get('address'))} ({_way(peer)})")
    error = peer.get("lastErrorText")
    return text.append(f"\n  last error: {plain(error)}") if error else text


def show_pending(callers: Sequence[Record]) -> None:
    """Who waits to be listed."""
    if not callers:
        console().print("Nobody waits to be listed.")
    for caller in callers:
        seen = _ago(caller.get("lastSeen"))
        console().print(
            Text(
                f"{plain(caller.get('publicKey'))}\n  called {plain(caller.get('attempts'))} times"
                f" from {plain(caller.get('remoteIP'))}, last {seen} ago"
            ),
            soft_wrap=True,
        )


def show_neighbors(lists: Mapping[str, Sequence[Record]]) -> None:
    """What autopeering has found."""
    table = Table(box=None)
    for title in ("", "public key", "services"):
        table.add_column(title, overflow="fold")
    for kind in ("chosen", "accepted", "known"):
        for peer in lists[kind]:
            services = [f"{each['id']} {each['address']}" for each in peer.get("services", ())]
            table.add_row(kind, plain(peer.get("publicKey")), plain(", ".join(services)))
    console().print(table if table.rows else "Autopeering has found nobody, or is off.")


def overview(info: Record, peers: Sequence[Record], pending: Sequence[Record]) -> RenderableType:
    """The node on a line, its peers in a table, as `shimlet status` shows them."""
    connected = sum(peer.get("state") == "connected" for peer in peers)
    head = Text(
        f"{plain(info.get('publicKey'))}  {plain(info.get('profile'))}  version"
        f" {plain(info.get('version'))}\nup {duration(info.get('uptime') or 0)}, gossip on"
        f" {plain(info.get('gossipAddress'))}, {connected} of {len(peers)} peers connected"
    )
    parts: list[RenderableType] = [head]
    for reach in info.get("reachability") or ():
        if reach.get("result") in UNREACHED:
            parts.append(Text(plain(reach.get("sentence")), style="yellow"))
    if pending:
        parts.append(Text(f"{len(pending)} wait to be listed: shimlet peers pending"))
    parts.append(_peers_table(peers))
    return Group(*parts)


def _peers_table(peers: Sequence[Record]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("PEER", "STATE", "DIRECTION", "HANDSHAKE"):
        table.add_column(title, no_wrap=True)
    for title in ("RTT", "IN", "OUT"):
        table.add_column(title, no_wrap=True, justify="right")
    table.add_column("NEXT TRY", no_wrap=True)
    table.add_column("LAST ERROR")
    for peer in peers:
        table.add_row(*_cells(peer))
    return table


def _cells(peer: Record) -> list[Text]:
    counters = peer.get("counters") or {}
    rtt, next_try = peer.get("rtt"), peer.get("nextAttempt")
    return [
        Text(plain(peer.get("alias") or str(peer.get("publicKey"))[:KEY_SHOWN])),
        _state(peer),
        Text(_way(peer)),
        Text("never" if not peer.get("lastConnected") else f"{_ago(peer['lastConnected'])} ago"),
        Text("" if rtt is None else f"{rtt:.1f} ms"),
        Text(_size(counters.get("bytesIn"))),
        Text(_size(counters.get("bytesOut"))),
        Text("" if next_try is None else f"in {duration(max(0, round(next_try - time.time())))}"),
        Text(plain(peer.get("lastError") or "")),
    ]


def _state(peer: Record) -> Text:
    state = str(peer.get("state"))
    return Text(plain(state), style=_COLOURS.get(state, "yellow"))


def _way(peer: Record) -> str:
    return "we dial" if peer.get("connectionDirection") == "outbound" else "they dial"


def _ago(moment: object) -> str:
    """Since a unix time."""
    return (
        duration(max(0, round(time.time() - moment))) if isinstance(moment, int | float) else "?"
    )


def _size(count: object) -> str:
    if not isinstance(count, int):
        return ""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
