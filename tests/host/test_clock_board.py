"""Boards that start without the time, or with a wrong one, get it from the full node or over the
serial line, and then the link comes up: real MicroPython, `shimlet run`, commands as people type.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from host.ports import free_port
from host.processes import NodeProcess, eventually, running
from shimlet.identity import decode_key
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator.virtual_board import BoardStartError, VirtualBoard
from shimlet_host.board.line import ask, wait_for_node
from shimlet_host.cli import app
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The flash of a board that was deployed once, and its public key."""
    image = tmp_path_factory.mktemp("board") / "flash.img"
    with VirtualBoard(image) as board:
        deploy_node(board.device, {"/config.json": b"{}"})
        return image, str(wait_for_node(board.device)["publicKey"])


class Pair:
    """A full node and a board that list each other; the board has no time yet."""

    def __init__(self, folder: Path, flash: tuple[Path, str], *, host_dials: bool) -> None:
        self.image = Path(shutil.copy(flash[0], folder / "flash.img"))
        self.key = flash[1]
        seed = self._seed(host_dials)
        settings = {"node.seed": seed, "sntp.bindAddress": "127.0.0.1:0"}
        self.node = NodeProcess(folder / "node", settings)

    def _seed(self, host_dials: bool) -> str:
        for number in range(1000):
            seed = number.to_bytes(32, "big")
            if (HostIdentity(seed).public_key < decode_key(self.key)) == host_dials:
                return format_seed(seed)
        raise AssertionError("no such seed")

    def introduce(self, board: VirtualBoard) -> None:
        """Each lists the other; the board starts anew with it and asks no time server."""
        port = free_port()
        known = [{"publicKey": self.node.public_key, "address": self.node.gossip}]
        config = {
            "manualPeering": {"knownPeers": known, "reconnectInterval": "300ms"},
            "gossip": {"bindAddress": f"127.0.0.1:{port}"},
            "network": {"ntp": []},
        }
        deploy(board.device, {"/config.json": json.dumps(config).encode()})
        wait_for_node(board.device)
        entry = {"publicKey": self.key, "address": f"127.0.0.1:{port}"}
        assert self.node.ask("POST", "/manualpeering/peers", [entry])[0] == 204

    @property
    def refusals(self) -> dict[str, str]:
        """Why the full node refused callers that claimed to be a known peer."""
        return dict(self.node.ask("GET", "/info")[1]["refusals"])

    @property
    def connected(self) -> bool:
        return bool(self.node.peer(self.key)["state"] == "connected")


def shimlet_board(*arguments: str) -> str:
    """What `shimlet board ...` prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "shimlet_host", "board", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done
    return done.stdout


def peer_of(board: VirtualBoard) -> dict[str, Any]:
    """The board's only known peer, as it stands there."""
    (peer,) = ask(board.device, {"cmd": "peers"})["peers"]
    return dict(peer)


def clock_of(board: VirtualBoard) -> dict[str, Any]:
    """How the board's clock is."""
    status = ask(board.device, {"cmd": "status"})
    return {**status["clock"], "unixTime": status["unixTime"]}


def test_a_board_without_time_gets_it_from_the_full_node_and_then_dials(
    tmp_path: Path, flash: tuple[Path, str]
) -> None:
    pair = Pair(tmp_path, flash, host_dials=False)
    with running(pair.node), VirtualBoard(pair.image, clock="unset") as board:
        time_server = pair.node.await_log("time server listens")["address"]
        pair.introduce(board)
        assert clock_of(board) == {
            "source": "",
            "syncedAgo": None,
            "offsetMs": None,
            "unixTime": 0,
        }
        assert peer_of(board)["state"] == "clock-not-set"
        time.sleep(1.2)  # four times the interval of its dials: one would be refused, or linked
        assert peer_of(board)["lastError"] == ""
        assert pair.refusals == {} and not pair.connected
        nowhere = f"127.0.0.1:{free_port()}"
        said = shimlet_board("ntp", board.device, nowhere, time_server)
        assert said == f"The board asks {nowhere}, {time_server} for the time.\n"
        eventually(lambda: pair.connected, "no link came up")
        assert abs(clock_of(board)["unixTime"] - time.time()) < 2
        assert clock_of(board)["source"] == "desktop"
        assert pair.node.ask("GET", "/info")[1]["timeServer"]["answered"] == 1
        # It stays so after a restart, which loses the time.
        ask(board.device, {"cmd": "restart"})
        eventually(lambda: not pair.connected, "it did not restart")
        eventually(lambda: pair.connected, "the link did not come back")
        assert pair.node.ask("GET", "/info")[1]["timeServer"]["answered"] == 2


