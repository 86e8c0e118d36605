"""The config of a running node changes: known peers follow, the rest is named, mistakes cost
nothing.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from host.processes import NodeProcess, eventually, running
from shimlet.identity import base58_encode
from shimlet_host.config import Config, PeerEntry, load_config
from shimlet_host.configured import PeerChanges
from shimlet_host.model import StoreError
from shimlet_host.reload import Reloader, differing_keys
from structlog.testing import capture_logs

A, B = (bytes([number]) * 32 for number in (1, 2))
PEERS = "manualPeering.knownPeers"


def entry(key: bytes, address: str = "192.0.2.1:1") -> dict[str, str]:
    return {"publicKey": base58_encode(key), "address": address}


class Watched:
    """A config file that is looked at without a clock; `applied` are the lists of keys."""

    def __init__(self, file: Path, **settings: Any) -> None:
        self.file = file
        self.applied: list[list[bytes]] = []
        self.refusal: Exception | None = None
        self.write({PEERS: [entry(A)], **settings})
        self._mtime_ns = file.stat().st_mtime_ns
        self.reloader = Reloader(self.read(), self.read, self.apply)

    def read(self) -> Config:
        return load_config(self.file, environment={})

    def apply(self, peers: Sequence[PeerEntry]) -> PeerChanges:
        if self.refusal:
            raise self.refusal
        self.applied.append([peer.public_key for peer in peers])
        return PeerChanges()

    def write(self, content: object) -> None:
        """At once, as good programs do it."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(content if isinstance(content, str) else json.dumps(content))
        draft.replace(self.file)

    def look(self, times: int = 2) -> list[Any]:
        """What the log says at so many looks."""
        with capture_logs() as log:
            for _ in range(times):
                self.reloader.look()
        return list(log)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "config.json")


def test_a_file_that_does_not_change_is_left_alone(watched: Watched) -> None:
    assert watched.look(5) == [] and watched.applied == []


def test_a_change_is_applied_when_the_file_has_come_to_rest(watched: Watched) -> None:
    watched.write({PEERS: [entry(A), entry(B)]})
    assert watched.look(1) == [] and watched.applied == [], "it may still be written"
    (said,) = watched.look(1)
    assert said["event"] == "the config was read again"
    assert watched.applied == [[A, B]]
    assert watched.look(3) == []


def test_a_file_that_is_written_in_pieces_is_read_once_at_the_end(watched: Watched) -> None:
    text = json.dumps({PEERS: [entry(A), entry(B)]})
    with watched.file.open("w") as file:
        for character in text:
            file.write(character)
            file.flush()
            assert watched.look(1) == []
    watched.look()
    assert watched.applied == [[A, B]]


def test_an_editor_that_removes_the_file_for_a_moment_costs_nothing(watched: Watched) -> None:
    watched.file.unlink()
    assert watched.look(1) == []
    watched.write({PEERS: [entry(B)]})
    watched.look()
    assert watched.applied == [[B]]


def test_a_content_of_the_same_size_and_time_in_another_file_is_seen(watched: Watched) -> None:
    times = watched.file.stat()
    watched.write({PEERS: [entry(B)]})
    os.utime(watched.file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watched.file.stat().st_size == times.st_size
    watched.look()
    assert watched.applied == [[B]]


@pytest.mark.parametrize(
    ("content", "must_say"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ('{"manualPeering.knownPeers": [\n{', "line 2, column 2"),
        ("[]", "must hold one JSON object"),
        ({PEERS: [entry(A), entry(A)]}, "entry 1: public key"),
        ({PEERS: [], "gossip.bindAddress": "nowhere"}, "gossip.bindAddress"),
        ("\xff\xfe", "not JSON"),
    ],
)
def test_a_mistake_changes_nothing_and_is_said_once_with_its_place(
    watched: Watched, content: object, must_say: str
) -> None:
    watched.write(content)
    (said,) = watched.look(5)
    assert said["log_level"] == "error" and "nothing changed" in said["event"]
    (problem,) = said["problems"]
    assert str(watched.file) in problem and must_say in problem
    assert watched.applied == []
    watched.write({PEERS: [entry(B)]})
    watched.look()
    assert watched.applied == [[B]], "once it is right, it counts"


def test_a_file_that_is_gone_or_a_folder_or_a_pipe_changes_nothing(watched: Watched) -> None:
    watched.file.unlink()
    (said,) = watched.look(5)
    assert "No such file" in said["problems"][0]
    watched.file.mkdir()
    with capture_logs() as log:
        watched.reloader.reload()
    assert "this is a folder" in log[0]["problems"][0]
    watched.file.rmdir()
    os.mkfifo(watched.file)
    with capture_logs() as log:
        watched.reloader.reload()
    assert "no file" in log[0]["problems"][0]
    assert watched.applied == []


def test_a_list_that_the_node_refuses_is_an_error_and_no_fault(watched: Watched) -> None:
    watched.refusal = StoreError("The disk is full.")
    watched.write({PEERS: []})
    (said,) = watched.look()
    assert said["problems"] == ["The disk is full."]


def test_an_empty_list_in_a_good_file_is_what_it_says(watched: Watched) -> None:
    watched.write({PEERS: []})
    watched.look()
    assert watched.applied == [[]]


def test_settings_that_need_a_restart_are_named_without_values(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "config.json", **{"logger.level": "info"})
    seed = "base58:" + base58_encode(bytes(range(32)))
    changed = {
        PEERS: [entry(B)],
        "logger.level": "debug",
        "node.seed": seed,
        "webapi.basicAuth.password": "hunter22",
        "gossip.bindAddress": "127.0.0.1:1",
        "nonsense": 1,
    }
    watched.write(changed)
    warning, read, restart = watched.look()
    assert "nonsense" in warning["event"] and read["event"] == "the config was read again"
    assert restart["keys"] == [
        "node.seed",
        "gossip.bindAddress",
        "webapi.basicAuth.password",
        "logger.level",
    ]
    assert "hunter22" not in str(restart) and seed not in str(restart)
    assert watched.applied == [[B]], "the known peers are applied all the same"
    watched.write({PEERS: [entry(B)], "logger.level": "info"})
    assert [said["event"] for said in watched.look()] == ["the config was read again"]


def test_every_setting_is_compared() -> None:
    one = load_config(None, environment={})
    for section, values in (
        ("gossip", {"buffer_size": 1000}),
        ("auto_peering", {"k": 3}),
        ("node", {"seed": bytes(32)}),
    ):
        other = one.model_copy(update={section: getattr(one, section).model_copy(update=values)})
        assert len(differing_keys(one, other)) == 1
    assert differing_keys(one, one.model_copy(update={"profile": "goshimmer"})) == ["profile"]


# Real nodes


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[NodeProcess, NodeProcess, NodeProcess]]:
    """The first lists the second in its config, the third by the API; all are linked."""
    a, b, c = (NodeProcess(tmp_path / name) for name in "abc")
    with running(b, c):
        change(a, [described(b, alias="attic")])
        with running(a):
            b.add(a)
            c.add(a)
            a.add(c)
            for other in (b, c):
                eventually(lambda o=other: linked(a, o), "no link came up")
            yield a, b, c


