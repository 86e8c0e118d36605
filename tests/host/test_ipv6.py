"""IPv4 and IPv6 alike: a node with all of its listeners on one of them, or on both at once."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import ntplib
import pytest
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from host.shell import shimlet, without_variables
from shimlet.identity import base58_encode, format_address, parse_address
from shimlet_host.access import read_token
from shimlet_host.identity import HostIdentity

BOTH = ("127.0.0.1", "::1")
KEY = base58_encode(HostIdentity(b"\x07" * 32).public_key)


def everything_on(host: str) -> dict[str, object]:
    """Settings that put all listeners there."""
    keys = ("gossip", "webapi", "autoPeering", "sntp")
    any_port = format_address(host, 1)[:-1] + "0"
    return {f"{key}.bindAddress": any_port for key in keys}


def started(folder: Path, host: str, *entries: AutoProcess) -> AutoProcess:
    node = AutoProcess(folder, *entries)
    content = json.loads(node.config.read_text()) | everything_on(host)
    node.config.write_text(json.dumps(content))
    return node


def at(address: str, host: str) -> str:
    """The same port at another IP."""
    return format_address(host, parse_address(address)[1])


def list_each_other(a: NodeProcess, b: NodeProcess, host: str) -> None:
    for one, other in ((a, b), (b, a)):
        string = f"{other.public_key}@{at(other.gossip, host)}"
        words = ["peers", "add", string, "--config", one.config, "--json"]
        done = shimlet(*words)
        assert done.status == 0 and done.data["address"] == at(other.gossip, host), done


@pytest.mark.parametrize(
    ("bind", "used"), [("127.0.0.1", BOTH[:1]), ("::1", BOTH[1:]), ("::", BOTH)]
)
def test_every_part_of_a_node_works_over_each_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bind: str, used: tuple[str, ...]
) -> None:
    without_variables(monkeypatch)
    a, b = started(tmp_path / "a", bind), started(tmp_path / "b", bind)
    with running(a, b):
        time_server = a.await_log("time server listens")["address"]
        assert a.gossip == format_address(bind, parse_address(a.gossip)[1])
        for host in used:
            assert ntplib.NTPClient().request(host, port=parse_address(time_server)[1]).mode == 4
            check_web(a, host, loopback=bind != "::")
            list_each_other(a, b, host)
            eventually(lambda: is_linked(a, b), f"no link over {host}")
            remove(a, b)
            remove(b, a)
            eventually(lambda: not is_linked(a, b), "the link lives on")


def is_linked(a: NodeProcess, b: NodeProcess) -> bool:
    peers = a.ask("GET", "/manualpeering/peers?onlyConnected=1")[1]
    return b.public_key in [peer["publicKey"] for peer in peers]


def remove(a: NodeProcess, b: NodeProcess) -> None:
    assert shimlet("peers", "remove", b.public_key, "--config", a.config).status == 0


def check_web(node: NodeProcess, host: str, *, loopback: bool) -> None:
    """Reading and changing by this IP; a change needs the token where the listener is open."""
    url = f"http://{at(node.url.removeprefix('http://'), host)}"
    with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
        assert answer.status == 200
    request = urllib.request.Request(f"{url}/messages", json.dumps({"payload": host}).encode())
    if not loopback:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=30)
        token = read_token(node.folder / "shimletdb")
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201


@pytest.mark.parametrize("host", BOTH)
def test_nodes_find_each_other_over_each_family(tmp_path: Path, host: str) -> None:
    a = started(tmp_path / "a", host)
    with running(a):
        b = started(tmp_path / "b", host, a)
        with running(b):
            eventually(lambda: a.linked() == {b.public_key}, "they are no neighbors")
            eventually(lambda: b.linked() == {a.public_key}, "they are no neighbors")


def test_the_wildcard_of_ipv6_takes_ipv4_whatever_the_machines_default_is(tmp_path: Path) -> None:
    from shimlet_host.web.serving import WebServer

    async def nothing(*_: object) -> None:
        raise AssertionError

    for host, only in (("::", 0), ("::1", 1)):
        server = WebServer(nothing, host, 0)
        server.listen()
        assert server._socket is not None
        assert server._socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == only
        server._socket.close()


def test_the_one_string_of_a_node_with_ipv6_is_taken_as_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_variables(monkeypatch)
    node = started(tmp_path / "node", "::1")
    with running(node):
        told = shimlet("id", "--config", node.config).out.split()[0]
        assert told == f"{node.public_key}@{node.gossip}" and "@[::1]:" in told
        wished = shimlet("id", "--address", "2001:db8::7", "--config", node.config).out.split()[0]
        assert wished == f"{node.public_key}@[2001:db8::7]:{parse_address(node.gossip)[1]}"
        string = f"{KEY}@[2001:db8::7]:14666"
        added = shimlet("peers", "add", string, "--config", node.config, "--json")
        assert added.data["address"] == "[2001:db8::7]:14666"
        for wrong in (f"{KEY}@2001:db8::7", f"{KEY}@[2001:db8::7]", f"{KEY}@[nowhere]:1"):
            assert shimlet("peers", "add", wrong, "--config", node.config).status == 2, wrong
