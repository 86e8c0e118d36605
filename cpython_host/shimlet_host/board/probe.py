"""Asks MicroPython on a board what it is and what it holds.

In: the path of the serial device, and which files and folders are of interest. Out: a `BoardInfo`.
The board's program stops for it, unless the caller knows that none runs. Called by: deploy, flash
and list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .remote import DeployError, mpremote

ANSWER = "shimlet-board:"
MPY_VERSION, MPY_NATIVE_VERSION = 6, 3
ARCHS = (
    *(None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)

# What runs on the board. Short names: it travels over the line, and lives in the board's heap.
HASH = """
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
def _w(d):
    try:
        e = list(os.ilistdir(d))
    except OSError:
        return
    for x in e:
        p = d + "/" + x[0]
        if x[1] & 0x4000:
            yield from _w(p)
        else:
            yield p
s = os.statvfs("/")
i = sys.implementation
print({mark!r} + json.dumps({{"mpy": getattr(i, "_mpy", 0), "version": list(i.version),
 "machine": getattr(i, "_machine", ""), "build": getattr(i, "_build", ""), "free": s[1] * s[3],
 "hashes": {{p: _h(p) for p in {paths!r}}}, "present": [p for d in {folders!r} for p in _w(d)]}}))
"""


@dataclass
class BoardInfo:
    """What a board says about itself."""

    machine: str
    version: tuple[int, ...]
    free_bytes: int
    arch: str | None  # mpy-cross' name of its processor; None: no native code for it
    mpy_version: int
    build: str = ""  # MicroPython's name of the board, and of its variant
    hashes: dict[str, str | None] = field(default_factory=dict)  # of the files asked for
    present: list[str] = field(default_factory=list)  # the files below the folders asked for

    @property
    def micropython(self) -> str:
        """The version for people, as 1.25.0."""
        return ".".join(map(str, self.version))


def board_info(
    device: str,
    paths: list[str] | None = None,
    folders: list[str] | None = None,
    *,
    idle: bool = False,
) -> BoardInfo:
    """Stop the board's program and ask for its version, its space and the hashes of `paths`.

    `idle`: no program runs, and the board need not restart. Raises DeployError.
    """
    script = HASH + _PROBE.format(mark=ANSWER, paths=paths or [], folders=folders or [])
    output = mpremote(device, [*(["resume"] if idle else []), "exec", script])
    lines = [line for line in output.splitlines() if line.startswith(ANSWER)]
    if not lines:
        raise DeployError(f"No MicroPython answers on {device}.")
    return _info(json.loads(lines[-1].removeprefix(ANSWER)))


def _info(told: dict[str, Any]) -> BoardInfo:
    mpy = told["mpy"]
    native = (mpy >> 8) & 3 == MPY_NATIVE_VERSION and (mpy >> 10) & 15 < len(ARCHS)
    return BoardInfo(
        machine=told["machine"],
        version=tuple(part for part in told["version"] if isinstance(part, int)),
        free_bytes=told["free"],
        arch=ARCHS[(mpy >> 10) & 15] if native else None,
        mpy_version=mpy & 255,
        build=told["build"],
        hashes=told["hashes"],
        present=told["present"],
    )
