"""A board and a full node peer by hand: real MicroPython on its serial line, `shimlet run` beside
it.

The board is deployed as a user would do it, by mpremote over its serial line; what it holds
afterwards is its flash image alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.ports import alone, free_port
from host.processes import NodeProcess, eventually, running
from shimlet.identity import decode_key
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import BoardLine, wait_for_node
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity

ROOT = Path(__file__).parents[2]
CHATTY_APP = b"""
import asyncio
async def run(node):
    node.on_message = lambda data, key: print("Heard:", data)
    n = 0
    while True:
        n += 1
        node.publish(b"reading %d" % n)
        await asyncio.sleep_ms(20)
"""


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash of a board that was deployed once and has made its identity."""
    image = tmp_path_factory.mktemp("board") / "flash.img"
    with VirtualBoard(image) as board:
        gossip = {"bindAddress": f"127.0.0.1:{free_port()}"}
        deploy_node(board.device, {"/config.json": json.dumps({"gossip": gossip}).encode()})
        wait_for_node(board.device)
    return image


@pytest.fixture
def image(flash: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(flash, tmp_path / "flash.img"))


def config(node: NodeProcess, port: int) -> bytes:
    """The board's config.json: the full node is its only known peer."""
    known = [{"publicKey": node.public_key, "address": node.gossip}]
    peering = {"knownPeers": known, "reconnectInterval": "200ms"}
    gossip = {"bindAddress": f"127.0.0.1:{port}"}
    return json.dumps({"manualPeering": peering, "gossip": gossip}).encode()


@contextmanager
def peered(node: NodeProcess, board: VirtualBoard, **files: bytes) -> Iterator[str]:
    """Introduce the two to each other; the board's public key once the link is up."""
    port = free_port()
    extra = {f"/{name}.py": content for name, content in files.items()}
    deploy(board.device, {"/config.json": config(node, port), **extra})
    key = str(wait_for_node(board.device)["publicKey"])
    entry = {"publicKey": key, "address": f"127.0.0.1:{port}"}
    assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
    eventually(lambda: node.peer(key)["state"] == "connected", "no link came up")
    yield key


def seed_for(board_key: str, *, host_dials: bool) -> str:
    """A seed whose key is smaller than the board's, or larger."""
    for number in range(1000):
        seed = number.to_bytes(32, "big")
        if (HostIdentity(seed).public_key < decode_key(board_key)) == host_dials:
            return str(format_seed(seed))
    raise AssertionError("no such seed")


@pytest.mark.parametrize("host_dials", [True, False])
def test_board_and_host_peer_whoever_dials_and_messages_pass_both_ways(
    image: Path, tmp_path: Path, host_dials: bool
) -> None:
    with VirtualBoard(image) as board:
        board_key = str(wait_for_node(board.device)["publicKey"])
        seed = seed_for(board_key, host_dials=host_dials)
        node = NodeProcess(tmp_path / "node", {"node.seed": seed})
        with running(node), peered(node, board, app=CHATTY_APP) as key:
            assert key == board_key, "the board's identity was replaced"
            direction = node.peer(key)["connectionDirection"]
            assert direction == ("outbound" if host_dials else "inbound")
            eventually(lambda: node.ask("GET", "/messages")[1] != [], "no reading arrived")
            message = node.ask("GET", "/messages?limit=1")[1][0]
            assert re.fullmatch(r"reading \d+", message["payload"])
            assert message["source"] == key
            lines: list[str] = []
            # What a board prints while nobody has its line open is lost.
            with BoardLine(board.device, lines.append) as line:
                node.ask("POST", "/messages", {"payload": "from the host"})
                eventually(
                    lambda: (line.listen(0.05), "Heard: b'from the host'" in lines)[1],
                    "the host's message did not arrive",
                )


def test_a_killed_board_starts_again_from_its_flash_alone_and_peers(
    image: Path, tmp_path: Path
) -> None:
    node = NodeProcess(tmp_path / "node")
    with running(node), VirtualBoard(image) as board:
        with peered(node, board) as key:
            board.kill()
            eventually(lambda: node.peer(key)["state"] != "connected", "the cut went unnoticed")
        board.start()
        assert wait_for_node(board.device)["publicKey"] == key
        eventually(lambda: node.peer(key)["state"] == "connected", "the link did not come back")


