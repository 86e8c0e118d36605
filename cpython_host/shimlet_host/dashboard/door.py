"""The door of the dashboard: what stands at / and below /dashboard, whether there is one or not.

In: requests that `web/callers.py` has let through. Out: the page, its assets and its socket; or a
sentence where there is no dashboard. The first request loads the rest, on a thread of its own, so
that packets go on. Added to the web API's app by service.py, and stopped by it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from shimlet_host.background import in_background
from shimlet_host.model import NodeApi
from shimlet_host.web.errors import error_answer

if TYPE_CHECKING:
    from shimlet_host.dashboard.site import Site

PREFIX = "/dashboard"
NOT_INSTALLED = (
    "The dashboard is not installed: pip install 'shimlet[dashboard]', and restart the node. The"
    " web API is there: see /docs."
)
SWITCHED_OFF = (
    "The dashboard is switched off: set dashboard.enabled to true, and restart the node. The web"
    " API is there: see /docs."
)
NOT_LOADED = "The dashboard could not be loaded; the node's log says why."
NO_FRAMES = "A page of another site may not use the dashboard; open it by its address."

# All that a page loads comes from the node, and no other page shows it in a frame. Vue makes its
# components from text, which needs 'unsafe-eval'; NiceGUI writes scripts and styles into the page.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log = structlog.get_logger()


class Dashboard:
    """An ASGI app below PREFIX."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node
        self._loading: asyncio.Task[Site | None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _from_elsewhere(Headers(scope=scope)):
            await error_answer(403, NO_FRAMES)(scope, receive, send)
            return
        site = await self._site()
        if site is None:
            await _refuse(NOT_LOADED, scope, receive, send)
        else:
            await site(scope, receive, _with_headers(send))

    async def _site(self) -> Site | None:
        """Everything behind the door, made once; None if that failed."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> Site | None:
        try:
            module = await in_background(_site_module, "dashboard-import")
            site: Site = module.Site(self._node)
            await site.start()
            gc.freeze()  # as in service.py: another 25 ms
        except Exception as error:
            log.error("the dashboard could not be loaded", exc_info=error)
            return None
        return site

    async def stop(self) -> None:
        """End what was begun; safe also if nothing was."""
        if self._loading is not None:
            site = await self._loading
            if site is not None:
                await site.stop()


def _site_module() -> ModuleType:
    return importlib.import_module("shimlet_host.dashboard.site")


def add_dashboard(app: FastAPI, node: NodeApi, *, enabled: bool) -> Dashboard | None:
    """Give the web API's app a dashboard, and a redirect to it from /.

    None if the config says no or NiceGUI is not installed: then / and /dashboard say so.
    """
    if enabled and importlib.util.find_spec("nicegui") is not None:
        dashboard = Dashboard(node)
        app.mount(PREFIX, dashboard)
        _answer(app, RedirectResponse(f"{PREFIX.lstrip('/')}/"), "/", PREFIX)
        return dashboard
    if enabled:
        log.info("there is no dashboard: pip install 'shimlet[dashboard]' brings it")
    sentence = NOT_INSTALLED if enabled else SWITCHED_OFF
    _answer(app, error_answer(404, sentence), "/", PREFIX, f"{PREFIX}/")
    return None


def _answer(app: FastAPI, answer: Response, *paths: str) -> None:
    async def same_for_all(request: Request) -> Response:
        return answer

    for path in paths:
        app.add_route(path, same_for_all, include_in_schema=False)


def _from_elsewhere(headers: Headers) -> bool:
    """Whether the browser says that a page of another site, or a frame, asks for this.

    A link to the dashboard may stand anywhere; pictures, frames and scripts may not.
    """
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return False
    return headers.get("sec-fetch-dest") != "document"


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return with_headers


async def _refuse(sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1011})
    else:
        await error_answer(503, sentence)(scope, receive, send)
