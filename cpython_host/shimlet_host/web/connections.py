"""One connection of a client, below any request: bounded in number and in patience.

In: bytes of a socket, from uvicorn. Out: uvicorn's own handling of HTTP; or a refusal in the one
error model where uvicorn would wait for ever, or answer in another form: 400 for what is no HTTP,
408 for a head that does not come to its end, 503 when there are too many connections. Made by
uvicorn, for `serving.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import h11
import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from shimlet_host.web.errors import error_answer

MAX_CONNECTIONS = 128  # 32 event streams and plenty of room
MAX_SOCKETS = 2 * MAX_CONNECTIONS  # that many are told so; further ones are closed
HEAD_TIMEOUT_S = 10.0  # from its first byte, and for the first byte of a new connection

NO_HTTP = "This is not a request of HTTP/1.1."
SLOW_HEAD = "The head of the request was not complete in time."
CROWDED = "Too many connections are open: try again in a moment."

log = structlog.get_logger()


class ClientConnection(H11Protocol):
    """uvicorn's protocol with these limits."""

    _head_timer: asyncio.TimerHandle | None = None
    _crowded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MAX_SOCKETS:
            transport.abort()
        elif len(self.connections) > MAX_CONNECTIONS:
            self._crowded = True
            self.app = _tell_crowded

    def data_received(self, data: bytes) -> None:
        """Some bytes of one request, or of several."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._head_timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """A WebSocket counts like any other connection."""
        if self._crowded:
            self._refuse(503, CROWDED)
        else:
            super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """What came cannot be read."""
        host = self.client[0] if self.client else ""
        log.debug("a web client sent what is no HTTP", host=host)
        self._refuse(400, NO_HTTP)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._on_slow_head)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_slow_head(self) -> None:
        """Who began is told; who never said a word is not."""
        self._head_timer = None
        if self.conn.trailing_data[0]:
            self._refuse(408, SLOW_HEAD)
        else:
            self.transport.close()

    def _refuse(self, status: int, sentence: str) -> None:
        answer = error_answer(status, sentence, {"Connection": "close"})
        events: tuple[Any, ...] = (
            h11.Response(status_code=status, headers=answer.raw_headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        with suppress(h11.LocalProtocolError):  # an answer is on its way already
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


async def _tell_crowded(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Connection": "close", "Retry-After": "1"}
    await error_answer(503, CROWDED, headers)(scope, receive, send)
