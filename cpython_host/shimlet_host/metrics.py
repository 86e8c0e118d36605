"""The node's metrics for Prometheus, read when somebody asks.

In: a node, as NodeApi. Out: the text of one scrape. Nothing is counted here, so an unscraped node
pays nothing, and the library is loaded at the first scrape. Names follow Prometheus' conventions:
base units, `_total` for what only grows. A peer has its whole public key and its alias as labels;
there are at most as many as known peers. Each family is made on its own, so that the loop can turn
to others in between. Called by web/routes.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from shimlet_host.exposition import rendered
from shimlet_host.key_text import key_text
from shimlet_host.logs import lost_lines
from shimlet_host.model import (
    AutoPeeringStatus,
    LinkTotals,
    NeighborLists,
    NodeApi,
    NodeInfo,
    NodeTotals,
    PeerStatus,
    TimeServerStatus,
)

PEER_LABELS = ("public_key", "alias")

# Of a link's counters: its name there, its name here, what it counts.
_TRAFFIC = (
    ("bytesIn", "received_bytes", "Bytes received over links"),
    ("bytesOut", "sent_bytes", "Bytes sent over links"),
    ("messagesIn", "messages_received", "Messages received, repetitions included"),
    ("messagesOut", "messages_sent", "Messages sent, relayed ones included"),
    ("dropped", "packets_dropped", "Packets not sent because the queue of a link was full"),
)
_TRAFFIC_OF_ALL = (
    ("duplicates", "messages_duplicate", "Messages received that were known already"),
    ("framesSkipped", "frames_skipped", "Frames passed over because they were too large"),
    ("ignored", "frames_ignored", "Frames passed over because nothing is known of their kind"),
)


class Metrics:
    """The metrics of one node and of its process."""

    def __init__(self, node: NodeApi) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(node))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._turn = asyncio.Lock()

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """All of it as text, and the content type, as the caller's Accept header wants it.

        One at a time: each takes as much of the loop as there is to get.
        """
        encode, content_type = choose_encoder(accept)
        async with self._turn:
            return await rendered(self._registry.collect(), encode), content_type


class _NodeCollector(Collector):
    """Asks the node anew at each scrape."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        """Every family, of the node first."""
        node = self._node
        info, totals = node.info(), node.totals()
        yield from _of_node(info, ready=not node.unready(), pending=len(node.pending()))
        yield from _of_gossip(totals)
        yield from _of_time_server(info.time_server)
        yield from _of_autopeering(info.auto_peering, node.neighbors(known=False))
        peers = node.peers()
        yield from _of_standing(peers)
        yield from _of_traffic(peers, totals.peers)


def _of_node(info: NodeInfo, *, ready: bool, pending: int) -> Iterator[Metric]:
    yield InfoMetricFamily("shimlet_build", "The version.", {"version": info.version})
    identity = {"public_key": key_text(info.public_key), "profile": info.profile}
    yield InfoMetricFamily("shimlet_node", "Which node this is.", identity)
    yield _gauge("uptime_seconds", "Since the node started.", info.uptime_s)
    yield _gauge("ready", "1 while the node can do its work, as /readyz says.", ready)
    yield _gauge("pending_peers", "Callers that proved a key that is not listed.", pending)
    yield _counter("log_lines_lost", "Lines of the log that nobody read in time.", lost_lines())


def _of_gossip(totals: NodeTotals) -> Iterator[Metric]:
    links = totals.links
    yield _counter("messages_published", "Messages of our own.", totals.published)
    yield _counter("messages_new", "Messages of others, each once.", totals.received)
    yield _counter("messages_stored", "Messages written to the disk.", totals.stored)
    yield _counter("messages_lost", "Messages that could not be written.", totals.lost)
    for what, name, text in _TRAFFIC + _TRAFFIC_OF_ALL:
        count = links.traffic.get(what, 0)
        yield _counter(f"gossip_{name}", f"{text}, of all peers together.", count)
    yield _counter("handshakes", "Handshakes that led to a link.", links.handshakes)
    yield _by_reason("dial_errors", "Dials that led to no link.", links.dial_errors)
    yield _by_reason("refused_calls", "Callers that were turned away.", totals.refusals)


def _of_time_server(status: TimeServerStatus | None) -> Iterator[Metric]:
    """Nothing where there is none."""
    if status is None:
        return
    questions = CounterMetricFamily(
        "shimlet_time_server_questions", "Questions for the time.", labels=("result",)
    )
    for result in ("answered", "ignored", "limited"):
        questions.add_metric((result,), getattr(status, result))
    yield questions


def _of_autopeering(status: AutoPeeringStatus | None, lists: NeighborLists) -> Iterator[Metric]:
    """While it is off, only that it is."""
    yield _gauge("autopeering_enabled", "Whether autopeering is on.", status is not None)
    if status is None:
        return
    neighbors = GaugeMetricFamily(
        "shimlet_autopeering_neighbors", "Selected neighbors.", labels=("kind",)
    )
    neighbors.add_metric(("chosen",), len(lists.chosen))
    neighbors.add_metric(("accepted",), len(lists.accepted))
    yield neighbors
    yield _gauge("autopeering_known_peers", "Peers heard of.", status.known)
    yield _gauge("autopeering_verified_peers", "Peers that answered.", status.verified)
    for name in ("received", "sent", "unsent"):
        text = f"UDP datagrams {name}."
        yield _counter(f"autopeering_datagrams_{name}", text, getattr(status, name))
    text = "Datagrams that were not acted upon."
    yield _by_reason("autopeering_refusals", text, status.refusals)


def _of_standing(peers: Sequence[PeerStatus]) -> Iterator[Metric]:
    """How the known peers stand."""
    up = _peer_gauge("up", "1 while there is a link.")
    for peer in peers:
        up.add_metric(_labels(peer), peer.connected)
    yield up
    state = _peer_gauge("state", "The state that the peer is in, as a label.", "state")
    for peer in peers:
        state.add_metric((*_labels(peer), peer.state), 1)
    yield state
    rtt = _peer_gauge("rtt_seconds", "Round trip of the link, as the kernel measures it.")
    for peer in peers:
        if peer.rtt_ms is not None:
            rtt.add_metric(_labels(peer), peer.rtt_ms / 1000)
    yield rtt
    seen = _peer_gauge("last_handshake_timestamp_seconds", "When the last link came up.")
    for peer in peers:
        if peer.last_connected is not None:
            seen.add_metric(_labels(peer), peer.last_connected)
    yield seen


def _of_traffic(
    peers: Sequence[PeerStatus], totals: Mapping[bytes, LinkTotals]
) -> Iterator[Metric]:
    """What passed between the known peers and us."""
    told = [(_labels(peer), totals.get(peer.public_key, LinkTotals())) for peer in peers]
    handshakes = _peer_counter("handshakes", "Handshakes that led to a link.")
    for labels, total in told:
        handshakes.add_metric(labels, total.handshakes)
    yield handshakes
    errors = _peer_counter("dial_errors", "Dials that led to no link.", "reason")
    for labels, total in told:
        for reason, count in total.dial_errors.items():
            errors.add_metric((*labels, reason), count)
    yield errors
    for what, name, text in _TRAFFIC:
        family = _peer_counter(name, f"{text}.")
        for labels, total in told:
            family.add_metric(labels, total.traffic.get(what, 0))
        yield family


def _labels(peer: PeerStatus) -> tuple[str, str]:
    return key_text(peer.public_key), peer.alias


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"shimlet_{name}", text, value)


def _counter(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"shimlet_{name}", text, value)


def _by_reason(name: str, text: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"shimlet_{name}", text, labels=("reason",))
    for reason, count in counts.items():
        family.add_metric((reason,), count)
    return family


def _peer_gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"shimlet_peer_{name}", text, labels=(*PEER_LABELS, *more))


def _peer_counter(name: str, text: str, *more: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"shimlet_peer_{name}", text, labels=(*PEER_LABELS, *more))
