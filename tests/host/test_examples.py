"""The examples of firmware/examples, each as it is, on virtual boards beside a real full node."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.ports import free_port
from host.processes import NodeProcess, eventually, running
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import BoardLine, wait_for_node

FIRMWARE = Path(__file__).parents[2] / "firmware"
INTERVAL_S = 10
SWITCH_PIN = 5


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash of a board with a light node that was never started: it has no identity yet."""
    image = tmp_path_factory.mktemp("board") / "flash.img"
    with VirtualBoard(image) as board:
        deploy_node(board.device, {"/main.py": b""})
    return image


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """The desktop node of all examples."""
    node = NodeProcess(tmp_path_factory.mktemp("node"))
    with running(node):
        yield node


class Board:
    """A board that runs an example; `said` is what it printed so far."""

    def __init__(self, device: str, key: str, pins: Path) -> None:
        self.key = key
        self._pins = pins
        self.said: list[str] = []
        self.line = BoardLine(device, self.said.append)

    def await_line(self, wanted: str) -> None:
        """Wait until it printed this."""
        eventually(lambda: (self.line.listen(0.05), wanted in self.said)[1], f"no {wanted!r}")

    def levels(self, pin: int) -> list[int]:
        """The levels that a pin had, one after the other."""
        text = self._pins.read_text() if self._pins.exists() else ""
        changes = [line.split() for line in text.splitlines()]
        return [int(level) for _, name, level in changes if name == str(pin)]


@contextmanager
def board_with(example: str, name: str, flash: Path, node: NodeProcess) -> Iterator[Board]:
    """A new board with the example as app.py, which the node lists, and linked."""
    address = f"127.0.0.1:{free_port()}"
    known = [{"publicKey": node.public_key, "address": node.gossip}]
    peering = {"knownPeers": known, "reconnectInterval": "200ms"}
    config = {"name": name, "manualPeering": peering, "gossip": {"bindAddress": address}}
    image = shutil.copy(flash, flash.with_name(f"{name}.img"))
    pins = flash.with_name(f"{name}.pins")
    with VirtualBoard(Path(image), pins=pins) as virtual:
        files: dict[str, Path | bytes] = {
            "/main.py": FIRMWARE / "main.py",
            "/config.json": json.dumps(config).encode(),
            "/app.py": FIRMWARE / "examples" / example / "app.py",
        }
        deploy(virtual.device, files)
        board = Board(virtual.device, str(wait_for_node(virtual.device)["publicKey"]), pins)
        entry = {"publicKey": board.key, "address": address}
        assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
        try:
            eventually(lambda: node.peer(board.key)["state"] == "connected", "no link came up")
            yield board
        finally:
            board.line.close()


@pytest.fixture(scope="module", autouse=True)
def sensor(flash: Path, node: NodeProcess) -> Iterator[Board]:
    """The board with the sensor. It starts first: its second reading takes 10 s to come."""
    with board_with("sensor", "greenhouse", flash, node) as board:
        yield board


def messages_of(node: NodeProcess, board: Board) -> list[dict[str, Any]]:
    """What the node has received from the board, oldest first."""
    found = node.ask("GET", "/messages?limit=1000")[1]
    return [message for message in reversed(found) if message["source"] == board.key]


def say(node: NodeProcess, text: str) -> None:
    """Publish a message on the desktop."""
    status, answer = node.ask("POST", "/messages", {"payload": text})
    assert status < 300, answer


def test_the_switch_switches_when_the_desktop_says_so_and_confirms(
    flash: Path, node: NodeProcess
) -> None:
    def confirmed() -> list[str]:
        return [message["payload"] for message in messages_of(node, board)]

    with board_with("switch", "lamp", flash, node) as board:
        eventually(lambda: board.levels(SWITCH_PIN) == [0], "the example does not start")
        for text in ("other on #1", "lamp", "lamp on#1", "lamp is on #1"):
            say(node, text)
        expected: list[str] = []
        for state in ("on", "off", "on"):
            number = len(expected)
            say(node, f"lamp {state} #{number}")
            expected.append(f"lamp is {state} #{number}")
            eventually(lambda: confirmed() == expected, f"not {expected}")
        assert board.levels(SWITCH_PIN) == [0, 1, 0, 1]


def test_two_boards_chat_through_the_desktop_node(flash: Path, node: NodeProcess) -> None:
    with (
        board_with("chat", "kitchen", flash, node) as kitchen,
        board_with("chat", "cellar", flash, node) as cellar,
    ):
        kitchen.await_line("cellar says: hello")
        cellar.await_line("kitchen says: welcome, cellar")
        say(node, "anna: hello")
        for board in (kitchen, cellar):
            board.await_line("anna says: hello")
        kitchen.await_line("cellar says: welcome, anna")
        cellar.await_line("kitchen says: welcome, anna")
        sources = {message["source"] for message in node.ask("GET", "/messages")[1]}
        assert {kitchen.key, cellar.key} <= sources, "they do not talk through the desktop node"


def test_the_sensor_publishes_a_reading_each_10_seconds(sensor: Board, node: NodeProcess) -> None:
    eventually(lambda: len(messages_of(node, sensor)) >= 2, "no second reading")
    first, second = messages_of(node, sensor)[:2]
    assert second["received"] - first["received"] == pytest.approx(INTERVAL_S, abs=1.5)
    readings = [json.loads(message["payload"]) for message in (first, second)]
    assert readings[1]["time"] - readings[0]["time"] == pytest.approx(INTERVAL_S, abs=1.5)
    assert {reading["name"] for reading in readings} == {"greenhouse"}
    assert all(reading["value"] > 0 and reading["unit"] for reading in readings)
    say(node, "good morning")
    sensor.await_line("Message: good morning")
