"""`shimlet board status`, `log`, `peers` and `wifi`: a running node is asked and changed, and goes
on.

Most tests ask a virtual board with a real light node; those about broken answers play the board.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from host.ports import free_port
from host.processes import NodeProcess, eventually, running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shimlet_host.board import talk
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import BoardLine, LineError, ask, wait_for_node
from shimlet_host.cli import app
from shimlet_host.cli.board_tables import plain, show_peers, show_status
from typer.testing import CliRunner

KEY = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"
OTHER = "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR"
PORT = free_port()
NO_WINDOW = b"WINDOW_MS = 0\n"  # nobody presses a key at the start of the board
COUNTING_APP = b"""
import asyncio
async def run(node):
    n = 0
    while True:
        n += 1
        node.publish(b"reading %d" % n)
        await asyncio.sleep_ms(20)
"""


def shimlet(*arguments: str, text: str | None = None) -> Result:
    """`shimlet board ...` in this process."""
    return CliRunner().invoke(app, ["board", *arguments], input=text)


def answered(*arguments: str, text: str | None = None) -> Any:
    """The JSON that the command prints."""
    result = shimlet(*arguments, "--json", text=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str, status: int = 1, text: str | None = None) -> str:
    """What the command says on standard error, in one line."""
    result = shimlet(*arguments, text=text)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    return re.sub(r"[\s│]+", " ", result.stderr)


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash of a board with a light node that knows nobody."""
    image = tmp_path_factory.mktemp("board") / "flash.img"
    config = {"gossip": {"bindAddress": f"127.0.0.1:{PORT}"}}
    with VirtualBoard(image) as board:
        files = {"/config.json": json.dumps(config).encode(), "/lib/shimlet_board.py": NO_WINDOW}
        deploy_node(board.device, files)
        wait_for_node(board.device)
    return image


@pytest.fixture
def board(flash: Path, tmp_path: Path) -> Iterator[VirtualBoard]:
    """That board, switched on."""
    with VirtualBoard(shutil.copy(flash, tmp_path / "flash.img")) as running_board:
        wait_for_node(running_board.device)
        yield running_board


def test_status_tells_key_and_links_to_people_and_programs(board: VirtualBoard) -> None:
    answer = answered("status", board.device)
    assert answer["listening"] is True and answer["links"] == 0
    table = shimlet("status", board.device).stdout
    assert answer["publicKey"] in table
    assert re.search(r"Last reset +(power-on|reset)\b", table) and "Last exception" not in table
    assert re.search(r"Heap +[\d,]+ bytes used, [\d,]+ free", table)


def test_peers_added_over_the_line_outlive_a_power_cut_and_removed_ones_do_not(
    board: VirtualBoard,
) -> None:
    device = board.device
    assert "knows no peer" in shimlet("peers", "list", device).stdout
    assert answered("peers", "add", device, f"{KEY}@127.0.0.1:15932")["change"] == "added"
    said = shimlet("peers", "add", device, OTHER, "peer.example:15933").stdout
    assert said == f"Listed: {OTHER}. The board knows 2 of at most 8 peers.\n"
    assert shimlet("peers", "add", device, KEY, "127.0.0.1:15934").stdout.startswith("New address")
    assert shimlet("peers", "remove", device, OTHER).stdout.startswith("Removed")
    board.kill()
    board.start()
    wait_for_node(board.device)
    peers = answered("peers", "list", board.device)["peers"]
    assert [(peer["publicKey"], peer["address"]) for peer in peers] == [(KEY, "127.0.0.1:15934")]
    shown = shimlet("peers", "list", board.device).stdout
    assert KEY in shown and "127.0.0.1:15934" in shown


def test_the_boards_refusals_are_sentences_and_status_1(board: VirtualBoard) -> None:
    own = talk.status(board.device)["publicKey"]
    for number in range(8):
        talk.add_peer(board.device, _key(number), "127.0.0.1:1")
    text = refused("peers", "add", board.device, f"{KEY}@127.0.0.1:1")
    assert "at most 8 peers: remove one first." in text
    assert "own key" in refused("peers", "add", board.device, f"{own}@127.0.0.1:1")
    text = refused("peers", "remove", board.device, KEY)
    assert f"no peer with the key {KEY} is listed." in text
    assert talk.status(board.device)["knownPeers"] == 8


