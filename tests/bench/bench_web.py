"""What the web API and the dashboard cost a full node: requests per second while Pings arrive, how
much the Pings slow down, CPU per Ping with a page of the dashboard open, start and memory.

The node runs in a child process on one processor, with 100 known peers that do not answer and 64
verified ones; the load comes from others: Pings as in bench_autopeering.py, requests from here,
and a real Chromium for the page. What is compared is measured in turns. `make bench` runs it. Exit
status 1 if a limit is missed.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog
from bench_autopeering import IP, OUTSTANDING, SERVICES, load, senders, verdict
from shimlet_host.autopeering.peers import KnownPeer, Peer
from shimlet_host.config import load_config
from shimlet_host.config.peers import PeerEntry
from shimlet_host.dashboard import add_dashboard
from shimlet_host.identity import HostIdentity
from shimlet_host.node import Node
from shimlet_host.store import Store
from shimlet_host.web import WebServer, create_app

# Where the tests keep their processes and their browser.
sys.path += [str(Path(__file__).parents[1] / name) for name in ("host", "dashboard")]

from browser import browser
from processes import NodeProcess

KNOWN_PEERS = 100
SECONDS = 3.0  # of one round
ROUNDS = 5  # medians are printed
STARTS = 5
START_LIMIT_S = 1.5
DASHBOARD_LIMIT = 1.05
SETTLE_S = 6.0  # a page that was closed is forgotten after 5 s

context = multiprocessing.get_context("spawn")


class Count(NamedTuple):
    """At one moment: seconds, CPU seconds of the node, Pongs that it has sent."""

    wall_s: float
    cpu_s: float
    pongs: int


# THE NODE, IN A PROCESS OF ITS OWN


def node_process(pipe: Connection, folder: str) -> None:
    """Run a node until told to stop; each other word is answered by a Count."""
    os.sched_setaffinity(0, {0})  # so it has no second core, and nobody else has this one
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(serve(pipe, Path(folder)))


async def serve(pipe: Connection, folder: Path) -> None:
    """As service.py does it, with peers that are verified already."""
    config = load_config(environment={}, overrides=settings_of(folder))
    store = Store(folder, print)
    node = Node(config, HostIdentity(bytes(31) + b"n"), store)
    app = create_app(node)
    dashboard = add_dashboard(app, node, enabled=True)
    server = WebServer(app, IP, 0, sockets=True)
    await node.start()
    await server.start()
    node.add_peers(
        [
            PeerEntry(HostIdentity(n.to_bytes(32, "big")).public_key, f"{IP}:9")
            for n in range(KNOWN_PEERS)
        ]
    )
    assert node.auto is not None
    for identity in senders(OUTSTANDING):
        known = KnownPeer(identity.public_key, IP, 14626)
        node.auto.core.peers.add(known)
        node.auto.core.peers.verify(known, Peer(identity.public_key, IP, SERVICES))
    pipe.send((server.url, node.info().auto_peering.address))
    await answer(pipe, node)
    await asyncio.gather(server.stop(), node.stop())
    if dashboard is not None:
        await dashboard.stop()
    store.close()


def settings_of(folder: Path) -> list[str]:
    """As `--set` takes them."""
    return [
        f"node.dataDirectory={folder}",
        "gossip.bindAddress=127.0.0.1:0",
        "manualPeering.reconnectInterval=10s",
        "autoPeering.enabled=true",
        "autoPeering.bindAddress=127.0.0.1:0",
        "autoPeering.entryNodeOnly=true",
        "autoPeering.queryInterval=1000h",
    ]


async def answer(pipe: Connection, node: Node) -> None:
    """Tell how it stands, whenever asked."""
    stopped = asyncio.Event()

    def on_word() -> None:
        if pipe.recv() == "stop":
            stopped.set()
        else:
            pipe.send(Count(time.perf_counter(), time.process_time(), node.auto._shell.sent))

    asyncio.get_running_loop().add_reader(pipe.fileno(), on_word)
    await stopped.wait()


# THE LOAD


class Bench:
    """The node and the process that pings it."""

    def __init__(self, node: Connection, pings: Connection) -> None:
        self._node, self._pings = node, pings
        self.url, address = node.recv()
        host, _, port = address.rpartition(":")
        self._udp = host, int(port)

    def count(self) -> Count:
        """How it stands now."""
        self._node.send("count")
        return self._node.recv()

    @contextmanager
    def pinged(self):
        """64 Pings are always under way."""
        self._pings.send(self._udp)
        time.sleep(0.5)
        yield
        self._pings.send("stop")
        time.sleep(0.3)

    def pings(self) -> tuple[float, float]:
        """For one round: Pongs per second, and CPU seconds of the node for each."""
        before = self.count()
        time.sleep(SECONDS)
        after = self.count()
        pongs = after.pongs - before.pongs
        return pongs / (after.wall_s - before.wall_s), (after.cpu_s - before.cpu_s) / pongs

    def requests(self) -> float:
        """GET /manualpeering/peers per second, one after the other on one connection."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        begin, done = time.perf_counter(), 0
        while time.perf_counter() - begin < SECONDS:
            connection.request("GET", "/manualpeering/peers")
            response = connection.getresponse()
            assert response.status == 200 and response.read().count(b"publicKey") == KNOWN_PEERS
            done += 1
        connection.close()
        return done / (time.perf_counter() - begin)


