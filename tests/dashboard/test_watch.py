"""The watch: it looks while a page is open, remembers little, and forgets all when none is."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from shimlet_host.config.peers import PeerEntry
from shimlet_host.dashboard.watch import (
    FIRST_MESSAGES,
    LONGEST_TEXT,
    REFRESH_S,
    SHOWN_MESSAGES,
    SLOW_REFRESH_S,
    Watch,
)
from shimlet_host.events import MAX_LISTENERS, QUEUE_LENGTH, EventHub, Subscription
from shimlet_host.model import (
    LOCAL,
    NeighborLists,
    NodeInfo,
    NodeTotals,
    PeerMark,
    PeerStatus,
    PendingStatus,
    StoredMessage,
    StoreError,
)

NEIGHBOR = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"


class QuietNode:
    """A node that counts what it is asked."""

    def __init__(self) -> None:
        self.hub = EventHub()
        self.now = 1_700_000_000.0
        self.stored: list[StoredMessage] = []
        self.asked = {"peers": 0, "neighbors": 0, "messages": 0}
        self.broken_store = False

    def clock(self) -> float:
        return self.now

    def say(self, data: bytes, source: str = NEIGHBOR) -> None:
        """A message comes."""
        number = len(self.stored)
        message = StoredMessage(number.to_bytes(32, "big"), data, self.now, source)
        self.stored.append(message)
        self.hub.publish("message", message, len(data))

    def peers(self) -> list[PeerStatus]:
        self.asked["peers"] += 1
        return []

    def pending(self) -> list[PendingStatus]:
        return []

    def neighbors(self, *, known: bool) -> NeighborLists:
        self.asked["neighbors"] += 1
        return NeighborLists()

    def messages(self, limit: int) -> list[StoredMessage]:
        self.asked["messages"] += 1
        if self.broken_store:
            raise StoreError("The disk is full.")
        return self.stored[::-1][:limit]

    def info(self) -> NodeInfo:
        return NodeInfo(bytes(32), bytes(32), "1.2.3", "spec", "0.0.0.0:14666", 60.0)

    def totals(self) -> NodeTotals:
        return NodeTotals()

    def unready(self) -> str:
        return ""

    def subscribe(self) -> Subscription:
        return self.hub.subscribe()

    def add_peers(self, entries: Sequence[PeerEntry]) -> None: ...

    def remove_peers(self, public_keys: list[bytes]) -> None: ...

    def mark_peers(self, marks: list[PeerMark]) -> None: ...

    def publish(self, data: bytes) -> bytes:
        return b""


@pytest.fixture
def node() -> QuietNode:
    return QuietNode()


@pytest.fixture
def watch(node: QuietNode) -> Watch:
    return Watch(node, node.clock)


def test_without_a_page_nobody_listens_and_nothing_is_asked(node: QuietNode, watch: Watch) -> None:
    node.say(b"hello")
    assert len(node.hub) == 0
    assert set(node.asked.values()) == {0}


def test_all_pages_share_one_look_and_one_subscription(node: QuietNode, watch: Watch) -> None:
    for _ in range(5):
        watch.open()
    views = [watch.look() for _ in range(5)]
    assert all(view is views[0] for view in views)
    assert (len(node.hub), node.asked["peers"], node.asked["messages"]) == (1, 1, 1)
    node.now += REFRESH_S
    assert watch.look() is not views[0]


def test_what_takes_long_is_asked_seldom(node: QuietNode, watch: Watch) -> None:
    watch.open()
    for _ in range(10):
        watch.look()
        node.now += REFRESH_S
    assert node.asked["peers"] == 10
    assert node.asked["neighbors"] == 10 * REFRESH_S / SLOW_REFRESH_S


def test_a_change_of_the_operator_is_seen_at_once(node: QuietNode, watch: Watch) -> None:
    watch.open()
    first = watch.look()
    assert watch.look_again() is not first


def test_the_last_page_takes_everything_with_it(node: QuietNode, watch: Watch) -> None:
    watch.open()
    watch.open()
    node.say(b'{"value": 1}')
    assert watch.look().messages and watch.look().series
    watch.close()
    assert len(node.hub) == 1
    watch.close()
    assert len(node.hub) == 0
    node.stored.clear()
    watch.open()
    view = watch.look()
    assert not view.messages and not view.series
    assert sum(rate.received for rate in view.rates) == 0


def test_a_page_begins_with_what_is_stored(node: QuietNode, watch: Watch) -> None:
    for number in range(FIRST_MESSAGES + 10):
        node.say(json.dumps({"value": number}).encode())
    watch.open()
    view = watch.look()
    assert [message.text for message in view.messages[:2]] == [
        json.dumps({"value": FIRST_MESSAGES + 9}),
        json.dumps({"value": FIRST_MESSAGES + 8}),
    ]
    assert len(view.messages) == SHOWN_MESSAGES
    assert view.series[0].points[-1][1] == FIRST_MESSAGES + 9


def test_messages_are_counted_by_who_wrote_them(node: QuietNode, watch: Watch) -> None:
    watch.open()
    node.say(b"a")
    node.say(b"b")
    node.say(b"c", LOCAL)
    last = watch.look().rates[-1]
    assert (last.received, last.published) == (0.2, 0.1)


def test_a_flood_is_bounded_and_what_is_missed_is_told(node: QuietNode, watch: Watch) -> None:
    watch.open()
    for _ in range(QUEUE_LENGTH + 44):
        node.say(b"x")
    view = watch.look()
    assert (len(view.messages), view.missed) == (SHOWN_MESSAGES, 44)


def test_messages_are_shown_as_short_text_or_hex(node: QuietNode, watch: Watch) -> None:
    watch.open()
    node.say(b"\x00\xff\x10")
    node.say("ä".encode() * 2000)
    node.say(b"<script>alert(1)</script>\n\x1b[2J")
    script, long, binary = watch.look().messages
    assert script.text == "<script>alert(1)</script> ·[2J"
    assert long.text == "ä" * (LONGEST_TEXT - 1) + "…"
    assert (binary.text, binary.size) == ("00 ff 10", 3)


def test_a_broken_store_and_a_full_hub_are_told_and_the_rest_is_shown(
    node: QuietNode, watch: Watch
) -> None:
    node.broken_store = True
    watch.open()
    assert watch.look().trouble == "The disk is full."
    watch.close()
    node.broken_store = False
    for _ in range(MAX_LISTENERS):
        node.hub.subscribe()
    watch.open()
    assert watch.look().trouble.startswith("Messages are not shown as they come. 32 event")
