"""Lists for people of what a running node answers.

In: its records as JSON, whose texts may hold anything. Out: text on standard output. Called by the
commands of `peers.py` and `state.py`; `overview.py` shares its words.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .board_tables import PIPE_COLUMNS, duration, plain

Record = Mapping[str, Any]

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
    text.append_text(state(peer))
    text.append(f", {plain(peer.get('address'))} ({_way(peer)})")
    error = peer.get("lastErrorText")
    return text.append(f"\n  last error: {plain(error)}") if error else text


def show_pending(callers: Sequence[Record]) -> None:
    """Who waits to be listed."""
    if not callers:
        console().print("Nobody waits to be listed.")
    for caller in callers:
        calls = counted(caller.get("attempts"), "call")
        source, seen = plain(caller.get("remoteIP")), ago(caller.get("lastSeen"))
        told = f"  {calls} from {source}, the last {seen} ago"
        console().print(Text(f"{plain(caller.get('publicKey'))}\n{told}"), soft_wrap=True)


def show_neighbors(lists: Mapping[str, Sequence[Record]], aliases: Mapping[Any, Any]) -> None:
    """What autopeering has found; `aliases` of known peers by their keys."""
    table = Table(box=None)
    for title in ("", "public key", "alias", "services"):
        table.add_column(title, overflow="fold")
    for kind in ("chosen", "accepted", "known"):
        for peer in lists[kind]:
            services = [f"{each['id']} {each['address']}" for each in peer.get("services", ())]
            key = peer.get("publicKey")
            alias = plain(aliases.get(key) or "")
            table.add_row(kind, Text(plain(key)), Text(alias), Text(plain(", ".join(services))))
    console().print(table if table.rows else "Autopeering has found nobody, or is off.")


def state(peer: Record) -> Text:
    """Its word, in its colour."""
    word = str(peer.get("state"))
    return Text(plain(word), style=_COLOURS.get(word, "yellow"))


def _way(peer: Record) -> str:
    return "we dial" if peer.get("connectionDirection") == "outbound" else "they dial"


def ago(moment: object) -> str:
    """Since a unix time."""
    return (
        duration(max(0, round(time.time() - moment))) if isinstance(moment, int | float) else "?"
    )


def counted(count: object, what: str) -> str:
    """1 call, 2 calls."""
    return f"{plain(count)} {what}{'' if count == 1 else 's'}"