def test_1000_status_requests_while_messages_flow_lose_no_message_and_no_link(
    image: Path, tmp_path: Path
) -> None:
    node = NodeProcess(tmp_path / "node")
    heard: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(running(node))
        board = stack.enter_context(VirtualBoard(image))
        key = stack.enter_context(peered(node, board, app=CHATTY_APP))
        line = stack.enter_context(BoardLine(board.device, heard.append))
        eventually(lambda: node.ask("GET", "/messages")[1] != [], "the board's app does not run")
        for number in range(1000):
            assert line.ask({"cmd": "status"})["publicKey"] == key
            if number % 10 == 0:
                node.ask("POST", "/messages", {"payload": f"m{number}"})
        eventually(lambda: (line.listen(0.05), "Heard: b'm990'" in heard)[1], "m990 lost")
        assert not {f"Heard: b'm{number}'" for number in range(0, 1000, 10)} - set(heard)
        ups = [record for record in node.log if record.get("event") == "link up"]
        assert len(ups) == 1, "the link was lost"
        texts = [m["payload"] for m in node.ask("GET", "/messages?limit=1000")[1]]
        readings = sorted(int(t.split()[1]) for t in texts if t.startswith("reading"))
        assert readings == list(range(readings[0], readings[-1] + 1)), "a reading is lost"


def test_ctrl_c_on_the_serial_line_gives_the_repl_and_closes_the_link(
    image: Path, tmp_path: Path
) -> None:
    node = NodeProcess(tmp_path / "node")
    with running(node), VirtualBoard(image) as board, peered(node, board) as key:
        mpremote = [sys.executable, "-m", "mpremote", "connect", board.device, "resume"]
        done = subprocess.run(
            [*mpremote, "exec", "print('the REPL lives')"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert "the REPL lives" in done.stdout, done
        eventually(lambda: node.peer(key)["state"] != "connected", "the link lives on")


def test_a_removed_board_becomes_a_pending_peer_only_if_it_dials(
    image: Path, tmp_path: Path
) -> None:
    with VirtualBoard(image) as board:
        board_key = str(wait_for_node(board.device)["publicKey"])
        seed = seed_for(board_key, host_dials=False)
        node = NodeProcess(tmp_path / "node", {"node.seed": seed})
        with running(node), peered(node, board) as key:
            node.ask("DELETE", "/manualpeering/peers", [{"publicKey": key}])

            def pending() -> list[dict[str, Any]]:
                answer: list[dict[str, Any]] = node.ask("GET", "/manualpeering/pending")[1]
                return answer

            eventually(lambda: [p["publicKey"] for p in pending()] == [key], "not pending")


@contextmanager
def demo(
    folder: Path, *options: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`make run`'s program in a folder of its own, with the lines that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", "demo", *options],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    # type: ignore[arg-type]
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)
        reader.join(timeout=30)


def test_the_demo_shows_keys_link_and_messages_and_ends_at_sigint(tmp_path: Path) -> None:
    with alone("demo"), demo(tmp_path) as (process, lines):
        for what in (
            "public key of the host",
            "public key of the board",
            "key is smaller",
            "web API listens",
            "link up",
            "message from the board",
            "Message: hello from the host",
        ):
            eventually(lambda w=what: any(w in line for line in lines), what)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0, lines


def test_the_demo_ends_by_itself_after_run_seconds(tmp_path: Path) -> None:
    with alone("demo"), demo(tmp_path, RUN_SECONDS="1") as (process, lines):
        assert process.wait(timeout=30) == 0, lines
    with demo(tmp_path, "--json", RUN_SECONDS="soon") as (process, lines):
        assert process.wait(timeout=30) == 1
    said = [json.loads(line) for line in lines]
    assert "RUN_SECONDS=soon" in said[-1]["text"] and said[-1]["from"] == "demo"
    with demo(tmp_path, RUN_SECONDS="soon") as (process, lines):
        assert process.wait(timeout=30) == 1
    assert "RUN_SECONDS=soon" in "".join(lines)