@contextmanager
def running():
    """Node and load, ended at the end."""
    ours, theirs = context.Pipe()
    to_load, of_load = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        node = context.Process(target=node_process, args=(theirs, folder), daemon=True)
        pinging = context.Process(target=load, args=(of_load,), daemon=True)
        node.start()
        pinging.start()
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})
        os.sched_setaffinity(pinging.pid, os.sched_getaffinity(0))
        try:
            yield Bench(ours, to_load)
        finally:
            ours.send("stop")
            to_load.send(None)
            node.join(10)
            pinging.join(10)


# WHAT IS MEASURED


def api(bench: Bench) -> None:
    """The web API and the Pings, alone and together, in turns."""
    found: dict[str, list[float]] = {name: [] for name in ("gets", "pongs", "both", "slowed")}
    for _ in range(ROUNDS):
        found["gets"].append(bench.requests())
        with bench.pinged():
            alone = bench.pings()[0]
            before = bench.count()
            found["both"].append(bench.requests())
            after = bench.count()
            together = (after.pongs - before.pongs) / (after.wall_s - before.wall_s)
            found["pongs"].append(alone)
            found["slowed"].append(together / alone)
    median = {name: statistics.median(values) for name, values in found.items()}
    print(
        f"GET /manualpeering/peers of {KNOWN_PEERS} peers: {median['gets']:,.0f}/s, while Pings"
        f" arrive {median['both']:,.0f}/s; those are answered at {median['slowed']:.0%} of their"
        f" rate without requests, which is {median['pongs']:,.0f}/s"
    )


def dashboard(bench: Bench) -> bool:
    """The node's CPU per Ping with a page open and without, in turns."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("NOT MEASURED: the page of the dashboard, which needs chromium and chromedriver")
        return True
    ratios = []
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as page:
        for _ in range(ROUNDS):
            page.open(f"{bench.url}/dashboard/")
            with bench.pinged():
                opened = bench.pings()[1]
            page.driver.get("about:blank")
            time.sleep(SETTLE_S)
            with bench.pinged():
                ratios.append(opened / bench.pings()[1])
    ratio = statistics.median(ratios)
    print(
        f"CPU of a Ping with a page of the dashboard open: {ratio:.3f} times"
        f" ({min(ratios):.3f} to {max(ratios):.3f};"
        f" {verdict(ratio, DASHBOARD_LIMIT, at_most=True)})"
    )
    return ratio <= DASHBOARD_LIMIT


def started(folder: Path, *, dashboard: bool, visit: bool = False) -> tuple[float, float]:
    """Seconds from the command to its first answer, and the memory at rest in MB."""
    node = NodeProcess(folder, {"dashboard.enabled": dashboard})
    begin = time.perf_counter()
    node.start()
    taken = time.perf_counter() - begin
    if visit:
        with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as page:
            page.open(f"{node.url}/dashboard/")
        time.sleep(SETTLE_S)
    time.sleep(1)
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    node.stop()
    return taken, int(resident.split()[1]) / 1024


def starts() -> bool:
    """Of the real command, with a new identity each time."""
    kinds: dict[str, dict[str, Any]] = {
        "without the dashboard": {"dashboard": False},
        "with it": {"dashboard": True},
    }
    if shutil.which("chromium") and shutil.which("chromedriver"):
        kinds["after a page was open"] = {"dashboard": True, "visit": True}
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(STARTS):
            for number, (kind, how) in enumerate(kinds.items()):
                found[kind].append(started(Path(folder, f"{turn}-{number}"), **how))
    for kind, values in found.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*values, strict=True))
        print(
            f"From start to the first answer {kind}: {seconds:.2f} s; at rest {megabytes:.0f} MB"
        )
    usual = statistics.median(seconds for seconds, _ in found["without the dashboard"])
    print(f"Seconds to start: {verdict(usual, START_LIMIT_S, at_most=True)}")
    return usual <= START_LIMIT_S


def main() -> int:
    """Print every figure."""
    good = starts()
    with running() as bench:
        api(bench)
        good = dashboard(bench) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
