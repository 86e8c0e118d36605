"""How programs on this machine find a node's web API, and prove that they may change it.

In: the data folder. Out: the bearer token in `webapi.token`, made at the first start and readable
for its owner alone, and the URL of the running node in `webapi.url`. Called by service.py, and by
the command line, which is trusted because it can read the same folder.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from shimlet_host.files import PRIVATE_FILE, create_once, replace_file, way_out
from shimlet_host.model import StoreError

TOKEN_FILE = "webapi.token"
URL_FILE = "webapi.url"
TOKEN_BYTES = 32
SHORTEST_TOKEN = 16  # characters, of one that was written by hand
LONGEST_FILE = 1000


def load_token(folder: Path, warn: Callable[[str], None]) -> str:
    """The node's token, made at the first start. Raises StoreError: without it nobody is let in.

    `warn` gets a sentence when others could read it.
    """
    path = folder / TOKEN_FILE
    try:
        with suppress(FileExistsError):
            create_once(path, (secrets.token_urlsafe(TOKEN_BYTES) + "\n").encode("ascii"))
        _close_to_others(path, warn)
        token = _read(path)
    except OSError as error:
        readable = (
            "Make it readable for this user alone (mode 0600), or remove it to get a new one."
        )
        raise StoreError(
            f"The token file {path} cannot be used: {way_out(error, readable)}"
        ) from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise StoreError(
            f"The token file {path} holds no token of at least {SHORTEST_TOKEN} characters. Remove"
            " it to get a new one."
        )
    return token


def read_token(folder: Path) -> str:
    """The token of the node that uses this folder; "" if this user cannot read one."""
    with suppress(OSError):
        return _read(folder / TOKEN_FILE)
    return ""


def announce(folder: Path, url: str) -> None:
    """Tell where the web API listens; a full disk is no reason not to run."""
    with suppress(OSError):
        replace_file(folder / URL_FILE, f"{url}\n".encode("ascii"))


def withdraw(folder: Path) -> None:
    """The web API listens no more."""
    with suppress(OSError):
        (folder / URL_FILE).unlink(missing_ok=True)


def announced(folder: Path) -> str:
    """Where the node of this folder said that it listens; "" if it said nothing."""
    with suppress(OSError):
        return _read(folder / URL_FILE)
    return ""


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LONGEST_FILE).decode("ascii", "replace").strip()


def _close_to_others(path: Path, warn: Callable[[str], None]) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        path.chmod(PRIVATE_FILE)
        warn(
            f"The token file {path} was open to other users (mode {mode:04o}); it is 0600 now. If"
            " others use this machine, remove it and restart, to get a new token."
        )
