"""The metrics: what a scrape holds, read back by Prometheus' own parser, of a pretend node and of
real ones with and without autopeering; and the totals that never go back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from host.test_access import WITH_PASSWORD, WORLD, basic
from host.test_web import KEY_A, KEY_B, A, RecordingNode
from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from shimlet_host import totals
from shimlet_host.exposition import PIECE, Encoder, rendered
from shimlet_host.metrics import Metrics
from shimlet_host.model import NodeInfo, PeerStatus
from shimlet_host.totals import MAX_PEERS, Totals
from shimlet_host.web import Access, create_app


class Scrape:
    """Samples by name; `value` finds the one with these labels."""

    def __init__(self, text: str) -> None:
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]
        self.names = {sample.name for sample in self.samples}

    def value(self, name: str, **labels: str) -> float:
        """Of the only such sample."""
        found = [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        assert len(found) == 1, (name, labels, found)
        return found[0].value


def ask(node: RecordingNode, access: Access | None = None, **headers: str) -> httpx.Response:
    """One scrape of a pretend node."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(node, access))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(run())


def scrape(node: NodeProcess) -> Scrape:
    """One scrape of a real node."""
    answer = httpx.get(node.url + "/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


# What a scrape holds


def test_a_scrape_tells_how_node_and_peers_are() -> None:
    node = RecordingNode()
    node.known = {KEY_A: "a:1", KEY_B: "b:1"}
    node.connected.add(KEY_A)
    answer = ask(node)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    told = Scrape(answer.text)
    assert told.value("shimlet_build_info", version="1.2.3") == 1
    assert told.value("shimlet_node_info", profile="spec") == 1
    assert told.value("shimlet_uptime_seconds") == 12.3456
    assert told.value("shimlet_ready") == 1
    assert told.value("shimlet_pending_peers") == 1
    assert told.value("shimlet_messages_stored_total") == 3
    assert told.value("shimlet_gossip_received_bytes_total") == 700
    assert told.value("shimlet_refused_calls_total", reason="unknown-key") == 6
    assert told.value("shimlet_time_server_questions_total", result="limited") == 1
    assert told.value("shimlet_autopeering_enabled") == 1
    assert told.value("shimlet_autopeering_neighbors", kind="chosen") == 1
    assert told.value("shimlet_autopeering_datagrams_unsent_total") == 1
    assert told.value("shimlet_autopeering_refusals_total", reason="expired") == 2
    assert told.value("shimlet_peer_up", public_key=A) == 1
    assert told.value("shimlet_peer_state", public_key=A) == 1, "one state and no other"
    assert told.value("shimlet_peer_state", public_key=A, state="connected") == 1
    assert told.value("shimlet_peer_last_handshake_timestamp_seconds") == 1_700_000_000
    assert told.value("shimlet_peer_received_bytes_total", public_key=A) == 700
    assert told.value("shimlet_peer_handshakes_total", public_key=A) == 5
    assert told.value("shimlet_peer_dial_errors_total", public_key=A, reason="expired") == 2
    node.trouble = "The clock of this machine is not set."
    assert Scrape(ask(node).text).value("shimlet_ready") == 0


def test_a_peer_of_whom_nothing_is_known_yet_has_its_counters_at_zero() -> None:
    node = RecordingNode()
    node.known = {KEY_B: "b:1"}
    told = Scrape(ask(node).text)
    for name in ("up", "received_bytes_total", "messages_sent_total", "handshakes_total"):
        assert told.value(f"shimlet_peer_{name}") == 0
    assert "shimlet_peer_rtt_seconds" not in told.names


@pytest.mark.parametrize("alias", ['the "attic"', "back\\slash", "Küche ☃", "a,b={}"])
def test_an_alias_of_any_form_is_a_label(alias: str) -> None:
    node = RecordingNode()
    peer = PeerStatus(KEY_A, "a:1", True, "connected", alias=alias, rtt_ms=1.5)
    node.peers = lambda: [peer]  # type: ignore[method-assign]
    told = Scrape(ask(node).text)
    assert told.value("shimlet_peer_rtt_seconds", public_key=A, alias=alias) == 0.0015


def test_names_follow_the_conventions_of_prometheus() -> None:
    node = RecordingNode()
    node.known = {KEY_A: "a:1"}
    answer = ask(node, Accept="application/openmetrics-text; version=1.0.0")
    families = list(openmetrics_families(answer.text))  # the stricter of the two parsers
    ours = [family for family in families if family.name.startswith("shimlet_")]
    assert len(ours) > 30
    for family in ours:
        assert family.documentation.endswith("."), family
        endings = {sample.name.endswith("_total") for sample in family.samples}
        assert endings <= {family.type == "counter"}, family
        assert family.name == family.name.lower()
        assert not any(unit in family.name for unit in ("_ms", "_kb", "milli")), family
        labels = {label for sample in family.samples for label in sample.labels}
        assert all(label == label.lower() for label in labels), "snake_case, as promtool wants it"
    assert {"process_cpu_seconds", "python_gc_collections"} <= {f.name for f in families}


def test_as_many_series_as_there_can_be_peers_and_no_more() -> None:
    node = RecordingNode()
    node.known = {number.to_bytes(32, "big"): "a:1" for number in range(1, 1001)}
    told = Scrape(ask(node).text)
    of_peers = [sample for sample in told.samples if sample.name.startswith("shimlet_peer_")]
    assert len({sample.labels["public_key"] for sample in of_peers}) == 1000
    assert len(of_peers) <= 1000 * 20


class Turns:
    """How often the loop turned to others."""

    def __init__(self) -> None:
        self.taken = 0

    async def take(self) -> None:
        """For as long as it is not cancelled."""
        while True:
            self.taken += 1
            await asyncio.sleep(0)


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_the_loop_goes_on_while_a_scrape_is_made(accept: str) -> None:
    node = RecordingNode()
    node.known = {number.to_bytes(32, "big"): "a:1" for number in range(1, 1001)}
    turns = Turns()

    async def run() -> bytes:
        others = asyncio.create_task(turns.take())
        text, _ = await Metrics(node).scrape(accept)
        others.cancel()
        return text

    text = asyncio.run(run())
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    assert samples > 8000
    assert turns.taken > samples / PIECE


@pytest.mark.parametrize("encode", [generate_latest, openmetrics_latest])
def test_text_that_is_made_in_pieces_is_that_of_the_library(encode: Encoder) -> None:
    families = [
        GaugeMetricFamily("shimlet_plain", 'A \\ in a text, and\na "line".', 0.5),
        CounterMetricFamily("shimlet_empty", "Without samples.", labels=("reason",)),
        InfoMetricFamily("shimlet_about", "Words.", {"version": "1"}),
    ]
    for count in (1, PIECE, PIECE + 1, 3 * PIECE):
        family = CounterMetricFamily(f"shimlet_many_{count}", "Many.", labels=("alias",))
        for number in range(count):
            family.add_metric((f"# HELP {number}\n\r# EOF\n",), number)
        families.append(family)

    class All(Collector):
        def collect(self) -> list[Metric]:
            return families

    assert asyncio.run(rendered(families, encode)) == encode(All())


def test_one_scrape_is_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    node, order = RecordingNode(), []
    node.known = {number.to_bytes(32, "big"): "a:1" for number in range(1, 1001)}
    info = node.info

    def noted() -> NodeInfo:
        order.append("begun")
        return info()

    monkeypatch.setattr(node, "info", noted)

    async def one(metrics: Metrics) -> None:
        await metrics.scrape("")
        order.append("done")

    async def run() -> None:
        metrics = Metrics(node)
        await asyncio.gather(*(one(metrics) for _ in range(3)))

    asyncio.run(run())
    assert order == ["begun", "done"] * 3


def test_metrics_are_guarded_like_everything_that_is_read() -> None:
    node = RecordingNode()
    assert ask(node, WORLD).status_code == 200
    assert ask(node, WITH_PASSWORD).status_code == 401
    assert ask(node, WITH_PASSWORD, **basic("operator", "correct horse")).status_code == 200
    assert ask(node, WORLD, Origin="http://evil.example").status_code == 403


# Totals


class PretendLinks:
    """Links by key, whose counters a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.links: dict[bytes, Any] = {}
        self.listed: set[bytes] = set()
        self.totals = Totals()
        self.totals.follow(self.links, self.listed)
        monkeypatch.setattr(totals, "counters", lambda connection: vars(connection))

    def up(self, key: bytes, **counters: int) -> Any:
        """A new link of this peer."""
        self.links[key] = SimpleNamespace(queuedBytes=9, **counters)
        self.totals.link_up(key)
        return self.links[key]

    def down(self, key: bytes) -> None:
        """As the shell does it: out of the table first."""
        del self.links[key]
        self.totals.link_down(key)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendLinks]:
    yield PretendLinks(monkeypatch)


def test_totals_go_on_when_a_peer_connects_again(pretend: PretendLinks) -> None:
    link = pretend.up(KEY_A, bytesIn=5)
    link.bytesIn = 7
    assert pretend.totals.of_peers()[KEY_A].traffic == {"bytesIn": 7}
    pretend.down(KEY_A)
    link.bytesIn = 1000  # what happens to a link that has ended counts nothing
    assert pretend.totals.of_peers()[KEY_A].traffic == {"bytesIn": 7}
    pretend.up(KEY_A, bytesIn=1)
    second = pretend.up(KEY_A, bytesIn=2)  # replaces the first, without an end in between
    second.bytesIn = 4
    totals_of_a = pretend.totals.of_peers()[KEY_A]
    assert (totals_of_a.traffic, totals_of_a.handshakes) == ({"bytesIn": 7 + 1 + 4}, 3)
    assert pretend.totals.of_all() == totals_of_a


def test_totals_of_a_removed_peer_are_there_when_it_returns(pretend: PretendLinks) -> None:
    pretend.listed.add(KEY_A)
    pretend.up(KEY_A, bytesIn=5)
    pretend.listed.clear()  # removed: off the list first, then the link ends
    pretend.down(KEY_A)
    pretend.listed.add(KEY_A)
    assert pretend.totals.of_peers()[KEY_A].traffic == {"bytesIn": 5}


def test_strangers_are_forgotten_and_known_peers_never(pretend: PretendLinks) -> None:
    pretend.listed.add(KEY_A)
    pretend.up(KEY_A, bytesIn=5)
    pretend.down(KEY_A)
    live = bytes([3]) * 32
    pretend.up(live, bytesIn=1)
    for number in range(3 * MAX_PEERS):
        pretend.up(number.to_bytes(32, "big"), bytesIn=1)
        pretend.down(number.to_bytes(32, "big"))
    told = pretend.totals.of_peers()
    assert len(told) == MAX_PEERS and {KEY_A, live} <= told.keys()
    assert pretend.totals.of_all().traffic == {"bytesIn": 5 + 1 + 3 * MAX_PEERS}


# Real nodes


def test_counters_of_a_real_node_outlive_links_and_removal(tmp_path: Path) -> None:
    a, b = NodeProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: a.peer(b.public_key)["state"] == "connected", "no link came up")
        a.ask("PATCH", "/manualpeering/peers", [{"publicKey": b.public_key, "alias": "attic"}])
        a.ask("POST", "/messages", {"payload": "x" * 1000})
        of_b = {"public_key": b.public_key, "alias": "attic"}

        def sent() -> float:
            return scrape(a).value("shimlet_peer_sent_bytes_total", **of_b)

        eventually(lambda: sent() > 1000, "the message did not leave")
        told = scrape(a)
        assert told.value("shimlet_peer_up", **of_b) == 1
        assert told.value("shimlet_messages_published_total") == 1
        assert told.value("shimlet_peer_rtt_seconds", **of_b) < 10
        a.ask("DELETE", "/manualpeering/peers", [{"publicKey": b.public_key}])
        assert "shimlet_peer_up" not in scrape(a).names
        a.add(b)
        eventually(lambda: a.peer(b.public_key)["state"] == "connected", "it did not return")
        told = scrape(a)
        assert told.value("shimlet_peer_sent_bytes_total", public_key=b.public_key) > 1000
        assert told.value("shimlet_peer_handshakes_total", public_key=b.public_key) >= 2
        assert told.value("shimlet_handshakes_total") >= 2
        eventually(lambda: scrape(b).value("shimlet_messages_new_total") == 1, "it did not arrive")
        assert sum(f.name == "shimlet_peer_up" for f in told.families) == 1


class Guarded(NodeProcess):
    """A node with webapi.basicAuth."""

    def __init__(self, folder: Path) -> None:
        settings = {"enabled": True, "username": "operator", "password": "correct"}
        super().__init__(folder, {f"webapi.basicAuth.{k}": v for k, v in settings.items()})

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = httpx.request(method, self.url + path, auth=("operator", "correct"), timeout=30)
        return answer.status_code, answer.json()


def test_the_scrape_configs_of_the_readme_lead_to_metrics(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "cpython_host" / "README.md").read_text()
    blocks = re.findall(r"```yaml\n(scrape_configs:.*?)```", readme, re.DOTALL)
    guarded, plain = Guarded(tmp_path), NodeProcess(tmp_path / "plain")
    (tmp_path / "password").write_text("correct\n")
    with running(guarded, plain):
        (first,), more = (yaml.safe_load(block)["scrape_configs"] for block in blocks)
        assert first.keys() == {"job_name", "static_configs"}
        assert httpx.get(f"{plain.url}/metrics", timeout=30).status_code == 200
        assert httpx.get(f"{guarded.url}/metrics", timeout=30).status_code == 401
        for job in more:
            assert job["static_configs"][0]["targets"], "as Prometheus wants it"
            answer = httpx.get(f"{guarded.url}/metrics", timeout=30, **secrets_of(job, tmp_path))
            assert answer.status_code == 200, job


def secrets_of(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What Prometheus would send for this job; files are read as it does."""
    if "authorization" in job:
        token = (folder / job["authorization"]["credentials_file"]).read_text().strip()
        return {"headers": {"Authorization": f"Bearer {token}"}}
    auth = job["basic_auth"]
    return {"auth": (auth["username"], (folder / auth["password_file"]).read_text().strip())}


def test_without_autopeering_metrics_and_health_are_right(tmp_path: Path) -> None:
    without, with_it = NodeProcess(tmp_path / "without"), AutoProcess(tmp_path / "with")
    with running(without, with_it):
        for node in (without, with_it):
            assert node.ask("GET", "/livez") == (200, {"status": "ok"})
            assert node.ask("GET", "/readyz") == (200, {"status": "ok"})
        told = scrape(without)
        assert told.value("shimlet_autopeering_enabled") == 0
        assert told.value("shimlet_ready") == 1
        assert not [name for name in told.names if name.startswith("shimlet_autopeering_k")]
        told = scrape(with_it)
        assert told.value("shimlet_autopeering_enabled") == 1
        assert told.value("shimlet_autopeering_neighbors", kind="accepted") == 0
        assert told.value("shimlet_autopeering_datagrams_received_total") == 0
