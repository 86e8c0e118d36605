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
