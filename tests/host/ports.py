"""Ports for tests that run side by side, where port 0 does not do: the number must be known before
somebody listens there, be it a board that cannot tell which one it got.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of the kernel's choice, ours until this process ends.

    A socket that never listens stays bound to it, so that the kernel gives the port to nobody who
    wants any, and calls are refused. A server that sets SO_REUSEADDR, as all of ours do, may
    listen there nevertheless.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("0.0.0.0", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until no other process of ours is in a block of this name: of what looks for a port and
    listens there later, one may start at a time.
    """
    path = Path(tempfile.gettempdir()) / f"shimlet-tests-{os.getuid()}-{what}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
