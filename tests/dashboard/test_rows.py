"""How records of the node read on the page, and what strangers cannot do with them."""

from __future__ import annotations

import pytest
from shimlet.identity import base58_encode
from shimlet_host.dashboard.neighborhood import MAX_SPOTS, boards_of, spots_of
from shimlet_host.dashboard.readings import Series
from shimlet_host.dashboard.rows import (
    in_order,
    message_rows,
    neighbor_rows,
    peer_rows,
    pending_rows,
    when,
)
from shimlet_host.dashboard.watch import SeenMessage, View
from shimlet_host.dashboard.words import duration, number, printable, short_key, size
from shimlet_host.model import (
    LOCAL,
    NeighborLists,
    NeighborStatus,
    NodeInfo,
    PeerStatus,
    PendingStatus,
)

NOW = 1_700_000_000.0
A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
KEY_A = base58_encode(A)


def view(**parts: object) -> View:
    """A view of a node that knows nobody."""
    info = NodeInfo(bytes(32), bytes(32), "1.2.3", "spec", "0.0.0.0:14666", 60.0)
    content: dict[str, object] = {
        "now": NOW,
        "info": info,
        "started": NOW - 60,
        "unready": "",
        "peers": (),
        "pending": (),
        "neighbors": NeighborLists(),
        "messages": (),
        "rates": (),
        "series": (),
        "missed": 0,
        "trouble": "",
    }
    return View(**(content | parts))  # type: ignore[arg-type]


def neighbor(key: bytes) -> NeighborStatus:
    return NeighborStatus(key, key, {"gossip": "192.0.2.1:14666"})


def test_a_peer_tells_why_it_is_not_connected_and_when_that_is_tried_again() -> None:
    peer = PeerStatus(
        A,
        "192.0.2.1:14666",
        True,
        "backing-off",
        "connection-refused",
        "Nothing listens there.",
        next_attempt=NOW + 3.4,
        alias="attic",
    )
    (row,) = peer_rows([peer], NOW)
    assert (row["chip"], row["tone"], row["title"]) == ("backing-off", "warn", "attic")
    assert row["note"] == "Nothing listens there. Next attempt in 3 s."
    (row,) = peer_rows([peer], NOW + 3.2)
    assert row["note"] == "Nothing listens there. Next attempt now."
    assert row["meta"] == "192.0.2.1:14666  ·  we dial"
    assert [act for act, *_ in row["actions"]] == ["rename", "disable", "remove"]


def test_a_disabled_peer_can_be_enabled() -> None:
    (row,) = peer_rows([PeerStatus(A, "a:1", False, "disabled", enabled=False)], NOW)
    assert [act for act, *_ in row["actions"]] == ["rename", "enable", "remove"]


def test_peers_with_trouble_come_first_and_a_search_looks_at_all_that_is_shown() -> None:
    peers = [
        PeerStatus(A, "10.0.0.1:1", True, "connected", alias="attic"),
        PeerStatus(B, "10.0.0.2:1", True, "backing-off"),
        PeerStatus(C, "10.0.0.3:1", True, "connected", alias="Cellar"),
    ]
    assert [peer.public_key for peer in in_order(peers, "")] == [B, A, C]
    for wanted, found in (("cell", C), ("10.0.0.1", A), (KEY_A[:6].lower(), A), ("backing", B)):
        assert [peer.public_key for peer in in_order(peers, wanted)] == [found], wanted


def test_the_row_of_a_peer_that_fails_stays_while_it_is_dialled_again() -> None:
    states = ("backing-off", "dialling", "clock-not-set")
    orders = {
        tuple(
            peer.public_key
            for peer in in_order(
                [PeerStatus(A, "a:1", True, one), PeerStatus(B, "b:1", True, other)], ""
            )
        )
        for one in states
        for other in states
    }
    assert orders == {(A, B)}


def test_a_pending_peer_can_be_accepted() -> None:
    (row,) = pending_rows([PendingStatus(A, "192.0.2.1", NOW - 90, NOW - 1, 3)], NOW)
    assert row["meta"] == "192.0.2.1  ·  3 calls, the last now"
    assert [act for act, *_ in row["actions"]] == ["accept"]


