"""A disk that is full, read-only or failing under a node that runs, and under one that starts.

Once by a library under the process, which any user can do: it refuses every write in the data
folder while a file is there. And once for real: a file system of 2 MB that a test fills, in a
mount namespace of its own, where this user may make one.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.faults import environment
from host.processes import NodeProcess, eventually, running
from shimlet.identity import base58_encode

STRANGER = base58_encode(b"\xff" * 32)
STOPPED = "Messages are not stored any more; the node goes on, with the newest in memory."
ENTRY = [{"publicKey": STRANGER, "address": "192.0.2.7:14666"}]


def payloads(node: NodeProcess) -> list[str]:
    """What a node knows of messages, newest first."""
    return [each["payload"] for each in node.ask("GET", "/messages?limit=50")[1]]


def publish(node: NodeProcess, text: str) -> None:
    status, answer = node.ask("POST", "/messages", {"payload": text})
    assert status == 201, answer


def is_refused(node: NodeProcess, *words: str) -> None:
    """Each change: 500 and a sentence; nothing has changed, and what is asked is answered."""
    before = node.ask("GET", "/manualpeering/peers")[1]
    mark = [{"publicKey": before[0]["publicKey"], "alias": "attic"}]
    changes: tuple[tuple[str, object], ...] = (
        ("POST", ENTRY),
        ("PATCH", mark),
        ("DELETE", [{"publicKey": before[0]["publicKey"]}]),
    )
    for method, body in changes:
        status, answer = node.ask(method, "/manualpeering/peers", body)
        assert status == 500, (method, answer)
        sentence = answer["error"]
        assert sentence.startswith("The known peers were not changed."), sentence
        assert "peers.db" in sentence and any(word in sentence for word in words), sentence
    after = node.ask("GET", "/manualpeering/peers")[1]
    assert [(p["publicKey"], p["alias"]) for p in after] == [
        (p["publicKey"], p["alias"]) for p in before
    ]


def warnings(node: NodeProcess) -> list[str]:
    return [record["event"] for record in node.log if STOPPED in str(record.get("event"))]


def all_linked(middle: NodeProcess, *others: NodeProcess) -> None:
    """The middle one is a known peer of the others, which do not know each other."""
    for other in others:
        middle.add(other)
        other.add(middle)
    for other in others:
        eventually(lambda other=other: middle.peer(other.public_key)["rtt"] is not None, "no link")


@contextmanager
def faulty(folder: Path) -> Iterator[tuple[NodeProcess, Path]]:
    """A node, and the switch of its disk: a file with the number of an error."""
    node, switch = NodeProcess(folder), folder.with_name("switch")
    variables = environment(FAULTS_SWITCH=str(switch), FAULTS_UNDER=str(folder / "shimletdb"))
    added = [
        f"{name}={value}" for name, value in variables.items() if os.environ.get(name) != value
    ]
    node.command = ["env", *added, *node.command]
    with running(node):
        yield node, switch


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOSPC, ("ree some space",)),
        (errno.EROFS, ("read-only", "writable")),
        (errno.EIO, ("disk",)),
    ],
    ids=["full", "read-only", "failing"],
)
def test_a_node_goes_on_while_its_disk_refuses_and_catches_up_when_it_works_again(
    tmp_path: Path, error: int, words: tuple[str, ...]
) -> None:
    one, two = NodeProcess(tmp_path / "one"), NodeProcess(tmp_path / "two")
    with faulty(tmp_path / "middle") as (middle, switch), running(one, two):
        all_linked(middle, one, two)
        publish(one, "before")
        eventually(lambda: "before" in payloads(two), "no message passes")
        switch.write_text(str(error))
        is_refused(middle, *words)
        publish(one, "meanwhile")
        publish(middle, "of its own")
        eventually(
            lambda: {"meanwhile", "of its own"} <= set(payloads(two)), "messages are not relayed"
        )
        eventually(lambda: warnings(middle) != [], "nothing is said")
        assert set(payloads(middle)) == {"of its own", "meanwhile", "before"}, "kept in memory"
        switch.unlink()
        assert middle.ask("POST", "/manualpeering/peers", ENTRY)[0] == 204
        publish(middle, "after")
        eventually(lambda: "after" in payloads(one), "no link is left")
        assert len(warnings(middle)) == 1, "it is said once"
        assert middle.stop() == 0
        middle.start()
        assert set(payloads(middle)) == {"after", "of its own", "meanwhile", "before"}
        known = {peer["publicKey"] for peer in middle.ask("GET", "/manualpeering/peers")[1]}
        assert known == {one.public_key, two.public_key, STRANGER}


def test_a_node_on_a_full_disk_ends_when_it_is_told_to_and_loses_nothing_older(
    tmp_path: Path,
) -> None:
    with faulty(tmp_path / "node") as (node, switch):
        publish(node, "before")
        assert payloads(node) == ["before"]
        node.ask("POST", "/manualpeering/peers", ENTRY)
        switch.write_text(str(errno.ENOSPC))
        publish(node, "too late")
        assert node.stop() == 0
        switch.unlink()
        node.start()
        assert payloads(node) == ["before"]
        assert node.peer(STRANGER)["address"] == ENTRY[0]["address"]


# A real file system


class SmallDisk:
    """A file system of 2 MB at `path`, which only processes started by `inside` see."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        own = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
        script = 'mount -t tmpfs -o size=2m tmpfs "$0" && echo mounted && exec cat'
        self.path = path
        self._user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
        self._holder = subprocess.Popen(
            [*own, "sh", "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._holder.stdout is not None
        self.mounted = self._holder.stdout.readline() == "mounted\n"

    def inside(self, *command: str) -> list[str]:
        """A command that sees it."""
        return ["nsenter", "-t", str(self._holder.pid), "-m", *self._user, *command]

    def fill(self) -> None:
        """Leave no byte."""
        filler = f"cat /dev/zero > {self.path}/filler; cat /dev/zero > {self.path}/rest; true"
        subprocess.run(self.inside("sh", "-c", filler), stderr=subprocess.DEVNULL, timeout=60)

    def make_room(self) -> None:
        """What filled it is gone."""
        rm = self.inside("rm", "-f", f"{self.path}/filler", f"{self.path}/rest")
        subprocess.run(rm, check=True, timeout=60)

    def close(self) -> None:
        """The mount goes with its last process."""
        self._holder.send_signal(signal.SIGKILL)
        self._holder.communicate(timeout=30)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("NOT TESTED: a really full disk needs unshare and nsenter (util-linux)")
    made = SmallDisk(tmp_path / "disk")
    try:
        if not made.mounted:
            pytest.skip("NOT TESTED: a really full disk, since this user may not mount a tmpfs")
        yield made
    finally:
        made.close()


def on(disk: SmallDisk, folder: Path) -> NodeProcess:
    """A node whose data folder is on that disk."""
    node = NodeProcess(folder, {"node.dataDirectory": str(disk.path / "db")})
    node.command = disk.inside(*node.command)
    return node


def test_a_really_full_disk_under_a_node_that_runs(tmp_path: Path, disk: SmallDisk) -> None:
    node, other = on(disk, tmp_path / "node"), NodeProcess(tmp_path / "other")
    with running(node, other):
        all_linked(node, other)
        publish(node, "before")
        eventually(lambda: "before" in payloads(other), "no message passes")
        disk.fill()
        large = "x" * 60_000
        for number in range(30):
            publish(other, f"{number} {large}")
        eventually(lambda: len(payloads(node)) == 31, "a message is lost")
        eventually(lambda: warnings(node) != [], "nothing is said")
        is_refused(node, "ree some space")
        disk.make_room()
        assert node.ask("POST", "/manualpeering/peers", ENTRY)[0] == 204
        assert len(payloads(node)) == 31  # and they are written now
        node.kill()
        node.start()
        assert node.peer(STRANGER)["address"] == ENTRY[0]["address"]
        assert len(payloads(node)) == 31


def test_a_node_does_not_start_on_a_really_full_disk_and_says_why(
    tmp_path: Path, disk: SmallDisk
) -> None:
    disk.fill()
    node = on(disk, tmp_path / "node")
    for words in (["run"], ["init"]):
        command = [*node.command[: node.command.index("run")], *words]
        config = ["--config", str(disk.path / "config.json" if words == ["init"] else node.config)]
        done: Any = subprocess.run([*command, *config], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done
        assert "Free some space" in done.stderr and str(disk.path) in done.stderr, done
    disk.make_room()
    with running(node):
        assert node.ask("POST", "/manualpeering/peers", ENTRY)[0] == 204
    assert json.loads(node.config.read_text())["node.dataDirectory"] == str(disk.path / "db")
