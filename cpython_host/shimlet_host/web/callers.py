"""Refuses callers that must not, before any route sees them: HTTP and WebSocket alike.

In: a request. Out: the app's answer; or 403 for a web page of another site, 401 without the
secret that is needed, 429 for too many requests. A page of another site is one that says so by
its Origin, or one whose site took our address by a DNS answer of its own, and so calls us by a
domain name. Called by uvicorn, through `create_app`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shimlet_host.web.access import CHALLENGE, Access, same_site
from shimlet_host.web.errors import error_answer
from shimlet_host.web.rates import Rates, is_loopback

# Of callers from elsewhere: a dashboard with its pictures at once, and plenty after that.
REQUESTS_PER_S, REQUESTS_AT_ONCE = 50.0, 200
# Wrong passwords of one source, wherever it is.
WRONG_PER_S, WRONG_AT_ONCE = 0.2, 10

NEEDS_SECRET = (
    "This needs the node's token: it is in webapi.token of the data folder, and goes into the"
    " header Authorization: Bearer TOKEN, or is the password in a browser."
)
WRONG_SECRET = (
    "The token or the password is wrong: the token is in webapi.token of the data folder."
)


class Refusal(NamedTuple):
    """What a caller is told instead of an answer."""

    status: int
    sentence: str
    headers: dict[str, str] | None = None


class Callers:
    """`clock` gives monotonic seconds."""

    def __init__(
        self, app: ASGIApp, access: Access, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._access = access
        self._clock = clock
        self._requests = Rates(REQUESTS_PER_S, REQUESTS_AT_ONCE)
        self._wrong = Rates(WRONG_PER_S, WRONG_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._site(headers) or self._rate(scope) or self._secret(scope, headers)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _refuse(refusal, scope, receive, send)

    def _site(self, headers: Headers) -> Refusal | None:
        host = headers.get("host")
        if not same_site(headers.get("origin"), host):
            return Refusal(403, "A web page of another site may not use this API.")
        if not self._access.takes_host(host or ""):
            return Refusal(
                403,
                "Call this API by an IP address, by localhost, or by a name that is listed in"
                " webapi.hosts.",
            )
        return None

    def _rate(self, scope: Scope) -> Refusal | None:
        source = _source(scope)
        if is_loopback(source) or self._requests.take(source, self._clock()):
            return None
        return Refusal(429, "Too many requests from this address.", {"Retry-After": "1"})

    def _secret(self, scope: Scope, headers: Headers) -> Refusal | None:
        access = self._access
        if not access.needed(scope.get("method", ""), scope["path"]):
            return None
        given = headers.get("authorization", "")
        if access.has_token(given):
            return None
        if not given:
            return Refusal(401, NEEDS_SECRET, {"WWW-Authenticate": CHALLENGE})
        source, now = _source(scope), self._clock()
        if self._wrong.left(source, now) < 1:
            return Refusal(429, "Too many wrong passwords: wait a minute.", {"Retry-After": "60"})
        if access.has_password(given):
            return None
        self._wrong.take(source, now)
        return Refusal(401, WRONG_SECRET, {"WWW-Authenticate": CHALLENGE})


def _source(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the wish to connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})  # the server makes it a 403
            return
    answer = error_answer(refusal.status, refusal.sentence, refusal.headers)
    await answer(scope, receive, send)
