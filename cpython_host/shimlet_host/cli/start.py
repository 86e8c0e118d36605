"""Commands before a node runs: make its config and identity, say who it is, check its config.

In: arguments and the config file. Out: files that are never overwritten, and sentences; with
--json an object. Exit status 0, 1 with a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import (
    DEFAULT_CONFIG,
    Api,
    AsJson,
    ConfigFile,
    Token,
    config_path,
    in_sentences,
    load,
    node_api,
    show_json,
)

if TYPE_CHECKING:
    from shimlet_host.config import Config
    from shimlet_host.description import Facts

start = typer.Typer()
config = typer.Typer(no_args_is_help=True, help="The settings of a node.")

NewConfig = Annotated[
    Path, typer.Option("--config", envvar="SHIMLET_CONFIG", help="The config file to write.")
]


@start.command()
def init(config: NewConfig = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Make a config file to start from, and the node's identity in its data folder.

    Nothing is overwritten. Example: shimlet init && shimlet run
    """
    from shimlet.identity import base58_encode

    from shimlet_host.starter import make_starter

    with in_sentences():
        folder, identity = make_starter(config, lambda text: typer.echo(text, err=True))
    key = base58_encode(identity.public_key)
    if as_json:
        show_json({"config": str(config), "dataDirectory": str(folder), "publicKey": key})
        return
    typer.echo(f"{config} is the node's config; every setting: shimlet config show")
    typer.echo(f"{folder} holds its identity, whose public key is {key}")
    typer.echo("Start it: shimlet run")


@start.command("id")
def show_id(
    address: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="Where others dial, if it is not found.")
    ] = "",
    qr: Annotated[bool, typer.Option("--qr", help="Also as a QR code.")] = False,
    config: ConfigFile = None,
    api: Api = "",
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Print the one string that others list this node by: KEY@HOST:PORT. It need not run.

    Example: shimlet id --qr
    """
    from shimlet_host.description import describe

    with in_sentences():
        facts = _facts(api, token, config)
        texts = describe(facts, address)
    if as_json:
        show_json({"id": texts[0], "publicKey": facts.public_key, "others": texts[1:]})
        return
    typer.echo(texts[0])
    for text in texts[1:]:
        typer.echo(f"or, in another network: {text}", err=True)
    if qr:
        _print_qr(texts[0])


def _facts(api: str, token: str, config: Path | None) -> Facts:
    """Those of the running node, whose options its config need not know; else of the config."""
    from shimlet_host.access import announced
    from shimlet_host.description import of_config, of_running
    from shimlet_host.doctor.api import ApiError

    settings = None if api else load(config)
    if settings is None or not settings.gossip.bind_address.port:
        return of_running(node_api(api, token, config))  # it alone knows the port
    kept = of_config(settings)
    if announced(settings.node.data_directory):
        with suppress(ApiError):  # it ended without a word
            running = of_running(node_api("", token, config))
            return running if running.public_key == kept.public_key else kept
    return kept


def _print_qr(text: str) -> None:
    import segno

    segno.make(text).terminal(compact=True)


@config.command()
def check(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Say all that is wrong with the settings, or that nothing is.

    Example: shimlet config check --config node.json
    """
    from shimlet_host.config import ConfigError

    path = config_path(config)
    try:
        settings = load(config)
    except ConfigError as error:
        _print_check(path, error.problems, error.warnings, as_json)
        raise typer.Exit(1) from None
    _print_check(path, (), settings.warnings, as_json)


def _print_check(
    path: Path | None, problems: Sequence[str], warnings: Sequence[str], as_json: bool
) -> None:
    if as_json:
        shown = None if path is None else str(path)
        show_json({"config": shown, "problems": problems, "warnings": warnings})
        return
    for warning in warnings:
        typer.echo(f"Warning: {warning}")
    for problem in problems:
        typer.echo(f"shimlet: {problem}", err=True)
    if not problems:
        typer.echo(f"{path or 'The config without a file'} is fine.")


@config.command("show")
def show_config(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show every setting as it holds now, from file, environment and defaults; no secrets.

    Example: shimlet config show
    """
    from shimlet_host.config import shown

    with in_sentences():
        settings = load(config)
        values = shown.shown(settings)
    show_json(values) if as_json else _print_settings(settings, values)


def _print_settings(settings: Config, values: dict[str, object]) -> None:
    import json

    from shimlet_host.config.schema import REMEDIES

    typer.echo(f"Config file: {settings.file or 'none'}")
    for key, value in values.items():
        typer.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        typer.echo(f"    {REMEDIES[key]}")
