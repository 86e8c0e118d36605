"""Commands of `shimlet board`: the whole manual pairing of a board and a full node in one go.

In: arguments; which address to use is asked on a terminal when there are several. Out: what was
done, who dials and why, and the proof that messages pass; else why there is no link, and the
command that mends it. Exit status 0 for a link, 1 without one, 2 for wrong arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .board import AsJson, Port, board, in_sentences, show_json
from .common import Api, ConfigFile, Token, node_api

if TYPE_CHECKING:
    from shimlet_host.board.pair import Paired
    from shimlet_host.doctor.diagnose import Finding

HostAddress = Annotated[
    str, typer.Option(metavar="IP[:PORT]", help="Where the board is to dial the full node.")
]
BoardAddress = Annotated[
    str, typer.Option(metavar="IP[:PORT]", help="Where the full node is to dial the board.")
]
DialFrom = Annotated[
    str,
    typer.Option(
        metavar="board|host",
        help="Which side must be able to dial: if it is the other one, the board gets a new key.",
    ),
]
Timeout = Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds to wait for the link.")]
Check = Annotated[bool, typer.Option("--check", help="Only look why there is no link.")]


@board.command()
def pair(
    port: Port,
    api: Api = "",
    token: Token = "",
    config: ConfigFile = None,
    host_address: HostAddress = "",
    board_address: BoardAddress = "",
    dial_from: DialFrom = "",
    timeout: Timeout = 20.0,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Make a running board and a running full node known to each other, and see them link.

    Both go on running, and doing it again is fine. Example: shimlet board pair /dev/ttyUSB0
    """
    from shimlet_host.board import pair as pairing
    from shimlet_host.board.dial_from import BOARD, HOST

    if dial_from not in ("", BOARD, HOST):
        raise typer.BadParameter(f"--dial-from is board or host, not {dial_from!r}.")

    def say(sentence: str) -> None:
        typer.echo(sentence, err=as_json)

    def choose(question: str, addresses: Sequence[str]) -> str:
        return _choose(question, addresses, interactive=not as_json and sys.stdin.isatty())

    with in_sentences():
        node = node_api(api, token, config)
        if check:
            finding, who = pairing.check(port, node)
            return _show_finding(finding, who, as_json)
        wishes = pairing.Wishes(host_address, board_address, dial_from, timeout)
        _show(pairing.pair(port, node, wishes, say, choose), as_json)


def _choose(question: str, addresses: Sequence[str], *, interactive: bool) -> str:
    """The address that the user names by its number."""
    from shimlet_host.board.dial_from import PairError

    if not interactive:
        raise PairError(
            f"{question} There are several: {', '.join(addresses)}. Name one by --host-address or"
            " --board-address."
        )
    typer.echo(question)
    for place, address in enumerate(addresses, 1):
        typer.echo(f"  {place}  {address}")
    while True:
        number: int = typer.prompt("Number", default=1, type=int)
        if 1 <= number <= len(addresses):
            return addresses[number - 1]
        typer.echo(f"Write a number from 1 to {len(addresses)}.")


def _show(paired: Paired, as_json: bool) -> None:
    if as_json:
        show_json(asdict(paired))
    elif paired.linked:
        typer.echo(f"They are linked: {paired.who}")
        for arrived, way in (
            (paired.to_board, "to the board"),
            (paired.to_host, "to the full node"),
        ):
            typer.echo(f"A message {way} {'arrived' if arrived else 'did not arrive'}.")
    elif paired.finding is not None:
        _print_finding(paired.finding, paired.who)
    if not (paired.linked and paired.to_board and paired.to_host):
        raise typer.Exit(1)


def _show_finding(finding: Finding, who: str, as_json: bool) -> None:
    from shimlet_host.doctor.diagnose import CONNECTED

    if as_json:
        show_json({**asdict(finding), "who": who})
    else:
        _print_finding(finding, who)
    if finding.cause != CONNECTED:
        raise typer.Exit(1)


def _print_finding(finding: Finding, who: str) -> None:
    typer.echo(who)
    typer.echo(f"{finding.cause}: {finding.sentence}")
    if finding.remedy:
        typer.echo(f"What to do:\n  {finding.remedy}")
