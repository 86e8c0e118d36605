"""Copies files to a board over its serial line, with mpremote.

In: the device path, which alone says what board it is, and the files. Out: a board that holds
exactly these files, each of them whole (the old or the new one) at every moment. Called by: the
command line, `make run`. A cut line leaves at most one temporary file; deploying again mends it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from shimlet_host.model import HostError

from .shipped import MANIFEST, Content, shipped

PROBE_S = 20.0  # for a board to stop its program, restart and tell what it holds
RESET_S = 0.3  # mpremote comes back 0.1 s before the reset; who talks in between spoils it
BYTES_PER_S = 500  # the slowest line that is still waited for
SPARE_BYTES = 16 * 1024  # what must stay free: a replaced file and its successor exist together
TEMPORARY = "/.deploy.new"
ANSWER = "shimlet-board:"
MPY_VERSION, MPY_NATIVE_VERSION = 6, 3
ARCHS = (
    *(None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)

# What runs on the board. Short names: it travels over the line, and lives in the board's heap.
_HASH = """
import os, hashlib, binascii
def _h(p):
    try:
        f = open(p, "rb")
    except OSError:
        return None
    h = hashlib.sha256()
    b = bytearray(256)
    while True:
        n = f.readinto(b)
        if not n:
            break
        h.update(memoryview(b)[:n])
    f.close()
    return binascii.hexlify(h.digest()).decode()
"""
_PROBE = """
import json, sys
s = os.statvfs("/")
i = sys.implementation
print({mark!r} + json.dumps({{"mpy": getattr(i, "_mpy", 0), "version": list(i.version),
 "machine": getattr(i, "_machine", ""), "free": s[1] * s[3],
 "hashes": {{p: _h(p) for p in {paths!r}}}}}))
"""
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


class DeployError(HostError):
    """The board could not be reached or written; the text is a sentence."""


@dataclass
class BoardInfo:
    """What a board says about itself."""

    machine: str
    version: tuple[int, ...]
    free_bytes: int
    arch: str | None  # mpy-cross' name of its processor; None: no native code for it
    mpy_version: int
    hashes: dict[str, str | None] = field(default_factory=dict)  # of the files asked for


@dataclass
class Deployed:
    """What a deployment did: paths on the board."""

    copied: list[str]
    kept: list[str]


def deploy_node(device: str, files: Mapping[str, Content], manifest: Path = MANIFEST) -> Deployed:
    """Deploy all that ships, compiled for this board, and `files` (as /config.json); then reset.

    Raises DeployError, or ShippingError if the sources are not in order.
    """
    info = board_info(device)
    if info.mpy_version != MPY_VERSION:
        raise DeployError(f"{device} runs MicroPython {info.version}, which cannot load our code.")
    return deploy(device, {**shipped(manifest, arch=info.arch), **files})


def deploy(device: str, files: Mapping[str, Content], *, restart: bool = True) -> Deployed:
    """Bring the files to the board, copying only what differs, then reset it.

    `files` maps paths on the board to local files or to their content. Raises DeployError.
    """
    contents = {_absolute(path): _content(content) for path, content in files.items()}
    info = board_info(device, list(contents))
    changed = {
        path: content
        for path, content in contents.items()
        if info.hashes.get(path) != hashlib.sha256(content).hexdigest()
    }
    if changed:
        _check_room(info, changed)
        _copy(device, changed)
    if restart:
        reset(device)
    return Deployed(sorted(changed), sorted(contents.keys() - changed.keys()))


def board_info(device: str, paths: list[str] | None = None) -> BoardInfo:
    """Stop the board's program and ask for its version, its space and the hashes of `paths`."""
    script = _HASH + _PROBE.format(mark=ANSWER, paths=paths or [])
    output = _mpremote(device, ["exec", script], PROBE_S)
    lines = [line for line in output.splitlines() if line.startswith(ANSWER)]
    if not lines:
        raise DeployError(f"No MicroPython answers on {device}.")
    told: dict[str, Any] = json.loads(lines[-1].removeprefix(ANSWER))
    mpy = told["mpy"]
    native = (mpy >> 8) & 3 == MPY_NATIVE_VERSION and (mpy >> 10) & 15 < len(ARCHS)
    return BoardInfo(
        machine=told["machine"],
        version=tuple(part for part in told["version"] if isinstance(part, int)),
        free_bytes=told["free"],
        arch=ARCHS[(mpy >> 10) & 15] if native else None,
        mpy_version=mpy & 255,
        hashes=told["hashes"],
    )


def reset(device: str) -> None:
    """Press the board's reset button, so to speak: boot.py and main.py run again."""
    _mpremote(device, ["resume", "reset"], PROBE_S)
    time.sleep(RESET_S)


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
        commands = ["resume", "exec", _HASH + _PLACE.format(temporary=TEMPORARY)]
        for number, (path, content) in enumerate(files.items()):
            local = Path(folder) / str(number)
            local.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            place = f"_p({path!r}, {digest!r}, {_twin(path)!r})"
            commands += ["+", "fs", "cp", "-f", str(local), f":{TEMPORARY}", "+", "exec", place]
        seconds = PROBE_S + sum(map(len, files.values())) / BYTES_PER_S
        _mpremote(device, commands, seconds)


def _twin(path: str) -> str:
    """The other form of a module: MicroPython would import an old .py before the new .mpy."""
    stem, suffix = os.path.splitext(path)
    return stem + {".mpy": ".py", ".py": ".mpy"}.get(suffix, suffix + ".old")


def _mpremote(device: str, commands: list[str], timeout_s: float) -> str:
    """Run mpremote commands on the board and return what they print; raises DeployError."""
    _check_device(device)
    command = [sys.executable, "-m", "mpremote", "connect", device, *commands]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise DeployError(f"{device} does not answer: no MicroPython is there.") from None
    if done.returncode != 0:
        raise DeployError(_sentence(device, done.stderr + done.stdout))
    return done.stdout


def _check_device(device: str) -> None:
    if not os.path.exists(device):
        raise DeployError(f"There is no device {device}.")
    if not os.access(device, os.R_OK | os.W_OK):
        raise DeployError(f"You may not use {device}: on most systems the group dialout may.")


_CAUSES = (
    ("in use by another program", "{device} is in use by another program."),
    ("could not enter raw repl", "{device} does not answer: no MicroPython is there."),
    ("ENOSPC", "The board has no space left."),
    ("MemoryError", "The board has not enough memory to take the files."),
    ("damaged copy", "A file arrived damaged on {device}: deploy again."),
    ("SerialException", "The line to {device} was cut: deploy again to complete the board."),
    ("Input/output error", "The line to {device} was cut: deploy again to complete the board."),
)


def _sentence(device: str, said: str) -> str:
    """Say in one sentence what mpremote's output means."""
    for sign, sentence in _CAUSES:
        if sign in said:
            return sentence.format(device=device)
    lines = said.strip().splitlines() or ["it gave no reason"]
    return f"mpremote failed on {device}: {lines[-1]}"
