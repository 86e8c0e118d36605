"""The watchdog on a virtual board, whose emulator resets it as hardware would: nothing else ends
a program that blocks, and nothing of a person at the REPL is ever reset.

Boards here have a window of 1 s and a watchdog of 1.2 s, by their shimlet_board, instead of 3 s
and 8 s.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import serial
from host.ports import free_port
from host.processes import eventually
from host.test_emulator import execute, interrupt, mpremote, until
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import BoardLine, ask, wait_for_node

WATCHDOG_S = 1.2
WINDOW_S = 1.0
BOARD = b"LED = 'LED'\nLED_ON = 1\nWATCHDOG_MS = 1200\nWINDOW_MS = 1000\n"
BLOCKS = b"async def run(node):\n    print('blocks')\n    while True:\n        pass\n"


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash of a board that was deployed once and has made its identity."""
    image = tmp_path_factory.mktemp("watchdog") / "flash.img"
    config = {"gossip": {"bindAddress": f"127.0.0.1:{free_port()}"}, "network": {"ntp": []}}
    files = {"/config.json": json.dumps(config).encode(), "/lib/shimlet_board.py": BOARD}
    with VirtualBoard(image) as board:
        deploy_node(board.device, files)
        wait_for_node(board.device)
    return image


@contextmanager
def started(flash: Path, folder: Path, **options: Any) -> Iterator[VirtualBoard]:
    with VirtualBoard(shutil.copy(flash, folder / "flash.img"), **options) as board:
        yield board


@pytest.fixture
def board(flash: Path, tmp_path: Path) -> Iterator[VirtualBoard]:
    with started(flash, tmp_path) as running:
        yield running


def opened(board: VirtualBoard) -> serial.Serial:
    return serial.Serial(board.device, timeout=30, exclusive=True)


def stays_in_the_repl(line: serial.Serial, seconds: float) -> None:
    """Nothing is printed for so long, and the name that was set before is still there."""
    line.write(b"\rstill = 'he' + 're'\r")
    until(line, b">>> ")
    time.sleep(seconds)
    line.reset_input_buffer()
    line.write(b"still\r")
    assert b"'here'" in until(line, b">>> ")


def test_app_that_blocks_is_ended_by_the_watchdog_and_left_out_after_three_times(
    board: VirtualBoard,
) -> None:
    deploy(board.device, {"/app.py": BLOCKS})
    printed: list[str] = []
    deadline = time.monotonic() + 60
    with BoardLine(board.device, printed.append) as line:
        while not any("left out" in text for text in printed):
            assert time.monotonic() < deadline, printed
            line.listen(0.1)
        status = line.ask({"cmd": "status"})
        assert printed.count("blocks") == 3
        assert (status["resetCause"], status["watchdogResets"]) == ("watchdog", 3)
        assert any(text.startswith("app.py is left out") for text in status["problems"])
        line.ask({"cmd": "restart"})
        while printed.count("blocks") < 4:
            assert time.monotonic() < deadline, printed
            line.listen(0.1)
    status = wait_for_node(board.device)
    assert (status["resetCause"], status["watchdogResets"]) == ("watchdog", 1)


def test_node_without_a_peer_runs_on_and_an_exception_outlives_a_reset(
    board: VirtualBoard,
) -> None:
    deploy(board.device, {"/app.py": b"async def run(node):\n    1 / 0\n"})
    assert wait_for_node(board.device)["lastException"] == ""
    time.sleep(WINDOW_S + 2 * WATCHDOG_S)
    status = ask(board.device, {"cmd": "status"})
    failed = "app: ZeroDivisionError: divide by zero (app.py:2 run)"
    assert status["uptime"] >= WINDOW_S + WATCHDOG_S
    assert (status["resetCause"], status["lastException"]) == ("reset", failed)
    board.kill()
    board.start()
    status = wait_for_node(board.device)
    assert (status["resetCause"], status["lastException"]) == ("power-on", failed)


@pytest.mark.parametrize("key", [b"\x03", b"\r"])
def test_key_in_the_window_gives_a_repl_that_nothing_resets(
    board: VirtualBoard, key: bytes
) -> None:
    with opened(board) as line:
        until(line, b"Gossip on")
        line.write(key)
        until(line, b">>> ")
        stays_in_the_repl(line, 1.5 * WATCHDOG_S)


def test_interrupt_after_the_window_gives_a_repl_that_nothing_resets_either(
    board: VirtualBoard,
) -> None:
    time.sleep(WINDOW_S + 0.5)
    with opened(board) as line:
        line.write(b"\x03\x03")
        until(line, b">>> ")
        stays_in_the_repl(line, 2 * WATCHDOG_S)
        line.write(b"\x04")  # a soft reset: the node starts, and its watchdog with it
        until(line, b"Gossip on")
    time.sleep(WINDOW_S + 0.5)
    assert ask(board.device, {"cmd": "status"})["resetCause"] == "soft-reset"


def test_tools_at_the_raw_repl_have_all_the_time_they_need(board: VirtualBoard) -> None:
    time.sleep(WINDOW_S + 0.5)
    slow = f"import time\nfor _ in range(40): time.sleep({2 * WATCHDOG_S / 40})\nprint('done')"
    assert mpremote(board.device, "exec", slow).strip() == "done"
    with opened(board) as line:
        interrupt(line)
        time.sleep(1.5 * WATCHDOG_S)
        assert b"cause 5" in execute(line, "import machine\nprint('cause', machine.reset_cause())")


def test_bytes_that_are_no_key_do_not_stop_the_node_nor_does_a_key_after_the_window(
    board: VirtualBoard,
) -> None:
    wait_for_node(board.device)
    with opened(board) as line:
        for noise in (b'md": "status"}\n', b"AT\r", b"\xff", b"\n"):
            line.write(noise)
            time.sleep(0.25)
        time.sleep(0.5)
        line.write(b"x")
        time.sleep(0.3)
    assert ask(board.device, {"cmd": "status"})["uptime"] >= 1


def test_led_of_a_board_shows_that_it_has_no_link(flash: Path, tmp_path: Path) -> None:
    pins = tmp_path / "pins"

    def changes() -> list[list[str]]:
        lines = [line.split() for line in pins.read_text().rpartition("\n")[0].splitlines()]
        return lines[:1] + [now for before, now in pairwise(lines) if now[2:] != before[2:]]

    with started(flash, tmp_path, pins=pins) as board:
        wait_for_node(board.device)
        eventually(lambda: len(changes()) > 3, "it does not blink")
        seen = changes()
    assert {name for _, name, _ in seen} == {"LED"}
    assert seen[0][2] == "1", "booting is light"
    moments = [float(moment) for moment, _, _ in seen[1:]]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert min(pauses) > 0.9, "every other pattern has a short pause"
