"""The event stream: messages, changes of peers and of neighbors as server-sent events.

In: a Subscription of the node. Out: text for one client, with a comment when nothing happens, so
that a dead connection is noticed. It ends when the node stops or the client goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from shimlet_host.events import Event, Subscription
from shimlet_host.model import NeighborChange, PeerStatus, StoredMessage
from shimlet_host.web.shapes import MessageShape, NeighborChangeShape, PeerShape

HEARTBEAT_S = 15.0


class EventStream(StreamingResponse):
    """The answer to one client; gives its place back also when the stream never began."""

    media_type = "text/event-stream"

    def __init__(self, news: Subscription) -> None:
        headers = {"Cache-Control": "no-store"}
        super().__init__(event_text_of(news), headers=headers)
        self._news = news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._news.close()


async def event_text_of(news: Subscription) -> AsyncIterator[str]:
    """The text of the stream, one event a piece."""
    reported = 0
    yield ": open\n\n"
    while (event := await _next(news)) is not None:
        if news.dropped > reported:
            reported = news.dropped
            yield f'event: dropped\ndata: {{"dropped": {reported}}}\n\n'
        yield event


async def _next(news: Subscription) -> str | None:
    """The next piece of text, or None at the end."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return event_text(await anext(news))
    except TimeoutError:
        return ": nothing new\n\n"
    except StopAsyncIteration:
        return None


def event_text(event: Event) -> str:
    """One event as the browser's EventSource reads it."""
    record = event.record
    if isinstance(record, StoredMessage):
        data = MessageShape.of(record).model_dump_json()
    elif isinstance(record, PeerStatus):
        data = PeerShape.of(record).model_dump_json()
    elif isinstance(record, NeighborChange):
        data = NeighborChangeShape.of(record).model_dump_json()
    else:
        raise TypeError(f"no event has a record of {type(record).__name__}")
    return f"event: {event.kind}\ndata: {data}\n\n"