def test_a_message_says_who_passed_it_on() -> None:
    seen = [
        SeenMessage("m1", "hello", 5, NOW - 61, KEY_A),
        SeenMessage("m2", "mine", 4, NOW, LOCAL),
    ]
    peers = [PeerStatus(A, "a:1", True, "connected", alias="attic")]
    first, second = message_rows(view(messages=seen, peers=peers))
    assert (first["title"], first["key"], first["side"]) == ("attic", KEY_A, "1 min ago")
    assert (second["title"], second["own"]) == ("this node", True)
    assert message_rows(view(messages=seen))[0]["short"] == short_key(KEY_A)


def test_neighbors_stand_before_other_verified_peers() -> None:
    lists = NeighborLists((neighbor(A), neighbor(B), neighbor(C)), (neighbor(C),), (neighbor(B),))
    rows = neighbor_rows(view(neighbors=lists), 10)
    assert [row["chip"] for row in rows] == ["accepted", "chosen", "verified"]
    assert len(neighbor_rows(view(neighbors=lists), 2)) == 2


def test_the_picture_tells_four_kinds_apart_and_guesses_boards_by_their_readings() -> None:
    peers = [
        PeerStatus(A, "a:1", True, "connected"),
        PeerStatus(B, "b:1", False, "waiting", alias="attic"),
        PeerStatus(C, "c:1", True, "disabled", enabled=False),
    ]
    d, e = bytes([4]) * 32, bytes([5]) * 32
    lists = NeighborLists((neighbor(A),), (neighbor(d),), (neighbor(e),))
    series = [Series(KEY_A, "t", ""), Series(base58_encode(B), "t", "")]
    seen = view(peers=peers, neighbors=lists, series=series)
    assert boards_of(seen) == {base58_encode(B)}  # A takes part in autopeering: a full node
    spots, left_out = spots_of(seen)
    kinds = {spot.key: (spot.kind, spot.linked, spot.outbound) for spot in spots}
    assert left_out == 0
    assert kinds == {
        KEY_A: ("manual", True, True),
        base58_encode(B): ("board", False, False),
        base58_encode(d): ("chosen", True, True),
        base58_encode(e): ("accepted", True, False),
    }


def test_a_large_neighborhood_is_drawn_in_part_and_says_so() -> None:
    keys = [number.to_bytes(32, "big") for number in range(1, 101)]
    peers = [
        PeerStatus(key, "a:1", True, "connected" if key[-1] % 2 else "waiting") for key in keys
    ]
    spots, left_out = spots_of(view(peers=peers))
    assert (len(spots), left_out) == (MAX_SPOTS, 100 - MAX_SPOTS)
    assert all(spot.linked for spot in spots)
    assert len({(spot.x, spot.y) for spot in spots}) == MAX_SPOTS


def test_text_of_strangers_has_one_line_and_no_commands() -> None:
    assert printable("a\nb\tc\x1b[31m\u202eevil\x00", 50) == "a b c·[31m·evil·"
    assert printable("x" * 100, 10) == "x" * 9 + "…"
    assert printable("grün 日本", 10) == "grün 日本"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (-3, "0 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (180_000, "2 d 2 h")],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [(2, "now"), (14, "10 s ago"), (119, "1 min ago"), (7300, "2 h ago"), (90_000, "1 d ago")],
)
def test_times_are_told_in_steps(age: float, text: str) -> None:
    assert when(NOW - age, NOW) == text


def test_numbers_and_sizes_are_short() -> None:
    assert [number(value) for value in (21.0, 0.123456, 1e300, -5)] == [
        "21",
        "0.1235",
        "1e+300",
        "-5",
    ]
    assert number(1_234_567.0) == "1\u202f234\u202f567"
    assert [size(count) for count in (17, 2048, 5 * 1024 * 1024)] == ["17 B", "2.0 KB", "5.0 MB"]
