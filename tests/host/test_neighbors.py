"""Selected neighbors beside known peers, one rule at a time: who is dialled, accepted and lost."""

from __future__ import annotations

import time

from shimlet.manual import KnownPeer
from shimlet.reasons import CONNECTION_REFUSED, OWN_KEY, UNKNOWN_KEY, WRONG_DIRECTION
from shimlet_host.model import FailedLink
from shimlet_host.neighbors import DIALS, FAILED_S, MAX_FAILED, REDIAL_MS, Neighbors

OWN, LARGER, SMALLER = b"\x50" * 32, b"\x60" * 32, b"\x40" * 32
AUTO, TYPED = "192.0.2.1:14666", "node.example:14666"


class Watched(Neighbors):
    """Writes down what it tells."""

    def __init__(self) -> None:
        super().__init__(OWN, 10)
        self.told: list[tuple[str, bytes]] = []
        self.up = lambda key: self.told.append(("up", key))
        self.lost = lambda key: self.told.append(("lost", key))
        self.adopted = lambda key: self.told.append(("adopted", key))

    def dial(self, now: int) -> KnownPeer | None:
        """As the shell does it."""
        peer = self.due(now)
        if peer is not None:
            self.dial_started(peer)
        return peer


def test_a_chosen_neighbor_is_dialled_whichever_key_is_smaller() -> None:
    for key in (LARGER, SMALLER):
        neighbors = Watched()
        neighbors.select(key, AUTO, True, 0)
        peer = neighbors.dial(0)
        assert peer is not None and (peer.public_key, peer.address) == (key, AUTO)
        assert neighbors.due(0) is None, "twice"
        assert neighbors.accepts(key) == WRONG_DIRECTION
        assert neighbors.find(key) is peer
        neighbors.connected(peer, 1)
        assert neighbors.told == [("up", key)]
        assert neighbors.due(10**6) is None


def test_an_accepted_neighbor_is_accepted_until_it_is_deselected_and_never_dialled() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, False, 0)
    assert neighbors.due(0) is None
    assert neighbors.accepts(LARGER) == 0
    assert neighbors.deselect(LARGER)
    assert not neighbors.deselect(LARGER)
    assert neighbors.accepts(LARGER) == UNKNOWN_KEY
    assert neighbors.find(LARGER) is None
    assert neighbors.accepts(OWN) == OWN_KEY


def test_a_chosen_neighbor_gets_few_dials_and_is_lost() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, True, 0)
    peer = neighbors.find(LARGER)
    assert peer is not None
    for number in range(DIALS):
        now = number * REDIAL_MS
        assert number == 0 or neighbors.dial(now - 1) is None, "too early"
        assert neighbors.dial(now) is peer
        assert neighbors.told == []
        neighbors.failed(peer, CONNECTION_REFUSED, now, 128)
    assert neighbors.told == [("lost", LARGER)]
    assert neighbors.due(10**6) is None
    assert not neighbors.selected


def test_a_neighbor_whose_link_breaks_is_lost_and_not_dialled_again() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, True, 0)
    peer = neighbors.dial(0)
    assert peer is not None
    neighbors.connected(peer, 1)
    neighbors.disconnected(peer, CONNECTION_REFUSED, 5, 128)
    assert neighbors.told == [("up", LARGER), ("lost", LARGER)]
    assert neighbors.due(10**6) is None and neighbors.find(LARGER) is None


def test_the_late_end_of_an_earlier_link_says_nothing_of_the_present_one() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, True, 0)
    earlier = neighbors.dial(0)
    assert earlier is not None
    neighbors.connected(earlier, 1)
    neighbors.deselect(LARGER)
    neighbors.select(LARGER, AUTO, True, 10)
    present = neighbors.find(LARGER)
    neighbors.disconnected(earlier, CONNECTION_REFUSED, 11, 128)
    for _ in range(DIALS):
        neighbors.failed(earlier, CONNECTION_REFUSED, 12, 128)
    assert neighbors.told == [("up", LARGER)]
    assert neighbors.find(LARGER) is present is not earlier


