"""`shimlet doctor`: what keeps peers away, by hand and by autopeering, and what mends it.

In: a peer, or none for all. Out: causes with a command to paste each, of all also whether others
reach the node, with --json records; exit status 0 if all is well, 1 if not, or 2.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from .state import state

if TYPE_CHECKING:
    from shimlet_host.doctor.api import NodeApiClient
    from shimlet_host.doctor.autopeering.findings import AutoFinding
    from shimlet_host.doctor.diagnose import Finding


SHOWN_CALLERS = 5  # of those that wait, the newest; `shimlet peers pending` shows all


@state.command()
def doctor(
    peer: Annotated[
        str,
        typer.Argument(
            metavar="[PEER]", help="A key, its beginning or an alias; else all and autopeering."
        ),
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

    It asks entry nodes and neighbors over UDP, too. Exit status 0: all is well. Who waits to be
    listed, and whether others reach this node, is told at the end, and does not change it.
    Example: shimlet doctor attic
    """
    from shimlet_host.doctor.autopeering.findings import FINE

    beside: list[dict[str, Any]] = []  # it informs, and changes no exit status
    with in_sentences():
        node = node_api(api, token, config)
        if board:
            findings = [_with_board(node, board, peer)]
        elif peer:
            findings = _about_one(node, peer)
        else:
            findings = _about_all(node)
            beside = [*_callers(node), *_reachability(node)]
    if as_json:
        show_json([*findings, *beside])
    else:
        _print_findings(findings)
        _print_beside(beside)
    if any(each["cause"] not in FINE for each in findings):
        raise typer.Exit(1)


def _about_all(node: NodeApiClient) -> list[dict[str, Any]]:
    """All known peers, then autopeering with its entry nodes and failed neighbors."""
    from shimlet_host.doctor.autopeering.findings import find_all

    by_hand = [_about(node, each) for each in node.peers()]
    return [*by_hand, *map(_of_autopeering, find_all(node))]


def _callers(node: NodeApiClient) -> list[dict[str, Any]]:
    """Who waits to be listed, in the form of findings. Strangers call, too: no fault of ours."""
    from shimlet_host.doctor.loose import keyed

    return [_caller(each) for each in keyed(node.pending())[-SHOWN_CALLERS:]]


def _caller(pending: Mapping[str, Any]) -> dict[str, Any]:
    from shimlet_host.doctor.diagnose import Finding

    key = pending["publicKey"]
    said = f"Called from {pending.get('remoteIP')}, and is not listed here."
    finding = Finding("key-not-listed", said, f"shimlet peers accept {key}")
    return _record(key, finding, about="pending")


def _reachability(node: NodeApiClient) -> list[dict[str, Any]]:
    """Whether others reach this node, in the form of findings."""
    from shimlet_host.doctor.reach import reached_of

    info = node.info()
    return [_record(info["publicKey"], each, about="reachability") for each in reached_of(info)]


def _about_one(node: NodeApiClient, peer: str) -> list[dict[str, Any]]:
    """The peer that is meant: known, pending, met by autopeering, or any key."""
    from shimlet_host.doctor.autopeering.findings import find_one

    known = node.peers()
    candidates = [*known, *node.pending(), *_met_by_autopeering(node)]
    candidates = list({each["publicKey"]: each for each in reversed(candidates)}.values())
    meant = {"publicKey": peer} if _is_key(peer) else the_peer(candidates, peer)
    entry = next((each for each in known if each["publicKey"] == meant["publicKey"]), None)
    found = find_one(node, meant["publicKey"])
    met = [] if found is None else [_of_autopeering(found)]
    if entry is not None:
        return [_about(node, entry), *(each for each in met if each["about"] == "the entry node")]
    return met or [_about(node, meant)]


def _met_by_autopeering(node: NodeApiClient) -> list[dict[str, Any]]:
    told = node.info().get("autoPeering") or {}
    lists = node.neighbors()
    met = [each for kind in ("chosen", "accepted", "known") for each in lists[kind]]
    return [*told.get("entryNodes", ()), *told.get("failedLinks", ()), *met]


def _is_key(text: str) -> bool:
    from shimlet.identity import decode_key

    try:
        return bool(decode_key(text))
    except ValueError:
        return False


def _of_autopeering(found: AutoFinding) -> dict[str, Any]:
    return _record(found.public_key, found.finding, about=found.about)


def _about(node: NodeApiClient, peer: dict[str, Any]) -> dict[str, Any]:
    from shimlet_host.doctor.diagnose import diagnose
    from shimlet_host.doctor.gather import gather

    key = peer["publicKey"]
    if peer.get("enabled") is False:
        return _disabled(key, peer)
    return _record(key, diagnose(gather(node, key)), peer.get("alias", ""))


def _record(key: str, finding: Finding, alias: str = "", about: str = "") -> dict[str, Any]:
    """What all that is told has; `about` says what it is if it is no known peer."""
    return {"publicKey": key, "alias": alias, "about": about, **asdict(finding)}


def _disabled(key: str, peer: dict[str, Any]) -> dict[str, Any]:
    from shimlet_host.doctor.diagnose import Finding

    said = "The operator of the full node disabled this peer."
    finding = Finding("disabled", said, f"shimlet peers enable {key}")
    return _record(key, finding, peer.get("alias", ""))


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
    finding = _record(key, diagnose(evidence), entry.get("alias", ""))
    return {**finding, "who": who_dials(evidence)}


def _print_findings(findings: list[dict[str, Any]]) -> None:
    from .board_tables import plain

    if all(finding["about"] == "autopeering" for finding in findings):
        typer.echo("No peer is known: shimlet peers add KEY@HOST:PORT")
    for finding in findings:
        note = finding["alias"] or finding["about"]
        typer.echo(f"{plain(finding['publicKey'])}{f' ({plain(note)})' if note else ''}")
        if finding.get("who"):
            typer.echo(f"  {finding['who']}")
        typer.echo(f"  {finding['cause']}: {plain(finding['sentence'])}")
        if finding["remedy"]:
            where = f" at {finding['at']}" if finding["at"] else ""
            typer.echo(f"  What to do{where}:\n    {plain(finding['remedy'])}")


def _print_beside(results: list[dict[str, Any]]) -> None:
    from .board_tables import plain

    for each in results:
        if each["about"] == "pending":
            typer.echo(f"Pending, {plain(each['publicKey'])}: {plain(each['sentence'])}")
            typer.echo(f"  If you know it:\n    {plain(each['remedy'])}")
        else:
            typer.echo(f"Reachability, {plain(each['protocol'])}: {plain(each['sentence'])}")
