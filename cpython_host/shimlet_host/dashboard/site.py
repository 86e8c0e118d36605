"""NiceGUI below the door: its life, its bounds, and what of it can be asked for.

In: the node, as NodeApi, and ASGI requests below /dashboard. Out: the page, NiceGUI's assets and
its socket; 404 for all else, 503 for one page too many. NiceGUI is one for the whole process, and
so is this. It gets no storage, no pool of processes and no log handler of its own, and it leaves
signals and the event loop alone. Made by door.py, which imports this on demand.
"""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from nicegui import Client, app, core, run, ui
from nicegui.version import __version__ as nicegui_version
from starlette.types import Receive, Scope, Send

from shimlet_host.dashboard.page import FAVICON, Page
from shimlet_host.dashboard.watch import Watch
from shimlet_host.model import NodeApi
from shimlet_host.web.errors import error_answer

MAX_PAGES = 16  # open at once: each takes about 1 MB here, and 4 ms of CPU every second
MESSAGE_HISTORY = 60  # updates kept for a page that reconnects: it has RECONNECT_S, one a second
RECONNECT_S = 5.0  # a phone that changes its network; then the page is forgotten
TOO_MANY = f"{MAX_PAGES} pages of the dashboard are open, which is the limit; close one first."

_ASSETS = tuple(
    f"/_nicegui/{nicegui_version}/{kind}/"
    for kind in ("static", "libraries", "components", "resources", "esm")
)
_SOCKET = "/_nicegui_ws/"


class Site:
    """All of the dashboard but its door."""

    def __init__(self, node: NodeApi) -> None:
        self._watch = Watch(node)
        self._shell = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        self._life: AbstractAsyncContextManager[object] | None = None
        ui.page("/")(self._open_page)
        ui.run_with(
            self._shell,
            title="Shimlet",
            viewport="width=device-width, initial-scale=1",
            favicon=FAVICON,
            dark=None,
            binding_refresh_interval=None,
            reconnect_timeout=RECONNECT_S,
            message_history_length=MESSAGE_HISTORY,
            gzip_middleware_factory=None,  # compressing a megabyte would hold up packets
            tailwind=False,
            show_welcome_message=False,
        )
        _be_quiet()

    def _open_page(self) -> None:
        Page(self._watch).build()

    async def start(self) -> None:
        """Begin what NiceGUI does beside requests."""
        # Never used; every other way of starting processes would start one that watches them.
        run.process_pool_start_method = "fork"
        self._life = app.router.lifespan_context(app)
        await self._life.__aenter__()

    async def stop(self) -> None:
        """End it; pages that are open lose their connection."""
        if self._life is not None:
            await self._life.__aexit__(None, None, None)
            await core.sio.shutdown()
            self._life = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == "/":
            if not _has_room():
                await error_answer(503, TOO_MANY)(scope, receive, send)
                return
        elif not path.startswith((*_ASSETS, _SOCKET)):
            text = f"There is nothing at {scope['path']}; the dashboard is at /dashboard/."
            await error_answer(404, text)(scope, receive, send)
            return
        await self._shell(scope, receive, send)


def _has_room() -> bool:
    """Whether one page more may open; who asked for one and never connected makes room for it."""
    unused = sorted(
        (page for page in Client.instances.values() if page.environ is None),
        key=lambda page: page.created,
    )
    while len(Client.instances) >= MAX_PAGES and unused:
        unused.pop(0).delete()
    return len(Client.instances) < MAX_PAGES


def _be_quiet() -> None:
    """What socket.io has to say goes to the node's log, once."""
    for name in ("socketio", "socketio.server", "engineio", "engineio.server"):
        logging.getLogger(name).handlers.clear()
