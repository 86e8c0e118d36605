"""`shimlet board shell`: a prompt on a board, and code that is run there for scripts.

Whatever ends them, the board's node runs again.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host.desk_board import desk_board
from host.shell import Answer, shimlet
from shimlet_host.board import remote
from shimlet_host.board import shell as shell_module
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import BoardLine, ask, wait_for_node
from shimlet_host.board.remote import DeployError
from shimlet_host.board.shell import MAX_CODE, LineEnds, shell
from shimlet_host.cli import board_shell

SHIMLET = [sys.executable, "-m", "shimlet_host", "board"]
ENDLESS = "import time\nprint('begun')\nwhile True:\n    time.sleep(1)"
STUBBORN = """
print('begun')
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no board that does not answer."""
    monkeypatch.setattr(shell_module, "UP_WITHIN_S", 60.0)
    monkeypatch.setattr(remote, "PROBE_S", 60.0)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board with a running node."""
    with desk_board(tmp_path_factory.mktemp("node") / "flash.img") as board:
        yield board


def run(board: VirtualBoard, code: str, *options: str) -> Answer:
    """Code as an argument, or `-`."""
    return shimlet("board", "shell", board.device, "--run", code, *options)


def assert_node_runs(board: VirtualBoard) -> None:
    assert wait_for_node(board.device, 30)["name"] == "desk"


# Code for scripts


def test_code_runs_on_the_board_its_output_is_told_and_the_node_runs_again(
    node: VirtualBoard,
) -> None:
    done = run(node, "import sys; print('it is', 6 * 7, 'on', sys.implementation.name)")
    assert done == Answer(0, "it is 42 on micropython\n", "")
    assert ask(node.device, {"cmd": "status"})["name"] == "desk", "it runs when the command ends"


def test_a_traceback_goes_to_stderr_and_the_exit_status_is_1(node: VirtualBoard) -> None:
    done = run(node, "print('before')\n{}['key']")
    assert (done.status, done.out) == (1, "before\n")
    first, *_, last = done.err.splitlines()
    assert first == "Traceback (most recent call last):" and last == "KeyError: key"
    assert "line 2, in <module>" in done.err and "\r" not in done.err
    assert_node_runs(node)


def test_json_holds_the_output_and_the_error(node: VirtualBoard) -> None:
    good = run(node, "print('\u00e4'); print('b\\rc')", "--json")
    assert (good.status, good.err) == (0, "")
    assert good.data == {"output": "\u00e4\nb\rc\n", "error": None}
    bad = run(node, "print('x'); 1 / 0", "--json")
    assert (bad.status, bad.data["output"]) == (1, "x\n")
    assert bad.data["error"].endswith("ZeroDivisionError: divide by zero\n")
    wrong = run(node, "def f(:", "--json")
    assert wrong.status == 1 and "SyntaxError" in wrong.data["error"]
    assert_node_runs(node)


def test_lines_end_alike_however_a_board_ends_them_and_the_line_cuts_them() -> None:
    sent = b"a\r\nb\nc\rd\r\r\n\x04"
    for size in range(1, len(sent) + 1):
        got = bytearray()
        ends = LineEnds(got.extend)
        for start in range(0, len(sent), size):
            ends.feed(sent[start : start + size])
        ends.end()
        assert got == b"a\nb\nc\rd\r\n", size
    ends.feed(b"more\r")
    ends.end()
    assert got.endswith(b"more\r")


def test_code_comes_from_standard_input_also_more_than_a_line_holds(node: VirtualBoard) -> None:
    code = b"# a line of a long program\n" * 1000 + b"for i in range(3):\n    print(i)\n"
    done = shimlet("board", "shell", node.device, "--run", "-", stdin=code)
    assert done == Answer(0, "0\n1\n2\n", "")
    assert_node_runs(node)


def test_code_sees_the_files_of_the_board_and_leaves_its_own(node: VirtualBoard) -> None:
    assert run(node, "f = open('kept.txt', 'w'); f.write('still here'); f.close()").status == 0
    assert run(node, "print(open('kept.txt').read())").out == "still here\n"
    listed = run(node, "import os; print(os.listdir())").out
    assert "identity.seed" in listed and "kept.txt" in listed
    assert run(node, "print(open('identity.txt'))").status == 1


