"""`shimlet status`: the node in two lines, its peers in a table that fits the terminal.

In: what a running node tells, as JSON whose texts may hold anything, and the columns of the
terminal. Out: a rich renderable, also for a live view. Called by `state.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .board_tables import duration, plain
from .tables import Record, ago, state

KEY_SHOWN = 8  # characters of a key that stand for it
NAME_SHOWN = 16  # columns of an alias; `shimlet peers list` shows all of it
WIDE = 110  # columns, from which on there is one for the last error, too
UNREACHED = ("refused", "no-answer", "somebody-else")  # how a call of the node to itself may end


def overview(
    info: Record, peers: Sequence[Record], pending: Sequence[Record], columns: int
) -> RenderableType:
    """All of it, trouble first. On a narrow terminal the errors stand below, as sentences."""
    peers = sorted(peers, key=lambda peer: peer.get("state") in ("connected", "disabled"))
    parts: list[RenderableType] = [_head(info, peers)]
    for reach in info.get("reachability") or ():
        if reach.get("result") in UNREACHED:
            parts.append(Text(plain(reach.get("sentence")), style="yellow"))
    if pending:
        waits = "caller waits" if len(pending) == 1 else "callers wait"
        parts.append(Text(f"{len(pending)} {waits} to be listed: shimlet peers pending"))
    if not peers:
        return Group(*parts, "No peer is known: shimlet peers add KEY@HOST:PORT")
    parts.append(_table(peers, wide=columns >= WIDE))
    if columns < WIDE:
        parts += [_error(peer) for peer in peers if peer.get("lastError")]
    return Group(*parts)


def _head(info: Record, peers: Sequence[Record]) -> Text:
    connected = sum(peer.get("state") == "connected" for peer in peers)
    return Text(
        f"{plain(info.get('publicKey'))}  {plain(info.get('profile'))}  version"
        f" {plain(info.get('version'))}\nup {duration(info.get('uptime') or 0)}, gossip on"
        f" {plain(info.get('gossipAddress'))},"
        f" {connected} of {len(peers)} peers connected"
    )


def _table(peers: Sequence[Record], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("PEER", no_wrap=True, max_width=NAME_SHOWN)
    for title in ("STATE", "DIALS", "HANDSHAKE"):
        table.add_column(title, no_wrap=True)
    for title in ("RTT", "IN", "OUT"):
        table.add_column(title, no_wrap=True, justify="right")
    table.add_column("NEXT TRY", no_wrap=True)
    if wide:
        table.add_column("LAST ERROR", overflow="fold")
    for peer in peers:
        error = [Text(plain(peer.get("lastError") or ""))] if wide else []
        table.add_row(*_cells(peer), *error)
    return table


def _cells(peer: Record) -> list[Text]:
    counters = peer.get("counters") or {}
    last = peer.get("lastConnected")
    return [
        Text(_name(peer)),
        state(peer),
        Text("we" if peer.get("connectionDirection") == "outbound" else "they"),
        Text(f"{_rough(ago(last))} ago" if last else "never"),
        Text(_milliseconds(peer.get("rtt"))),
        Text(_size(counters.get("bytesIn"))),
        Text(_size(counters.get("bytesOut"))),
        Text(_next_try(peer.get("nextAttempt"))),
    ]


def _error(peer: Record) -> Text:
    told = peer.get("lastErrorText") or peer.get("lastError")
    return Text(f"{_name(peer)}: {plain(told)}", style="yellow")


def _name(peer: Record) -> str:
    return plain(peer.get("alias") or str(peer.get("publicKey"))[:KEY_SHOWN])


def _rough(text: str) -> str:
    """The larger unit of a duration alone."""
    return " ".join(text.split()[:2])


def _milliseconds(rtt: object) -> str:
    if not isinstance(rtt, int | float):
        return ""
    return "< 0.1 ms" if rtt < 0.1 else f"{rtt:.1f} ms" if rtt < 100 else f"{rtt:.0f} ms"


def _next_try(moment: object) -> str:
    if not isinstance(moment, int | float):
        return ""
    left = round(moment - time.time())
    return f"in {_rough(duration(left))}" if left > 0 else "now"


def _size(count: object) -> str:
    if not isinstance(count, int):
        return ""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