def _key(number: int) -> str:
    from shimlet.identity import base58_encode

    return base58_encode(bytes([number + 10]) * 32)


def test_a_wrong_key_or_address_is_refused_before_the_board_is_asked() -> None:
    nowhere = "/dev/nowhere"
    for arguments, reason in (
        ((KEY,), "an address is missing"),
        ((f"{KEY}0@127.0.0.1:1",), "not a base58 character"),
        (("abc", "127.0.0.1:1"), "instead of 32"),
        ((f"{KEY}@127.0.0.1",), "write host:port"),
        ((KEY, "127.0.0.1:99999"), "port must be a number"),
        (("", ""), "instead of 32"),
    ):
        assert reason in refused("peers", "add", nowhere, *arguments, status=2), arguments
    assert "instead of 32" in refused("peers", "remove", nowhere, "abc", status=2)
    refused("wifi", nowhere, status=2)  # without --ssid


def test_wifi_is_kept_and_shown_nowhere(board: VirtualBoard) -> None:
    secret = "correct horse"
    said = shimlet("wifi", board.device, "--ssid", "home", "--password-stdin", text=secret + "\n")
    assert said.exit_code == 0 and "keeps the network" in said.stdout
    for shown in (said.output, *_everything(board.device)):
        assert secret not in shown
    for wrong in ("short", secret * 9):
        arguments = ("wifi", board.device, "--ssid", "home", "--password-stdin")
        assert wrong not in refused(*arguments, text=wrong + "\n")
    board.stop()
    assert b"correct horse" in Path(board._command[4]).read_bytes()


def _everything(device: str) -> list[str]:
    commands = (["status"], ["log"], ["peers", "list"])
    return [shimlet(*command, device, *more).output for command in commands for more in ([], JSON)]


JSON = ["--json"]


def test_the_password_comes_from_a_hidden_prompt_or_a_pipe_and_from_no_argument(
    board: VirtualBoard,
) -> None:
    assert "--password-stdin" in refused("wifi", board.device, "--ssid", "home", status=2)
    help_text = shimlet("wifi", "--help").stdout
    assert set(re.findall(r"--\w[\w-]*", help_text)) == {
        *("--ssid", "--password-stdin", "--json", "--help")
    }
    command = [sys.executable, "-m", "shimlet_host", "board", "wifi", board.device]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*command, "--ssid", "home"])
    shown = _read_until(terminal, b"Password")
    eventually(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, "the echo stays on")
    os.write(terminal, b"correct horse\n")
    shown += _read_until(terminal, b"keeps the network")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(terminal)
    assert b"correct horse" not in shown


