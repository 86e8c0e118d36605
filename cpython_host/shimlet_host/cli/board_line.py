"""Commands of `shimlet board`: the running node is asked over its serial line, never stopped.

In: arguments; a password comes from a hidden prompt or from standard input, as other users see
the arguments of a program. Out: tables for people, or with --json the node's answers; exit status
0, 1 with a sentence on stderr, or 2 for wrong arguments. The tables are made by `board_tables.py`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .board import AsJson, Port, board, in_sentences, show_json

if TYPE_CHECKING:
    from shimlet_host.board.talk import LogLine

Peer = Annotated[str, typer.Argument(metavar="PEER", help="Public key, or KEY@HOST:PORT.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The peer's public key.")]
Address = Annotated[
    str | None, typer.Argument(metavar="ADDRESS", help="HOST:PORT, if not part of PEER.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]
Ssid = Annotated[str, typer.Option("--ssid", help="The network's name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")
]

peers = typer.Typer(no_args_is_help=True, help="The known peers of a running board.")
board.add_typer(peers, name="peers")


@board.command()
def status(port: Port, as_json: AsJson = False) -> None:
    """Show how the running node is. Example: shimlet board status /dev/ttyUSB0"""
    from shimlet_host.board import talk

    from . import board_tables

    with in_sentences():
        answer = talk.status(port)
        show_json(answer) if as_json else board_tables.show_status(answer)


@board.command()
def log(port: Port, follow: Follow = False, as_json: AsJson = False) -> None:
    """Show the node's last log lines. With --json each is an object on a line of its own.

    Example: shimlet board log /dev/ttyUSB0 --follow
    """
    from shimlet_host.board import talk

    try:
        with in_sentences():
            for line in talk.follow(port) if follow else talk.log(port):
                _print_line(line, as_json)
    except KeyboardInterrupt:  # the way to end --follow
        raise typer.Exit from None


def _print_line(line: LogLine, as_json: bool) -> None:
    from .board_tables import plain

    if as_json:
        print(json.dumps(asdict(line)), flush=True)
        return
    times = f" ({line.count} times)" if line.count > 1 else ""
    clock = time.strftime("%H:%M:%S", time.localtime(line.when))
    print(f"{clock} {plain(line.text)}{times}", flush=True)


@peers.command("list")
def list_peers(port: Port, as_json: AsJson = False) -> None:
    """Show the board's peers and who waits to be listed. Example: shimlet board peers list
    /dev/ttyUSB0
    """
    from shimlet_host.board import talk

    from . import board_tables

    with in_sentences():
        answer = talk.peers(port)
        show_json(answer) if as_json else board_tables.show_peers(answer)


@peers.command("add")
def add_peer(port: Port, peer: Peer, address: Address = None, as_json: AsJson = False) -> None:
    """List a peer, or give it a new address; the board keeps it. Example: shimlet board peers add
    /dev/ttyUSB0 KEY@192.0.2.1:14666
    """
    from shimlet_host.board import talk

    with in_sentences():
        try:
            public_key, address = talk.peer_of(peer, address)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        _tell(talk.add_peer(port, public_key, address), as_json)


@peers.command("remove")
def remove_peer(port: Port, key: Key, as_json: AsJson = False) -> None:
    """Take a peer off the board's list and close its link. Example: shimlet board peers remove
    /dev/ttyUSB0 KEY
    """
    from shimlet.identity import decode_key

    from shimlet_host.board import talk

    with in_sentences():
        try:
            decode_key(key)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        _tell(talk.remove_peer(port, key), as_json)


_CHANGES = {
    "added": "Listed",
    "address": "New address",
    "none": "Was listed so already",
    "removed": "Removed",
}


def _tell(answer: dict[str, object], as_json: bool) -> None:
    from .board_tables import plain

    if as_json:
        return show_json(answer)
    what = _CHANGES.get(str(answer.get("change")), "Done")
    count = f"{answer.get('known')} of at most {answer.get('limit')} peers"
    typer.echo(plain(f"{what}: {answer.get('publicKey')}. The board knows {count}."))


@board.command()
def wifi(
    port: Port, ssid: Ssid, password_stdin: FromStdin = False, as_json: AsJson = False
) -> None:
    """Give the board a Wi-Fi network, which it keeps and never shows; an empty password is an open
    network. Example: shimlet board wifi /dev/ttyUSB0 --ssid home
    """
    from shimlet_host.board import talk

    with in_sentences():
        answer = talk.set_wifi(port, ssid, _password(password_stdin))
        if as_json:
            return show_json(answer)
        then = "connects to it now" if answer.get("connects") else "has no Wi-Fi to connect with"
        typer.echo(f"The board keeps the network and {then}.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline(1000).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on: use --password-stdin")
    prompt = "Password (hidden; empty for an open network)"
    text: str = typer.prompt(prompt, default="", hide_input=True, show_default=False, err=True)
    return text
