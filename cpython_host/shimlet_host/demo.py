"""`make run`: a full node and a virtual board, peered by hand, with all that both say on one
screen.

Both are the real things in processes of their own: the node is `shimlet run`, asked over its web
API like any user would; the board is MicroPython on a pseudo-terminal, filled by mpremote and
asked over its serial line. Ends at Ctrl-C, at SIGTERM, or after RUN_SECONDS. Everything is kept in
build/run, so the keys stay the same from run to run.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from shimlet.identity import decode_key

from shimlet_host.board.deploy import DeployError, deploy_node
from shimlet_host.board.emulator.virtual_board import BoardStartError, VirtualBoard
from shimlet_host.board.line import BoardLine, LineError, wait_for_node
from shimlet_host.board.shipped import Content, ShippingError

FOLDER = Path("build/run")
APP = Path(__file__).resolve().parents[2] / "firmware" / "examples" / "sensor" / "app.py"
GOSSIP_PORT = 14666
BOARD_PORT = 14667
API_PORT = 8080
NODE_START_S = 20.0
MESSAGE_INTERVAL_S = 4.0


class DemoError(Exception):
    """Why the demo cannot go on; the text is a sentence."""


class _Ended(Exception):
    """Ctrl-C, SIGTERM, or the time is up."""


def run_demo(*, as_json: bool = False) -> int:
    """Run until the end; the exit status. `as_json`: one JSON object a line."""
    _screen.as_json = as_json
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _on_signal)
    try:
        signal.alarm(_run_seconds())
        with ExitStack() as stack:
            _show(stack)
    except _Ended:
        _say("demo", "ended; the node and the board have stopped")
    except (DemoError, DeployError, ShippingError, LineError, BoardStartError) as error:
        _say("demo", f"cannot go on: {error}")
        return 1
    finally:
        signal.alarm(0)
    return 0


def _on_signal(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(each, signal.SIG_IGN)  # what follows is the end: nothing may cut it short
    raise _Ended


def _run_seconds() -> int:
    text = os.environ.get("RUN_SECONDS", "0")
    if not text.isdigit():
        raise DemoError(f"RUN_SECONDS={text} is not a number of seconds")
    return int(text)


class _Screen:
    """Where all of it is shown, by whoever it comes from."""

    as_json = False

    def say(self, who: str, text: str) -> None:
        """One line."""
        line = json.dumps({"from": who, "text": text}) if self.as_json else f"{who:>5} | {text}"
        print(line, flush=True)


_screen = _Screen()
_say = _screen.say


def _show(stack: ExitStack) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    node = stack.enter_context(_full_node())
    board = VirtualBoard(FOLDER / "board.img")
    stack.callback(board.stop)
    board.start()
    address = f"127.0.0.1:{_free_port(BOARD_PORT)}"
    key = _start_board(board.device, node, address)
    _explain(node, key)
    threading.Thread(target=_follow_messages, args=(node, key), daemon=True).start()
    threading.Thread(target=_follow_board, args=(board.device,), daemon=True).start()
    node.add_peer(key, address)
    _talk(node)


# The full node


class FullNode:
    """A running `shimlet run`, as its web API shows it."""

    def __init__(self, url: str, gossip: str) -> None:
        self.url = url
        self.gossip = gossip
        self.public_key = ""

    def ask(self, path: str, body: object = None) -> object:
        """GET, or POST `body` as JSON; the decoded answer, None if it is empty."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def add_peer(self, public_key: str, address: str) -> None:
        """List the board as a known peer."""
        self.ask("/manualpeering/peers", [{"publicKey": public_key, "address": address}])
        _say("demo", f"told the host: the board is {public_key} at {address}")

    def events(self) -> Iterator[dict[str, object]]:
        """The messages that pass the node, as server-sent events."""
        with urllib.request.urlopen(self.url + "/events") as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


@contextmanager
def _full_node() -> Iterator[FullNode]:
    gossip = f"127.0.0.1:{_free_port(GOSSIP_PORT)}"
    api = f"127.0.0.1:{_free_port(API_PORT)}"
    config = FOLDER / "host.json"
    settings = {
        "node": {"dataDirectory": "host"},
        "gossip": {"bindAddress": gossip},
        "webapi": {"bindAddress": api},
    }
    config.write_text(json.dumps(settings, indent=2) + "\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C comes to us alone, and we end it in order
    )
    threading.Thread(target=_pass_on, args=(process,), daemon=True).start()
    try:
        node = FullNode(f"http://{api}", gossip)
        _await_node(node, process)
        yield node
    finally:
        process.terminate()
        process.wait(timeout=10)


def _pass_on(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        _say("host", line.rstrip())


def _await_node(node: FullNode, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + NODE_START_S
    while True:
        with suppress(OSError):
            info = node.ask("/info")
            assert isinstance(info, dict)
            node.public_key = info["publicKey"]
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoError("the full node did not start; it says why above")
        time.sleep(0.1)


def _free_port(preferred: int) -> int:
    """`preferred`, or another port if something listens there."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            free: int = probe.getsockname()[1]
            return free
    raise DemoError("no port of 127.0.0.1 is free")


# The board


def _start_board(device: str, node: FullNode, address: str) -> str:
    """Bring the firmware, the config and the app to the board and start it; its public key."""
    _say("board", f"MicroPython is up at {device}; copying the light node by mpremote")
    config = {
        "name": "board",
        "gossip": {"bindAddress": address, "addresses": [address]},
        "manualPeering": {
            "knownPeers": [{"publicKey": node.public_key, "address": node.gossip}],
        },
    }
    files: dict[str, Content] = {"/config.json": json.dumps(config).encode(), "/app.py": APP}
    done = deploy_node(device, files)
    _say(
        "board",
        f"{len(done.copied)} files copied, {len(done.kept)} were there already; restarting",
    )
    status = wait_for_node(device, on_output=lambda line: _say("board", line))
    return str(status["publicKey"])


def _follow_board(device: str) -> None:
    """Show what the board prints. The line closes when the board is switched off."""
    with suppress(LineError), BoardLine(device, lambda line: _say("board", line)) as line:
        while True:
            line.listen(1.0)


# What there is to see


def _explain(node: FullNode, board_key: str) -> None:
    ours, theirs = decode_key(node.public_key), decode_key(board_key)
    smaller, larger = ("host", "board") if ours < theirs else ("board", "host")
    keys = {"host": ours, "board": theirs}
    _say("demo", f"public key of the host:  {node.public_key}")
    _say("demo", f"public key of the board: {board_key}")
    _say(
        "demo",
        f"the {smaller} dials and the {larger} waits, because the {smaller}'s key is smaller:"
        f" {keys[smaller].hex()[:8]}... < {keys[larger].hex()[:8]}...",
    )
    _say("demo", f"the web API listens at {node.url} (try: curl {node.url}/manualpeering/peers)")
    _say("demo", f"the dashboard, in a browser: {node.url}/dashboard/")


def _follow_messages(node: FullNode, board_key: str) -> None:
    with suppress(OSError, ValueError):
        for event in node.events():
            if event.get("source") == board_key:
                _say("host", f"message from the board: {event.get('payload')}")


def _talk(node: FullNode) -> None:
    """Send a message to the board now and then."""
    number = 0
    while True:
        time.sleep(MESSAGE_INTERVAL_S)
        number += 1
        try:
            node.ask("/messages", {"payload": f"hello from the host, number {number}"})
        except OSError as error:
            raise DemoError(f"the full node does not answer any more: {error}") from error
