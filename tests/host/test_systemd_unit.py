"""The systemd unit: what it names exists after an install, what it forbids the node never does.

systemd itself cannot start anything here. So its own tools judge the file, and a real node runs
under what can be had without it: the trace of its system calls, and memory that nobody can both
write and execute.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from host.processes import NodeProcess, running
from shimlet_host.config import load_config
from shimlet_host.service import STOP_TIMEOUT_S

FOLDER = Path(__file__).parents[2] / "cpython_host" / "systemd"
UNIT, CONFIG = FOLDER / "shimlet.service", FOLDER / "config.json"
PREFIX = "/opt/shimlet"  # the environment that the README makes
README = (FOLDER.parent / "README.md").read_text()
WORST_EXPOSURE = 15  # in tenths: 100 is worst, below 30 systemd calls it OK
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


def entries(section: str) -> dict[str, list[str]]:
    """The keys of a section, each with all its values."""
    found: dict[str, list[str]] = {}
    here = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif here == section and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def only(key: str) -> str:
    (value,) = entries("Service")[key]
    return value


def needs(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed, so the unit is not judged by it")
    return path


def test_every_command_in_it_exists_and_takes_its_arguments(tmp_path: Path) -> None:
    installed = Path(sys.executable).parent.parent
    program, *words = only("ExecStart").split()
    assert program.startswith(f"{PREFIX}/")
    program = program.replace(PREFIX, str(installed))
    assert os.access(program, os.X_OK), program
    assert words == ["run", "--config", "/etc/shimlet/config.json"]
    tried = subprocess.run(
        [program, *words[:-1], str(tmp_path / "none.json")], capture_output=True, text=True
    )
    assert tried.returncode == 1 and "none.json" in tried.stderr, "the words are understood"
    kill, *words = only("ExecReload").split()
    assert os.access(kill, os.X_OK) and words == ["-HUP", "$MAINPID"]


def test_the_config_beside_it_fits_the_unit_and_the_readme_installs_both() -> None:
    config = load_config(CONFIG, environment={})
    state = Path("/var/lib") / only("StateDirectory")
    assert config.warnings == ()
    assert config.node.data_directory == state == Path(only("WorkingDirectory"))
    for text in (PREFIX, str(state), "/etc/shimlet/config.json", "/etc/systemd/system"):
        assert text in README, text
    for file in (UNIT, CONFIG):
        assert str(file.relative_to(FOLDER.parents[1])) in README


def test_its_times_fit_those_of_the_node() -> None:
    assert float(only("TimeoutStopSec")) > STOP_TIMEOUT_S
    assert float(only("WatchdogSec")) >= 10, "a busy machine is no reason to kill the node"
    assert only("Type") == "notify" and only("Restart") == "on-failure"


def test_it_gives_the_node_as_little_as_it_needs() -> None:
    service = entries("Service")
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute"):
        assert service[key] == ["yes"], key
    assert service["CapabilityBoundingSet"] == [""] and service["ProtectSystem"] == ["strict"]
    assert service["UMask"] == ["0077"] and service["StateDirectoryMode"] == ["0700"]
    assert service["User"] == ["shimlet"]


def test_systemd_finds_no_fault_in_it(tmp_path: Path) -> None:
    tool = needs("systemd-analyze")
    copy = tmp_path / UNIT.name
    installed = str(Path(sys.executable).parent.parent)
    copy.write_text(UNIT.read_text().replace(f"{PREFIX}/bin", f"{installed}/bin"))
    done = subprocess.run([tool, "verify", str(copy)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr.strip(), done
    copy.write_text(copy.read_text().replace("WatchdogSec=30", "WatchdogSex=30"))
    done = subprocess.run([tool, "verify", str(copy)], capture_output=True, text=True)
    assert "WatchdogSex" in done.stderr, "it would have found one"


def test_systemd_rates_its_exposure_as_low() -> None:
    tool = needs("systemd-analyze")

    def rated(limit: int) -> subprocess.CompletedProcess[str]:
        words = [tool, "security", "--offline=true", "--no-pager", f"--threshold={limit}"]
        return subprocess.run([*words, str(UNIT)], capture_output=True, text=True)

    if "unrecognized option" in rated(WORST_EXPOSURE).stderr:
        pytest.skip("systemd-analyze is older than 250 and rates no files")
    assert rated(WORST_EXPOSURE).returncode == 0, rated(WORST_EXPOSURE).stdout
    assert rated(5).returncode != 0, "no service that talks IP is rated as well as that"


def allowed_calls(tool: str) -> set[str]:
    """The system calls that the unit's filter lets through."""
    text = subprocess.run([tool, "syscall-filter"], capture_output=True, text=True).stdout
    sets: dict[str, list[str]] = {}
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        word = line.strip()
        if line.startswith("@"):
            members = sets[word] = []
        elif word and not word.startswith("#"):
            members.append(word)

    def expanded(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        return set().union(*map(expanded, sets[name]))

    allowed: set[str] = set()
    for value in entries("Service")["SystemCallFilter"]:
        for name in value.lstrip("~").split():
            allowed = allowed - expanded(name) if value[0] == "~" else allowed | expanded(name)
    return allowed


def test_a_node_with_all_its_parts_makes_only_calls_that_the_filter_lets_through(
    tmp_path: Path,
) -> None:
    strace, tool = needs("strace"), needs("systemd-analyze")
    trace = tmp_path / "trace"
    settings = {
        "autoPeering.enabled": True,
        "autoPeering.bindAddress": "127.0.0.1:0",
        "sntp.bindAddress": "127.0.0.1:0",
        "manualPeering.knownPeers": [
            {"publicKey": "1" * 31 + str(last), "address": "localhost:1"} for last in (2, 3)
        ],
    }
    node = NodeProcess(tmp_path / "node", settings)
    node.command = [strace, "-f", "-c", "-o", str(trace), *node.command]
    with running(node):
        assert node.ask("POST", "/messages", {"payload": "hello"})[0] == 201
        assert node.ask("GET", "/messages")[0] == 200
        look_at_the_dashboard(node)
        tracer = node.process.pid
        traced = Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()
        os.kill(int(traced[0]), signal.SIGTERM)
        assert node.process.wait(30) == 0
    made = {line.split()[-1] for line in trace.read_text().splitlines()[2:] if line[:1] == " "}
    made -= {"total"}
    if os.geteuid() == 0:
        made -= {"fchown"}  # SQLite gives its files away only as root
    assert {"epoll_wait", "sendto", "fsync"} <= made or {"epoll_wait", "fdatasync"} <= made, made
    assert not made - allowed_calls(tool)


def look_at_the_dashboard(node: NodeProcess) -> None:
    """What it needs is loaded by then."""
    with urllib.request.urlopen(f"{node.url}/dashboard/", timeout=60) as answer:
        assert answer.status == 200 and b"<html" in answer.read()


def refuse_writable_code() -> None:
    """What MemoryDenyWriteExecute= means, as the kernel itself offers it since 6.3."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        os._exit(99)


def test_a_node_runs_where_no_memory_is_both_written_and_executed(tmp_path: Path) -> None:
    can = subprocess.run(["true"], preexec_fn=refuse_writable_code).returncode == 0
    if not can:
        pytest.skip("this kernel (before 6.3) has no way to refuse writable code")
    settings = {"autoPeering.enabled": True, "autoPeering.bindAddress": "127.0.0.1:0"}
    node = NodeProcess(tmp_path / "node", settings)
    node.before = refuse_writable_code
    with running(node):
        assert node.ask("POST", "/messages", {"payload": "hello"})[0] == 201
        look_at_the_dashboard(node)
        assert node.stop() == 0
