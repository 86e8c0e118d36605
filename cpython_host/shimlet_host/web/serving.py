"""The web server inside the node's own event loop.

In: an app and an address. Out: a `WebServer`: `listen` takes the port or says which one is taken,
`start` returns when requests are answered, `stop` ends within 3 s whatever clients do. Signals
stay with the node. Event streams end when the node closes its hub, which it does first.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from shimlet_host.config import Address
from shimlet_host.model import ServeError
from shimlet_host.web.connections import ClientConnection
from shimlet_host.web.stalls import cut_stalled

GRACE_S = 2  # for requests that are being answered; then they are cut
STOP_S = 3.0
KEEP_ALIVE_S = 10
BACKLOG = 64
MAX_SOCKET_MESSAGE = 64 * 1024  # bytes; a page of the dashboard sends clicks and short texts


class _Server(uvicorn.Server):
    """Leaves signals to the node."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """Serves one app on one address; `sockets`: WebSockets, too, which the dashboard needs."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, sockets: bool = False) -> None:
        self.address = Address(host, port)  # with the real port after `listen`
        config = uvicorn.Config(
            app,
            http=ClientConnection,
            log_config=None,  # logs.py has set it up
            access_log=False,
            lifespan="off",
            ws="wsproto" if sockets else "none",
            ws_max_size=MAX_SOCKET_MESSAGE,
            ws_per_message_deflate=False,  # it would hold up packets, and take memory for a page
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where a client on this machine finds the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address.host, self.address.host)
        return f"http://{Address(host, self.address.port)}"

    def listen(self) -> None:
        """Takes the port. Raises ServeError, which names the address."""
        self._socket = _bind(self.address)
        self.address = Address(self.address.host, self._socket.getsockname()[1])

    async def start(self) -> None:
        """Returns when requests are answered. Raises ServeError."""
        if self._socket is None:
            self.listen()
        assert self._socket is not None
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                raise ServeError(f"The web API did not start on {self.address}.")
            await asyncio.sleep(0.005)
        self._watch = asyncio.create_task(cut_stalled(self._transports))

    def _transports(self) -> list[asyncio.Transport]:
        """Of all connections, also of those that are WebSockets by now."""
        return [connection.transport for connection in self._server.server_state.connections]

    async def stop(self) -> None:
        """Ends the server and all its connections within STOP_S; safe to call twice."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._task is not None:
            self._server.should_exit = True
            _, unfinished = await asyncio.wait({self._task}, timeout=STOP_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _bind(address: Address) -> socket.socket:
    """A listening socket, or a sentence."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise ServeError(
            f"The web API cannot listen on {address}: {error.strerror}. Correct"
            " webapi.bindAddress."
        ) from error
    family, kind, protocol, _, target = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" takes IPv4, too, whatever this machine's default is
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
        listener.bind(target)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ServeError(
            f"The web API cannot listen on {address}: {error.strerror}. Stop the program that has"
            " this address, or set webapi.bindAddress."
        ) from error
    return listener
