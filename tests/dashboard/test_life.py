"""The life of a page: what it holds is bounded and goes with it, and the node stays as it is."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from dashboard.pages import PATIENCE_S, as_started_by_hand, open_page
from host.processes import NodeProcess, running
from host.test_web import RecordingNode
from shimlet_host.dashboard import add_dashboard
from shimlet_host.web import WebServer, create_app


async def until(condition: object, what: str) -> None:
    """Wait for what happens on this loop."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.02)


def test_a_page_that_closes_frees_everything_and_the_loop_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one process with the dashboard, to look inside; so it is the only test that does."""
    signals = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    root_handlers = list(logging.getLogger().handlers)
    asyncio.run(_check_freeing(monkeypatch))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == signals
    assert logging.getLogger().handlers == root_handlers
    for name in ("nicegui", "socketio.server", "engineio.server"):
        assert logging.getLogger(name).propagate and not logging.getLogger(name).handlers


async def _check_freeing(monkeypatch: pytest.MonkeyPatch) -> None:
    node = RecordingNode()
    app = create_app(node)
    dashboard = add_dashboard(app, node, enabled=True)
    assert dashboard is not None
    before = len(asyncio.all_tasks())
    server = WebServer(app, "127.0.0.1", 0, sockets=True)
    await server.start()
    handler = asyncio.get_running_loop().get_exception_handler()
    try:
        from shimlet_host.dashboard import site

        monkeypatch.setattr(site, "RECONNECT_S", 0.05)
        for transport in ("websocket", "polling"):
            async with open_page(server.url, transport) as heard:
                assert len(node.hub) == 1
                node.publish(b"a message while the page is open")
                await until(lambda heard=heard: "while the page is open" in str(heard), "no news")
            await until(lambda: len(node.hub) == 0, "the page's subscription stays")
            await until(lambda: not site.Client.instances, "the page stays")
        assert asyncio.get_running_loop().get_exception_handler() is handler
        assert asyncio.get_running_loop().slow_callback_duration == 0.1
    finally:
        await dashboard.stop()
        await server.stop()
    await until(lambda: len(asyncio.all_tasks()) <= before, "tasks are left")


@pytest.fixture
def node(tmp_path: Path) -> NodeProcess:
    return NodeProcess(tmp_path)


def test_pages_are_bounded_and_who_only_asks_takes_no_place(node: NodeProcess) -> None:
    from shimlet_host.dashboard.site import MAX_PAGES, TOO_MANY

    async def fill() -> None:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client, AsyncExitStack() as pages:
            url = f"{node.url}/dashboard/"
            for _ in range(MAX_PAGES + 4):
                assert (await client.get(url)).status_code == 200
            for _ in range(MAX_PAGES):
                await pages.enter_async_context(open_page(node.url))
            answer = await client.get(url)
            assert (answer.status_code, answer.json()) == (503, {"error": TOO_MANY})
            assert (await client.get(f"{node.url}/readyz")).status_code == 200

    with running(node):
        asyncio.run(fill())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_ends_in_time_while_pages_are_open(
    node: NodeProcess, number: signal.Signals
) -> None:
    async def end() -> None:
        async with AsyncExitStack() as pages:
            for transport in ("websocket", "websocket", "polling"):
                await pages.enter_async_context(open_page(node.url, transport))
            node.process.send_signal(number)
            status = await asyncio.to_thread(node.process.wait, PATIENCE_S)
            assert status == 0

    with as_started_by_hand():
        node.start()
    try:
        asyncio.run(end())
    finally:
        if node.process.poll() is None:
            node.kill()
    node._reader.join(timeout=PATIENCE_S)
    assert [record for record in node.log if record["event"] == "stopping"]
    # Said by a node that needed more than 4.5 s.
    assert not [record for record in node.log if "cut off" in record["event"]], node.log


def test_pages_write_nothing_into_the_log_nor_into_the_folder(node: NodeProcess) -> None:
    async def look() -> None:
        async with open_page(node.url) as heard:
            node_says = {"payload": json.dumps({"value": 1})}
            assert node.ask("POST", "/messages", node_says)[0] == 201
            await until(lambda: "value" in str(heard), "no news")

    with as_started_by_hand():
        node.start()
    try:
        asyncio.run(look())
        files = {path.name for path in node.folder.rglob("*")} | {
            path.name for path in Path.cwd().glob(".nicegui")
        }
        assert node.stop() == 0
    finally:
        if node.process.poll() is None:
            node.kill()
    assert ".nicegui" not in files
    assert all(record.get("level") == "info" for record in node.log), node.log
