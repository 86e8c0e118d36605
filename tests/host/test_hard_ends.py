"""A node that is told to end while it starts, or whose standard streams are gone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from host.processes import PATIENCE_S, NodeProcess, eventually, running
from shimlet_host.access import announced
from shimlet_host.doctor.api import NodeApiClient

SOMEBODY = "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"  # the largest keys: each node dials it
STARTS = 12  # ended somewhere on their way
LONGEST_START_S = 2.0
COMMAND = [sys.executable, "-m", "shimlet_host", "run"]
PORTS = ["--set", "gossip.bindAddress=127.0.0.1:0", "--set", "webapi.bindAddress=127.0.0.1:0"]


def started(folder: Path, **streams: object) -> subprocess.Popen[str]:
    """`shimlet run` in a folder of its own."""
    return subprocess.Popen([*COMMAND, *PORTS], cwd=folder, text=True, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_in_silence(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Before its own code runs, the system's way to end is as good, and Python's."""
    fine = {0, -number, 130}
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(STARTS):
        with started(tmp_path, stderr=subprocess.PIPE) as node:
            try:
                _, said = node.communicate(timeout=draw.uniform(0.3, LONGEST_START_S))
            except subprocess.TimeoutExpired:
                node.send_signal(number)
                _, said = node.communicate(timeout=PATIENCE_S)
        ours = "Traceback" in said and "shimlet_host/cli" in said
        assert node.returncode in fine and not ours, (node.returncode, said)
    with running(NodeProcess(tmp_path, {"node.dataDirectory": "shimletdb"})):
        pass
    assert not list((tmp_path / "shimletdb").glob(".*.tmp"))


def test_a_signal_before_it_listens_ends_it_with_status_0(tmp_path: Path) -> None:
    with started(tmp_path, stderr=subprocess.PIPE) as node:
        lock = tmp_path / "shimletdb" / "lock"
        eventually(lock.exists, "it does not start")
        node.terminate()
        assert node.wait(PATIENCE_S) == 0
        assert node.stderr is not None and "Traceback" not in node.stderr.read()


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2), (0,)])
def test_it_runs_with_closed_streams_and_no_file_takes_their_place(
    tmp_path: Path, closed: tuple[int, ...]
) -> None:
    closing = " ".join(f"{number}>&-" for number in closed)
    words = " ".join([*COMMAND, *PORTS])
    with subprocess.Popen(f"exec {words} {closing}", shell=True, cwd=tmp_path) as node:
        eventually(lambda: announced(tmp_path / "shimletdb") != "", "it does not start")
        for number in closed:
            assert os.readlink(f"/proc/{node.pid}/fd/{number}") == "/dev/null"
        node.terminate()
        assert node.wait(PATIENCE_S) == 0


def test_it_runs_on_when_the_reader_of_its_log_goes_away(tmp_path: Path) -> None:
    with started(tmp_path, stderr=subprocess.PIPE) as node:
        assert node.stderr is not None
        node.stderr.readline()
        node.stderr.close()
        folder = tmp_path / "shimletdb"
        eventually(lambda: announced(folder) != "", "it does not start")
        api = NodeApiClient(announced(folder))
        api.add_peer(SOMEBODY, "127.0.0.1:1")
        eventually(lambda: api.peers()[0]["lastError"] is not None, "it does not go on")
        node.terminate()  # of which it says something, too
        assert node.wait(PATIENCE_S) == 0
