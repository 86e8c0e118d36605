"""What a new node starts from: a config file with the usual keys, and an identity.

In: where the config file shall be. Out: both, each made once and never replaced. The keys are
explained in the README of this folder, and by `shimlet config show`. Called by `shimlet init`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from shimlet_host.config import load_config
from shimlet_host.files import clear_drafts, create_once, way_out
from shimlet_host.folder import open_folder
from shimlet_host.identity import HostIdentity, load_identity
from shimlet_host.model import HostError

STARTER = {
    "profile": "spec",
    "node": {"dataDirectory": "shimletdb"},
    "network": {"externalAddress": "auto"},
    "gossip": {"bindAddress": "0.0.0.0:14666"},
    "manualPeering": {"knownPeers": []},
    "autoPeering": {"enabled": False, "entryNodes": []},
    "webapi": {"bindAddress": "127.0.0.1:8080"},
    "logger": {"level": "info", "encoding": "console"},
}


class StarterError(HostError):
    """The config file is there already, or cannot be written."""


def make_starter(path: Path, warn: Callable[[str], None]) -> tuple[Path, HostIdentity]:
    """The data folder, and the identity in it. Raises HostErrors; then nothing was overwritten."""
    with suppress(OSError):  # there may be no such folder yet
        clear_drafts(path)
    if path.exists() or path.is_symlink():
        raise StarterError(
            f"{path} is there already, and stays as it is. Start the node by `shimlet run`, or"
            " name another file by --config."
        )
    folder = path.parent / str(STARTER["node"]["dataDirectory"])  # type: ignore[index]
    with open_folder(folder.absolute()) as locked:
        identity = load_identity(locked.path, None, warn)
    try:
        create_once(path, (json.dumps(STARTER, indent=2) + "\n").encode())
    except OSError as error:
        elsewhere = "Name a file in a folder of yours by --config."
        raise StarterError(f"{path} cannot be written: {way_out(error, elsewhere)}") from error
    return load_config(path, environment={}).node.data_directory, identity
