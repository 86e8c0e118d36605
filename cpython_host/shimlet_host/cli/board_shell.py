"""`shimlet board shell`: a Python prompt on a board, or code that is run there for scripts.

In: a serial device; code as an argument or on standard input. Out: what the code prints on
standard output, the board's traceback on stderr, or both as JSON; exit status 0, 1 if the code
raised or with a sentence on stderr, or 2 for wrong arguments. The node runs again afterwards.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .board import AsJson, Port, board, in_sentences, show_json
from .common import fail

if TYPE_CHECKING:
    from shimlet_host.board.shell import Take

MAX_KEPT = 1024 * 1024  # bytes for --json: what a line of 115200 baud brings in 90 s
NO_NODE = "The board restarted; no node answers."


@board.command()
def shell(
    port: Port,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="CODE", help="Run this instead; - reads it from standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open the board's Python prompt, or run code there. It stops the node and starts it again.

    Ctrl-X leaves the prompt. Code prints to standard output; if it raises, its traceback goes to
    stderr, and the exit status is 1. With --json both are one object: output, and error or null.

    Example: shimlet board shell /dev/ttyUSB0 --run 'import os; print(os.listdir())'
    """
    if run is not None:
        _run(port, run, as_json)
    elif as_json:
        raise typer.BadParameter("The prompt is for people: --json needs --run CODE.")
    else:
        _prompt(port)


def _prompt(port: str) -> None:
    from shimlet_host.board.shell import shell as open_shell

    with in_sentences():
        status = open_shell(port, typer.echo)
    typer.echo("The node is up again." if status else NO_NODE)


def _run(port: str, text: str, as_json: bool) -> None:
    from shimlet_host.board.shell import MAX_CODE, run_code, start_again

    code = sys.stdin.buffer.read(MAX_CODE + 1) if text == "-" else os.fsencode(text)
    kept = bytearray()
    with in_sentences():
        with _interruptible():
            error = run_code(port, code, _keep_in(kept) if as_json else _print)
        if as_json:
            show_json({"output": kept.decode(errors="replace"), "error": error})
        elif error is not None:
            typer.echo(error, err=True, nl=False)
        if start_again(port) is None:
            typer.echo(NO_NODE, err=True)
    if error is not None:
        raise typer.Exit(1)


def _print(data: bytes) -> None:
    typer.echo(data, nl=False)


def _keep_in(kept: bytearray) -> Take:
    from shimlet_host.model import HostError

    def take(data: bytes) -> None:
        kept.extend(data)
        if len(kept) > MAX_KEPT:
            raise HostError(
                f"The code printed more than {MAX_KEPT} bytes, and was ended: without --json all"
                " of it is shown as it comes."
            )

    return take


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the code, and so do those that end a script: the node must run again."""
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    except KeyboardInterrupt:
        fail("Interrupted: the code was ended, and the board starts its node again.")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
