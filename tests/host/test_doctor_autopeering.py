"""The doctor's rows around autopeering: each cause is made with real nodes, found, and mended by
the command that is printed, pasted into a shell.

A remedy that starts the full node anew is pasted in the folder of the node that the finding names.
`sudo` is a stand-in that opens the router or the firewall of the test, or sets the clock.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.auto_nodes import AutoProcess
from host.couples import SOMEBODY, free_port
from host.processes import PATIENCE_S, NodeProcess, eventually, running
from host.routers import a_sudo, router, tcp_firewall
from host.shell import shimlet, without_variables
from shimlet_host.access import announced

SCRIPTS = Path(sys.executable).parent
QUIET = {"queryInterval": "1h"}  # nothing is sent for a while


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)


@pytest.fixture
def a(tmp_path: Path) -> Iterator[AutoProcess]:
    """The entry node of most tests."""
    node = AutoProcess(tmp_path / "a")
    with running(node):
        node.keep_ports()
        yield node


def doctor(node: NodeProcess, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings."""
    done = shimlet("doctor", *words, "--config", node.config, "--json")
    return done.status, done.data


def found(node: NodeProcess, cause: str, about: str) -> dict[str, Any]:
    """The finding, once it is there; the exit status says that not all is well."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status, findings = doctor(node)
        for each in findings:
            if (each["cause"], each["about"]) == (cause, about):
                assert status == 1
                return each
        assert time.monotonic() < deadline, findings


def is_well(node: NodeProcess) -> bool:
    """Whether the doctor finds nothing, and the node is in its network."""
    if not announced(node.config.parent / "shimletdb"):
        return False
    done = shimlet("doctor", "--config", node.config, "--json")
    whole = [each["cause"] for each in done.data if each["about"] == "autopeering"]
    return done.status == 0 and whole == ["well"]


def paste(command: str, path: Path | None = None) -> None:
    """Run a command that ends."""
    done = subprocess.run(
        command, shell=True, env=_environment(path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (command, done)


def _environment(path: Path | None = None) -> dict[str, str]:
    folders = [str(SCRIPTS), *([str(path)] if path else []), os.environ["PATH"]]
    return {**os.environ, "PATH": ":".join(reversed(folders[:2])) + ":" + folders[-1]}


@contextmanager
def restarted_by(command: str, node: NodeProcess) -> Iterator[None]:
    """Stop a node, and start it by a pasted `shimlet run ...`."""
    if node.process.poll() is None:
        assert node.stop() == 0
    with node.config.with_name("log").open("w") as log:
        child = subprocess.Popen(
            command,
            shell=True,
            cwd=node.folder,
            env=_environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=60)


def mended(command: str, at: NodeProcess, *patients: NodeProcess) -> None:
    """The remedy, pasted at this node, makes all well that were ill."""
    with restarted_by(command, at):
        for patient in patients or (at,):
            try:
                eventually(lambda patient=patient: is_well(patient), command)
            except AssertionError:
                raise AssertionError((command, doctor(patient))) from None


# THE WHOLE


def test_autopeering_that_is_off(tmp_path: Path, a: AutoProcess) -> None:
    node = AutoProcess(tmp_path / "b", a, enabled=False)
    with running_plain(node):
        status, (finding, *beside) = doctor(node)
        assert {each["about"] for each in beside} == {"reachability"}
        assert status == 0 and finding["cause"] == "autopeering-off", "its operator's choice"
        assert finding["publicKey"] == node.public_key
        mended(finding["remedy"], node)


def test_nobody_to_start_from(tmp_path: Path, a: AutoProcess) -> None:
    node = AutoProcess(tmp_path / "b")
    with running(node):
        finding = found(node, "no-entry-nodes", "autopeering")
        assert finding["remedy"].endswith("=KEY@HOST:PORT")
        mended(finding["remedy"].replace("KEY@HOST:PORT", a.entry), node)


@pytest.mark.parametrize(
    ("setting", "value", "part"),
    [("theta", 1e-9, "theta lets none"), ("manaSource", "mana.json", "the mana of none")],
)
def test_nobody_in_range(
    tmp_path: Path, a: AutoProcess, setting: str, value: object, part: str
) -> None:
    node = AutoProcess(tmp_path / "b", a, **{setting: value, "r": 1})
    helper = AutoProcess(tmp_path / "c", a, entryNodeOnly=True)
    with running(node, helper):
        if setting == "manaSource":  # only the one that takes no neighbors is similar
            mana = {node.public_key: 2, helper.public_key: 3, a.public_key: 100}
            (node.folder / "mana.json").write_text(json.dumps(mana))
        eventually(lambda: helper.public_key in node.neighbors()["known"], "they do not meet")
        if setting == "manaSource":
            node.stop()  # what was selected before the file was there, ends
            node.start()
        finding = found(node, "out-of-range", "autopeering")
        assert part in finding["sentence"]
        mended(finding["remedy"], node)


def test_all_refuse(tmp_path: Path) -> None:
    a = AutoProcess(tmp_path / "a", k=1)  # one that is chosen, none that is accepted
    with running(a):
        a.keep_ports()
        node = AutoProcess(tmp_path / "b", a, k=1)
        with running(node):
            finding = found(node, "all-refuse", "autopeering")
            mended(finding["remedy"], a, node)


# AN ENTRY NODE


def test_a_name_that_does_not_resolve(tmp_path: Path, a: AutoProcess) -> None:
    entry = f"{a.public_key}@no-such-name.invalid:14626"
    node = with_entry(tmp_path / "b", entry)
    with running(node):
        finding = found(node, "unresolved-name", "the entry node")
        assert "no-such-name.invalid" in finding["sentence"]
        assert found(node, "no-verified-peers", "autopeering")
        mended(finding["remedy"].replace("HOST:PORT", a.udp), node)


def test_an_entry_node_that_is_somebody_else(tmp_path: Path, a: AutoProcess) -> None:
    node = with_entry(tmp_path / "b", f"{SOMEBODY}@{a.udp}")
    with running(node):
        finding = found(node, "swapped-key", "the entry node")
        assert a.public_key in finding["sentence"]
        mended(finding["remedy"], node)


def test_another_network(tmp_path: Path, a: AutoProcess) -> None:
    node = AutoProcess(tmp_path / "b", a, networkVersion=44)
    with running(node):
        finding = found(node, "wrong-network-version", "the entry node")
        assert "40 (version 0), and this full node in 44 (version 0)" in finding["sentence"]
        assert "NUMBER" in found(a, "wrong-network-version", "autopeering")["remedy"]
        mended(finding["remedy"], node, node, a)


def test_another_version(tmp_path: Path, a: AutoProcess) -> None:
    node = AutoProcess(tmp_path / "b", a, version=7)
    with running(node):
        finding = found(node, "wrong-network-version", "the entry node")
        mended(finding["remedy"], node)


@pytest.mark.parametrize(("skew_s", "said"), [(-3600, "1 h later"), (150, "156 s earlier")])
def test_a_clock_that_is_wrong(
    tmp_path: Path, a: AutoProcess, monkeypatch: pytest.MonkeyPatch, skew_s: int, said: str
) -> None:
    told = tmp_path / "sudo.told"
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(a_clock(tmp_path, skew_s, told)))
        node = AutoProcess(tmp_path / "b", a)
        with running(node):
            patch.delenv("PYTHONPATH")
            finding = found(node, "skewed-clock", "the entry node")
            assert said in finding["sentence"]
            assert found(a, "skewed-clock", "autopeering")["remedy"] == finding["remedy"]
            paste(finding["remedy"], a_sudo(tmp_path))
            assert told.read_text() == "timedatectl set-ntp true\n"
            # It tries again within a minute, or at once when it is started.
            mended("shimlet run", node, node, a)


def test_a_closed_udp_port_and_an_entry_node_known_by_hand(tmp_path: Path, a: AutoProcess) -> None:
    node = AutoProcess(tmp_path / "b", a)
    with running(node):
        node.add(a)
        mark = {"publicKey": a.public_key, "alias": "attic"}
        assert node.ask("PATCH", "/manualpeering/peers", [mark])[0] == 204
        a.stop()
        finding = found(node, "closed-udp-port", "the entry node")
        _, both = doctor(node, "attic")
        assert [each["about"] for each in both] == ["", "the entry node"]
        assert both[1] == finding and both[0]["cause"] != "connected"
        port = a.udp.rpartition(":")[2]
        assert f"UDP port {port} of 127.0.0.1" in finding["sentence"]
        assert f"nor does its TCP port {a.gossip.rpartition(':')[2]}" in finding["sentence"]
        with restarted_by(finding["remedy"], a):
            node.ask("DELETE", "/manualpeering/peers", [{"publicKey": a.public_key}])
            node.stop()
            mended("shimlet run", node)


def test_udp_that_is_kept_away_while_tcp_passes(tmp_path: Path) -> None:
    sudo, told = a_sudo(tmp_path), tmp_path / "sudo.told"
    a = AutoProcess(tmp_path / "a", entryNodeOnly=True)
    with running(a), router("127.0.0.9", a.udp, blocks=True, opened=told) as between:
        node = with_entry(tmp_path / "b", f"{a.public_key}@{between.address}")
        with running(node):
            node.keep_ports()
            node.add(a)
            a.add(node)
            finding = found(node, "unreachable-udp-port", "the entry node")
            port, tcp_port = (text.rpartition(":")[2] for text in (a.udp, a.gossip))
            assert f"UDP port {port} of 127.0.0.9" in finding["sentence"]
            assert f"its TCP port {tcp_port} is open" in finding["sentence"]
            paste(finding["remedy"], sudo)
            assert told.read_text() == f"ufw allow {port}/udp\n"
            mended("shimlet run", node)


def test_an_entry_node_that_is_silent(tmp_path: Path, a: AutoProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        node = with_entry(tmp_path / "b", f"{a.public_key}@{address}")
        with running(node):
            finding = found(node, "no-answer", "the entry node")
            mended(finding["remedy"].replace("HOST:PORT", a.udp), node)


def test_an_external_address_that_nobody_sees(tmp_path: Path) -> None:
    a = AutoProcess(tmp_path / "a", entryNodeOnly=True)
    with running(a), router("127.0.0.9", a.udp) as between:
        node = with_entry(tmp_path / "b", f"{a.public_key}@{between.address}")
        content = json.loads(node.config.read_text())
        node.config.write_text(json.dumps({**content, "network.externalAddress": "192.0.2.1"}))
        with running(node):
            finding = found(node, "wrong-own-address", "the entry node")
            assert "at 127.0.0.9, and network.externalAddress is 192.0.2.1" in finding["sentence"]
            whole = found(node, "wrong-own-address", "autopeering")
            assert whole["remedy"] == finding["remedy"]
            mended(finding["remedy"], node)


def test_udp_that_does_not_come_in_from_outside(tmp_path: Path) -> None:
    sudo, told = a_sudo(tmp_path), tmp_path / "sudo.told"
    a = AutoProcess(tmp_path / "a", entryNodeOnly=True, **QUIET)
    with running(a), router("127.0.0.9", a.udp, state_s=0.4, opened=told) as between:
        node = with_entry(tmp_path / "b", f"{a.public_key}@{between.address}", **QUIET)
        with running(node):
            finding = found(node, "unreachable-udp-port", "autopeering")
            port = node.udp.rpartition(":")[2]
            assert f"UDP port {port} of this full node" in finding["sentence"]
            paste(finding["remedy"], sudo)
            assert told.read_text() == f"ufw allow {port}/udp\n"
            eventually(lambda: is_well(node), "it is still closed")


# A NEIGHBOR


def test_a_neighbor_whose_gossip_port_is_closed(tmp_path: Path) -> None:
    """Each side names the port, and has the command for the side that must listen."""
    chosen = AutoProcess(tmp_path / "a", k=2)
    edit(chosen, {"gossip.bindAddress": f"127.0.0.2:{free_port()}"})
    with running(chosen):
        chosen.keep_ports()
        node = AutoProcess(tmp_path / "b", chosen, k=1)
        with running(node):
            key = chosen.public_key
            eventually(lambda: cause_of(node, key) == "closed-tcp-port", "its link does not fail")
            _, (finding,) = doctor(node, key[:12])
            port = chosen.gossip.rpartition(":")[2]
            assert f"TCP port {port} of 127.0.0.1" in finding["sentence"]
            assert "answers over UDP" in finding["sentence"]
            own = found(chosen, "unreachable-tcp-port", "autopeering")
            assert f"TCP port {port} of this full node" in own["sentence"]
            assert own["remedy"] == finding["remedy"]
            mended(finding["remedy"], chosen, node, chosen)


def test_a_neighbor_whose_gossip_port_is_kept_away(tmp_path: Path) -> None:
    sudo, told = a_sudo(tmp_path), tmp_path / "sudo.told"
    chosen = AutoProcess(tmp_path / "a", k=2)
    edit(chosen, {"gossip.bindAddress": f"127.0.0.2:{free_port()}"})
    with running(chosen):
        outside = f"127.0.0.1:{chosen.gossip.rpartition(':')[2]}"
        with tcp_firewall(outside, chosen.gossip, told):
            node = AutoProcess(tmp_path / "b", chosen, k=1)
            with running(node):
                key = chosen.public_key
                eventually(
                    lambda: cause_of(node, key) == "unreachable-tcp-port", "it does not fail"
                )
                _, (finding,) = doctor(node, key)
                paste(finding["remedy"], sudo)
                assert told.read_text() == f"ufw allow {outside.rpartition(':')[2]}/tcp\n"
                eventually(lambda: is_well(node) and is_well(chosen), "it is still closed")


def test_a_neighbor_and_a_verified_peer_that_are_well(tmp_path: Path, a: AutoProcess) -> None:
    """By the beginning of the key; who is not selected is told how to be linked in any case."""
    b = AutoProcess(tmp_path / "b", a)
    lonely = AutoProcess(tmp_path / "c", a, k=1, theta=1e-9)
    with running(b, lonely):
        eventually(lambda: cause_of(b, a.public_key) in ("well", "connected"), "not linked")
        eventually(lambda: cause_of(a, b.public_key[:8]) == "connected", "not linked")
        eventually(lambda: cause_of(lonely, b.public_key[:8]) == "not-selected", "it is selected")
        _, (finding,) = doctor(lonely, b.public_key)
        start = f"shimlet peers add {b.public_key}@{b.gossip} --api "
        assert finding["remedy"] == start + lonely.url
        paste(finding["remedy"])
        b.add(lonely)
        eventually(lambda: cause_of(lonely, b.public_key) == "connected", "no link by hand")


# WHAT THE TESTS NEED


def cause_of(node: NodeProcess, peer: str) -> str:
    done = shimlet("doctor", peer, "--config", node.config, "--json")
    return str(done.data[-1]["cause"]) if done.out else ""


def edit(node: NodeProcess, settings: dict[str, object]) -> None:
    node.config.write_text(json.dumps(json.loads(node.config.read_text()) | settings))


def with_entry(folder: Path, entry: str, **settings: object) -> AutoProcess:
    node = AutoProcess(folder, **settings)
    edit(node, {"autoPeering.entryNodes": [entry]})
    return node


@contextmanager
def running_plain(node: AutoProcess) -> Iterator[None]:
    """A node that does not listen for autopeering."""
    NodeProcess.start(node)
    try:
        yield
    finally:
        if node.process.poll() is None:
            node.kill()


def a_clock(folder: Path, skew_s: int, right: Path) -> Path:
    """A folder for PYTHONPATH that makes a process's clock wrong until the file is there."""
    site = folder / "site"
    site.mkdir()
    site.joinpath("sitecustomize.py").write_text(
        "import os, time\n"
        "real = time.time\n"
        f"time.time = lambda: real() + (0 if os.path.exists({str(right)!r}) else {skew_s})\n"
    )
    return site
