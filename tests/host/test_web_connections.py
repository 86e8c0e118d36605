"""Connections to the web API that are slow, silent, too many, or not HTTP at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
from host.test_web import RecordingNode
from shimlet_host.web import WebServer, connections, create_app
from starlette.types import ASGIApp

PATIENCE_S = 30
Talk = Callable[[WebServer], Awaitable[None]]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def serve(conversation: Talk, app: ASGIApp | None = None) -> None:
    """Runs a conversation with the web API, or with another app, over real sockets."""

    async def run() -> None:
        served = app or create_app(RecordingNode())
        server = WebServer(served, "127.0.0.1", 0, sockets=app is not None)
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await conversation(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def connect(server: WebServer) -> Stream:
    return await asyncio.open_connection(*server.address)


async def told(stream: Stream) -> tuple[int, dict[str, str]]:
    """Status and body of the answer that ends the connection."""
    answer = (await stream[0].read()).decode()
    stream[1].close()
    head, _, body = answer.partition("\r\n\r\n")
    assert "connection: close" in head.lower() and "application/json" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("piece", [b"GET /info HTTP/1.1\r\nHo", b"G"])
def test_a_head_that_never_ends_is_cut(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.3)

    async def conversation(server: WebServer) -> None:
        stream = await connect(server)
        stream[1].write(piece)
        assert await told(stream) == (408, {"error": connections.SLOW_HEAD})

    serve(conversation)


def test_a_head_that_drips_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.5)

    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b'ok"}')
        dripped = 0
        while not reader.at_eof() and dripped < 500:  # on the connection that was kept alive
            writer.write(b"G")
            dripped += 1
            try:
                async with asyncio.timeout(0.05):
                    assert b"408" in await reader.read(2000)
                    break
            except TimeoutError:
                pass
        assert dripped < 500
        writer.close()

    serve(conversation)


def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.3)

    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        assert await reader.read() == b""
        writer.close()

    serve(conversation)


def test_time_for_the_head_is_no_limit_for_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.6)

    async def conversation(server: WebServer) -> None:
        reader, writer = await connect(server)
        body = b'{"payload": "x"}'
        writer.write(b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n")
        await asyncio.sleep(1)
        writer.write(body)
        assert b"201 Created" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        stream = await connect(server)
        stream[1].write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        await stream[0].readuntil(b": open")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while await stream[0].read(100):
                    pass
        stream[1].close()

    serve(conversation)


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"hello\r\n\r\n", b"G" * 99_999]
)
def test_what_is_no_http_gets_a_sentence(nonsense: bytes) -> None:
    async def conversation(server: WebServer) -> None:
        stream = await connect(server)
        stream[1].write(nonsense)
        assert await told(stream) == (400, {"error": connections.NO_HTTP})

    serve(conversation)


def test_head_is_answered_as_get_without_the_body() -> None:
    async def answered(server: WebServer, method: str, path: str) -> tuple[str, str]:
        reader, writer = await connect(server)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return "\n".join(line for line in head.splitlines() if "date:" not in line), body

    async def conversation(server: WebServer) -> None:
        for path in ("/livez", "/readyz", "/nothing"):
            head, body = await answered(server, "GET", path)
            assert body and await answered(server, "HEAD", path) == (head, "")
        head, _ = await answered(server, "HEAD", "/events")
        assert head.startswith("HTTP/1.1 405")

    serve(conversation)


def test_too_many_connections_are_told_so_and_room_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(connections, "MAX_SOCKETS", 6)
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 10 * PATIENCE_S)

    async def conversation(server: WebServer) -> None:
        held = [await connect(server) for _ in range(4)]
        for method in (b"GET", b"POST"):
            stream = await connect(server)
            stream[1].write(
                method + b" /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            )
            assert await told(stream) == (503, {"error": connections.CROWDED})
        more = [await connect(server) for _ in range(3)]
        with suppress(ConnectionError):
            assert await more[-1][0].read() == b"", "closed, by a reset or without one"
        for _, writer in held + more:
            writer.close()
        async with httpx.AsyncClient(base_url=server.url) as client:
            for _ in range(1000):
                answer = await client.get("/livez")
                if answer.status_code != 503:
                    break
                await asyncio.sleep(0.01)
            assert answer.status_code == 200

    serve(conversation)
