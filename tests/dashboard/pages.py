"""The dashboard without a browser: pages as NiceGUI's own script opens them, and bare requests.

In: the URL of a node. Out: `open_page`, a page with its socket; `upgrade`, the status of a wish
for a WebSocket with any headers.
"""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlencode, urlsplit

import httpx
import socketio

PATIENCE_S = 30.0
SOCKET = "/dashboard/_nicegui_ws/socket.io/"
# The key of a WebSocket's handshake is any 16 bytes.
_UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
_UPGRADE += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def upgrade(url: str, **headers: str) -> int:
    """The status of the answer; 101 is a WebSocket. In names "_" stands for "-"."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    given = {"Host": parts.netloc} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    target = f"{SOCKET}?EIO=4&transport=websocket"
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\n{lines}{_UPGRADE}\r\n".encode())
        return int(connection.recv(64).split()[1])


@asynccontextmanager
async def open_page(url: str, transport: str = "websocket") -> AsyncIterator[list[object]]:
    """A page and its socket, until the end of the block; what the node has sent to it."""
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        answer = await client.get(f"{url}/dashboard/")
    answer.raise_for_status()
    found = re.search(r"client_id': '([0-9a-f-]+)'", answer.text)
    assert found is not None, answer.text[:500]
    query = {
        "client_id": found[1],
        "next_message_id": 0,
        "implicit_handshake": "true",
        "document_id": str(uuid.uuid4()),
        "tab_id": str(uuid.uuid4()),
    }
    heard: list[object] = []
    browser = socketio.AsyncClient(reconnection=False)
    browser.on("update", heard.append)
    await browser.connect(
        f"{url}/?{urlencode(query)}",
        socketio_path=SOCKET,
        transports=[transport],
        wait_timeout=PATIENCE_S,
    )
    try:
        yield heard
    finally:
        await browser.disconnect()


@contextmanager
def as_started_by_hand() -> Iterator[None]:
    """NiceGUI behaves differently in what it takes for its own tests."""
    name = "PYTEST_CURRENT_TEST"
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value
