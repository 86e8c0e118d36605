"""A stranger with an empty board follows boards/README.md and firmware/README.md, step by step.

The board is a virtual one. The commands are those of the documents; only PORT, BOARD, KEY and
addresses are replaced, as the reader would do it. What a target of make runs is taken for the
target (test_commands.py looks that up).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs import test_web_examples
from docs.commands import commands, in_pages
from docs.documents import ROOT, document
from host.couples import SOMEBODY, free_port, run_shell
from host.processes import NodeProcess, eventually, running
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import ask
from shimlet_host.doctor.api import NodeApiClient

# In this order.
STEPS = [
    "mpremote connect ./board.tty fs ls",
    "mpremote connect PORT fs cp firmware/boot.py firmware/main.py :",
    "shimlet board list",
    "shimlet board build BOARD",
    "shimlet board flash BOARD PORT",
    "shimlet board status PORT",
    "shimlet board ntp PORT 192.0.2.7:14123",
    "shimlet board ntp PORT <our IP>:14123",
    "shimlet board time PORT",
    "shimlet board pair PORT",
    "shimlet board peers list PORT",
    "shimlet board peers add PORT KEY@HOST:PORT",
    "shimlet board peers remove PORT KEY",
]


FLASH = "shimlet board flash BOARD PORT"
# Later, each in a test of its own.
RESTARTING = [
    "mpremote connect PORT fs cp config.json : + reset",
    "mpremote connect PORT fs cp app.py : + reset",
]


def runs() -> list[str]:
    """The commands that this file runs."""
    return STEPS + RESTARTING


class Desk:
    """A folder like the project's, a board in it, and a full node."""

    def __init__(self, folder: Path, board: VirtualBoard, node: NodeProcess) -> None:
        self.folder = folder
        self.board = board
        self.node = node
        self.said: dict[str, str] = {}  # by step
        self.listing = ""  # of the files, before it is flashed

    def run(self, step: str) -> str:
        """One step; what it says."""
        text = step.replace("KEY@HOST:PORT", f"{SOMEBODY}@192.0.2.9:14666")
        text = text.replace("./board.tty", self.board.device).replace("<our IP>", "192.0.2.7")
        text = re.sub(r"\bPORT\b", self.board.device, text).replace("BOARD", "sim")
        text = re.sub(r"\bKEY\b", SOMEBODY, text)
        if " pair " in text:
            text += f" --api {self.node.url}"
        done = run_shell(text, self.folder)
        assert done.returncode == 0, (step, done)
        return done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The stranger has followed the steps."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "build" / "sim").mkdir(parents=True)
    (folder / "firmware").symlink_to(ROOT / "firmware")
    node = NodeProcess(folder / "node", {"gossip.bindAddress": f"127.0.0.1:{free_port()}"})
    link = folder / "build" / "sim" / "board.tty"
    with VirtualBoard(folder / "board.img", link=link) as board, running(node):
        desk = Desk(folder, board, node)
        for step in STEPS:
            if step == FLASH:
                desk.listing = desk.run(STEPS[0])
                give_it_a_port(desk)
            desk.said[step] = desk.run(step)
        yield desk


def give_it_a_port(desk: Desk) -> None:
    """What `make sim` does for a new board: a config with a port of its own."""
    config = {"name": "board", "gossip": {"bindAddress": f"127.0.0.1:{free_port()}"}}
    (desk.folder / "config.json").write_text(json.dumps(config))
    done = run_shell(f"mpremote connect {desk.board.device} fs cp config.json :", desk.folder)
    assert done.returncode == 0, done


def test_the_steps_stand_in_the_documents() -> None:
    written = " \n".join(each.text for each in commands())
    for step in runs():
        assert step in written, step


def test_a_stranger_follows_the_steps(desk: Desk) -> None:
    said = desk.said
    assert "MicroPython" in said["shimlet board list"] and "boot.py" in desk.listing
    assert "Public key" in said["shimlet board status PORT"]
    assert desk.node.public_key in said["shimlet board peers list PORT"]
    assert_shown("boards/README.md", "The full node knows", said["shimlet board pair PORT"])
    assert_shown("firmware/README.md", "Stopping what", said[FLASH])


def test_peering_by_hand_works_as_the_steps_say(desk: Desk) -> None:
    api = NodeApiClient(desk.node.url)
    board = ask(desk.board.device, {"cmd": "status"}, 10)
    address = known_address(api)
    for peer in api.peers():
        api.remove_peer(peer["publicKey"])
    page = in_pages("firmware/README.md")
    (post,) = (text for text in page if text.startswith("curl -X POST"))
    post = post.replace("5jQW...", board["publicKey"]).replace("192.0.2.7:14666", address)
    status, _ = test_web_examples.ask(test_web_examples.at(desk.node, post))
    assert status == 204 and [peer["address"] for peer in api.peers()] == [address]
    config = json.loads((ROOT / "firmware/config.example.json").read_text())
    (listed,) = config["manualPeering"]["knownPeers"]
    listed.update(publicKey=desk.node.public_key, address=desk.node.gossip)
    config["gossip"]["bindAddress"] = address
    (desk.folder / "config.json").write_text(json.dumps(config))
    desk.run(RESTARTING[0])
    eventually(lambda: api.peers()[0]["state"] == "connected", "no link came up")
    assert ask(desk.board.device, {"cmd": "status"}, 10)["name"] == "greenhouse"


def known_address(api: NodeApiClient) -> str:
    """Where the full node knows the board."""
    (peer,) = api.peers()
    return str(peer["address"])


def test_the_app_of_the_readme_publishes_once_it_is_on_the_board(desk: Desk) -> None:
    blocks = document("firmware/README.md").blocks
    (app,) = (block.text for block in blocks if block.language == "python")
    (desk.folder / "app.py").write_text(app)
    desk.run(RESTARTING[1])
    api = NodeApiClient(desk.node.url)
    eventually(
        lambda: any(message["payload"] == "a reading" for message in api.messages(10)),
        "the app on the board published nothing",
    )


def test_python_asks_a_running_node_as_the_readme_says(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = document("boards/README.md").blocks
    (program,) = (block.text for block in blocks if block.language == "python")
    exec(program.replace("/dev/ttyUSB0", desk.board.device), {})
    assert "publicKey" in capsys.readouterr().out


def assert_shown(page: str, first_words: str, said: str) -> None:
    """A document shows what is said, but for keys, addresses, versions, numbers, and who dials,
    which decides the order of the lines, too.
    """
    lines = said.splitlines()
    blocks = document(page).blocks
    shown = next(block.text for block in blocks if block.text.startswith(first_words))
    for wanted in shown.splitlines():
        pattern = re.escape(wanted)
        pattern = re.sub(r"[Tt]he\\ (?:board|full\\ node)(?=\\ (?:dials|waits))", ".+?", pattern)
        pattern = re.sub(r"\w{8}(?:\\\.){3}", r"\\w+[.]*", pattern)
        pattern = re.sub(r"/dev/ttyUSB0|ESP32_GENERIC", ".+", pattern)
        pattern = re.sub(r"\d+(?:(?:\\\.|:)\d+)*(?!\w)", r"[\\d.:]+", pattern)
        found = [line for line in lines if re.fullmatch(pattern, line)]
        assert found, (wanted, lines)
        lines.remove(found[0])
    assert not lines, lines