def test_listing_a_selected_neighbor_adopts_it_with_its_link_and_its_own_direction() -> None:
    for key, dialled in ((LARGER, True), (SMALLER, False)):
        neighbors = Watched()
        neighbors.refused(key, UNKNOWN_KEY, "192.0.2.1", 0, 1)  # it had dialled too late
        assert len(neighbors.pending.peers) == 1
        neighbors.select(key, AUTO, not dialled, 0)  # by selection the other way round
        peer = neighbors.find(key)
        assert peer is not None
        neighbors.connected(peer, 1)
        neighbors.told.clear()
        assert neighbors.add(key, TYPED, 5) == 0
        assert neighbors.told == [("adopted", key)]
        assert neighbors.known_peers[key] is peer and not neighbors.selected
        assert peer.connected and peer.address == TYPED and peer.outbound == dialled
        assert not peer.redial and neighbors.due(5) is None, "the link must live on"
        assert neighbors.pending.peers == []
        assert not neighbors.deselect(key)
        neighbors.disconnected(peer, CONNECTION_REFUSED, 10, 128)
        assert neighbors.told == [("adopted", key)], "selection has no say any more"
        assert (neighbors.due(10**6) is peer) == dialled


def test_a_known_peer_cannot_be_selected() -> None:
    neighbors = Watched()
    neighbors.add(LARGER, TYPED, 0)
    neighbors.select(LARGER, AUTO, False, 0)
    assert not neighbors.selected
    assert neighbors.accepts(LARGER) == WRONG_DIRECTION
    assert not neighbors.deselect(LARGER)
    assert neighbors.find(LARGER) is neighbors.known_peers[LARGER]


def test_a_known_peer_that_fails_is_tried_for_ever_beside_the_selected_ones() -> None:
    neighbors = Watched()
    neighbors.add(LARGER, TYPED, 0)
    neighbors.select(SMALLER, AUTO, True, 0)
    for number in range(3 * DIALS):
        now = number * 10_000
        peer = neighbors.dial(now)
        assert peer is not None and peer.public_key == LARGER
        neighbors.failed(peer, CONNECTION_REFUSED, now, 128)
    peer = neighbors.dial(now + 1)
    assert peer is not None and peer.public_key == SMALLER
    assert neighbors.told == []


def test_removing_takes_a_known_peer_and_no_selected_one() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, True, 0)
    assert neighbors.remove(LARGER) is None
    assert neighbors.find(LARGER) is not None
    neighbors.add(LARGER, TYPED, 0)
    assert neighbors.remove(LARGER) is not None
    assert neighbors.find(LARGER) is None


def test_why_links_failed_is_remembered_for_a_while_and_until_one_stands() -> None:
    neighbors = Watched()

    def fail(number: int, now_s: float) -> FailedLink:
        link = FailedLink(bytes([number]) * 32, AUTO, outbound=False, reason="no-link")
        neighbors.note_failure(link, now_s)
        return link

    first, second = fail(1, 0), fail(2, 1)
    assert neighbors.failed_links(FAILED_S - 1) == [first, second]
    assert neighbors.failed_links(FAILED_S) == [second]
    neighbors.select(second.public_key, AUTO, False, 0)
    peer = neighbors.find(second.public_key)
    assert peer is not None
    neighbors.connected(peer, 1)
    assert neighbors.failed_links(2) == [first]
    last = [fail(number, 3) for number in range(MAX_FAILED + 9)]
    assert neighbors.failed_links(3) == last[9:]


def test_a_dial_that_fails_says_why() -> None:
    neighbors = Watched()
    neighbors.select(LARGER, AUTO, True, 0)
    peer = neighbors.dial(0)
    assert peer is not None
    neighbors.failed(peer, CONNECTION_REFUSED, 0, 0)
    assert neighbors.failed_links(time.monotonic()) == [
        FailedLink(LARGER, AUTO, True, "connection-refused")
    ]
