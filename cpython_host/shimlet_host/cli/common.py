"""What all commands share: the form of answers and of errors, and the way to a running node.

In: options. Out: a sentence on stderr and exit status 1 for every error that has one; a client of
the web API that finds the node and its token by the data folder of the config.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from shimlet_host.config import Config
    from shimlet_host.doctor.api import NodeApiClient

DEFAULT_CONFIG = Path("config.json")

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="SHIMLET_CONFIG",
        help="The node's config file; ./config.json if there is one.",
    ),
]
Api = Annotated[
    str,
    typer.Option(
        "--api", envvar="SHIMLET_API", metavar="URL", help="The node's web API; else it is found."
    ),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="SHIMLET_TOKEN",
        help="For changes of a node elsewhere; else it is found.",
    ),
]


def fail(sentence: object) -> NoReturn:
    """Say on stderr why it does not work, and exit with status 1."""
    typer.echo(f"shimlet: {sentence}", err=True)
    raise typer.Exit(1)


@contextmanager
def in_sentences() -> Iterator[None]:
    """Turn every error that has a sentence into that sentence and exit status 1."""
    try:
        yield
    except Exception as error:
        from shimlet_host.model import HostError  # only now: `--help` needs no asyncio

        if isinstance(error, HostError):
            fail(error)
        raise


def show_json(value: object) -> None:
    """Print an answer for programs."""
    typer.echo(json.dumps(value, indent=2))


def config_path(config: Path | None) -> Path | None:
    """The config file that counts; None: there is none."""
    return config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)


def load(config: Path | None, overrides: Sequence[str] = ()) -> Config:
    """The settings of the node that is meant. Raises ConfigError."""
    from shimlet_host.config import load_config

    return load_config(config_path(config), overrides=overrides)


def node_api(api: str, token: str, config: Path | None) -> NodeApiClient:
    """A client of the node: that of --api, else the one that uses the config's data folder.

    The folder's token goes to the folder's node alone. Raises ConfigError, ApiError.
    """
    from shimlet_host.access import announced, read_token
    from shimlet_host.doctor.api import NodeApiClient

    if api and token:
        return NodeApiClient(api, token)
    settings = load(config)
    folder = settings.node.data_directory
    own = announced(folder) or _configured_url(settings)
    if not api or api.rstrip("/") == own:
        token = token or read_token(folder)
    return NodeApiClient(api or own, token)


def _configured_url(config: Config) -> str:
    """Where the web API listens, as the config says it."""
    from shimlet.identity import format_address

    host, port = config.webapi.bind_address
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{format_address(host, port)}"


def the_peer(peers: Sequence[dict[str, Any]], text: str) -> dict[str, Any]:
    """The peer that is meant by its key, its alias or the beginning of its key; else it fails."""
    for found in (
        [peer for peer in peers if peer.get("publicKey") == text],
        [peer for peer in peers if peer.get("alias") == text],
        [peer for peer in peers if len(text) >= 4 and str(peer["publicKey"]).startswith(text)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            keys = ", ".join(str(peer["publicKey"]) for peer in found)
            fail(f"{text} may mean {keys}: write the whole key.")
    fail(f"{text} is none of these peers: see `shimlet peers list` and `shimlet peers pending`.")
