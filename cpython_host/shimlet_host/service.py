"""The full node as a process: locks its folder, loads who it is, runs node and web API, reads its
config again at SIGHUP, ends at a signal.

In: a Config. Out: the exit status: 0 after SIGTERM or SIGINT; a HostError is why it cannot start.
Called by the command line (`shimlet run`). Whatever hangs, it ends within STOP_TIMEOUT_S of the
signal. systemd, if it started this, is told all the way (notify.py).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine

import structlog
from shimlet.identity import base58_encode

from shimlet_host.access import TOKEN_FILE, announce, load_token, withdraw
from shimlet_host.config import Config
from shimlet_host.dashboard import Dashboard, add_dashboard
from shimlet_host.folder import open_folder
from shimlet_host.identity import load_identity
from shimlet_host.logs import flush_logs, peer_fields
from shimlet_host.node import Node
from shimlet_host.notify import Notifier
from shimlet_host.reload import Reloader
from shimlet_host.store import Store
from shimlet_host.web import Access, WebServer, access_of, create_app

STOP_TIMEOUT_S = 4.5  # a service manager and a user both expect the end within 5 s
STATUS_INTERVAL_S = 10.0  # of the line that systemd shows

log = structlog.get_logger()


def run_node(config: Config, read: Callable[[], Config]) -> int:
    """Run until a signal; the exit status. HostErrors of the start go to the caller.

    `read` reads the config again.
    """
    for warning in config.warnings:
        log.warning(warning)
    with open_folder(config.node.data_directory) as folder:
        identity = load_identity(folder.path, config.node.seed, log.warning)
        access = access_of(config, load_token(folder.path, log.warning))
        store = Store(folder.path, log.warning)
        try:
            asyncio.run(_serve(Node(config, identity, store), access, read))
        finally:
            store.close()
    return 0


async def _serve(node: Node, access: Access, read: Callable[[], Config]) -> None:
    notifier = Notifier()
    reloader = Reloader(node.config, read, node.follow_config)
    stopping = _signalled()
    node.listen()
    host, port = node.config.webapi.bind_address
    if not access.loopback:
        log.warning(
            "the web API listens beyond loopback: everybody may look, changes need its token",
            host=host,
            file=str(node.config.node.data_directory / TOKEN_FILE),
        )
    app = create_app(node, access)
    dashboard = add_dashboard(app, node, enabled=node.config.dashboard.enabled)
    server = WebServer(app, host, port, sockets=dashboard is not None)
    tasks: list[asyncio.Task[None]] = []
    try:
        server.listen()
        await node.start()
        await server.start()
        gc.freeze()  # what is loaded stays: to look for garbage in it holds all up for 50 ms
        announce(node.config.node.data_directory, server.url)
        _say_hello(node, server, dashboard)
        notifier.ready()
        tasks += map(_started, (reloader.follow(), _keep_told(notifier, node)))
        if node.reachability is not None:
            tasks.append(_started(node.reachability.follow()))
        _reload_at_hangup(reloader, notifier, stopping)
        await stopping.wait()
        log.info("stopping")
    finally:
        notifier.stopping()
        for task in tasks:
            task.cancel()
        await _stop(node, server, dashboard)


async def _keep_told(notifier: Notifier, node: Node) -> None:
    """Tell systemd that the loop runs, and how many links there are. Nothing is said of a node
    that only a restart can mend, so that systemd does it.
    """
    interval_s = min(STATUS_INTERVAL_S, (notifier.watchdog_s or STATUS_INTERVAL_S) / 2)
    while notifier.wanted and not node.is_broken():
        peers = node.peers()
        connected = sum(peer.connected for peer in peers)
        notifier.status(f"{connected} of {len(peers)} known peers connected.")
        if notifier.watchdog_s:
            notifier.alive()
        await asyncio.sleep(interval_s)


def _started(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """A task beside the node; how it fails is in the log at once."""

    def complain(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("a fault of our own ended a task", exc_info=task.exception())

    task = asyncio.create_task(work)
    task.add_done_callback(complain)
    return task


def _reload_at_hangup(reloader: Reloader, notifier: Notifier, stopping: asyncio.Event) -> None:
    """SIGHUP reads the config again, but stops a node whose terminal was closed."""
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def on_hangup() -> None:
        if not all(map(os.isatty, terminals)):
            stopping.set()
            return
        notifier.reloading()
        reloader.reload()
        notifier.ready()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)


def _signalled() -> asyncio.Event:
    """Set at the first SIGTERM or SIGINT; a second one ends the process at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    # Until the node has started: it has just read its config.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    return stopping


async def _stop(node: Node, server: WebServer, dashboard: Dashboard | None) -> None:
    """Node, dashboard and server end together; what does not end in time is cut off."""
    withdraw(node.config.node.data_directory)
    parts = [node.stop(), server.stop()]
    if dashboard is not None:
        parts.insert(0, dashboard.stop())
    ending = asyncio.gather(*parts, return_exceptions=True)
    try:
        await asyncio.wait_for(ending, STOP_TIMEOUT_S)
    except TimeoutError:
        log.error("the node did not end in time and was cut off", limit_s=STOP_TIMEOUT_S)
        node.store.close()
        flush_logs()
        os._exit(0)


def _say_hello(node: Node, server: WebServer, dashboard: Dashboard | None) -> None:
    info = node.info()
    log.info("node started", publicKey=base58_encode(info.public_key), profile=info.profile)
    log.info("gossip listens", address=info.gossip_address)
    log.info("web API listens", url=server.url)
    if dashboard is not None:
        log.info("dashboard", url=f"{server.url}/dashboard/")
    if info.time_server is not None:
        log.info("time server listens", address=info.time_server.address)
    if info.auto_peering is not None:
        log.info("autopeering listens", address=info.auto_peering.address)
    for peer in node.peers():
        dials = "we dial" if peer.outbound else "they dial"
        who = peer_fields(peer.public_key, peer.alias)
        log.info("known peer", **who, address=peer.address, dials=dials)
