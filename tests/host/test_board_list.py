"""`shimlet board list` and `sim`: what is on which port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from host.desk_board import desk_board
from shimlet_host.board import ports
from shimlet_host.board.deploy import deploy
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.emulator.named import first_config
from shimlet_host.board.line import BoardLine, ask
from shimlet_host.board.remote import mpremote
from shimlet_host.cli import app
from typer.testing import CliRunner

SHIMLET = [sys.executable, "-m", "shimlet_host", "board"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board with a running node."""
    with desk_board(tmp_path_factory.mktemp("node") / "flash.img") as board:
        yield board


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board with MicroPython alone."""
    with VirtualBoard(tmp_path_factory.mktemp("empty") / "flash.img") as board:
        yield board


def test_node_is_asked_and_not_stopped(node: VirtualBoard) -> None:
    before = ask(node.device, {"cmd": "status"})
    found = ports.look(node.device, "USB")
    assert (found.kind, found.public_key) == ("node", before["publicKey"])
    assert found.sentence.startswith("light node desk, 0 links, ")
    after = ask(node.device, {"cmd": "status"})
    assert after["uptime"] >= before["uptime"]
    assert after["publicKey"] == before["publicKey"]


def test_idle_micropython_tells_its_version_and_keeps_its_variables(empty: VirtualBoard) -> None:
    mpremote(empty.device, ["resume", "exec", "mine = 42"])
    found = ports.look(empty.device)
    assert (found.kind, found.board) == ("micropython", "standard")
    assert found.sentence.startswith(f"MicroPython {found.version}, ")
    assert mpremote(empty.device, ["resume", "exec", "print(mine)"]).strip() == "42"


def test_program_that_is_no_node_is_left_alone(tmp_path: Path) -> None:
    program = b"import time\nn = 0\nwhile True:\n    n += 1\n    print(n)\n    time.sleep(0.01)\n"
    with VirtualBoard(tmp_path / "flash.img") as board:
        deploy(board.device, {"/main.py": program})
        found = ports.look(board.device)
        assert (found.kind, found.sentence) == ("unknown", "something that does not answer")
        heard: list[str] = []
        with BoardLine(board.device, heard.append) as line:
            line.listen(0.3)
        counted = [int(text) for text in heard[1:] if text.isdigit()]
        assert counted[0] > 50  # it did not begin again
        assert counted == list(range(counted[0], counted[0] + len(counted)))


def test_busy_port_says_so(empty: VirtualBoard) -> None:
    with BoardLine(empty.device):
        found = ports.look(empty.device)
    assert found.kind == "closed"
    assert found.sentence.startswith(f"{empty.device} is in use by another program.")


def test_list_shows_usb_ports_and_simulated_boards(
    node: VirtualBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged = [
        SimpleNamespace(device=node.device, vid=0x10C4, description="CP2102"),
        SimpleNamespace(device="/dev/ttyS0", vid=None, description="n/a"),
    ]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: plugged[:1])
    monkeypatch.chdir(tmp_path)
    link = Path("build/sim/second.tty")
    link.parent.mkdir(parents=True)
    link.with_name("killed.tty").symlink_to("/dev/pts/nowhere")
    with VirtualBoard(tmp_path / "flash.img", link=link):
        answer = CliRunner().invoke(app, ["board", "list", "--json"])
        kinds = {port["port"]: port["kind"] for port in json.loads(answer.stdout)}
        assert kinds == {node.device: "node", str(link): "micropython"}
    monkeypatch.setattr(ports.list_ports, "comports", lambda: plugged[1:])
    words = CliRunner().invoke(app, ["board", "list"])
    assert words.exit_code == 0
    assert words.stdout == "There is no serial port with a board, and no simulated board runs.\n"


def test_sim_starts_a_board_with_a_line_a_flash_and_a_heap(tmp_path: Path) -> None:
    command = [*SHIMLET, "sim", "--heap", "300k"]
    simulated = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert simulated.stdout is not None
        device = simulated.stdout.readline().strip()
        line = tmp_path / "build/sim/board.tty"
        assert os.path.realpath(line) == device
        image = (tmp_path / "build/sim/board.img").stat()
        assert image.st_size == 2 * 1024 * 1024
        assert image.st_mode & 0o077 == 0  # it holds the board's seed and Wi-Fi password
        heap = "import gc; print(gc.mem_free() + gc.mem_alloc())"
        assert 280_000 < int(mpremote(str(line), ["exec", heap])) < 310_000
        config = json.loads(mpremote(str(line), ["resume", "cat", ":config.json"]))
        assert config["name"] == "board"
        assert 14700 <= int(config["gossip"]["bindAddress"].removeprefix("0.0.0.0:")) < 15700
    finally:
        simulated.send_signal(signal.SIGINT)
        assert simulated.wait(timeout=30) == 0
    assert not line.exists()


def test_each_virtual_board_gets_a_free_port_of_its_own() -> None:
    def port(name: str) -> int:
        address: str = json.loads(first_config(name))["gossip"]["bindAddress"]
        return int(address.rpartition(":")[2])

    before = port("second")
    assert before not in (14666, port("board"), port("third"))
    with socket.create_server(("0.0.0.0", before)):
        assert port("second") == before + 1
    assert port("second") == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["../board"], "'../board' is no name of a virtual board: write up to 32 letters"),
        (["--heap", "128kw"], "--heap 128kw: write bytes, as 256k, or words of 32 bits"),
    ],
)
def test_sim_names_what_is_wrong_and_leaves_nothing(
    wrong: list[str], sentence: str, tmp_path: Path
) -> None:
    done = subprocess.run([*SHIMLET, "sim", *wrong], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]
