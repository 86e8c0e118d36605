"""Full nodes as their users meet them: real processes, real sockets, the web API."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from host.processes import NodeProcess, eventually, running
from host.shell import process
from shimlet.identity import base58_encode, decode_key
from shimlet_host.identity import HostIdentity

KEY = "CHfU1NUf6ZvUKDQHTG2df53GR7CvuMFtyt7YymJ6DwS3"


@pytest.fixture
def node(tmp_path: Path) -> NodeProcess:
    return NodeProcess(tmp_path / "node")


def run_failing(folder: Path, *arguments: str) -> str:
    """`shimlet run` that must not start: its sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "shimlet_host", "run", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def connected(a: NodeProcess, b: NodeProcess) -> bool:
    ours, theirs = a.peer(b.public_key), b.peer(a.public_key)
    return ours["state"] == theirs["state"] == "connected"


def test_two_nodes_peer_by_hand_and_gossip_both_ways(tmp_path: Path) -> None:
    a, b = NodeProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: connected(a, b), "no link came up")
        directions = {a.peer(b.public_key)["connectionDirection"]}
        directions.add(b.peer(a.public_key)["connectionDirection"])
        assert directions == {"inbound", "outbound"}
        for sender, receiver in ((a, b), (b, a)):
            text = f"from {sender.public_key}"
            status, answer = sender.ask("POST", "/messages", {"payload": text})
            assert status == 201
            eventually(
                lambda r=receiver, t=text: (
                    t in [m["payload"] for m in r.ask("GET", "/messages")[1]]
                ),
                "the message did not arrive",
            )
            received = receiver.ask("GET", "/messages?limit=1")[1][0]
            assert received["id"] == answer["id"]
            assert received["source"] == sender.public_key


def test_a_disabled_peer_stays_listed_and_unlinked_until_it_is_enabled(tmp_path: Path) -> None:
    seeds = [bytes([number]) * 32 for number in (1, 2)]
    seeds.sort(key=lambda seed: HostIdentity(seed).public_key)
    a, b = (  # b dials
        NodeProcess(tmp_path / name, {"node.seed": "base58:" + base58_encode(seed)})
        for name, seed in zip("ab", reversed(seeds), strict=True)
    )
    peers = "/manualpeering/peers"

    def mark(**what: object) -> int:
        return a.ask("PATCH", peers, [{"publicKey": b.public_key, **what}])[0]

    with running(a, b):
        assert mark(alias="attic") == 400, "a stranger gets no name"
        a.add(b)
        b.add(a)
        eventually(lambda: connected(a, b), "no link came up")
        peer = a.peer(b.public_key)
        assert peer["counters"]["bytesOut"] > 0 and peer["enabled"] is True
        assert 0 < peer["rtt"] < 1000, "milliseconds on loopback"
        assert mark(alias="attic", enabled=False) == 204
        eventually(lambda: b.peer(a.public_key)["state"] != "connected", "the link stands")
        peer = a.peer(b.public_key)
        assert (peer["state"], peer["alias"], peer["enabled"]) == ("disabled", "attic", False)
        a.add(b)
        assert a.peer(b.public_key)["state"] == "disabled", "listing it again changes nothing"
        a.stop()
        a.start()
        peer = a.peer(b.public_key)
        assert (peer["state"], peer["alias"]) == ("disabled", "attic"), "kept over a restart"
        b.add(a)
        eventually(
            lambda: b.peer(a.public_key)["lastError"] == "closed-before-response", "no refusal"
        )
        assert a.ask("GET", "/manualpeering/pending")[1] == [], "it is listed, so it is not new"
        assert mark(enabled=True) == 204
        eventually(lambda: connected(a, b), "no link after it was enabled")
        assert a.peer(b.public_key)["alias"] == "attic"
        assert a.ask("DELETE", peers, [{"publicKey": b.public_key}])[0] == 204
        a.add(b)
        assert a.peer(b.public_key)["alias"] == "", "a forgotten peer has no name"


@pytest.mark.parametrize(
    ("bind", "dialled"),
    [("[::1]:0", "[::1]"), ("127.0.0.1:0", "localhost"), ("[::]:0", "127.0.0.1")],
)
def test_peers_are_found_by_ipv6_by_name_and_over_both_families(
    tmp_path: Path, bind: str, dialled: str
) -> None:
    settings = {"gossip.bindAddress": bind}
    a, b = NodeProcess(tmp_path / "a", settings), NodeProcess(tmp_path / "b", settings)
    with running(a, b):
        for one, other in ((a, b), (b, a)):
            address = f"{dialled}:{other.gossip.rpartition(':')[2]}"
            entry = {"publicKey": other.public_key, "address": address}
            assert one.ask("POST", "/manualpeering/peers", [entry])[0] == 204
            assert one.peer(other.public_key)["address"] == address, "not kept as typed"
        eventually(lambda: connected(a, b), f"no link: {a.ask('GET', '/manualpeering/peers')}")


