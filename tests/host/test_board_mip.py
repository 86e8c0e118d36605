"""`mpremote mip install <path of package.json>` of our sources, from a copy of the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from host.ports import free_port
from nacl.signing import SigningKey
from shimlet_host.board import packages
from shimlet_host.board.deploy import deploy
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import wait_for_node
from shimlet_host.board.packages import FIRMWARE, LISTS, package_list
from shimlet_host.board.probe import board_info
from shimlet_host.board.remote import mpremote
from shimlet_host.board.shipped import shipped

CONFIG = b'{"name": "by mip", "gossip": {"bindAddress": "127.0.0.1:%d"}}' % free_port()


def mip_install(board: VirtualBoard, package: str, folder: Path) -> None:
    """As a user types it in this folder."""
    command = [sys.executable, "-m", "mpremote", "connect", board.device, "mip", "install"]
    done = subprocess.run(
        [*command, package], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def library(board: VirtualBoard) -> set[str]:
    return set(board_info(board.device, [], ["/lib"]).present)


@pytest.mark.parametrize(("path", "below"), LISTS.items(), ids=lambda given: str(given)[-30:])
def test_list_names_all_that_ships(path: Path, below: str) -> None:
    assert path.read_text() == package_list(path, below), (
        "Modules came or went: `.venv/bin/python -m shimlet_host.board.packages` writes the lists."
    )


def test_lists_are_written_by_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = tmp_path / "package.json"
    monkeypatch.setattr(packages, "LISTS", {at: "shimlet_crypto/"})
    packages.main()
    assert at.read_text() == package_list(at, "shimlet_crypto/")


def test_light_node_installed_by_mip_runs(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path / "flash.img", heap="160wk") as board:  # sources: it compiles them
        mip_install(board, str(FIRMWARE / "package.json"), tmp_path)
        ships = {path for path in shipped(compiled=False) if path.startswith("/lib/")}
        assert library(board) == ships
        deploy(board.device, {"/main.py": FIRMWARE / "main.py", "/config.json": CONFIG})
        assert wait_for_node(board.device, 40.0)["name"] == "by mip"


def test_signatures_alone_install_from_their_own_folder(tmp_path: Path) -> None:
    seed, message = bytes(range(32)), b"signed on a board"
    code = f"""
import shimlet_crypto
print(shimlet_crypto.sign({seed!r}, {message!r}).hex())
"""
    with VirtualBoard(tmp_path / "flash.img") as board:
        mip_install(board, "./package.json", FIRMWARE / "shimlet_crypto")
        assert all(path.startswith("/lib/shimlet_crypto/") for path in library(board))
        signature = bytes.fromhex(mpremote(board.device, ["exec", code]).strip())
    assert signature == SigningKey(seed).sign(message).signature
