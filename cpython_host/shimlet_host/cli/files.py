"""`shimlet backup` and `shimlet restore`: identity, config and peers in one file.

In: the config of the node, and a file. Out: the file, or the node as it was; exit status 0, 1 with
a sentence on stderr, or 2 for wrong arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import DEFAULT_CONFIG, AsJson, ConfigFile, config_path, in_sentences, load, show_json

files = typer.Typer()

Backup = Annotated[Path, typer.Argument(metavar="FILE", help="The file with the backup.")]


@files.command()
def backup(
    file: Backup,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Write identity, config and peers into one file for its owner alone; the node may run.

    Whoever has the file can be this node. Example: shimlet backup node.backup
    """
    from shimlet_host.backup import write_backup

    with in_sentences():
        made = write_backup(file, load(config), config_path(config), force=force)
    if as_json:
        show_json({"file": str(file), "publicKey": made.public_key, "peers": len(made.kept.peers)})
        return
    from .tables import counted

    held = counted(len(made.kept.peers), "peer")
    typer.echo(f"{file} holds the identity {made.public_key} and {held}.")
    typer.echo("Keep it where nobody else can read it.")


@files.command()
def restore(
    file: Backup,
    config: Annotated[
        Path,
        typer.Option("--config", envvar="SHIMLET_CONFIG", help="Where the config file goes."),
    ] = DEFAULT_CONFIG,
    force: Annotated[
        bool, typer.Option("--force", help="Replace another config, identity or peers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put identity, config and peers back; the node must not run.

    Example: shimlet restore node.backup && shimlet run
    """
    from shimlet_host.backup import read_backup, restore_backup

    with in_sentences():
        content = read_backup(file)
        folder = restore_backup(content, config, force=force)
    if as_json:
        show_json(
            {
                "config": str(config),
                "dataDirectory": str(folder),
                "publicKey": content.public_key,
                "peers": len(content.kept.peers),
            }
        )
        return
    from .tables import counted

    held = counted(len(content.kept.peers), "peer")
    typer.echo(f"{folder} holds {content.public_key} and {held}.")