def test_an_unknown_name_and_a_closed_port_are_named(node: NodeProcess) -> None:
    identities = [HostIdentity(bytes([number]) * 32) for number in range(64)]
    with running(node):
        larger = [i for i in identities if i.public_key > decode_key(node.public_key)][:2]
        for identity, address, error in zip(
            larger,
            ("no-such-host.invalid:14666", "127.0.0.1:1"),
            ("name-not-found", "connection-refused"),
            strict=True,
        ):
            key = base58_encode(identity.public_key)
            entry = {"publicKey": key, "address": address}
            node.ask("POST", "/manualpeering/peers", [entry])
            eventually(lambda k=key, e=error: node.peer(k)["lastError"] == e, str(entry))
            status = node.peer(key)
            assert status["lastErrorText"].endswith((".", "?")), status
            assert status["state"] in ("backing-off", "dialling"), status


def test_a_third_node_gets_messages_relayed(tmp_path: Path) -> None:
    a, b, c = (NodeProcess(tmp_path / name) for name in "abc")
    with running(a, b, c):
        for one, other in ((a, b), (b, a), (b, c), (c, b)):
            one.add(other)
        eventually(lambda: connected(a, b) and connected(b, c), "no links came up")
        a.ask("POST", "/messages", {"payload": "through b"})
        eventually(lambda: len(c.ask("GET", "/messages")[1]) == 1, "nothing was relayed")
        assert c.ask("GET", "/messages")[1][0]["payload"] == "through b"
        assert len(a.ask("GET", "/messages")[1]) == 1, "it came back"


def test_only_one_side_lists_the_other_and_the_operator_accepts_the_pending_peer(
    tmp_path: Path,
) -> None:
    nodes = NodeProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(*nodes):
        dialler, waiter = nodes
        dialler.add(waiter)
        if dialler.peer(waiter.public_key)["connectionDirection"] == "inbound":
            dialler, waiter = waiter, dialler
            waiter.ask("DELETE", "/manualpeering/peers", [{"publicKey": dialler.public_key}])
            dialler.add(waiter)
        eventually(lambda: len(waiter.ask("GET", "/manualpeering/pending")[1]) == 1, "not pending")
        eventually(
            lambda: dialler.peer(waiter.public_key)["lastError"] == "closed-before-response",
            "the dialler does not say why",
        )
        assert waiter.ask("GET", "/manualpeering/pending")[1][0]["publicKey"] == dialler.public_key
        waiter.add(dialler)
        eventually(lambda: connected(dialler, waiter), "accepting the pending peer did not help")
        assert waiter.ask("GET", "/manualpeering/pending")[1] == []


def test_peers_of_the_api_survive_a_restart_and_the_link_comes_back(tmp_path: Path) -> None:
    a, b = NodeProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: connected(a, b), "no link came up")
        key, address = a.public_key, a.gossip
        a.kill()
        a.config.write_text(
            json.dumps(json.loads(a.config.read_text()) | {"gossip.bindAddress": address})
        )
        a.start()
        assert a.public_key == key
        eventually(lambda: connected(a, b), "the link did not come back")


def test_removing_a_peer_closes_its_link_and_the_other_side_says_so(tmp_path: Path) -> None:
    a, b = NodeProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: connected(a, b), "no link came up")
        status, _ = a.ask("DELETE", "/manualpeering/peers", [{"publicKey": b.public_key}])
        assert status == 204
        assert a.ask("GET", "/manualpeering/peers")[1] == []
        eventually(lambda: b.peer(a.public_key)["state"] != "connected", "the link lives on")


def test_sigterm_ends_it_with_status_0_despite_an_event_stream_and_a_half_open_handshake(
    node: NodeProcess,
) -> None:
    with running(node):
        host, port = node.gossip.split(":")
        half_open = socket.create_connection((host, int(port)))
        half_open.sendall(b"\x12")
        stream = urllib.request.urlopen(node.url + "/events", timeout=20)
        node.ask("POST", "/messages", {"payload": "so that the stream is alive"})
        assert b"message" in stream.readline() + stream.readline() + stream.readline()
        assert node.stop() == 0
        assert not [r for r in node.log if r.get("level") == "error"], node.log
        half_open.close()


