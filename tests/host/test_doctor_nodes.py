"""The doctor between two full nodes: of the other one it knows nothing but what a link shows.

Each cause is made, and mended by what the doctor says, pasted where it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from host.couples import run_shell
from host.processes import NodeProcess, eventually, running
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity

SMALL, LARGE = sorted((b"\x01" * 32, b"\x02" * 32), key=lambda s: HostIdentity(s).public_key)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """One that dials, and one that waits for it."""
    folder = tmp_path_factory.mktemp("nodes")
    dialler, waiter = (
        NodeProcess(folder / name, {"node.seed": str(format_seed(seed))})
        for name, seed in (("dialler", SMALL), ("waiter", LARGE))
    )
    with running(dialler, waiter):
        yield dialler, waiter


def lists(node: NodeProcess, other: NodeProcess, address: str) -> None:
    entry = {"publicKey": other.public_key, "address": address}
    assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204


def unlists(node: NodeProcess, other: NodeProcess) -> None:
    keys = [{"publicKey": other.public_key}]
    assert node.ask("DELETE", "/manualpeering/peers", keys)[0] == 204


def doctor(node: NodeProcess, other: NodeProcess) -> dict[str, Any]:
    """What `shimlet doctor` says at this node, in its folder."""
    done = run_shell(f"shimlet doctor {other.public_key} --json", node.folder)
    (finding,) = json.loads(done.stdout)
    assert isinstance(finding, dict) and done.returncode == (finding["cause"] != "connected")
    return finding


def awaits(node: NodeProcess, other: NodeProcess, cause: str) -> dict[str, Any]:
    """The finding, once the dial that shows it has ended."""
    eventually(lambda: doctor(node, other)["cause"] == cause, f"no {cause}")
    return doctor(node, other)


def at_a_wrong_address(
    dialler: NodeProcess, waiter: NodeProcess, address: str, cause: str
) -> dict[str, Any]:
    """What the doctor finds when the one that dials lists the other there."""
    lists(waiter, dialler, dialler.gossip)
    unlists(dialler, waiter)
    lists(dialler, waiter, address)
    return awaits(dialler, waiter, cause)


def pasted(remedy: str, node: NodeProcess, address: str = "") -> str:
    """The remedy run at a node; who pastes it fills the address in."""
    done = run_shell(remedy.replace("HOST:PORT", address), node.folder)
    assert "HOST:PORT" in remedy or not address
    return done.stdout


def linked(node: NodeProcess, other: NodeProcess) -> bool:
    return node.peer(other.public_key)["state"] == "connected"


def test_who_is_not_on_the_others_list_is_sent_to_the_other_side_which_knows(
    nodes: tuple[NodeProcess, NodeProcess],
) -> None:
    dialler, waiter = nodes
    unlists(waiter, dialler)
    lists(dialler, waiter, waiter.gossip)
    last = "closed-before-response"
    eventually(lambda: dialler.peer(waiter.public_key)["lastError"] == last, "it is not refused")
    finding = doctor(dialler, waiter)
    assert finding["cause"] == "cannot-tell" and "key-not-listed" in finding["candidates"]
    assert finding["at"] == "the peer"
    assert "key-not-listed" in pasted(finding["remedy"], waiter)
    there = doctor(waiter, dialler)
    assert (there["cause"], there["at"]) == ("key-not-listed", "")
    whole = run_shell("shimlet doctor", waiter.folder)
    assert whole.returncode == 0, "strangers call, too"
    assert f"Pending, {dialler.public_key}: Called from 127.0.0.1" in whole.stdout
    remedy = f"shimlet peers accept {dialler.public_key}"
    assert remedy in whole.stdout
    pasted(remedy, waiter)
    eventually(lambda: linked(dialler, waiter), "no link came up")


def test_a_name_without_an_address_is_told_and_replaced(
    nodes: tuple[NodeProcess, NodeProcess],
) -> None:
    dialler, waiter = nodes
    finding = at_a_wrong_address(dialler, waiter, "nobody.invalid:14666", "unresolved-name")
    assert "nobody.invalid:14666" in finding["sentence"] and finding["at"] == ""
    pasted(finding["remedy"], dialler, waiter.gossip)
    eventually(lambda: linked(dialler, waiter), "no link came up")


def test_something_else_at_the_address_is_told_and_replaced(
    nodes: tuple[NodeProcess, NodeProcess],
) -> None:
    """Here the other node's web server: a port that is easily mistaken."""
    dialler, waiter = nodes
    web = urlsplit(waiter.url).netloc
    finding = at_a_wrong_address(dialler, waiter, web, "changed-address")
    assert f"At {web}, " in finding["sentence"] and "no node" in finding["sentence"]
    pasted(finding["remedy"], dialler, waiter.gossip)
    eventually(lambda: linked(dialler, waiter), "no link came up")


def test_nothing_at_the_address_is_to_be_mended_at_the_peer(
    nodes: tuple[NodeProcess, NodeProcess], tmp_path: Path
) -> None:
    dialler, waiter = nodes
    finding = at_a_wrong_address(dialler, waiter, "127.0.0.1:9", "closed-port")
    assert "TCP port 9 of 127.0.0.1" in finding["sentence"] and finding["at"] == "the peer"
    said = run_shell(f"shimlet doctor {waiter.public_key}", dialler.folder).stdout
    assert "What to do at the peer:" in said
