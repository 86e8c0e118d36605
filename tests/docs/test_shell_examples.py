"""Commands of the documents that stand for themselves: help, simulations, a node that joins, one
file of the tests under MicroPython. Those of the section "Operate" are run by
tests/host/test_operate.py.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from docs.commands import commands
from docs.documents import ROOT
from host.processes import PATIENCE_S, eventually
from host.shell import process, without_variables
from shimlet_host.access import announced

# The largest simulation that is run as it stands; larger ones with fewer nodes and minutes.
MOST_NODES, MOST_MINUTES = 40, 6


def starting(*words: str) -> list[str]:
    """The commands of all documents that begin with these words."""
    texts = dict.fromkeys(each.text for each in commands())
    return [text for text in texts if text.startswith(words)]


HELPS = [text for text in starting("shimlet") if text.endswith(" --help")]
SIMULATIONS = [text for text in starting("shimlet simulate ") if text not in HELPS]
NODES = starting("shimlet run --set")
FILES = starting("make test-micropython FILES=")


def runs() -> list[str]:
    """The commands that this file runs."""
    return [*HELPS, *SIMULATIONS, *NODES, *FILES]


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)
    for name in ("GOSSIP", "WEBAPI", "AUTOPEERING", "SNTP"):
        monkeypatch.delenv(f"SHIMLET_{name}_BINDADDRESS", raising=False)


@pytest.mark.parametrize("command", HELPS)
def test_help_is_given(command: str, tmp_path: Path) -> None:
    done = process(tmp_path, *shlex.split(command)[1:])
    assert done.status == 0 and "Usage:" in done.out, done


def smaller(command: str) -> str:
    """A simulation that ends while somebody waits, with the same options."""
    nodes = re.search(r"--nodes (\d+)", command)
    if nodes is None:
        return f"{command} --nodes {MOST_NODES} --minutes {MOST_MINUTES}"
    if int(nodes[1]) > MOST_NODES:
        command = re.sub(r"--nodes \d+", "--nodes 12", command)
        command = re.sub(r"--minutes \d+", "--minutes 3", command)
        command = re.sub(r"--partition \S+", "--partition 1:1", command)
    return command


@pytest.mark.parametrize("command", SIMULATIONS)
def test_a_simulation_runs_and_says_how_it_went(command: str, tmp_path: Path) -> None:
    done = process(tmp_path, *shlex.split(smaller(command))[1:])
    assert done.status == 0 and "full neighborhoods" in done.out, done
    plot = re.search(r"--plot (\S+)", command)
    assert plot is None or (tmp_path / plot[1]).exists()


@pytest.mark.parametrize("command", NODES)
def test_a_node_runs_with_these_settings_until_ctrl_c(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOSSIP", "WEBAPI", "AUTOPEERING"):
        if f"{name}.BINDADDRESS" not in command.upper():
            monkeypatch.setenv(f"SHIMLET_{name}_BINDADDRESS", "127.0.0.1:0")
    node = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", *shlex.split(command)[1:]],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: announced(tmp_path / "shimletdb") != "", f"{command} did not start")
        node.send_signal(signal.SIGINT)
        _, said = node.communicate(timeout=PATIENCE_S)
    finally:
        node.kill()
        node.wait()
    assert node.returncode == 0 and "Traceback" not in said, (command, said)


@pytest.mark.parametrize("command", FILES)
def test_some_files_run_under_micropython(command: str) -> None:
    name = os.environ.get("MICROPYTHON") or str(ROOT / ".venv/bin/micropython")
    if shutil.which(name) is None:
        pytest.skip("There is no MicroPython: name one by MICROPYTHON=, or run `make setup`.")
    words = shlex.split(command)
    done = subprocess.run(
        [words[0], "-o", "setup", f"MICROPYTHON={name}", *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done
