"""News of the node for any number of slow listeners, in bounded memory.

In: `EventHub.publish`, called by the node for each message and each change of a peer. Out: one
`Subscription` a listener, an async iterator that ends when the hub closes. A listener that reads
too slowly loses its oldest news, and the loss is counted: the node never waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType

MAX_LISTENERS = 32
QUEUE_LENGTH = 256  # news kept for one listener
QUEUE_BYTES = 4 * 1024 * 1024  # of message data; 256 messages of 65 KiB would be four times that


class TooManyListeners(Exception):
    """The hub is full; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news: `record` is a StoredMessage ("message"), a PeerStatus ("peer") or a
    NeighborChange ("neighbor").
    """

    kind: str
    record: object
    size: int = 0  # bytes that it holds on to, for the bound of the queues


class Subscription:
    """The news of one listener. Use it with `async with`, or call `close`."""

    def __init__(self, hub: EventHub) -> None:
        self.dropped = 0
        self._hub = hub
        self._queue: deque[Event] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._take()

    def drain(self) -> list[Event]:
        """All that is queued, without waiting, for a listener that looks now and then."""
        return [self._take() for _ in range(len(self._queue))]

    def close(self) -> None:
        """Ends the iteration once what is queued has been read, and frees the place in the hub."""
        self._closed = True
        self._wake.set()
        self._hub.forget(self)

    def offer(self, event: Event) -> None:
        """Queues an event; the oldest ones make room for it."""
        self._queue.append(event)
        self._bytes += event.size
        while len(self._queue) > QUEUE_LENGTH or (
            self._bytes > QUEUE_BYTES and len(self._queue) > 1
        ):
            self._take()
            self.dropped += 1
            self._hub.dropped += 1
        self._wake.set()

    def _take(self) -> Event:
        event = self._queue.popleft()
        self._bytes -= event.size
        return event


class EventHub:
    """Hands each event to every listener."""

    def __init__(self) -> None:
        self.dropped = 0  # over all listeners, since the start
        self._listeners: list[Subscription] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    def subscribe(self) -> Subscription:
        """A new listener. Raises TooManyListeners when the hub is full or closed."""
        if self._closed:
            raise TooManyListeners("The node is stopping; no event stream is opened any more.")
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners(
                f"{MAX_LISTENERS} event streams are open, which is the limit; close one first."
            )
        listener = Subscription(self)
        self._listeners.append(listener)
        return listener

    def publish(self, kind: str, record: object, size: int = 0) -> None:
        """Tells every listener; never waits. `size`: bytes of data that the record holds."""
        event = Event(kind, record, size)
        for listener in self._listeners:
            listener.offer(event)

    def forget(self, listener: Subscription) -> None:
        """Called by a listener that closes."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self) -> None:
        """Ends every stream: called when the node stops, before the web server does."""
        self._closed = True
        for listener in list(self._listeners):
            listener.close()