def _read_until(terminal: int, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += os.read(terminal, 4096)
    return data


def test_nothing_that_is_asked_or_changed_stops_the_node_a_link_or_a_message(
    board: VirtualBoard, tmp_path: Path
) -> None:
    deploy(board.device, {"/app.py": COUNTING_APP})
    key = str(wait_for_node(board.device)["publicKey"])
    node = NodeProcess(tmp_path / "node")
    with running(node):
        entry = {"publicKey": key, "address": f"127.0.0.1:{PORT}"}
        assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
        answered("peers", "add", board.device, f"{node.public_key}@{node.gossip}")
        eventually(lambda: node.peer(key)["state"] == "connected", "no link came up")
        eventually(lambda: payloads(node) != [], "no message came")
        uptime = answered("status", board.device)["uptime"]
        for _ in range(5):
            assert answered("status", board.device)["links"] == 1
            assert shimlet("log", board.device).exit_code == 0
            answered("peers", "add", board.device, f"{KEY}@127.0.0.1:15932")
            answered("wifi", board.device, "--ssid", "home", "--password-stdin", text="12345678\n")
            answered("peers", "remove", board.device, KEY)
            refused("peers", "remove", board.device, KEY)
        eventually(lambda: answered("status", board.device)["uptime"] > uptime, "it started anew")
        assert answered("peers", "list", board.device)["peers"][0]["state"] == "connected"
        ups = [record for record in node.log if record.get("event") == "link up"]
        assert len(ups) == 1, "the link was lost"
        eventually(lambda: len(payloads(node)) > 40, "the messages stopped")
        numbers = sorted(int(text.split()[1]) for text in payloads(node))
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a message is lost"


def payloads(node: NodeProcess) -> list[str]:
    """The texts of the messages that the full node has got."""
    return [message["payload"] for message in node.ask("GET", "/messages?limit=1000")[1]]


def test_a_peer_that_is_removed_loses_its_link_at_once(
    board: VirtualBoard, tmp_path: Path
) -> None:
    key = str(talk.status(board.device)["publicKey"])
    node = NodeProcess(tmp_path / "node")
    with running(node):
        entry = {"publicKey": key, "address": f"127.0.0.1:{PORT}"}
        assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
        answered("peers", "add", board.device, f"{node.public_key}@{node.gossip}")
        eventually(lambda: node.peer(key)["state"] == "connected", "no link came up")
        answered("peers", "remove", board.device, node.public_key)
        eventually(lambda: node.peer(key)["state"] != "connected", "the link lives on")
        assert talk.status(board.device)["links"] == 0


@contextmanager
def following(device: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`shimlet board log --follow` and the lines that it has printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", "board", "log", device, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    output = process.stdout
    assert output is not None
    reader = threading.Thread(target=lambda: lines.extend(output), daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait(timeout=30)
        reader.join(timeout=30)
        output.close()


def test_the_followed_log_shows_new_lines_and_ends_at_ctrl_c(board: VirtualBoard) -> None:
    deploy(board.device, {"/app.py": STEPPING_APP})
    wait_for_node(board.device)
    with following(board.device) as (process, lines):
        eventually(lambda: sum("step" in line for line in lines) > 8, "nothing new came")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0, lines
    assert any("Public key" in line for line in lines)
    steps = [int(line.split()[-1]) for line in lines if "step" in line]
    assert steps == list(range(steps[0], steps[0] + len(steps)))
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)


# From when the log is first asked for: a board keeps few lines, and this machine may be slow.
STEPPING_APP = b"""
import asyncio
from shimlet_light.commands import COMMANDS
async def run(node):
    asked, told = [], COMMANDS["log"]
    def log(node, request):
        asked.append(True)
        return told(node, request)
    COMMANDS["log"] = log
    step = 0
    while True:
        if asked:
            step += 1
            node.log.add("step %d" % step)
        await asyncio.sleep_ms(400)
"""


RESTARTING_APP = b"""
import asyncio, os
from shimlet_light.commands import COMMANDS
async def run(node):
    if "restarted" not in os.listdir("/"):
        open("/restarted", "w").close()
        await asyncio.sleep_ms(1200)
        COMMANDS["restart"](node, {})
"""


def test_a_restart_is_survived_and_said_by_the_followed_log(board: VirtualBoard) -> None:
    deploy(board.device, {"/app.py": RESTARTING_APP})
    texts: list[str] = []
    end = threading.Timer(30, board.kill)  # so that what is awaited in vain is an error
    end.start()
    for line in talk.follow(board.device, pause_s=0.05, patience_s=10):
        texts.append(line.text)
        if "(the board has restarted)" in texts and "Gossip on" in line.text:
            break
    end.cancel()
    asked = texts.index("Restarts, as asked on the serial line")
    assert asked < texts.index("(the board has restarted)")
    assert sum("Public key" in text for text in texts) == 2


def test_restart_is_answered_before_the_board_restarts(board: VirtualBoard) -> None:
    answered_at = talk.status(board.device)["unixTime"]
    assert ask(board.device, {"cmd": "restart"}) == {"restarts": True}
    assert wait_for_node(board.device)["unixTime"] >= answered_at

    def log_is_new() -> bool:
        try:
            return len(talk.log(board.device)) < 4
        except LineError:  # it was the old node that answered; now it restarts
            return False

    eventually(log_is_new, "the old log is still there")


def test_a_board_that_falls_silent_ends_the_followed_log(board: VirtualBoard) -> None:
    lines = talk.follow(board.device, pause_s=0.01, patience_s=0.2)
    next(lines)
    board.kill()
    with pytest.raises(LineError):
        list(lines)


def test_a_stopped_node_is_told_from_a_missing_one_and_gets_no_password(
    board: VirtualBoard,
) -> None:
    mpremote = [sys.executable, "-m", "mpremote", "connect", board.device, "resume", "exec", "1"]
    subprocess.run(mpremote, check=True, timeout=30)
    for command in (["status"], ["log"], ["log", "--follow"], ["peers", "list"]):
        text = refused(*command, board.device)
        assert "in its REPL" in text and f"shimlet board shell {board.device}" in text
    with pytest.raises(LineError, match="in its REPL"):
        talk.set_wifi(board.device, "home", "correct horse")
    printed: list[str] = []
    with BoardLine(board.device, printed.append) as line:
        line._send(b"\x1b[A\x1b[A\r\n")  # the REPL remembers what it was sent
        line.listen(0.3)
    assert "correct horse" not in " ".join(printed)


def test_wrong_and_busy_ports_are_named_with_the_way_out(board: VirtualBoard) -> None:
    text = refused("status", "/dev/nowhere")
    assert "There is no device /dev/nowhere" in text and "shimlet board list" in text
    for wrong in ("/dev/null", __file__, str(Path(__file__).parent)):
        assert "is no serial line" in refused("status", wrong)
    with BoardLine(board.device):
        text = refused("peers", "list", board.device)
        assert "in use by another program. Close it" in text
    assert answered("status", board.device)["listening"]


# Boards that are played


@contextmanager
def played(*answers: bytes) -> Iterator[str]:
    """A serial line on which these answers follow to one request each."""
    terminal, slave = pty.openpty()
    tty.setraw(slave)

    def play() -> None:
        for answer in answers:
            data = b""
            while not data.endswith(b"\n"):
                data += os.read(terminal, 256)
            os.write(terminal, b"\x1e" + answer + b"\n")

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield os.ttyname(slave)
    finally:
        player.join(timeout=30)
        os.close(slave)
        os.close(terminal)


def test_an_older_node_without_the_command_is_said_to_be_older() -> None:
    with played(b"{}", b'{"error": "unknown cmd; known are log, peers, status"}') as device:
        assert "firmware is older" in refused("peers", "remove", device, KEY)


def test_a_change_without_an_answer_is_said_to_be_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "CHANGE_S", 0.05)
    with played(b"{}") as device:
        assert "may be made or not" in refused("peers", "remove", device, KEY)


def log_answer(last: int, uptime: int, *texts: str) -> bytes:
    lines = [[0, text, 1] for text in texts]
    return json.dumps({"log": lines, "last": last, "uptime": uptime}).encode()


def test_lost_lines_and_restarts_are_said_between_the_lines() -> None:
    answers = (
        log_answer(2, 10, "a", "b"),
        log_answer(30, 20, "x", "y"),
        log_answer(1, 5),
        log_answer(1, 5, "new"),
    )
    with played(*answers) as device:
        lines = talk.follow(device, pause_s=0.0, patience_s=0.0)
        texts = [next(lines).text for _ in range(7)]
        lines.close()
    assert texts[:2] == ["a", "b"]
    assert "26 lines are lost" in texts[2]
    assert texts[3:] == ["x", "y", "(the board has restarted)", "new"]


def test_control_characters_of_a_board_do_not_reach_the_terminal() -> None:
    hostile = "\x1b[2J\x07\r\n\u202e"
    answer = json.dumps(
        {"log": [[1, hostile, 1]], "last": 1, "name": hostile, "new": {"x": hostile}}
    )
    for command in ("log", "status"):
        with played(answer.encode()) as device:
            shown = shimlet(command, device).stdout
        assert "\\x1b[2J\\x07\\r\\n\\u202e" in shown and plain(
            shown.replace("\n", "")
        ) == shown.replace("\n", "")


quickly = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
STATUS_KEYS = ("name", "uptime", "unixTime", "heap", "problems", "refusals", "listening", "else")
PEER_KEYS = ("publicKey", "address", "state", "lastError", "in", "nextAttempt", "attempts")


@quickly
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(STATUS_KEYS, json_values)))
def test_no_status_that_a_board_invents_breaks_the_table(answer: dict[str, Any]) -> None:
    show_status(answer)


@quickly
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("peers", "pending"),
            json_values
            | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(PEER_KEYS, json_values))),
        ),
    )
)
def test_no_peers_that_a_board_invents_break_the_table(answer: dict[str, Any]) -> None:
    show_peers(answer)


@quickly
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("log", "last", "uptime"), json_values)))
def test_no_log_that_a_board_invents_breaks_the_follower(answer: dict[str, Any]) -> None:
    follower = talk._Follower()
    for _ in range(2):
        assert all(isinstance(line.text, str) for line in follower.take(answer))
