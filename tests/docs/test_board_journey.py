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
from docs.commands import commands
from docs.documents import ROOT, document
from host.couples import SOMEBODY, free_port, run_shell
from host.processes import NodeProcess, running
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


def runs() -> list[str]:
    """The commands that this file runs."""
    return STEPS


class Desk:
    """A folder like the project's, a board in it, and a full node."""

    def __init__(self, folder: Path, board: VirtualBoard, node: NodeProcess) -> None:
        self.folder = folder
        self.board = board
        self.node = node

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
    folder = tmp_path_factory.mktemp("desk")
    (folder / "build" / "sim").mkdir(parents=True)
    (folder / "firmware").symlink_to(ROOT / "firmware")
    node = NodeProcess(folder / "node", {"gossip.bindAddress": f"127.0.0.1:{free_port()}"})
    link = folder / "build" / "sim" / "board.tty"
    with VirtualBoard(folder / "board.img", link=link) as board, running(node):
        yield Desk(folder, board, node)


def test_the_steps_stand_in_the_documents() -> None:
    written = " \n".join(each.text for each in commands())
    for step in STEPS:
        assert step in written, step


def test_a_stranger_follows_the_steps(desk: Desk) -> None:
    said = {}
    for step in STEPS:
        if step == "shimlet board flash BOARD PORT":
            assert "MicroPython" in said["shimlet board list"]
            assert "boot.py" in desk.run(STEPS[0])
            give_it_a_port(desk)
        said[step] = desk.run(step)
    status = said["shimlet board status PORT"]
    assert "Public key" in status or "publicKey" in status
    pattern = "\n".join(
        re.sub(r"\w+\.\.\.|[\d.]+:\d+", r"\\S+", re.escape(line)).replace(r"\.\.\.", r"\S*")
        for line in shown_by_pair().splitlines()[-2:]
    )
    assert re.search(pattern, said["shimlet board pair PORT"]), said
    assert desk.node.public_key in said["shimlet board peers list PORT"]
    assert NodeApiClient(desk.node.url).peers()[0]["state"] == "connected"
    known = ask(desk.board.device, {"cmd": "peers"}, 10)["peers"]
    assert [peer["publicKey"] for peer in known] == [desk.node.public_key]


def give_it_a_port(desk: Desk) -> None:
    """What `make sim` does for a new board: a config with a port of its own."""
    config = {"name": "board", "gossip": {"bindAddress": f"127.0.0.1:{free_port()}"}}
    (desk.folder / "config.json").write_text(json.dumps(config))
    done = run_shell(f"mpremote connect {desk.board.device} fs cp config.json :", desk.folder)
    assert done.returncode == 0, done


def shown_by_pair() -> str:
    """What boards/README.md shows as the answer of `make pair`."""
    blocks = document("boards/README.md").blocks
    return next(block.text for block in blocks if block.text.startswith("The full node knows"))
