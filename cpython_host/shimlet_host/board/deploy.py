"""Copies files to a board over its serial line, with mpremote.

In: the device path, which alone says what board it is, and the files. Out: a board that holds
exactly these files, each of them whole (the old or the new one) at every moment. Called by: flash,
`make run`. A cut line leaves at most one temporary file; deploying again mends it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from . import remote
from .probe import HASH, MPY_VERSION, BoardInfo
from .probe import board_info as board_info
from .remote import DeployError as DeployError
from .remote import mpremote
from .remote import reset as reset
from .shipped import MANIFEST, Content, shipped

BYTES_PER_S = 500  # the slowest line that is still waited for
SPARE_BYTES = 16 * 1024  # what must stay free: a replaced file and its successor exist together
TEMPORARY = "/.deploy.new"

# What runs on the board. Short names: it travels over the line, and lives in the board's heap.
_PLACE = """
def _p(n, h, t):
    d = n[1:].split("/")[:-1]
    for k in range(len(d)):
        try:
            os.mkdir("/" + "/".join(d[:k + 1]))
        except OSError:
            pass
    if _h({temporary!r}) != h:
        raise ValueError("damaged copy of " + n)
    try:
        os.rename({temporary!r}, n)
    except OSError:
        os.remove(n)
        os.rename({temporary!r}, n)
    try:
        os.remove(t)
    except OSError:
        pass
"""
_REMOVE = """
import os
for p in {paths!r}:
    try:
        os.remove(p)
    except OSError:
        pass
"""


@dataclass
class Deployed:
    """What a deployment did: paths on the board."""

    copied: list[str]
    kept: list[str]
    removed: list[str] = field(default_factory=list)


def deploy_node(device: str, files: Mapping[str, Content], manifest: Path = MANIFEST) -> Deployed:
    """Deploy all that ships, compiled for this board, and `files` (as /config.json); then reset.

    Raises DeployError, or ShippingError if the sources are not in order.
    """
    info = board_info(device)
    if info.mpy_version != MPY_VERSION:
        raise DeployError(
            f"{device} runs MicroPython {info.micropython}, which cannot load our code."
        )
    return deploy(device, {**shipped(manifest, arch=info.arch), **files})


def deploy(
    device: str,
    files: Mapping[str, Content],
    *,
    own_folders: list[str] | None = None,
    restart: bool = True,
) -> Deployed:
    """Bring the files to the board, copying only what differs, then reset it.

    `files` maps paths on the board to local files or to their content. Whatever else lies in
    `own_folders` is removed. Raises DeployError.
    """
    contents = {_absolute(path): _content(content) for path, content in files.items()}
    info = board_info(device, list(contents), own_folders)
    changed = {
        path: content
        for path, content in contents.items()
        if info.hashes.get(path) != hashlib.sha256(content).hexdigest()
    }
    stale = sorted(set(info.present) - contents.keys())
    if changed:
        _check_room(info, changed)
        _copy(device, changed)
    if stale:
        mpremote(device, ["resume", "exec", _REMOVE.format(paths=stale)])
    if restart:
        reset(device)
    return Deployed(sorted(changed), sorted(contents.keys() - changed.keys()), stale)


def _absolute(path: str) -> str:
    if ".." in PurePosixPath(path).parts or not path.strip("/"):
        raise DeployError(f"{path!r} is not a path of a file on a board.")
    return "/" + path.strip("/")


def _content(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        return Path(content).read_bytes()
    except OSError as error:
        raise DeployError(f"Cannot read {content}: {error.strerror}.") from None


def _check_room(info: BoardInfo, changed: Mapping[str, bytes]) -> None:
    """New files must fit; a replaced one gives its room back only after the new one is there."""
    needed = sum(
        len(content) for path, content in changed.items() if info.hashes.get(path) is None
    )
    needed += SPARE_BYTES
    if needed > info.free_bytes:
        raise DeployError(f"The board has {info.free_bytes} bytes free, and {needed} are needed.")


def _copy(device: str, files: Mapping[str, bytes]) -> None:
    """Copy each file under a temporary name, check it on the board, and rename it."""
    with tempfile.TemporaryDirectory() as folder:
        commands = ["resume", "exec", HASH + _PLACE.format(temporary=TEMPORARY)]
        for number, (path, content) in enumerate(files.items()):
            local = Path(folder) / str(number)
            local.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            place = f"_p({path!r}, {digest!r}, {_twin(path)!r})"
            commands += ["+", "fs", "cp", "-f", str(local), f":{TEMPORARY}", "+", "exec", place]
        seconds = remote.PROBE_S + sum(map(len, files.values())) / BYTES_PER_S
        mpremote(device, commands, seconds)


def _twin(path: str) -> str:
    """The other form of a module: MicroPython would import an old .py before the new .mpy."""
    stem, suffix = os.path.splitext(path)
    return stem + {".mpy": ".py", ".py": ".mpy"}.get(suffix, suffix + ".old")
