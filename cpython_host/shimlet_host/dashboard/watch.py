"""The node as all open pages see it: looked at once a second for all of them, and only while there
is one.

In: the node, as NodeApi. Out: a `View`. Between two looks nothing happens here: news wait in the
node's own bounded queue, so a packet costs the same with and without a page. With no page there is
no subscription, and nothing is kept. Called by the pages, on the node's event loop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shimlet.identity import base58_encode

from shimlet_host.dashboard.rates import Rate, Rates
from shimlet_host.dashboard.readings import Readings, Series
from shimlet_host.dashboard.words import printable
from shimlet_host.events import Subscription, TooManyListeners
from shimlet_host.model import (
    LOCAL,
    NeighborLists,
    NodeApi,
    NodeInfo,
    PeerStatus,
    PendingStatus,
    StoredMessage,
    StoreError,
)

REFRESH_S = 1.0
SLOW_REFRESH_S = 5.0  # of what changes rarely and takes long to list: 1,000 verified peers
SHOWN_MESSAGES = 40  # more than a screen; the web API has the rest
FIRST_MESSAGES = 200  # looked at for the charts when a page opens: half an hour of a board
LONGEST_TEXT = 240  # characters of a message that are shown


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """What is shown of a message; `source` is a base58 key or LOCAL."""

    id: str
    text: str
    size: int  # bytes
    received: float
    source: str


@dataclass(frozen=True, slots=True)
class View:
    """The node at one moment."""

    now: float  # unix seconds
    info: NodeInfo
    started: float
    unready: str
    peers: Sequence[PeerStatus]
    pending: Sequence[PendingStatus]
    neighbors: NeighborLists
    messages: Sequence[SeenMessage]  # newest first
    rates: Sequence[Rate]
    series: Sequence[Series]
    missed: int  # news that came faster than they were taken
    trouble: str  # why something is not shown, "" if all is


class Watch:
    """Counts the pages, and looks for them. `clock` gives unix seconds."""

    def __init__(self, node: NodeApi, clock: Callable[[], float] = time.time) -> None:
        self.node = node
        self._clock = clock
        self._pages = 0
        self._news: Subscription | None = None
        self._forget()

    def _forget(self) -> None:
        self._view: View | None = None
        self._slow_until = 0.0
        self._trouble = ""
        self._messages: deque[SeenMessage] = deque(maxlen=SHOWN_MESSAGES)
        self._rates = Rates()
        self._readings = Readings()

    def open(self) -> None:
        """A page is there; the first one begins the watch."""
        self._pages += 1
        if self._pages == 1:
            self._remember()
            self._subscribe()

    def close(self) -> None:
        """A page is gone; with the last one all that it was shown goes, too."""
        self._pages -= 1
        if self._pages == 0:
            if self._news is not None:
                self._news.close()
            self._news = None
            self._forget()

    def _remember(self) -> None:
        """What came before: the charts do not begin empty."""
        try:
            for message in reversed(self.node.messages(FIRST_MESSAGES)):
                self._take(message)
        except StoreError as error:
            self._trouble = str(error)

    def _subscribe(self) -> None:
        try:
            self._news = self.node.subscribe()
        except TooManyListeners as error:
            self._trouble = f"Messages are not shown as they come. {error}"

    def look(self) -> View:
        """How the node stands now, or stood a moment ago for another page."""
        now = self._clock()
        view = self._view
        if view is None or not 0 <= now - view.now < REFRESH_S / 2:
            view = self._view = self._look(now)
        return view

    def look_again(self) -> View:
        """The same after a change that must be seen at once."""
        self._view = None
        return self.look()

    def _look(self, now: float) -> View:
        self._hear()
        if now >= self._slow_until or self._slow_until > now + SLOW_REFRESH_S:
            self._slow_until = now + SLOW_REFRESH_S
            self._info = self.node.info()
            self._neighbors = self.node.neighbors(known=True)
        return View(
            now=now,
            info=self._info,
            started=now - self._info.uptime_s,
            unready=self.node.unready(),
            peers=self.node.peers(),
            pending=self.node.pending(),
            neighbors=self._neighbors,
            messages=tuple(reversed(self._messages)),
            rates=self._rates.rows(now),
            series=self._readings.series(),
            missed=self._news.dropped if self._news else 0,
            trouble=self._trouble,
        )

    def _hear(self) -> None:
        """What happened since the last look."""
        if self._news is None:
            return
        for event in self._news.drain():
            if isinstance(event.record, StoredMessage):
                self._take(event.record)

    def _take(self, message: StoredMessage) -> None:
        own = message.source == LOCAL
        self._rates.add(message.received, own=own)
        self._readings.add(message.source, message.data, message.received)
        self._messages.append(_seen(message))


def _seen(message: StoredMessage) -> SeenMessage:
    """UTF-8 as text, else the bytes in hex."""
    head = message.data[: 4 * LONGEST_TEXT]  # no character has more bytes
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        cut = len(message.data) > len(head) and error.start > len(head) - 4
        text = head[: error.start].decode() if cut else head.hex(" ")
    return SeenMessage(
        id=base58_encode(message.message_id),
        text=printable(text, LONGEST_TEXT),
        size=len(message.data),
        received=message.received,
        source=message.source,
    )
