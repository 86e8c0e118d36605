"""Clients that ask and do not read are cut; those that are slow, or have nothing to read, stay."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from host.auto_nodes import eventually
from host.test_web_connections import PATIENCE_S, connect, serve
from shimlet_host.web import WebServer, stalls
from shimlet_host.web.stalls import LOOK_S, STALL_S, Stalls, _taken
from starlette.types import Receive, Scope, Send

FULL = 64 * 1024 * 1024  # bytes: more than all buffers between two programs on a machine


class Pretend:
    """A transport whose kernel tells what a test says."""

    def __init__(self, unsent: int, taken: int | None = 0) -> None:
        self.unsent = unsent
        self.taken = taken  # None: the kernel does not tell
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str) -> Any:
        if name == "peername":
            return "192.0.2.1", 1
        return SimpleNamespace(getsockopt=self._info, setsockopt=lambda *words: None)

    def _info(self, level: int, option: int, size: int) -> bytes:
        if self.taken is None:
            raise OSError("no such option")
        return bytes(size - 8) + self.taken.to_bytes(8, "little")

    def abort(self) -> None:
        self.aborted = True


class Looked:
    """Looks at one transport every LOOK_S, as long as a test likes."""

    def __init__(self, transport: Pretend) -> None:
        self.transport = transport
        self._stalls = Stalls()
        self._now = 0.0

    def after(self, seconds: float) -> bool:
        """Whether it was cut."""
        end = self._now + seconds
        while self._now < end and not self.transport.aborted:
            self._stalls.look([self.transport], self._now)  # type: ignore[list-item]
            self._now += LOOK_S
        return self.transport.aborted


@pytest.mark.parametrize("taken", [0, 1000, None])
def test_an_answer_that_stands_still_is_cut(taken: int | None) -> None:
    looked = Looked(Pretend(70_000, taken))
    assert not looked.after(STALL_S)
    assert looked.after(LOOK_S + 1)


def test_what_is_added_to_an_answer_that_nobody_reads_is_no_progress() -> None:
    looked = Looked(Pretend(1000))
    for _ in range(int(STALL_S / LOOK_S)):
        assert not looked.after(LOOK_S)
        looked.transport.unsent += 15  # a heartbeat of an event stream
    assert looked.after(LOOK_S + 1)


@pytest.mark.parametrize("taken", [0, None])
def test_an_answer_that_gets_shorter_is_slow_and_stays(taken: int | None) -> None:
    looked = Looked(Pretend(70_000, taken))
    for _ in range(20):
        assert not looked.after(STALL_S - LOOK_S)
        looked.transport.unsent -= 1


def test_who_takes_less_than_comes_stays() -> None:
    looked = Looked(Pretend(1000, 5000))
    for _ in range(20):
        assert not looked.after(STALL_S - LOOK_S)
        looked.transport.unsent += 10
        assert looked.transport.taken is not None
        looked.transport.taken += 1


def test_who_has_nothing_to_read_stays() -> None:
    looked = Looked(Pretend(0))
    assert not looked.after(100 * STALL_S)
    looked.transport.unsent = 70_000
    assert not looked.after(STALL_S)


def test_connections_that_ended_are_forgotten() -> None:
    stalled = Stalls()
    for number in range(1000):
        stalled.look([Pretend(1)], float(number))  # type: ignore[list-item]
    assert len(stalled._answers) == 1


# Real sockets


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stalls, "STALL_S", 0.5)
    monkeypatch.setattr(stalls, "LOOK_S", 0.05)
    yield


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """An app whose answers are FULL, over HTTP and WebSockets."""
    piece = bytes(1024 * 1024)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(FULL // len(piece)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        with suppress(OSError):
            while True:
                await send({"type": "websocket.send", "bytes": piece})


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n"
)


@pytest.mark.parametrize("request_head", [GET, GET + UPGRADE], ids=["http", "websocket"])
def test_who_asks_and_does_not_read_is_cut(request_head: bytes, impatient: None) -> None:
    async def conversation(server: WebServer) -> None:
        with socket.create_connection(server.address) as client:
            client.sendall(request_head + b"\r\n")
            await eventually(lambda: len(server._transports()) == 1, "it does not come")
            await eventually(lambda: not server._transports(), "it is not cut")
            client.settimeout(PATIENCE_S)
            with pytest.raises(ConnectionResetError):
                while client.recv(1 << 20):  # what had arrived is there
                    pass

    serve(conversation, large)


def test_the_kernel_tells_how_much_has_arrived() -> None:
    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        await eventually(lambda: len(server._transports()) == 1, "it does not come")
        (transport,) = server._transports()
        before = _taken(transport)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readuntil(b'ok"}')
        arrived = before + len(answer)
        await eventually(lambda: _taken(transport) == arrived, "the kernel does not tell")
        writer.close()

    serve(conversation)


async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that has nothing to say to a WebSocket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


async def assert_stays(reader: asyncio.StreamReader) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):  # three times as long as an answer may stand still
            while await reader.read(100):
                pass


def test_a_websocket_may_be_quiet(impatient: None) -> None:
    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        writer.write(GET + UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await assert_stays(reader)
        writer.close()

    serve(conversation, quiet)


def test_an_event_stream_may_be_quiet(impatient: None) -> None:
    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b": open\n\n")
        await assert_stays(reader)
        writer.close()

    serve(conversation)
