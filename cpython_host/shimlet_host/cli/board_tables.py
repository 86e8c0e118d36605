"""Tables for people of what a board's node answers.

In: the answers of `board/talk.py`, whose texts may hold anything. Out: text on standard output.
Called by: `board_line.py`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 200  # where no terminal says how wide it is

Answer = Mapping[str, Any]


def plain(text: object) -> str:
    """The text with control characters written out, so that no board commands the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def show_status(answer: Answer) -> None:
    """One line a fact; what this program does not know is shown as the board says it."""
    table = Table.grid(padding=(0, 2))
    for name in [*_ROWS, *(name for name in answer if name not in _ROWS)]:
        value = answer.get(name)
        if name in _HIDDEN or value in (None, "", [], {}):
            continue
        title, words = _ROWS.get(name, (name, _any))
        table.add_row(Text(plain(title), style="bold"), Text(plain(_said(words, value))))
    _print(table)
    problems = answer.get("problems")
    for problem in problems if isinstance(problems, list) else []:
        _print(Text(f"Problem: {plain(problem)}", style="yellow"))


def show_peers(answer: Answer) -> None:
    """The known peers, then the callers that wait to be listed."""
    known, pending = _dicts(answer, "peers"), _dicts(answer, "pending")
    if not known:
        _print(Text("The board knows no peer: shimlet board peers add PORT KEY@HOST:PORT"))
    for peer in known:
        _print(_peer(peer))
    for caller in pending:
        _print(_caller(caller))


def _peer(peer: Answer) -> Text:
    """Two lines: a key is too long for a column beside others."""
    state = plain(peer.get("state"))
    text = Text(plain(peer.get("publicKey")) + "\n  ")
    text.append(state, style="green" if state == "connected" else "yellow")
    way = "we dial" if peer.get("outbound") else "they dial"
    text.append(f", {plain(peer.get('address'))} ({way})")
    if "in" in peer:
        text.append(f", {peer.get('in')} messages in, {peer.get('out')} out")
    if peer.get("nextAttempt") is not None:
        text.append(f", next attempt in {plain(peer['nextAttempt'])} s")
    if peer.get("lastError"):
        text.append(f"\n  last error: {plain(peer.get('lastErrorText') or peer['lastError'])}")
    return text


def _caller(caller: Answer) -> Text:
    key, source = plain(caller.get("publicKey")), plain(caller.get("source"))
    return Text(f"{key}\n  not listed, called {plain(caller.get('attempts'))} times from {source}")


def _dicts(answer: Answer, name: str) -> list[Answer]:
    found = answer.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _print(what: Table | Text) -> None:
    width = None if sys.stdout.isatty() else PIPE_COLUMNS
    Console(width=width, highlight=False).print(what, soft_wrap=isinstance(what, Text))


# The words for single values


def _said(words: Callable[[Any], str], value: object) -> str:
    try:
        return words(value)
    except (TypeError, ValueError, LookupError, OverflowError, OSError):
        return _any(value)  # not what this program expects there


def _any(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_any(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)


def duration(seconds: int) -> str:
    """As 1 h 2 s."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def _clock(unix_time: int) -> str:
    if not unix_time:
        return "not set: the board neither dials nor accepts"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_time))


def _heap(heap: Mapping[str, int]) -> str:
    used, free = heap["used"], heap["free"]
    return f"{used:,} bytes used, {free:,} free"


def _source(clock: Mapping[str, Any]) -> str:
    if not clock["source"]:
        return "nobody yet"
    ago = clock["syncedAgo"]
    return str(clock["source"]) + ("" if ago is None else f", {duration(ago)} ago")


def _wifi(wifi: Mapping[str, Any]) -> str:
    why = f" ({wifi['error']})" if wifi["error"] else ""
    counts = f"{wifi['outages']} outages, switched off and on {wifi['restarts']} times"
    return f"{wifi['state']}{why}; {counts}"


def _yes(listens: bool) -> str:
    return "yes" if listens else "no: nobody can call this board"


def _network(offline: bool) -> str:
    return "none" if offline else "there"


def _list(values: list[Any]) -> str:
    return ", ".join(_any(value) for value in values)


_HIDDEN = ("problems",)
_ROWS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "name": ("Name", _any),
    "publicKey": ("Public key", _any),
    "version": ("Version", _any),
    "profile": ("Profile", _any),
    "uptime": ("Runs for", duration),
    "resetCause": ("Last reset", _any),
    "watchdogResets": ("Resets by the watchdog", _any),
    "lastException": ("Last exception", _any),
    "unixTime": ("Clock", _clock),
    "clock": ("Clock set by", _source),
    "ntp": ("Time servers", _list),
    "offline": ("Network", _network),
    "wifi": ("Wi-Fi", _wifi),
    "ip": ("IP", _any),
    "bindAddress": ("Gossip on", _any),
    "listening": ("Listens", _yes),
    "addresses": ("Also known as", _list),
    "knownPeers": ("Known peers", _any),
    "links": ("Links", _any),
    "halfOpen": ("Half-open", _any),
    "published": ("Published", _any),
    "received": ("Received", _any),
    "refusals": ("Refusals", _any),
    "heap": ("Heap", _heap),
}
