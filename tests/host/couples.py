"""A full node and a virtual board that can be paired, for tests of pairing and of the doctor.

The firmware is deployed once; each board starts from a copy of that flash, so all have one key and
one port, and one of them runs at a time. Beside the addresses where the two really are, both claim
one of a network that no machine has a way to (multicast is no address of TCP).
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.ports import free_port
from host.processes import NodeProcess, eventually, running
from shimlet.identity import base58_encode, decode_key
from shimlet_host.board.deploy import deploy_node
from shimlet_host.board.emulator import VirtualBoard
from shimlet_host.board.line import BoardLine, ask, wait_for_node
from shimlet_host.config.seeds import format_seed
from shimlet_host.doctor.api import ApiError, NodeApiClient
from shimlet_host.doctor.diagnose import CONNECTED, Finding, diagnose, shown_causes
from shimlet_host.doctor.evidence import Evidence
from shimlet_host.doctor.gather import gather_with_board
from shimlet_host.identity import HostIdentity

HOST_ELSEWHERE, BOARD_ELSEWHERE = "239.255.1.2", "239.255.7.3"
SOMEBODY = base58_encode(HostIdentity(b"\x07" * 32).public_key)
_ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
COMMAND_S = 60


@dataclass(frozen=True)
class Flash:
    """A flash with the light node and an identity on it."""

    image: Path
    board_key: str
    port: int


@functools.cache
def flash() -> Flash:
    """Deployed once for all tests."""
    folder = Path(tempfile.mkdtemp(prefix="shimlet-couples-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    image = folder / "flash.img"
    port = free_port()
    config = {
        "gossip": {
            "bindAddress": f"127.0.0.1:{port}",
            "addresses": [f"{BOARD_ELSEWHERE}:{port}"],
        },
        "manualPeering": {"reconnectInterval": "200ms"},
    }
    with VirtualBoard(image) as board:
        deploy_node(board.device, {"/config.json": json.dumps(config).encode()})
        key = str(wait_for_node(board.device)["publicKey"])
    return Flash(image, key, port)


def seed_for(board_key: str, *, host_dials: bool) -> str:
    """A seed whose key is smaller than the board's, or larger."""
    for number in range(1000):
        seed = number.to_bytes(32, "big")
        if (HostIdentity(seed).public_key < decode_key(board_key)) == host_dials:
            return str(format_seed(seed))
    raise AssertionError("no such seed")


class Couple:
    """The two, running."""

    def __init__(self, node: NodeProcess, board: VirtualBoard) -> None:
        self.node = node
        self.board = board
        self.api = NodeApiClient(node.url)
        self.board_key = str(self.ask("status")["publicKey"])
        self.board_address = f"127.0.0.1:{flash().port}"

    @property
    def host_port(self) -> int:
        return int(self.node.gossip.rpartition(":")[2])

    def ask(self, command: str, **request: object) -> dict[str, Any]:
        """What the board answers."""
        answer = ask(self.board.device, {"cmd": command, **request}, 10)
        assert "error" not in answer, answer
        return answer

    def board_knows(self, address: str, key: str = "") -> None:
        """List the host on the board."""
        self.ask("peers-add", publicKey=key or self.node.public_key, address=address)

    def board_knows_nobody(self) -> None:
        for peer in self.ask("peers")["peers"]:
            self.ask("peers-remove", publicKey=peer["publicKey"])

    def host_knows(self, address: str, key: str = "") -> None:
        """List the board on the host."""
        self.api.add_peer(key or self.board_key, address)

    def host_knows_nobody(self) -> None:
        for peer in self.api.peers():
            self.api.remove_peer(peer["publicKey"])

    def evidence(self) -> Evidence:
        """What the doctor sees."""
        with BoardLine(self.board.device) as line:
            return gather_with_board(self.api, line, self.board.device)

    def answers(self) -> bool:
        """Whether the full node is up."""
        try:
            self.api.info()
        except ApiError:
            return False
        return True

    def linked(self) -> bool:
        return any(
            p["publicKey"] == self.board_key and p["state"] == "connected"
            for p in self.api.peers()
        )

    def await_link(self) -> None:
        eventually(self.linked, "no link came up")


@contextmanager
def couple(
    folder: Path, *, host_dials: bool, clock: str = "", **settings: Any
) -> Iterator[Couple]:
    """Start both, not yet known to each other."""
    shutil.copy(flash().image, folder / "flash.img")
    port = free_port()
    node = NodeProcess(
        folder / "node",
        {
            "node.seed": seed_for(flash().board_key, host_dials=host_dials),
            "gossip.bindAddress": f"127.0.0.1:{port}",
            "gossip.addresses": [f"{HOST_ELSEWHERE}:{port}"],
            "webapi.bindAddress": f"127.0.0.1:{free_port()}",
            **{name.replace("__", "."): value for name, value in settings.items()},
        },
    )
    with VirtualBoard(folder / "flash.img", clock=clock) as board, running(node):
        wait_for_node(board.device)
        yield Couple(node, board)


def command(both: Couple, *options: str) -> str:
    return f"shimlet board pair {both.board.device} --api {both.node.url} {' '.join(options)}"


def pair(both: Couple, *options: str) -> dict[str, Any]:
    """What the command answers as JSON, after it succeeded."""
    done = run_shell(command(both, "--json", *options))
    assert done.returncode == 0, done
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def listed(both: Couple) -> tuple[list[Any], list[Any]]:
    """Both lists: keys and addresses."""
    lists = both.api.peers(), both.ask("peers")["peers"]
    of_host, of_board = ([(p["publicKey"], p["address"]) for p in each] for each in lists)
    return of_host, of_board


def found(both: Couple, cause: str) -> Finding:
    """The doctor's finding, once the link is down: this row, and no other."""
    eventually(lambda: not both.linked(), "the link stays up")
    evidence = both.evidence()
    assert shown_causes(evidence) == [cause], evidence
    finding = diagnose(evidence)
    assert finding.cause == cause
    return finding


def mends(both: Couple, finding: Finding) -> None:
    """The remedy, pasted as it is printed, brings the link up."""
    assert not both.linked()
    done = run_shell(finding.remedy)
    assert done.returncode == 0, (finding, done)
    both.await_link()
    assert diagnose(both.evidence()).cause == CONNECTED


def run_shell(command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Paste a command into a shell."""
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
    )


@contextmanager
def shell(command: str, folder: Path) -> Iterator[None]:
    """Paste a command that goes on, into a shell in this folder; end it as Ctrl-C would."""
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=_ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=COMMAND_S)