def test_code_that_leaves_python_is_no_error(node: VirtualBoard) -> None:
    done = run(node, "import sys; print('bye'); sys.exit(3)", "--json")
    assert (done.status, done.data) == (0, {"output": "bye\n", "error": None})
    assert_node_runs(node)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_endless_code_is_ended_by_a_signal_and_the_node_runs_again(
    node: VirtualBoard, number: signal.Signals
) -> None:
    child = begun([*SHIMLET, "shell", node.device, "--run", ENDLESS])
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 1
    assert said.decode().startswith("shimlet: Interrupted: the code was ended"), said
    assert_node_runs(node)


def begun(command: list[str]) -> subprocess.Popen[bytes]:
    """A command whose code has said that it runs."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n", child.communicate()
    return child


def test_who_reads_enough_ends_the_code(node: VirtualBoard) -> None:
    child = begun([*SHIMLET, "shell", node.device, "--run", "while True: print('begun')"])
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    assert child.wait(timeout=60) == 1
    assert b"Traceback" not in child.stderr.read()
    assert_node_runs(node)


def test_code_that_does_not_stop_is_said(tmp_path: Path) -> None:
    with VirtualBoard(tmp_path / "flash.img") as board:
        child = begun([*SHIMLET, "shell", board.device, "--run", STUBBORN])
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=90)
    assert child.returncode == 1
    assert f"The code on {board.device} does not stop: press" in said.decode()


def test_what_json_keeps_is_bounded(node: VirtualBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_shell, "MAX_KEPT", 1000)
    done = run(node, "while True: print('again and again')", "--json")
    assert (done.status, done.out) == (1, "")
    assert "printed more than 1000 bytes, and was ended" in done.err
    assert_node_runs(node)


def test_a_board_without_a_node_runs_code_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_module, "UP_WITHIN_S", 0.5)
    with VirtualBoard(tmp_path / "flash.img") as board:
        done = run(board, "print(1)")
    assert done == Answer(0, "1\n", f"{board_shell.NO_NODE}\n")


def test_nothing_is_stopped_by_a_command_that_cannot_be(node: VirtualBoard) -> None:
    before = ask(node.device, {"cmd": "status"})["uptime"]
    no_code = shimlet("board", "shell", node.device, "--json")
    assert no_code.status == 2 and "for people" in no_code.err and "--run" in no_code.err
    long = shimlet("board", "shell", node.device, "--run", "-", stdin=b"#" * (MAX_CODE + 1))
    assert long.status == 1 and "copy it to the board as a file" in long.err
    with BoardLine(node.device):
        taken = run(node, "print(1)")
    assert taken.status == 1 and "in use by another program" in taken.err
    nowhere = shimlet("board", "shell", "/dev/nowhere", "--run", "print(1)")
    assert nowhere.status == 1 and "There is no device /dev/nowhere" in nowhere.err
    assert ask(node.device, {"cmd": "status"})["uptime"] >= before


# The prompt, in a terminal of its own


def until(terminal: int, wanted: bytes, heard: bytearray) -> None:
    """Read the terminal until this stands there."""
    deadline = time.monotonic() + 30
    while wanted not in heard:
        assert time.monotonic() < deadline, (wanted, bytes(heard))
        if select.select([terminal], [], [], 0.2)[0]:
            heard += os.read(terminal, 4096)
    del heard[: heard.index(wanted) + len(wanted)]


def test_shell_stops_the_node_gives_a_prompt_and_starts_the_node_again(node: VirtualBoard) -> None:
    key = ask(node.device, {"cmd": "status"})["publicKey"]
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [*SHIMLET, "shell", node.device], stdin=slave, stdout=slave, stderr=slave
    )
    heard = bytearray()
    try:
        until(terminal, b"Stopping the node on " + node.device.encode(), heard)
        until(terminal, b"Ctrl-X", heard)
        until(terminal, b"Connected to MicroPython", heard)
        os.write(terminal, b"print('it is', 6 * 7)\r")
        until(terminal, b"it is 42", heard)
        os.write(terminal, b"\x18")
        until(terminal, b"The node is up again.", heard)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(slave)
    assert ask(node.device, {"cmd": "status"})["publicKey"] == key


def test_shell_without_a_terminal_says_so_and_stops_nothing(node: VirtualBoard) -> None:
    done = subprocess.run(
        [*SHIMLET, "shell", node.device], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("shimlet: A prompt needs a terminal")
    assert ask(node.device, {"cmd": "status"})["name"] == "desk"


def test_shell_on_a_wrong_port_names_it() -> None:
    with pytest.raises(DeployError, match="There is no device /dev/nowhere"):
        shell("/dev/nowhere", str)
