"""What surrounds every request, in plain ASGI: bodies are bounded, faults contained, and HEAD is
answered like GET.

In: a request. Out: the app's answer; or 413 for a large body, 408 for a slow one, 500 for a fault
of ours. Who may call at all is up to `callers.py`. Called by uvicorn, through `create_app`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shimlet_host.web.errors import OWN_FAULT, error_answer

MAX_BODY = 1024 * 1024  # bytes; the largest message takes 400 KB when JSON escapes all of it
# A client that is told 413 while it still sends may lose the answer, so this much is read and
# thrown away first.
MAX_THROWN_AWAY = 8 * 1024 * 1024
BODY_TIMEOUT_S = 10.0
ENDLESS = "/events"  # a GET that ends only when the client goes: of this HEAD gets 405

log = structlog.get_logger()


class FaultBoundary:
    """A fault of ours is logged with its trace and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:
            log.error("a web request failed", path=scope["path"], exc_info=error)
            if not started:
                await error_answer(500, OWN_FAULT)(scope, receive, send)


class HeadAsGet:
    """What watches nodes often asks by HEAD. uvicorn leaves the body of such an answer out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] != ENDLESS:
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class BoundedBody:
    """Reads the whole body before the app runs, so that no route meets a large or endless one."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                parts, size, complete = await self._read(scope, receive)
        except TimeoutError:
            text = f"The body was not complete after {BODY_TIMEOUT_S:g} seconds."
            await error_answer(408, text, {"Connection": "close"})(scope, receive, send)
            return
        if size > self._limit:
            text = f"The body is too large; at most {self._limit} bytes are taken."
            await error_answer(413, text, {"Connection": "close"})(scope, receive, send)
        elif complete:  # else the client has gone
            await self._app(scope, _replay(parts, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> tuple[Sequence[bytes], int, bool]:
        """The parts of the body, how many bytes came, and whether it came to its end."""
        headers = Headers(scope=scope)
        announced = _length(headers)
        if announced > self._limit and (announced > MAX_THROWN_AWAY or "expect" in headers):
            return [], announced, False
        parts: list[bytes] = []
        size = 0
        while size <= MAX_THROWN_AWAY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return [], size, False
            size += len(message.get("body", b""))
            if size <= self._limit:
                parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return parts, size, True
        return [], size, False


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdecimal() else 0


def _replay(parts: Sequence[bytes], receive: Receive) -> Receive:
    """A `receive` that hands out the body once more, and then what really happens."""
    body: bytes | None = b"".join(parts)

    async def replayed() -> Message:
        nonlocal body
        if body is None:
            return await receive()
        message = {"type": "http.request", "body": body, "more_body": False}
        body = None
        return message

    return replayed