def test_bad_requests_get_a_sentence_and_change_nothing(node: NodeProcess) -> None:
    good = {"publicKey": KEY, "address": "127.0.0.1:1"}
    with running(node):
        own = {"publicKey": node.public_key, "address": "127.0.0.1:1"}
        for body, must_say in (
            (b"{not json", "JSON"),
            ([good, {"publicKey": KEY[:-2], "address": "127.0.0.1:1"}], "32"),
            ([good, {"publicKey": KEY[:-1] + "0", "address": "127.0.0.1:1"}], "base58"),
            ([good, {"publicKey": KEY, "address": "127.0.0.1"}], "port"),
            ([good, own], "our own public key"),
            ({"publicKey": KEY}, "list"),
        ):
            status, answer = node.ask("POST", "/manualpeering/peers", body)
            assert status == 400, (body, status, answer)
            assert list(answer) == ["error"]
            assert must_say in answer["error"], (body, answer)
        assert node.ask("GET", "/manualpeering/peers")[1] == []
        unknown = [{"publicKey": KEY}]
        assert node.ask("DELETE", "/manualpeering/peers", unknown)[0] == 204
        for body in ({"payload": "x" * 2**20}, {"payload": "x" * 70_000}, {"payload": ""}, {}, []):
            status, answer = node.ask("POST", "/messages", body)
            assert status in (400, 413) and answer["error"], (status, answer)
        data = base64.b64encode(bytes(66_555)).decode()
        assert node.ask("POST", "/messages", {"payloadBase64": data})[0] == 201
        assert node.ask("GET", "/nowhere")[0] == 404
        assert node.ask("PUT", "/info")[0] == 405
        assert node.ask("GET", "/healthz")[0] == 200


def test_a_port_in_use_is_named(node: NodeProcess, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for key in ("gossip.bindAddress", "webapi.bindAddress"):
            other = "webapi" if key.startswith("gossip") else "gossip"
            free = f"{other}.bindAddress=127.0.0.1:0"
            said = run_failing(tmp_path, "--set", f"{key}={address}", "--set", free)
            assert address in said and key in said, said


def test_what_is_wrong_in_the_config_is_said_with_file_key_value_and_remedy(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.json"
    for text, must_say in (
        ('{"gossip": {', ["line 1"]),
        ('{"gossip": {"bindAddress": "nowhere"}}', ["gossip.bindAddress", "nowhere"]),
        (
            '{"manualPeering": {"knownPeers": "[{\\"publicKey\\": \\"abc\\"}]"}}',
            ["manualPeering.knownPeers", "abc"],
        ),
        ('{"profile": "strict"}', ["profile", "strict", "goshimmer"]),
        ("", ["is empty"]),
    ):
        config.write_text(text)
        said = run_failing(tmp_path)
        assert all(word in said for word in [*must_say, "config.json"]), said


def test_a_config_that_is_a_folder_is_said_by_every_command(tmp_path: Path) -> None:
    folder = tmp_path / "config.json"
    folder.mkdir()
    assert f"{folder}: this is a folder" in run_failing(tmp_path, "--config", str(folder))
    said = run_failing(tmp_path)
    assert "config.json: this is a folder" in said, "also where it is found by itself"
    for command in ("config check", "status", "backup x", "id"):
        done = process(tmp_path, *command.split())
        assert done.status == 1 and "this is a folder" in done.err, (command, done)


def test_two_nodes_on_one_data_folder_the_second_refuses_and_the_first_goes_on(
    node: NodeProcess,
) -> None:
    with running(node):
        said = run_failing(node.folder, "--config", str(node.config))
        assert f"in use by another node (process {node.process.pid})" in said, said
        assert "node.dataDirectory" in said, "what to do"
        assert node.ask("GET", "/readyz")[0] == 200
        assert node.ask("POST", "/messages", {"payload": "still here"})[0] == 201


def test_our_own_key_in_the_config_stops_the_start(node: NodeProcess) -> None:
    with running(node):
        node.stop()
    settings = json.loads(node.config.read_text())
    peers = [{"publicKey": node.public_key, "address": "127.0.0.1:1"}]
    node.config.write_text(json.dumps(settings | {"manualPeering.knownPeers": peers}))
    said = run_failing(node.folder, "--config", str(node.config))
    assert node.public_key in said and "manualPeering.knownPeers" in said, said


def test_the_seed_is_neither_logged_nor_told(node: NodeProcess) -> None:
    with running(node):
        seed_file = node.folder / "shimletdb" / "identity.seed"
        assert seed_file.stat().st_mode & 0o777 == 0o600
        seed = seed_file.read_text().strip().partition(":")[2]
        told = json.dumps([node.ask("GET", path)[1] for path in ("/info", "/manualpeering/peers")])
        node.stop()
    assert len(seed) > 40
    assert seed not in told + json.dumps(node.log)
