"""The section "Operate" of the full node's README: every command in it is run as it stands.

In an empty folder the lines are run one after the other. Only what a reader would replace is
replaced: the peer's key and address by those of a node that runs here. What needs a board or an
index of packages is run by test_pair.py and tests/packaging/.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from host.processes import PATIENCE_S, NodeProcess, eventually, running
from host.shell import Answer, shimlet, without_variables
from shimlet.identity import base58_encode, decode_key
from shimlet_host.access import announced
from shimlet_host.doctor.api import NodeApiClient
from shimlet_host.identity import HostIdentity

README = Path(__file__).parents[2] / "cpython_host" / "README.md"
KEY, ADDRESS = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS", "192.0.2.7:14666"
ENDLESS = ("shimlet status --watch", "shimlet watch")  # until Ctrl-C
ELSEWHERE = ("pip install", "--board", "--install-completion")  # the last one by test_cli.py


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SHIMLET_WEBAPI_BINDADDRESS", "127.0.0.1:0")
    monkeypatch.setenv("SHIMLET_GOSSIP_BINDADDRESS", "127.0.0.1:0")


def commands(heading: str) -> list[str]:
    """The lines of all code blocks under a heading, which hold a command each."""
    section = README.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def run(command: str, folder: Path) -> str:
    """One line: what it says. In a shell if it needs one, else in this process."""
    if "|" in command:
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, timeout=60
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
    else:
        answer = shimlet(*shlex.split(command)[1:])
    # The doctor says by its exit status that a peer is away.
    allowed = (0, 1) if command.startswith("shimlet doctor") else (0,)
    assert answer.status in allowed and "Traceback" not in answer.err, (command, answer)
    return answer.out


def run_until_ctrl_c(command: str, folder: Path) -> None:
    """One that goes on: it says something, and ends well at Ctrl-C."""
    child = subprocess.Popen(
        command.split(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert child.stdout is not None
    deadline = time.monotonic() + PATIENCE_S
    while not select.select([child.stdout], [], [], 0.2)[0]:
        run("shimlet publish news", folder)
        assert time.monotonic() < deadline, command
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0 and b"Traceback" not in said, (command, said)


@contextmanager
def started(folder: Path) -> Iterator[NodeApiClient]:
    """`shimlet run` in this folder."""
    node = subprocess.Popen(["shimlet", "run"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: announced(folder / "shimletdb") != "", "the node did not start")
        yield NodeApiClient(announced(folder / "shimletdb"))
        node.terminate()
        assert node.wait(PATIENCE_S) == 0
    finally:
        node.kill()
        node.wait()


def smaller_than(public_key: str) -> str:
    """A seed whose public key is on the dialling side of this one."""
    for number in range(100_000):
        seed = number.to_bytes(32, "big")
        if HostIdentity(seed).public_key < decode_key(public_key):
            return "base58:" + base58_encode(seed)
    raise AssertionError("there is no smaller key")


def test_every_command_of_the_section_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commands("Run one")
    assert first == ["pip install .", "shimlet init", "shimlet run"]
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run("shimlet init", folder)
    with started(folder) as api:
        own = api.info()
        with monkeypatch.context() as patch:
            patch.delenv("SHIMLET_GOSSIP_BINDADDRESS")
            patch.delenv("SHIMLET_WEBAPI_BINDADDRESS")
            friend = NodeProcess(tmp_path / "f", {"node.seed": smaller_than(own["publicKey"])})
            with running(friend):
                entry = {"publicKey": own["publicKey"], "address": own["gossipAddress"]}
                friend.ask("POST", "/manualpeering/peers", [entry])
                eventually(lambda: api.pending() != [], "nobody called")
                said = _run_all(folder, friend)
    key = own["publicKey"]
    assert f"{key}@node.example:14666" in said["shimlet id --qr --address node.example:14666"]
    assert friend.public_key in said["shimlet peers pending"]
    assert "attic" in said["shimlet peers list"]
    assert key in said["shimlet restore node.backup --config elsewhere/config.json"]


def _run_all(folder: Path, friend: NodeProcess) -> dict[str, str]:
    """What each command said; the friend is the peer that the README speaks of."""
    said = {}
    for line in commands("Operate"):
        command = line.replace(KEY, friend.public_key).replace(ADDRESS, friend.gossip)
        if any(part in line for part in ELSEWHERE):
            continue
        if line in ENDLESS:
            run_until_ctrl_c(command, folder)
        else:
            said[line] = run(command, folder)
    assert len(said) > 15, said
    return said
