"""Commands that look at a running node: how it stands, and its neighbors.

In: arguments. Out: tables, with --json records; exit status 0, 1 or 2.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    Api,
    AsJson,
    ConfigFile,
    Token,
    in_sentences,
    node_api,
    show_json,
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
    from .overview import overview
    from .tables import console

    shown_on = console()
    shown_on.print(overview(**seen, columns=shown_on.width))


def _follow_as_json(node: NodeApiClient, interval_s: float) -> None:
    while True:
        print(json.dumps(_look(node)), flush=True)
        time.sleep(interval_s)


def _follow(node: NodeApiClient, interval_s: float) -> None:
    """A table that stays in its place on a terminal; it says so when the node is away."""
    from rich.live import Live

    from .tables import console

    shown_on = console()
    while not shown_on.is_terminal:  # one after the other
        shown_on.print(_view(node, shown_on.width))
        sys.stdout.flush()
        time.sleep(interval_s)
    view = _view(node, shown_on.width)
    with Live(view, console=shown_on, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(interval_s)
            live.update(_view(node, shown_on.width), refresh=True)


def _view(node: NodeApiClient, columns: int) -> RenderableType:
    from rich.text import Text

    from shimlet_host.doctor.api import ApiError

    from .overview import overview

    try:
        return overview(**_look(node), columns=columns)
    except ApiError as error:
        return Text(str(error), style="yellow")


@state.command()
def neighbors(
    config: ConfigFile = None, api: Api = "", token: Token = "", as_json: AsJson = False
) -> None:
    """Show whom autopeering chose, accepted and knows.

    Example: shimlet neighbors
    """
    with in_sentences():
        node = node_api(api, token, config)
        lists = node.neighbors()
        if as_json:
            show_json(lists)
            return
        known = node.peers()
    from . import tables

    tables.show_neighbors(lists, {each.get("publicKey"): each.get("alias") for each in known})
