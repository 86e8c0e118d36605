"""The Grafana dashboard: every expression is PromQL, and every metric and label that it names is
in a real scrape of a running node that has seen something of each kind.
"""

from __future__ import annotations

import json
import re
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from host.test_metrics import Scrape, scrape
from shimlet.identity import base58_encode

FILE = Path(__file__).parents[2] / "cpython_host" / "grafana" / "shimlet.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text())
ADDED = {"instance", "job"}  # labels of Prometheus itself
# Grafana's own, before Prometheus sees the expression.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$alias": ".*"}


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Title of the panel, and each of its queries."""
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target


def parsed(expression: str) -> Any:
    """The expression as Prometheus gets it; ValueError if it is none."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return promql_parser.parse(expression)


def selectors(expression: str) -> list[Any]:
    """The metrics that an expression selects."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(parsed(expression), visit)
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Scrape:
    """A scrape of a node to which everything has happened that the dashboard shows."""
    folder = tmp_path_factory.mktemp("grafana")
    a, b = AutoProcess(folder / "a"), NodeProcess(folder / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: a.peer(b.public_key)["state"] == "connected", "no link came up")
        _fail_to_dial(a)
        _knock(a)
        eventually(lambda: "shimlet_refused_calls_total" in scrape(a).names, "nobody was refused")
        eventually(lambda: "shimlet_peer_dial_errors_total" in scrape(a).names, "no dial failed")
        eventually(
            lambda: "shimlet_autopeering_refusals_total" in scrape(a).names, "no datagram came"
        )
        return scrape(a)


def _fail_to_dial(node: NodeProcess) -> None:
    """List a peer where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    largest = base58_encode(bytes([255]) * 32)  # so every node dials it
    entry = {"publicKey": largest, "address": f"127.0.0.1:{port}"}
    assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204


def _knock(node: AutoProcess) -> None:
    """Nonsense at both ports."""
    host, port = node.gossip.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
    host, port = node.udp.rsplit(":", 1)
    with socket.socket(type=socket.SOCK_DGRAM) as caller:
        caller.sendto(b"nonsense", (host, int(port)))


def test_every_expression_names_metrics_and_labels_of_a_real_scrape(told: Scrape) -> None:
    labels: dict[str, set[str]] = defaultdict(set)
    for sample in told.samples:
        labels[sample.name] |= sample.labels.keys() | ADDED
    named = set()
    for title, target in targets():
        chosen = selectors(target["expr"])
        assert chosen, title
        of_all = set()
        for selector in chosen:
            assert selector.name in told.names, (title, selector.name)
            matched = {matcher.name for matcher in selector.matchers.matchers}
            assert matched <= labels[selector.name], (title, selector.name, matched)
            named.add(selector.name)
            of_all |= labels[selector.name]
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        grouped = {name for names in re.findall(r"by \(([^)]*)\)", target["expr"])
                   for name in re.split(", *", names)}  # fmt: skip
        assert shown | grouped <= of_all, (title, shown, grouped)
    assert len(named) > 30


def test_every_metric_of_the_node_has_a_panel_or_a_reason_not_to(told: Scrape) -> None:
    without_panel = {
        "shimlet_node_info",
        "shimlet_autopeering_enabled",
        "shimlet_messages_stored_total",
        "shimlet_gossip_messages_received_total",
    }
    shown = {selector.name for _, target in targets() for selector in selectors(target["expr"])}
    ours = {name for name in told.names if name.startswith("shimlet_")}
    assert ours - shown == without_panel


def test_the_variables_choose_node_and_peer(told: Scrape) -> None:
    variables = {each["name"]: each for each in BOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "instance", "alias"]
    for name in ("instance", "alias"):
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variables[name]["definition"])
        assert found and found[2] == name
        (selector,) = selectors(found[1])
        assert selector.name in told.names
    for title, target in targets():
        assert "$instance" in target["expr"], title
        assert ("$alias" in target["expr"]) == ("shimlet_peer_" in target["expr"] and "sum by"
                not in target["expr"]), title  # fmt: skip


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_what_is_no_promql_is_noticed() -> None:
    for wrong in ("sum by (alias rate(x[5m])", "rate(x)", "x{instance=~}"):
        with pytest.raises(ValueError):
            parsed(wrong)
