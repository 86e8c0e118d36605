"""Known peers in the config and by the API: the last change counts, whoever made it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from shimlet.identity import base58_encode
from shimlet_host.config import load_config
from shimlet_host.config.peers import PeerEntry
from shimlet_host.configured import FROM_API, FROM_CONFIG, PeerChanges, changes
from shimlet_host.identity import load_identity
from shimlet_host.model import PeerError, PeerMark
from shimlet_host.node import MAX_KNOWN_PEERS, Node
from shimlet_host.store import Store

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
ATTIC = PeerEntry(A, "a:1", alias="attic")


class Life:
    """One node from start to start; `peers` are those of its config. Nothing is dialled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, peers: Sequence[PeerEntry]) -> None:
        """End what runs, and start with this config."""
        self.stop()
        listed = [
            {
                "publicKey": base58_encode(peer.public_key),
                "address": peer.address,
                **({} if peer.alias is None else {"alias": peer.alias}),
                **({} if peer.enabled is None else {"enabled": peer.enabled}),
            }
            for peer in peers
        ]
        path = self.folder / "config.json"
        path.write_text(json.dumps({"manualPeering.knownPeers": listed, "node": {}}))
        config = load_config(path, environment={})
        assert config.warnings == () and config.manual_peering.known_peers == tuple(peers)
        self.store = Store(self.folder, print)
        self.node = Node(config, load_identity(self.folder, None, print), self.store)
        self.node.roster.load()

    def stop(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def reload(self, peers: Sequence[PeerEntry]) -> None:
        """The config of the running node changes."""
        self.node.roster.follow_config(peers)

    def seen(self) -> dict[bytes, tuple[str, str, bool]]:
        """Address, alias and switch of each."""
        return {p.public_key: (p.address, p.alias, p.enabled) for p in self.node.peers()}


@pytest.fixture(params=["start", "reload"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """A node that sees a new config at a start, and one that sees it while it runs."""
    one = Life(tmp_path)
    one.start([])
    one.change = getattr(one, request.param)  # type: ignore[attr-defined]
    yield one
    one.stop()


def test_entries_bring_alias_and_switch(life: Life) -> None:
    life.change([ATTIC, PeerEntry(B, "b:1", enabled=False, alias="off"), PeerEntry(C, "c:1")])
    expected = {A: ("a:1", "attic", True), B: ("b:1", "off", False), C: ("c:1", "", True)}
    assert life.seen() == expected
    life.start([ATTIC, PeerEntry(B, "b:1", enabled=False, alias="off"), PeerEntry(C, "c:1")])
    assert life.seen() == expected, "the same after a restart"


def test_what_the_api_said_stands_until_that_part_of_the_entry_changes(life: Life) -> None:
    life.change([ATTIC])
    life.node.mark_peers([PeerMark(A, alias="cellar", enabled=False)])
    life.node.add_peers([PeerEntry(A, "moved:2")])
    life.change([ATTIC, PeerEntry(B, "b:1")])
    assert life.seen()[A] == ("moved:2", "cellar", False), "an unchanged entry says nothing new"
    life.change([ATTIC._replace(alias="roof")])
    assert life.seen()[A] == ("moved:2", "roof", False), "the alias alone was changed"
    life.change([ATTIC._replace(alias="roof", address="a:9")])
    assert life.seen()[A] == ("a:9", "roof", False)
    life.change([ATTIC._replace(alias="roof", address="a:9", enabled=True)])
    assert life.seen()[A] == ("a:9", "roof", True)


def test_what_an_entry_does_not_say_any_more_is_as_if_it_never_had(life: Life) -> None:
    life.change([ATTIC._replace(enabled=False)])
    life.change([PeerEntry(A, "a:1")])
    assert life.seen() == {A: ("a:1", "", True)}


def test_an_entry_for_a_peer_of_the_api_changes_only_what_it_says(life: Life) -> None:
    life.node.add_peers([PeerEntry(A, "api:1")])
    life.node.mark_peers([PeerMark(A, alias="mine", enabled=False)])
    life.change([PeerEntry(A, "config:1")])
    assert life.seen() == {A: ("config:1", "mine", False)}


def test_an_entry_of_the_api_changes_only_what_it_says_too(life: Life) -> None:
    life.change([ATTIC])
    life.node.add_peers([PeerEntry(A, "a:2", enabled=False), PeerEntry(B, "b:1", "off", False)])
    expected = {A: ("a:2", "attic", False), B: ("b:1", "off", False)}
    assert life.seen() == expected
    assert not life.node.streams.manual.known_peers, "neither of them is dialled or accepted"
    life.node.add_peers(
        [PeerEntry(A, "a:3"), PeerEntry(B, "b:2", enabled=True), PeerEntry(C, "c")]
    )
    expected = {A: ("a:3", "attic", False), B: ("b:2", "off", True), C: ("c", "", True)}
    assert life.seen() == expected
    life.node.add_peers([PeerEntry(B, "b:2", alias="")])
    life.change([ATTIC])
    assert life.seen() == {**expected, B: ("b:2", "", True)}, "the config says nothing new"
    life.start([ATTIC])
    assert life.seen() == {**expected, B: ("b:2", "", True)}, "the same after a restart"


def test_of_a_list_that_the_api_gets_all_or_nothing_counts(life: Life) -> None:
    life.change([ATTIC])
    own = PeerEntry(life.node.identity.public_key, "a:1")
    with pytest.raises(PeerError, match="public key"):
        life.node.add_peers([PeerEntry(A, "a:2", "cellar", False), own])
    assert life.seen() == {A: ("a:1", "attic", True)}


def test_who_leaves_the_config_is_forgotten_unless_the_api_added_it(life: Life) -> None:
    life.node.add_peers([PeerEntry(B, "b:1")])
    life.change([ATTIC, PeerEntry(B, "b:1"), PeerEntry(C, "c:1", enabled=False)])
    life.node.add_peers([PeerEntry(C, "c:2")])
    life.change([])
    assert life.seen() == {B: ("b:1", "", True), C: ("c:2", "", False)}
    life.change([PeerEntry(A, "a:1")])
    assert life.seen()[A] == ("a:1", "", True), "a forgotten peer has no name"


def test_who_was_removed_by_the_api_stays_away_until_the_entry_changes(life: Life) -> None:
    life.change([ATTIC])
    life.node.remove_peers([A])
    life.change([ATTIC])
    assert life.seen() == {}
    life.change([ATTIC._replace(address="a:2")])
    assert life.seen() == {A: ("a:2", "attic", True)}
    life.node.remove_peers([A])
    life.change([])
    life.change([ATTIC])
    assert life.seen() == {A: ("a:1", "attic", True)}, "an entry that comes back is a new one"


def test_a_list_with_our_own_key_or_too_long_changes_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.start([ATTIC])
    many = [PeerEntry(n.to_bytes(32, "big"), "a:1") for n in range(1, MAX_KNOWN_PEERS + 2)]
    for bad in (many, [PeerEntry(life.node.identity.public_key, "a:1")]):
        with pytest.raises(PeerError, match="knownPeers: "):
            life.reload(bad)
        assert life.seen() == {A: ("a:1", "attic", True)}
    life.node.add_peers([PeerEntry(C, "c:1")])
    with pytest.raises(PeerError, match="list of known peers is full"):
        life.reload(many[:MAX_KNOWN_PEERS])
    assert set(life.seen()) == {A, C}
    assert life.store.configured() == [ATTIC]
    life.stop()


def test_at_a_start_peers_of_the_config_come_first_where_not_all_fit(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.start([])
    life.node.add_peers([PeerEntry(A, "a:1"), PeerEntry(B, "b:1")])
    many = [PeerEntry(n.to_bytes(32, "big"), "a:1") for n in range(1, MAX_KNOWN_PEERS)]
    life.start(many)
    seen = life.seen()
    assert len(seen) == MAX_KNOWN_PEERS
    assert {entry.public_key for entry in many} < seen.keys() and A in seen and B not in seen
    life.stop()


def test_a_peer_whose_entry_did_not_change_is_not_dialled_anew(tmp_path: Path) -> None:
    async def conversation() -> None:
        life = Life(tmp_path)
        life.start([ATTIC, PeerEntry(B, "b:1")])
        known = life.node.streams.manual.known_peers
        before = known[A]
        life.reload([ATTIC, PeerEntry(B, "b:2"), PeerEntry(C, "c:1")])
        assert known[A] is before and not before.redial
        assert known[B].address == "b:2" and C in known
        life.stop()

    asyncio.run(conversation())


def test_changes_name_only_what_differs() -> None:
    before = [ATTIC, PeerEntry(B, "b:1")]
    sources = {A: FROM_CONFIG, B: FROM_CONFIG, C: FROM_API}
    assert changes(before, list(reversed(before)), sources) == PeerChanges()
    found = changes(before, [ATTIC._replace(enabled=False), PeerEntry(C, "c:1")], sources)
    assert found == PeerChanges((B,), ((C, "c:1"),), (PeerMark(A, None, False),))
    assert found.touched == {A, C}


def test_unknown_keys_of_an_entry_are_warned_about_and_bad_values_are_named(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.json"
    entry = {"publicKey": base58_encode(A), "address": "a:1"}
    for written in (entry | {"aliass": "attic"}, entry | {"enable": False}):
        for value in ([written], json.dumps([written])):
            path.write_text(json.dumps({"manualPeering": {"knownPeers": value}}))
            (warning,) = load_config(path, environment={}).warnings
            wrong = (written.keys() - entry.keys()).pop()
            assert f'entry 0: the unknown key "{wrong}"' in warning, warning
            assert "did you mean" in warning and str(path) in warning, warning
    for bad, must_say in (({"alias": 5}, "alias is 5"), ({"enabled": "no"}, 'enabled is "no"')):
        path.write_text(json.dumps({"manualPeering.knownPeers": [entry | bad]}))
        with pytest.raises(Exception, match=must_say):
            load_config(path, environment={})