def described(node: NodeProcess, **more: object) -> dict[str, object]:
    return {"publicKey": node.public_key, "address": node.gossip, **more}


def change(node: NodeProcess, peers: list[dict[str, object]]) -> None:
    """As editors do it that keep a backup."""
    content = json.loads(node.config.read_text()) | {PEERS: peers}
    draft = node.config.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.replace(node.config)


def peers_of(node: NodeProcess) -> dict[str, dict[str, Any]]:
    return {peer["publicKey"]: peer for peer in node.ask("GET", "/manualpeering/peers")[1]}


def linked(node: NodeProcess, other: NodeProcess) -> bool:
    return peers_of(node).get(other.public_key, {}).get("state") == "connected"


@pytest.mark.parametrize("how", ["sighup", "change alone"])
def test_a_running_node_follows_its_config_and_leaves_the_other_links_alone(
    three: tuple[NodeProcess, NodeProcess, NodeProcess], how: str
) -> None:
    a, b, c = three
    assert peers_of(a)[b.public_key]["alias"] == "attic"
    stranger = base58_encode(B)
    change(a, [described(b, alias="cellar"), entry(B, "127.0.0.1:1")])  # type: ignore[list-item]
    if how == "sighup":
        a.process.send_signal(signal.SIGHUP)
    a.await_log("known peer as the config has it", peer=b.public_key, alias="cellar")
    assert {b.public_key, c.public_key, stranger} == peers_of(a).keys()
    assert peers_of(a)[b.public_key]["alias"] == "cellar"
    change(a, [])
    if how == "sighup":
        a.process.send_signal(signal.SIGHUP)
    a.await_log("known peer removed by the config", peer=b.public_key, alias="cellar")
    eventually(lambda: peers_of(a).keys() == {c.public_key}, "the API's peer alone stays")
    eventually(lambda: not linked(b, a), "the link of the removed peer lives")
    ups = [r for r in a.log if r.get("event") == "link up" and r["peer"] == c.public_key]
    downs = [r for r in a.log if r.get("event") == "link down" and r["peer"] == c.public_key]
    assert linked(a, c) and len(ups) == 1 and not downs, a.log
    assert not [r for r in a.log if r.get("level") == "error"], a.log


def test_a_broken_config_is_an_error_in_the_log_and_the_node_goes_on(
    three: tuple[NodeProcess, NodeProcess, NodeProcess],
) -> None:
    a, b, c = three
    good = a.config.read_text()
    a.config.write_text(good[:-3])
    a.process.send_signal(signal.SIGHUP)
    said = a.await_log("the config was not applied, nothing changed")
    assert "line 1" in said["problems"][0] and str(a.config) in said["problems"][0]
    assert linked(a, b) and linked(a, c)
    a.config.write_text(good)
    a.await_log("the config was read again")
    assert linked(a, b) and linked(a, c)


def test_what_the_environment_says_wins_at_a_reload_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIMLET_WEBAPI_HOSTS", "node.example")
    node = NodeProcess(tmp_path / "node", {"webapi.hosts": ["one.example"]})
    with running(node):
        content = json.loads(node.config.read_text())
        content |= {"profile": "goshimmer", "webapi.hosts": ["two.example"]}
        node.config.write_text(json.dumps(content))
        assert node.await_log("settings that changed need a restart")["keys"] == ["profile"]


def test_a_node_whose_terminal_is_closed_ends(tmp_path: Path) -> None:
    terminal, side = pty.openpty()
    node = NodeProcess(tmp_path / "node", {"logger.encoding": "console"})
    child = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", "run", "--config", str(node.config)],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # now it controls it
    )
    os.close(side)
    said = b""
    deadline = time.monotonic() + 30
    while b"web API listens" not in said:
        said += os.read(terminal, 4096)
        assert time.monotonic() < deadline
    child.send_signal(signal.SIGHUP)
    while b"read again" not in said:
        said += os.read(terminal, 4096)
    assert child.poll() is None, "with its terminal it reads its config again"
    os.close(terminal)
    assert child.wait(30) == 0
