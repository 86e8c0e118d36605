"""A virtual board with a running node, for tests of what a computer does with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host.ports import free_port
from shimlet_host.board.catalogue import load
from shimlet_host.board.deploy import deploy
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.flash import flash

CONFIG = b'{"name": "desk", "gossip": {"bindAddress": "127.0.0.1:%d"}}' % free_port()


@contextmanager
def desk_board(image: Path) -> Iterator[VirtualBoard]:
    """It calls itself desk."""
    with VirtualBoard(image) as board:
        deploy(board.device, {"/config.json": CONFIG}, restart=False)
        flash(board.device, load("sim"), str)
        yield board
