"""`shimlet board`: what the command line does to boards, one function a command.

In: arguments; a board is named by the path of its serial device, also a virtual one. Out: exit
status 0, 1 with a sentence on stderr, or 2 for wrong arguments. Commands of other modules of this
folder join by `from .board import board`; `cli/__init__.py` imports them. What a command needs is
imported when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from shimlet_host.model import HostError

from . import fail

board = typer.Typer(
    no_args_is_help=True,
    help="Put Shimlet on boards and look after them. Virtual boards are boards, too.",
)

Port = Annotated[
    str, typer.Argument(metavar="PORT", help="The board's serial device, as /dev/ttyUSB0.")
]
BoardName = Annotated[
    str, typer.Argument(metavar="BOARD", help="A folder of boards/, as esp32_generic.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")]


@contextmanager
def in_sentences() -> Iterator[None]:
    """Turn every error that has a sentence into that sentence and exit status 1."""
    try:
        yield
    except HostError as error:
        fail(error)


def show_json(value: object) -> None:
    """Print an answer for programs."""
    typer.echo(json.dumps(value, indent=2))


@board.command()
def build(board: BoardName, as_json: AsJson = False) -> None:
    """Compile all that the board gets into build/BOARD, and say how large it is.

    Example: shimlet board build esp32_generic
    """
    from shimlet_host.board import build as making
    from shimlet_host.board.catalogue import load

    with in_sentences():
        spec = load(board)
        sizes = making.sizes(making.build(spec))
    if as_json:
        show_json({"board": spec.id, "processor": spec.processor, "bytes": sizes})
        return
    typer.echo(f"{spec.name}, for {spec.processor}: {making.FOLDER / spec.id}")
    for name, size in [*sizes.items(), ("all", sum(sizes.values()))]:
        typer.echo(f"  {name:<16}{size:>8} bytes")


@board.command()
def flash(board: BoardName, port: Port, as_json: AsJson = False) -> None:
    """Put the light node on a board, or bring it up to date. It stops the node and starts it
    again.

    Only what differs is copied; config.json, wifi.json, identity.seed, peers and app.py stay.
    MicroPython has to be on the board (`shimlet board micropython`). If the cable comes off, flash
    again. Example: shimlet board flash esp32_generic /dev/ttyUSB0
    """
    from shimlet_host.board.catalogue import load
    from shimlet_host.board.flash import flash as flash_board

    def say(sentence: str) -> None:
        typer.echo(sentence, err=as_json)

    with in_sentences():
        done = flash_board(port, load(board), say)
    if as_json:
        show_json({**asdict(done.deployed), "status": done.status})
        return
    typer.echo(f"The node is up. Its public key is {done.status.get('publicKey')}.")
