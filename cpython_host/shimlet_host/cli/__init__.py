"""The command line: one function a command, which loads what it needs only when it is called.

In: arguments. Out: exit status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from shimlet import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A full node that peers with GoShimmer nodes and with boards.",
)


def main() -> None:
    """Entry point of the `shimlet` command."""
    app()


def fail(sentence: object) -> None:
    """Say on stderr why it does not work, and exit with status 1."""
    typer.echo(f"shimlet: {sentence}", err=True)
    raise typer.Exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shimlet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """A full node that peers with GoShimmer nodes and with boards."""


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Option(help="JSON config file; ./config.json if there is one.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="One setting; wins over file and environment."
        ),
    ] = None,
) -> None:
    """Run a full node until Ctrl-C or SIGTERM. Example: shimlet run --set
    webapi.bindAddress=127.0.0.1:8081
    """
    from shimlet_host.config import load_config
    from shimlet_host.logs import configure_logging
    from shimlet_host.model import HostError
    from shimlet_host.service import run_node

    default = Path("config.json")
    try:
        settings = load_config(
            config or (default if default.exists() else None), overrides=set_ or []
        )
        configure_logging(settings.logger.level, settings.logger.encoding)
        status = run_node(settings)
    except HostError as error:
        fail(error)
    raise typer.Exit(status)


@app.command()
def demo() -> None:
    """Start a full node and a virtual board, peer them by hand, and show what happens (`make
    run`).
    """
    from shimlet_host.demo import run_demo

    raise typer.Exit(run_demo())


# At the end: these modules use what stands above, and join their commands to `board`.
from . import board_clock as board_clock  # noqa: E402
from . import board_line as board_line  # noqa: E402
from . import pair as pair  # noqa: E402
from . import simulate as simulate  # noqa: E402
from .board import board  # noqa: E402

app.add_typer(board, name="board")
