"""Whether others reach the node: it calls itself where they would dial, and says how that ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from host.auto_nodes import Running, eventually, play
from host.processes import NodeProcess, running
from host.processes import eventually as eventually_so
from host.shell import shimlet
from shimlet.identity import format_address
from shimlet_host import reachability
from shimlet_host.doctor.reach import reached_of
from shimlet_host.model import Reach
from shimlet_host.node import Node
from shimlet_host.reachability import Call
from structlog.testing import capture_logs

ALONE = {"autoPeering__enabled": False}


async def outcome(node: Node) -> tuple[list[Reach], list[Any]]:
    """The results of one test, and what the log says of them."""
    assert node.reachability is not None
    with capture_logs() as log:
        await node.reachability.test(node.reachability.calls())
    assert node.info().reachability == node.reachability.results
    return list(node.reachability.results), [line for line in log if "result" in line]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_calls_that_arrive_here_are_told_as_such_over_both_protocols(
    tmp_path: Path, host: str
) -> None:
    async def test(nodes: Running) -> None:
        bind = format_address(host, 1)[:-1] + "0"
        node = await nodes.start(
            gossip__bindAddress=bind,
            autoPeering__bindAddress=bind,
            network__externalAddress=host,
        )
        results, log = await outcome(node)
        assert [(r.service, r.protocol, r.result) for r in results] == [
            ("gossip", "TCP", "reached"),
            ("autopeering", "UDP", "reached"),
        ]
        assert {line["log_level"] for line in log} == {"info"}
        assert node.pending() == [], "it is no stranger to itself"

    play(test, tmp_path)


def test_a_closed_port_is_a_warning_with_what_to_do_and_the_node_goes_on(tmp_path: Path) -> None:
    async def test(nodes: Running) -> None:
        node = await nodes.start(network__externalAddress="127.0.0.2")
        results, log = await outcome(node)
        assert [r.result for r in results] == ["refused", "no-answer"]
        for reach, line in zip(results, log, strict=True):
            port = reach.address.rpartition(":")[2]
            assert f"Forward {reach.protocol} port {port}" in reach.sentence
            assert line["log_level"] == "warning" and line["event"] == reach.sentence
        assert node.unready() == ""

    play(test, tmp_path)


def test_another_program_at_the_address_is_told_from_this_node(tmp_path: Path) -> None:
    async def test(nodes: Running) -> None:
        with socket.create_server(("127.0.0.2", 0)) as other:
            address = f"127.0.0.2:{other.getsockname()[1]}"
            node = await nodes.start(gossip__addresses=[address], **ALONE)
            (result,), _ = await outcome(node)
            assert (result.address, result.result) == (address, "somebody-else")

    play(test, tmp_path)


def test_an_address_that_swallows_calls_costs_limited_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "CALL_S", 0.1)

    async def test(nodes: Running) -> None:
        node = await nodes.start(network__externalAddress="192.0.2.1", **ALONE)

        async def never(ip: str, port: int) -> None:
            await asyncio.Event().wait()

        node.net.connect = never  # type: ignore[assignment,method-assign]
        (result,), _ = await outcome(node)
        assert result.result == "no-answer"

    play(test, tmp_path)


@pytest.mark.parametrize(
    ("ips", "result", "must_say"),
    [
        (["127.0.0.1"], "loopback-only", "gossip.bindAddress"),
        (["127.0.0.1", "192.168.1.2"], "private-only", "externalAddress"),
        (["127.0.0.1", "192.168.1.2", "203.0.114.5"], "not-known", "firewall"),
    ],
)
def test_without_an_address_to_call_the_machines_own_ones_tell_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ips: list[str],
    result: str,
    must_say: str,
) -> None:
    monkeypatch.setattr(reachability, "listened_ips", lambda host: ips)

    async def test(nodes: Running) -> None:
        node = await nodes.start(**ALONE)
        (found,), log = await outcome(node)
        assert found.result == result and must_say in found.sentence
        assert log[0]["log_level"] == "info", "nothing is known to be wrong"

    play(test, tmp_path)


def test_an_address_that_is_learnt_later_is_tried_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "START_PAUSE_S", 0.0)
    monkeypatch.setattr(reachability, "LOOK_INTERVAL_S", 0.02)

    async def test(nodes: Running) -> None:
        node = await nodes.start()
        assert node.reachability is not None and node.auto is not None
        following = asyncio.create_task(node.reachability.follow())
        await until(node, "loopback-only")
        node.auto.core.own_address.learnt = "127.0.0.1"
        await until(node, "reached")
        assert {Call(r.service, r.address) for r in node.reachability.results} == set(
            node.reachability.calls()
        )
        following.cancel()

    async def until(node: Node, result: str) -> None:
        await eventually(lambda: {r.result for r in node.info().reachability} == {result}, result)

    play(test, tmp_path)


def test_a_running_node_says_it_after_it_is_ready(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", {"network.externalAddress": "127.0.0.1"})
    with running(node):
        said = node.await_log(f"A call to TCP {node.gossip} arrives here.")
        assert said["level"] == "info"
        (reach,) = node.ask("GET", "/info")[1]["reachability"]
        assert (reach["result"], reach["address"]) == ("reached", node.gossip)
        events = [record["event"] for record in node.log]
        assert events.index("web API listens") < events.index(said["event"])


def test_the_doctor_tells_it_and_finds_no_fault_in_it(tmp_path: Path) -> None:
    settings = {"network.externalAddress": "127.0.0.2", "gossip.addresses": ["127.0.0.1:1"]}
    node = NodeProcess(tmp_path / "node", settings)
    with running(node):
        port = node.gossip.rpartition(":")[2]
        eventually_so(lambda: node.ask("GET", "/info")[1]["reachability"] != [], "not tested")
        told = shimlet("doctor", "--api", node.url)
        assert told.status == 0, told
        lines = [line for line in told.out.splitlines() if line.startswith("Reachability, ")]
        first, second, third = lines
        assert first.startswith("Reachability, TCP: TCP 127.0.0.1:1 refuses connections. Forward")
        assert f"TCP 127.0.0.2:{port} refuses connections. Forward TCP port {port}" in second
        assert third == "Reachability, UDP: Autopeering is off: there is no UDP port to reach."
        done = shimlet("doctor", "--api", node.url, "--json")
        found = [each for each in done.data if each["about"] == "reachability"]
        assert done.status == 0 and [each["cause"] for each in found] == [
            "refused",
            "refused",
            "autopeering-off",
        ]
        of_info = node.ask("GET", "/info")[1]["reachability"]
        assert [(e["address"], e["sentence"]) for e in found[:2]] == [
            (e["address"], e["sentence"]) for e in of_info
        ]
        assert all(done.data[0].keys() <= each.keys() for each in found), "as findings are told"


def test_the_doctor_says_that_nothing_was_tried_yet() -> None:
    off, on = {"reachability": [], "autoPeering": None}, {"autoPeering": {"address": "[::]:1"}}
    assert [(each.protocol, each.cause) for each in reached_of(off)] == [
        ("TCP", "not-tried"),
        ("UDP", "autopeering-off"),
    ]
    (only,) = reached_of(on)
    assert only.cause == "not-tried" and only.sentence.startswith("Not tried yet")


def test_status_shows_what_stands_in_the_way(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", {"network.externalAddress": "127.0.0.2"})
    with running(node):
        port = node.gossip.rpartition(":")[2]
        eventually_so(lambda: node.ask("GET", "/info")[1]["reachability"] != [], "not tested")
        said = " ".join(shimlet("status", "--api", node.url).out.split())
        assert f"TCP 127.0.0.2:{port} refuses connections. Forward TCP port {port}" in said, said
