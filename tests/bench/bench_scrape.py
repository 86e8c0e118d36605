"""How long a scrape of the metrics keeps a full node from everything else, with 1,000 known peers
that all have a link: the longest time between two turns of others, beside the time of the same
text made at once, as Prometheus' library does it.

CPU time of the loop's thread, so that other processes do not count. Run by `make bench`. Exit
status 1 if the limit is missed.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import structlog
from prometheus_client.exposition import choose_encoder
from shimlet_host.config import PeerEntry, load_config
from shimlet_host.identity import HostIdentity
from shimlet_host.metrics import Metrics
from shimlet_host.net import HostStream
from shimlet_host.node import MAX_KNOWN_PEERS, Node
from shimlet_host.store import Store

ROUNDS = 15  # medians are printed
LIMIT = 0.2  # of the time at once
FORMATS = {
    "text": "text/plain; version=0.0.4",
    "OpenMetrics": "application/openmetrics-text; version=1.0.0",
}


def linked(node: Node) -> None:
    """Known peers, each with a TCP connection to ourselves in place of a link."""
    numbers = range(1, MAX_KNOWN_PEERS + 1)
    keys = [HostIdentity(number.to_bytes(32, "big")).public_key for number in numbers]
    node.add_peers([PeerEntry(key, "127.0.0.1:9", f"peer-{key.hex()[:8]}") for key in keys])
    with socket.create_server(("127.0.0.1", 0)) as server:
        for key in keys:
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
            node.streams.links[key] = SimpleNamespace(
                link=SimpleNamespace(bytes_received=123_456_789, frames_skipped=3),
                stream=HostStream(ours, "127.0.0.1"),
                outbox=SimpleNamespace(queued_bytes=5, dropped=2),
                messages_in=12_345,
                messages_out=54_321,
                duplicates=77,
                ignored=3,
                other_end=theirs,
            )
            node.streams.manual.known_peers[key].connected = True
            node.streams.manual.known_peers[key].last_connected = 1_700_000_000
            node._totals.link_up(key)


class Turns:
    """Somebody else on the loop, and the longest time that it had to wait."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def take(self) -> None:
        """For as long as it is not cancelled."""
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - last)
            last = now


async def held_s(metrics: Metrics, accept: str) -> float:
    """The longest hold of one scrape."""
    turns = Turns()
    others = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    await metrics.scrape(accept)
    await asyncio.sleep(0)
    others.cancel()
    return turns.longest_s


def at_once_s(metrics: Metrics, accept: str) -> float:
    """The library alone."""
    encode, _ = choose_encoder(accept)
    begin = time.thread_time()
    encode(metrics._registry)
    return time.thread_time() - begin


async def measure(folder: Path) -> bool:
    """Both formats, in turns."""
    settings = [f"node.dataDirectory={folder}", "gossip.bindAddress=127.0.0.1:0"]
    store = Store(folder, print)
    node = Node(load_config(environment={}, overrides=settings), HostIdentity(b"n" * 32), store)
    node.listen()
    linked(node)
    metrics = Metrics(node)
    gc.freeze()  # as service.py
    good = True
    for name, accept in FORMATS.items():
        pairs = [
            (await held_s(metrics, accept), at_once_s(metrics, accept)) for _ in range(ROUNDS)
        ]
        pieces, at_once = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        good = good and pieces < LIMIT * at_once
        print(
            f"Scrape of {MAX_KNOWN_PEERS:,} linked peers, {name}: holds the loop for"
            f" {pieces:.1f} ms at most, at once {at_once:.0f} ms; {pieces / at_once:.2f} times"
            f" (limit {LIMIT})"
        )
    await node.stop()
    store.close()
    return good


def main() -> int:
    """Print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
