"""Autopeering of whole full nodes over real sockets: they find each other, lose each other, and
leave links that were made by hand alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from pathlib import Path

import pytest
from host.auto_nodes import (
    PATIENCE_S,
    AutoProcess,
    Running,
    auto_keys,
    eventually,
    key_of,
    play,
    udp_of,
)
from host.processes import NodeProcess
from host.processes import eventually as process_eventually
from host.processes import running as running_processes
from shimlet.identity import base58_encode, format_address
from shimlet.reasons import REMOVED
from shimlet_host import auto, auto_settings
from shimlet_host.autopeering import neighborhood
from shimlet_host.autopeering.events import NeighborChosen, NeighborDropped
from shimlet_host.autopeering.messages import Service
from shimlet_host.autopeering.peers import Peer
from shimlet_host.config.peers import PeerEntry
from shimlet_host.model import NeighborChange, PeerMark, ServeError, StoreError
from shimlet_host.net import HostNet
from shimlet_host.node import Node


async def couple(running: Running, **settings: object) -> tuple[Node, Node]:
    """Two nodes with one link, chosen on one side and accepted on the other."""
    a = await running.start(**settings)
    b = await running.start(a, **settings)
    await eventually(lambda: linked(a, b), "they did not find each other")
    return a, b


def linked(a: Node, b: Node) -> bool:
    """Whether both call the other a neighbor, over one live link."""
    return (
        key_of(b) in auto_keys(a) & a.streams.links.keys()
        and key_of(a) in auto_keys(b) & b.streams.links.keys()
    )


def by_hand(node: Node, other: Node) -> None:
    """List the other one."""
    assert other.listener is not None
    node.add_peers([PeerEntry(key_of(other), other.listener.address)])


def payloads(node: Node) -> set[bytes]:
    return {message.data for message in node.messages(100)}


@pytest.mark.parametrize("profile", ["spec", "goshimmer"])
def test_three_nodes_and_an_entry_node_find_each_other_and_exchange_messages(
    tmp_path: Path, profile: str
) -> None:
    async def test(running: Running) -> None:
        entry = await running.start(profile=profile, autoPeering__entryNodeOnly=True)
        nodes = [await running.start(entry, profile=profile) for _ in range(3)]
        keys = {key_of(node) for node in nodes}
        await eventually(
            lambda: all(
                auto_keys(node) == node.streams.links.keys() == keys - {key_of(node)}
                for node in nodes
            ),
            "they are not all linked",
        )
        assert not auto_keys(entry) and not entry.streams.links, "it peers for discovery alone"
        assert len(entry.neighbors(known=True).known) == 3
        assert all(node.peers() == [] for node in nodes), "nobody is listed by hand"
        directions = [len(node.neighbors(known=False).chosen) for node in nodes]
        assert sum(directions) == 3, "each of the three links is chosen by one side"
        for node in nodes:
            node.publish(key_of(node))
        await eventually(
            lambda: all(payloads(node) == keys for node in nodes), "a message is lost"
        )

    play(test, tmp_path)


def test_nodes_find_each_other_over_ipv6_and_by_the_name_of_the_entry_node(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        everywhere = {"autoPeering__bindAddress": "[::]:0", "gossip__bindAddress": "[::]:0"}
        a = await running.start(**everywhere)
        port = udp_of(a).rpartition(":")[2]
        for host in ("[::1]", "localhost", "127.0.0.1"):
            entry = f"{base58_encode(key_of(a))}@{host}:{port}"
            b = await running.start(**everywhere, autoPeering__entryNodes=[entry])
            await eventually(lambda b=b: linked(a, b), host)

    play(test, tmp_path)


def test_a_silent_entry_node_is_looked_for_under_the_new_address_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(running: Running) -> None:
        a = await running.start()
        port = udp_of(a).rpartition(":")[2]
        answers = ["127.0.0.9"]  # where nobody is

        async def resolve(self: HostNet, host: str, family: int = 0) -> str:
            return answers.pop() if answers and host == "entry.example" else "127.0.0.1"

        monkeypatch.setattr(HostNet, "resolve", resolve)
        entry = f"{base58_encode(key_of(a))}@entry.example:{port}"
        b = await running.start(autoPeering__entryNodes=[entry])
        await eventually(lambda: linked(a, b), "it was not found")
        assert not answers
        said = capsys.readouterr().out
        assert said.count("an entry node does not answer") == 1
        assert said.count("an entry node answers") == 1

    play(test, tmp_path)


def test_followers_hear_who_is_chosen_accepted_and_dropped(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        first = await running.start()
        async with first.subscribe() as news:
            second = await running.start(first)
            await eventually(lambda: linked(first, second), "they did not find each other")
            first.streams.links[key_of(second)].close(REMOVED)
            told: list[NeighborChange] = []
            while not told or told[-1].change != "dropped":
                event = await asyncio.wait_for(anext(news), PATIENCE_S)
                if isinstance(event.record, NeighborChange):
                    assert event.kind == "neighbor"
                    told.append(event.record)
        assert told[0].change in ("chosen", "accepted")
        assert {change.peer.public_key for change in told} == {key_of(second)}
        assert told[-1].why == "link-lost"

    play(test, tmp_path)


def test_a_part_of_autopeering_that_has_ended_makes_the_node_unready(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        node = await running.start()
        assert node.unready() == "" and not node.is_broken()
        assert node.auto is not None
        node.auto._tasks[0].cancel()
        await eventually(node.is_broken, "nobody noticed")
        assert "restart" in node.unready()

    play(test, tmp_path)


def test_a_link_that_breaks_ends_being_neighbors_until_they_choose_each_other_again(
    tmp_path: Path,
) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        first = a.streams.links[key_of(b)]
        assert first.stream is not None
        await first.stream.close()  # as if the wire was cut
        await eventually(lambda: a.streams.links.get(key_of(b)) is not first, "nobody noticed")
        await eventually(lambda: linked(a, b), "they did not choose each other again")

    play(test, tmp_path)


def test_a_neighbor_that_selection_drops_is_hung_up_on_by_either_side(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        for one, other in ((a, b), (b, a)):
            link = one.streams.links[key_of(other)]
            assert one.auto is not None
            one.auto.core.selection.neighborhood.drop(key_of(other), "replaced", tell=False)
            one.auto._shell.flush()
            assert link.reason, "it is kept"
            await eventually(lambda: linked(a, b), "they did not choose each other again")

    play(test, tmp_path)


def test_an_accepted_neighbor_that_has_dialled_stays_beyond_the_time_it_had_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighborhood, "ACCEPT_LINK_S", 1.0)

    async def test(running: Running) -> None:
        a, b = await couple(running)
        link = a.streams.links[key_of(b)]
        await asyncio.sleep(1.5)
        assert linked(a, b) and a.streams.links[key_of(b)] is link

    play(test, tmp_path)


def test_a_disabled_peer_is_neither_chosen_nor_accepted(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        by_hand(a, b)
        a.mark_peers([PeerMark(key_of(b), None, False)])
        await eventually(lambda: key_of(a) not in b.streams.links, "its link is still there")
        verified = [peer for peer in a.neighbors(known=True).known if peer.public_key == key_of(b)]
        assert verified, "it is no candidate for another reason"
        await asyncio.sleep(1.5)
        assert not linked(a, b)
        a.mark_peers([PeerMark(key_of(b), None, True)])
        assert key_of(b) in a.streams.manual.known_peers

    play(test, tmp_path)


def test_a_chosen_neighbor_that_cannot_be_dialled_is_dropped(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a = await running.start()
        b = await running.start(a)
        for node in (a, b):
            assert node.listener is not None
            node.listener.close()  # it announces a port where nobody listens
        await eventually(lambda: bool(auto_keys(a)), "nobody was chosen")
        await eventually(lambda: not auto_keys(a) and not auto_keys(b), "it stays a neighbor")
        assert not a.streams.links and not a.streams.dials
        assert not a.news._failing and not b.news._failing, "what was found is kept for ever"

    play(test, tmp_path)


def test_a_neighbor_that_becomes_a_known_peer_keeps_its_link_and_is_listed_once(
    tmp_path: Path,
) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        links = a.streams.links[key_of(b)], b.streams.links[key_of(a)]
        for one, other in ((a, b), (b, a)):
            by_hand(one, other)
            (status,) = one.peers()
            assert status.connected
            assert not auto_keys(one), "listed twice"
            await asyncio.sleep(0.5)
            assert (a.streams.links[key_of(b)], b.streams.links[key_of(a)]) == links
        a.publish(b"still there")
        await eventually(lambda: b"still there" in payloads(b), "the link is dead")
        # It lives on by the rules of known peers: dialled again whatever autopeering says.
        links[0].close(-1)
        await eventually(
            lambda: a.peers()[0].connected and b.peers()[0].connected, "it is not dialled again"
        )
        assert not auto_keys(a) and not auto_keys(b)

    play(test, tmp_path)


def test_a_known_peer_that_is_removed_may_be_chosen_again(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        by_hand(a, b)
        by_hand(b, a)
        link = a.streams.links[key_of(b)]
        a.remove_peers([key_of(b)])
        assert link.reason, "its link is closed at once"
        await eventually(lambda: not b.streams.links, "the other side keeps it")
        b.remove_peers([key_of(a)])
        await eventually(lambda: linked(a, b), "autopeering does not take it back")

    play(test, tmp_path)


def test_removing_a_key_that_is_not_listed_leaves_its_neighbor_alone(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a, b = await couple(running)
        link = a.streams.links[key_of(b)]
        a.remove_peers([key_of(b)])
        await asyncio.sleep(0.3)
        assert a.streams.links[key_of(b)] is link and not link.reason
        assert linked(a, b)

    play(test, tmp_path)


def test_no_event_of_autopeering_touches_a_link_made_by_hand(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        # Salts change every second, and there is room for one neighbor only.
        busy = {"autoPeering__saltUpdateInterval": "1s", "autoPeering__k": 2}
        a = await running.start(**busy)
        b = await running.start(**busy)
        by_hand(a, b)
        by_hand(b, a)
        await eventually(lambda: a.peers()[0].connected and b.peers()[0].connected, "no link")
        link = a.streams.links[key_of(b)]
        assert a.auto is not None and b.auto is not None
        a.auto.core.add_known(key_of(b), *_address(b))
        others = [await running.start(a, **busy) for _ in range(2)]
        await eventually(lambda: any(map(auto_keys, others)), "nothing is going on")
        peer = Peer(key_of(b), "127.0.0.1", {"peering": Service("udp", 9)})
        for _ in range(25):
            a.auto.core.selection.neighborhood.drop(key_of(b), "replaced")
            a.auto.core.link_lost(key_of(b), 0, 0)
            a.auto._on_events([NeighborChosen(peer), NeighborDropped(peer, "replaced")])
            await asyncio.sleep(0.1)
            assert a.streams.links[key_of(b)] is link and not link.reason
            assert key_of(b) not in auto_keys(a)
        a.publish(b"still there")
        await eventually(lambda: b"still there" in payloads(b), "the link is dead")

    play(test, tmp_path)


def _address(node: Node) -> tuple[str, int]:
    host, _, port = udp_of(node).rpartition(":")
    return host, int(port)


def test_addresses_that_the_machine_gets_later_are_ours_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(running: Running) -> None:
        monkeypatch.setattr(auto, "INTERFACES_INTERVAL_S", 0.05)
        node = await running.start(autoPeering__bindAddress="0.0.0.0:0")
        assert node.auto is not None
        addresses = node.auto.core.local
        assert "127.0.0.1" in addresses.addresses
        now = ["192.0.2.7/24", "2001:db8::7/64"]
        monkeypatch.setattr(auto_settings, "interface_addresses", lambda: now)
        await eventually(lambda: addresses.addresses == {"192.0.2.7"}, "nobody looks")

    play(test, tmp_path)


def test_a_mana_file_is_followed_and_one_that_breaks_keeps_the_last_good_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(running: Running) -> None:
        path = tmp_path / "mana.json"
        node = await running.start(autoPeering__manaSource=str(path))
        assert node.auto is not None
        mana_of = node.auto.core.selection.candidates.mana.of
        key = bytes(range(32))
        for mana in (7, 8):
            path.write_text(json.dumps({base58_encode(key): mana}))
            await eventually(lambda m=mana: mana_of(key) == m, "it is not followed")
        path.write_text("{")
        told: list[str] = []
        await eventually(
            lambda: told.append(capsys.readouterr().out) or "not JSON" in "".join(told),
            "nobody says that it is broken",
        )
        assert mana_of(key) == 8

    play(test, tmp_path)


def test_a_learnt_address_is_one_that_handshakes_may_be_meant_for(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a, _ = await couple(running)
        assert a.listener is not None
        assert format_address("127.0.0.1", a.listener.port).encode() in a.streams.rules.addresses

    play(test, tmp_path)


def test_a_killed_node_is_replaced_and_finds_its_peers_again_without_the_entry_node(
    tmp_path: Path,
) -> None:
    entry = AutoProcess(tmp_path / "entry", entryNodeOnly=True)
    with running_processes(entry):
        nodes = [AutoProcess(tmp_path / name, entry) for name in "abc"]
        with running_processes(*nodes):
            keys = {node.public_key for node in nodes}

            def meshed() -> bool:
                return all(node.linked() == keys - {node.public_key} for node in nodes)

            process_eventually(meshed, "they are not all linked")
            a, *others = nodes
            database = a.folder / "shimletdb" / "autopeering.db"
            process_eventually(lambda: kept(database, 3), "the peers are not kept")
            a.keep_ports()
            a.kill()
            entry.kill()
            process_eventually(
                lambda: all(a.public_key not in node.linked() for node in others),
                "a dead node stays a neighbor",
            )
            a.start()
            process_eventually(meshed, "it did not find its peers again")
            assert entry.public_key not in a.linked()


def kept(database: Path, count: int) -> bool:
    """Whether the database of a running node holds so many peers."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        (found,) = connection.execute("SELECT count(*) FROM peers").fetchone()
    return bool(found == count)


