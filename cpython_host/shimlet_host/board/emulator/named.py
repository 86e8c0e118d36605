"""Virtual boards by name, as `shimlet board sim NAME` starts them: their files and first config.

In: a name. Out: paths below build/sim, and the config.json of a board that is new. Called by: the
command line.
"""

from __future__ import annotations

import json
import re
import socket
import zlib
from pathlib import Path

from shimlet_host.board.ports import SIMULATED
from shimlet_host.model import HostError

FIRST_PORT, PORTS = 14700, 1000  # of gossip; `make run` has 14666 and 14667


class BoardNameError(HostError):
    """The text is no name of a virtual board."""


def files(name: str) -> tuple[Path, Path]:
    """The flash and the link to the serial line of a board; raises HostError for a wrong name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", name):
        raise BoardNameError(
            f"{name!r} is no name of a virtual board: write up to 32 letters, digits, '-', '_'"
            " and '.'."
        )
    return SIMULATED / f"{name}.img", SIMULATED / f"{name}.tty"


def first_config(name: str) -> str:
    """The config.json of a new board: virtual boards share the ports of this computer with each
    other and with the full node, so each listens on one of its own.
    """
    gossip = {"bindAddress": f"0.0.0.0:{_port(name)}"}
    return json.dumps({"name": name, "gossip": gossip}, indent=4) + "\n"


def _port(name: str) -> int:
    """By the name, so that boards which do not run now do not get the same one; it is free."""
    start = 0 if name == "board" else zlib.crc32(name.encode())
    ports = [FIRST_PORT + (start + step) % PORTS for step in range(PORTS)]
    return next((port for port in ports if _is_free(port)), FIRST_PORT)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("0.0.0.0", port)).close()
    except OSError:
        return False
    return True
