"""Commands that look at a running node: how it stands, its neighbors, what keeps a peer away.

In: arguments. Out: tables, with --json records; exit status 0, 1 (also when `doctor` finds a peer
that is not connected), or 2.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    Api,
    AsJson,
    ConfigFile,
    Token,
    fail,
    in_sentences,
    node_api,
    show_json,
    the_peer,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from shimlet_host.doctor.api import NodeApiClient

state = typer.Typer()


@state.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600.0, help="Seconds between two looks of --watch.")
    ] = 1.0,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Show the running node and its peers: state, direction, traffic, errors.

    With --watch and --json each look is an object on a line. Example: shimlet status --watch
    """
    with in_sentences():
        node = node_api(api, token, config)
        if not watch:
            seen = _look(node)
            show_json(seen) if as_json else _print_overview(seen)
            return
        try:
            _follow_as_json(node, interval) if as_json else _follow(node, interval)
        except KeyboardInterrupt:  # the way to end --watch
            raise typer.Exit from None


def _look(node: NodeApiClient) -> dict[str, Any]:
    return {"info": node.info(), "peers": node.peers(), "pending": node.pending()}


def _print_overview(seen: dict[str, Any]) -> None:
    from . import tables

    tables.console().print(tables.overview(**seen))


def _follow_as_json(node: NodeApiClient, interval_s: float) -> None:
    while True:
        print(json.dumps(_look(node)), flush=True)
        time.sleep(interval_s)


def _follow(node: NodeApiClient, interval_s: float) -> None:
    """A table that stays in its place on a terminal; it says so when the node is away."""
    from rich.live import Live

    from . import tables

    console = tables.console()
    while not console.is_terminal:  # one after the other
        console.print(_view(node))
        sys.stdout.flush()
        time.sleep(interval_s)
    with Live(_view(node), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(interval_s)
            live.update(_view(node), refresh=True)


def _view(node: NodeApiClient) -> RenderableType:
    from rich.text import Text

    from shimlet_host.doctor.api import ApiError

    from . import tables

    try:
        return tables.overview(**_look(node))
    except ApiError as error:
        return Text(str(error), style="yellow")


@state.command()
def neighbors(
    config: ConfigFile = None, api: Api = "", token: Token = "", as_json: AsJson = False
) -> None:
    """Show whom autopeering chose, accepted and knows. Example: shimlet neighbors"""
    with in_sentences():
        lists = node_api(api, token, config).neighbors()
    if as_json:
        show_json(lists)
        return
    from . import tables

    tables.show_neighbors(lists)


@state.command()
def doctor(
    peer: Annotated[
        str, typer.Argument(metavar="[PEER]", help="A key or an alias; else all known peers.")
    ] = "",
    board: Annotated[
        str, typer.Option(metavar="PORT", help="The peer is a board at this serial device.")
    ] = "",
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Say why a peer is not connected, and which side must do what.

    Exit status 0: all that were asked for are connected. Example: shimlet doctor attic
    """
    with in_sentences():
        node = node_api(api, token, config)
        if board:
            findings = [_with_board(node, board, peer)]
        else:
            findings = [_about(node, each) for each in _patients(node, peer)]
    if as_json:
        show_json(findings)
    else:
        _print_findings(findings)
    if any(each["cause"] != "connected" for each in findings):
        raise typer.Exit(1)


def _patients(node: NodeApiClient, peer: str) -> list[dict[str, Any]]:
    """The peer that is meant: a known one, a pending one, or any key; else all known peers."""
    from shimlet.identity import decode_key

    known = node.peers()
    if not peer:
        return known
    candidates = [*known, *node.pending()]
    try:
        decode_key(peer)
    except ValueError:
        return [the_peer(candidates, peer)]
    return [next((each for each in candidates if each["publicKey"] == peer), {"publicKey": peer})]


def _about(node: NodeApiClient, peer: dict[str, Any]) -> dict[str, Any]:
    from shimlet_host.doctor.diagnose import diagnose
    from shimlet_host.doctor.gather import gather

    key = peer["publicKey"]
    if peer.get("enabled") is False:
        return _disabled(key, peer)
    finding = diagnose(gather(node, key))
    return {"publicKey": key, "alias": peer.get("alias", ""), **asdict(finding)}


def _disabled(key: str, peer: dict[str, Any]) -> dict[str, Any]:
    return {
        "publicKey": key,
        "alias": peer.get("alias", ""),
        "cause": "disabled",
        "sentence": "The operator of the full node disabled this peer.",
        "remedy": f"shimlet peers enable {key}",
        "candidates": (),
    }


def _with_board(node: NodeApiClient, port: str, peer: str) -> dict[str, Any]:
    from shimlet_host.board.line import BoardLine
    from shimlet_host.doctor.diagnose import diagnose, who_dials
    from shimlet_host.doctor.gather import gather_with_board

    known = node.peers()
    with BoardLine(port) as line:
        evidence = gather_with_board(node, line, port)
    key = evidence.peer.public_key
    entry = next((each for each in known if each["publicKey"] == key), {"publicKey": key})
    others = [each for each in known if each is not entry]
    if peer and the_peer([entry, *others], peer) is not entry:
        fail(f"The board on {port} is {key}, and not {peer}.")
    if entry.get("enabled") is False:
        return _disabled(key, entry)
    found = {"publicKey": key, "alias": entry.get("alias", ""), "who": who_dials(evidence)}
    return {**found, **asdict(diagnose(evidence))}


def _print_findings(findings: list[dict[str, Any]]) -> None:
    from .board_tables import plain

    if not findings:
        typer.echo("No peer is known: shimlet peers add KEY@HOST:PORT")
    for finding in findings:
        alias = f" ({plain(finding['alias'])})" if finding["alias"] else ""
        typer.echo(f"{plain(finding['publicKey'])}{alias}")
        if finding.get("who"):
            typer.echo(f"  {finding['who']}")
        typer.echo(f"  {finding['cause']}: {plain(finding['sentence'])}")
        if finding["remedy"]:
            typer.echo(f"  What to do:\n    {plain(finding['remedy'])}")