def test_a_lost_neighbor_is_replaced_by_another_node(tmp_path: Path) -> None:
    entry = AutoProcess(tmp_path / "entry", entryNodeOnly=True)
    with running_processes(entry):
        one = AutoProcess(tmp_path / "one", entry, k=2)  # it chooses one neighbor
        others = [AutoProcess(tmp_path / name, entry) for name in "abc"]
        with running_processes(one, *others):
            process_eventually(lambda: bool(one.neighbors()["chosen"]), "nobody was chosen")
            before = one.neighbors()["chosen"]
            gone = next(node for node in others if node.public_key in before)
            gone.kill()
            process_eventually(
                lambda: len(one.neighbors()["chosen"] - before) == 1, "it was not replaced"
            )
            assert not before & one.linked()


def test_a_taken_udp_port_and_a_newer_database_are_named(tmp_path: Path) -> None:
    async def test(running: Running) -> None:
        a = await running.start()
        with pytest.raises(ServeError, match=r"autoPeering\.bindAddress"):
            await running.start(autoPeering__bindAddress=udp_of(a))
        folder = tmp_path / str(len(running.nodes))
        folder.mkdir(exist_ok=True)
        with sqlite3.connect(folder / "autopeering.db") as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StoreError, match="later version"):
            await running.start()

    play(test, tmp_path)


def test_autopeering_that_is_off_opens_no_udp_port_and_knows_nobody(tmp_path: Path) -> None:
    off = NodeProcess(tmp_path / "off", {"autoPeering.enabled": False})
    on = AutoProcess(tmp_path / "on")
    with running_processes(off, on):
        assert udp_sockets(off.process.pid) == 0
        assert udp_sockets(on.process.pid) == 1, "this test sees nothing"
        empty = {"known": [], "chosen": [], "accepted": []}
        assert off.ask("GET", "/autopeering/neighbors?known=1") == (200, empty)
        assert off.ask("GET", "/info")[1]["autoPeering"] is None
        assert on.ask("GET", "/autopeering/neighbors?known=1") == (200, empty)
        assert not (off.folder / "shimletdb" / "autopeering.db").exists()


def udp_sockets(process: int) -> int:
    """How many UDP sockets a process has, by what the kernel says of its handles."""
    inodes = set()
    for table in ("udp", "udp6"):
        lines = Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        inodes |= {f"socket:[{line.split()[9]}]" for line in lines}
    handles = Path(f"/proc/{process}/fd")
    return sum(os.readlink(handle) in inodes for handle in handles.iterdir())