def test_a_board_without_time_gets_it_over_the_serial_line_and_is_dialled(
    tmp_path: Path, flash: tuple[Path, str]
) -> None:
    pair = Pair(tmp_path, flash, host_dials=True)
    with running(pair.node), VirtualBoard(pair.image, clock="unset") as board:
        pair.introduce(board)
        assert peer_of(board)["state"] == "clock-not-set"
        assert not pair.connected
        said = shimlet_board("time", board.device)
        assert said == "The board's clock was not set. Now it is.\n"
        eventually(lambda: pair.connected, "no link came up")
        assert clock_of(board)["source"] == "serial"
        again = json.loads(shimlet_board("time", board.device, "--json"))
        assert again["set"] is False and abs(again["behindMs"]) < 2000
        assert pair.connected


def test_a_board_whose_clock_is_an_hour_slow_is_mended_over_the_serial_line(
    tmp_path: Path, flash: tuple[Path, str]
) -> None:
    pair = Pair(tmp_path, flash, host_dials=False)
    with running(pair.node), VirtualBoard(pair.image, clock="-3600") as board:
        pair.introduce(board)
        eventually(lambda: pair.refusals == {pair.key: "expired"}, "not refused")
        assert not pair.connected
        said = shimlet_board("time", board.device)
        assert said.startswith("The board's clock was 3600.") or "3599." in said
        assert said.endswith(" s behind. Now it is right.\n")
        eventually(lambda: pair.connected, "no link came up")
        assert 3_598_000 <= clock_of(board)["offsetMs"] <= 3_602_000


def test_wrong_times_and_servers_are_refused_with_a_sentence(
    tmp_path: Path, flash: tuple[Path, str]
) -> None:
    image = shutil.copy(flash[0], tmp_path / "flash.img")
    with VirtualBoard(image, clock="unset") as board:
        wait_for_node(board.device)
        for wrong in (None, "now", 1.5, True, -1, 0, 1_600_000_000, 4_102_444_800, 10**30):
            answer = ask(board.device, {"cmd": "time", "unixTime": wrong})
            assert "whole seconds since 1970" in answer["error"], answer
        for servers in (None, "pool.ntp.org", ["a b"], ["a:0"], [1], ["a"] * 5):
            answer = ask(board.device, {"cmd": "clock", "ntp": servers})
            assert "network.ntp" in answer["error"], answer
        assert clock_of(board)["unixTime"] == 0
        answer = ask(board.device, {"cmd": "clock", "ntp": ["a", "[::1]:1123"]})
        assert answer == {"ntp": ["a:123", "[::1]:1123"]}
        assert ask(board.device, {"cmd": "clock", "ntp": []}) == {"ntp": []}


def test_commands_say_what_is_wrong_before_they_ask_a_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invoke = CliRunner().invoke
    for arguments in (["ntp", "/dev/nowhere"], ["ntp", "/dev/nowhere", "a", "--off"]):
        told = invoke(app, ["board", *arguments])
        assert told.exit_code == 2 and "Name one server at least" in told.output
    for arguments in (["ntp", "/dev/nowhere", "--off"], ["time", "/dev/nowhere"]):
        told = invoke(app, ["board", *arguments])
        assert told.exit_code == 1 and "There is no device /dev/nowhere." in told.output
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    told = invoke(app, ["board", "time", "/dev/nowhere"])
    assert told.exit_code == 1 and "The clock of this machine is not set" in told.output


def test_a_virtual_board_with_a_clock_that_cannot_be_says_so(tmp_path: Path) -> None:
    with pytest.raises(BoardStartError, match="--clock soon: write unset, or a number"):
        VirtualBoard(tmp_path / "flash.img", clock="soon").start()
