"""Commands of `shimlet board` about the clock of a running node; it is asked, never stopped.

In: arguments, and the clock of this machine. Out: a sentence, or with --json the node's answer;
exit status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from .board import AsJson, Port, board, in_sentences, show_json
from .common import fail

Hosts = Annotated[
    list[str] | None, typer.Argument(metavar="[HOST[:PORT]]...", help="At most four, in order.")
]
Off = Annotated[bool, typer.Option("--off", help="Ask no time server any more.")]


@board.command("time")
def set_time(port: Port, as_json: AsJson = False) -> None:
    """Set the board's clock by this machine's.

    A clock that agrees within 2 s is left alone. A time server that the board asks corrects it
    later. Example: shimlet board time /dev/ttyUSB0
    """
    from shimlet_host.board import talk
    from shimlet_host.net import EARLIEST_UNIX_TIME

    unix_time = round(time.time())
    if unix_time < EARLIEST_UNIX_TIME:
        fail("The clock of this machine is not set itself: set it first.")
    with in_sentences():
        answer = talk.change(port, {"cmd": "time", "unixTime": unix_time})
    show_json(answer) if as_json else typer.echo(_sentence(answer))


def _sentence(answer: dict[str, Any]) -> str:
    behind_ms = answer.get("behindMs")
    if behind_ms is None:
        return "The board's clock was not set. Now it is."
    how = f"{abs(behind_ms) / 1000:.1f} s {'behind' if behind_ms > 0 else 'ahead'}"
    if answer.get("set"):
        return f"The board's clock was {how}. Now it is right."
    return f"The board's clock is right already ({how})."


@board.command("ntp")
def set_servers(
    port: Port, hosts: Hosts = None, off: Off = False, as_json: AsJson = False
) -> None:
    """Name the time servers that the board asks.

    It asks them in this order until one answers, now, from time to time, and after a restart.
    Example: shimlet board ntp /dev/ttyUSB0 pool.ntp.org 192.0.2.7:14123
    """
    from shimlet_host.board import talk

    if off == bool(hosts):
        raise typer.BadParameter("Name one server at least, or write --off.")
    with in_sentences():
        answer = talk.change(port, {"cmd": "clock", "ntp": hosts or []})
    if as_json:
        show_json(answer)
        return
    asked = ", ".join(answer.get("ntp", []))
    typer.echo(f"The board asks {asked} for the time." if asked else "The board asks nobody.")
