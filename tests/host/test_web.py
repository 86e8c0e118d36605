"""The web API: its routes, its one error model, its limits, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from shimlet.identity import base58_encode
from shimlet_host.config.peers import PeerEntry
from shimlet_host.events import MAX_LISTENERS, QUEUE_LENGTH, EventHub, Subscription
from shimlet_host.model import (
    AutoPeeringStatus,
    EntryNodeStatus,
    FailedLink,
    LinkTotals,
    MessageError,
    NeighborChange,
    NeighborhoodStatus,
    NeighborLists,
    NeighborStatus,
    NodeApi,
    NodeInfo,
    NodeTotals,
    PeerError,
    PeerMark,
    PeerStatus,
    PendingStatus,
    Reach,
    ServeError,
    StoredMessage,
    StoreError,
    TimeServerStatus,
)
from shimlet_host.web import WebServer, create_app
from shimlet_host.web.limits import MAX_BODY

OWN_KEY = bytes(32)
KEY_A, KEY_B = bytes([1]) * 32, bytes([2]) * 32
A, B = base58_encode(KEY_A), base58_encode(KEY_B)
MAX_MESSAGE = 66_555


class WatchedHub(EventHub):
    """Tells when a listener has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.given_back = asyncio.Event()

    def forget(self, listener: Subscription) -> None:
        super().forget(listener)
        self.given_back.set()


class RecordingNode:
    """A node without a network, with the rules of the real one."""

    def __init__(self) -> None:
        self.hub = WatchedHub()
        self.known: dict[bytes, str] = {}
        self.added: list[PeerEntry] = []
        self.marks: list[PeerMark] = []
        self.trouble = ""
        self.connected: set[bytes] = set()
        self.stored: list[StoredMessage] = []
        self.fault: Exception | None = None

    def add_peers(self, entries: Sequence[PeerEntry]) -> None:
        if self.fault:
            raise self.fault
        if any(entry.public_key == OWN_KEY for entry in entries):
            raise PeerError("This is our own key.")
        self.known.update((entry.public_key, entry.address) for entry in entries)
        self.added.extend(entries)

    def remove_peers(self, public_keys: list[bytes]) -> None:
        for key in public_keys:
            self.known.pop(key, None)

    def mark_peers(self, marks: list[PeerMark]) -> None:
        if any(mark.public_key not in self.known for mark in marks):
            raise PeerError("Nothing was changed: not a known peer.")
        self.marks.extend(marks)

    def peers(self) -> list[PeerStatus]:
        return [self._status(key, address) for key, address in self.known.items()]

    def _status(self, key: bytes, address: str) -> PeerStatus:
        if key in self.connected:
            counters = {"messagesIn": 3}
            return PeerStatus(
                key, address, True, "connected", "", "", 1_700_000_000, None, counters
            )
        return PeerStatus(key, address, False, "waiting", "expired", "Too old.", None, 5.5, {})

    def pending(self) -> list[PendingStatus]:
        return [PendingStatus(KEY_B, "192.0.2.9", 10, 20, 3)]

    def neighbors(self, *, known: bool) -> NeighborLists:
        services = {"peering": "192.0.2.9:14626", "gossip": "192.0.2.9:14666"}
        verified = NeighborStatus(KEY_A, bytes(range(32)), services)
        chosen = NeighborStatus(KEY_B, bytes(32), {"peering": "[2001:db8::1]:14626"})
        return NeighborLists((verified,) if known else (), (chosen,), (verified,))

    def publish(self, data: bytes) -> bytes:
        if not data:
            raise MessageError("The message is empty.")
        if len(data) > MAX_MESSAGE:
            raise MessageError(f"The message has {len(data)} bytes; at most {MAX_MESSAGE} fit.")
        message = StoredMessage(len(self.stored).to_bytes(32, "big"), data, 100.5, "local")
        self.stored.append(message)
        self.hub.publish("message", message, len(data))
        return message.message_id

    def messages(self, limit: int) -> list[StoredMessage]:
        return self.stored[::-1][:limit]

    def info(self) -> NodeInfo:
        node_id = bytes(range(32))
        info = NodeInfo(OWN_KEY, node_id, "1.2.3", "spec", "0.0.0.0:14666", 12.3456)
        serving = TimeServerStatus("0.0.0.0:14123", 3, 2, 1)
        auto = AutoPeeringStatus(
            "0.0.0.0:14626",
            *(4, 3, 7, 6, 1),
            refusals={"expired": 2},
            network_version=40,
            external_address="192.0.2.9",
            seen_as={"192.0.2.9": 2},
            entry_nodes=(EntryNodeStatus(OWN_KEY, "a:1", "192.0.2.1:1", None, "no-answer"),),
            neighborhood=NeighborhoodStatus(8, 2, 1, 7, 7, 6, 3, 0),
            failed_links=(FailedLink(OWN_KEY, "192.0.2.1:2", True, "connect-timeout"),),
        )
        reach = Reach("gossip", "TCP", "192.0.2.9:1", "refused", "No.")
        info = replace(info, time_server=serving, auto_peering=auto, reachability=(reach,))
        where = {"interfaces": ("192.0.2.7/24",), "addresses": ("192.0.2.8:14666",)}
        return replace(info, unix_time=99, refusals={OWN_KEY: "expired"}, **where)

    def totals(self) -> NodeTotals:
        links = LinkTotals(5, {"bytesIn": 700, "messagesIn": 3}, {"expired": 2})
        return NodeTotals(links, {KEY_A: links}, 1, 2, 3, 4, {"unknown-key": 6})

    def unready(self) -> str:
        return self.trouble

    def subscribe(self) -> Subscription:
        return self.hub.subscribe()


Talk = Callable[[httpx.AsyncClient, RecordingNode], Awaitable[None]]


def talk(conversation: Talk) -> None:
    """Runs a conversation with the app, without a socket."""

    async def run() -> None:
        node = RecordingNode()
        api: NodeApi = node
        transport = httpx.ASGITransport(create_app(api))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            await conversation(client, node)

    asyncio.run(run())


def serve(conversation: Talk) -> None:
    """Runs a conversation with the app over a real socket."""

    async def run() -> None:
        node = RecordingNode()
        server = WebServer(create_app(node), "127.0.0.1", 0)
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
                await conversation(client, node)
        finally:
            node.hub.close()
            await server.stop()

    asyncio.run(run())


async def delete(client: httpx.AsyncClient, body: Any) -> httpx.Response:
    return await client.request("DELETE", "/manualpeering/peers", json=body)


def assert_error(answer: httpx.Response, status: int, *parts: str) -> None:
    """The one error model: a JSON object with one sentence."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    content = answer.json()
    assert list(content) == ["error"], content
    assert content["error"].endswith("."), content
    for part in parts:
        assert part in content["error"], content
    assert "Traceback" not in answer.text and 'File "' not in answer.text


def test_peers_are_added_listed_and_removed_as_existing_clients_do_it() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        body = [{"publicKey": A, "address": "a.example:1"}, {"publicKey": B, "address": "[::1]:2"}]
        answer = await client.post("/manualpeering/peers", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        node.connected.add(KEY_A)
        assert (await client.get("/manualpeering/peers")).json() == [
            {
                "publicKey": A,
                "address": "a.example:1",
                "connectionDirection": "outbound",
                "connectionStatus": "connected",
                "state": "connected",
                "lastError": None,
                "lastErrorText": None,
                "lastConnected": 1_700_000_000,
                "nextAttempt": None,
                "counters": {"messagesIn": 3},
                "alias": "",
                "enabled": True,
                "rtt": None,
            },
            {
                "publicKey": B,
                "address": "[::1]:2",
                "connectionDirection": "inbound",
                "connectionStatus": "disconnected",
                "state": "waiting",
                "lastError": "expired",
                "lastErrorText": "Too old.",
                "lastConnected": None,
                "nextAttempt": 5.5,
                "counters": {},
                "alias": "",
                "enabled": True,
                "rtt": None,
            },
        ]
        unknown = {"publicKey": base58_encode(bytes([9]) * 32)}
        answer = await delete(client, [{"publicKey": A}, unknown])
        assert (answer.status_code, answer.content) == (204, b"")
        assert list(node.known) == [KEY_B]
        assert (await client.post("/manualpeering/peers", json=[])).status_code == 204

    talk(conversation)


def test_only_connected_is_asked_for_in_the_body_or_in_the_query() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        node.known = {KEY_A: "a:1", KEY_B: "b:1"}
        node.connected.add(KEY_B)
        path = "/manualpeering/peers"
        for answer, keys in (
            (await client.request("GET", path, json={"onlyConnected": True}), [B]),
            (await client.get(path + "?onlyConnected=true"), [B]),
            (await client.request("GET", path, json={"onlyConnected": False}), [A, B]),
            (await client.request("GET", path, json={}), [A, B]),
            (await client.get(path + "?onlyConnected=false"), [A, B]),
            (await client.get(path), [A, B]),
        ):
            assert [peer["publicKey"] for peer in answer.json()] == keys
        assert_error(await client.get(path + "?onlyConnected=yes"), 400, "yes", "true or false")
        assert_error(await client.request("GET", path, json={"onlyConnected": 1}), 400)
        assert_error(await client.request("GET", path, json=[]), 400, "onlyConnected")
        assert_error(await client.request("GET", path, content=b"{"), 400, "not JSON")

    talk(conversation)


# What an entry may not say of its peer, whether it lists the peer or marks it.
BAD_MARKS = (
    ({"alias": "x" * 65}, "64 characters"),
    ({"alias": "\x1b[2J"}, "printed"),
    ({"alias": 5}, "alias is 5, but must be text"),
    ({"enabled": "no"}, "true or false"),
)


def test_a_peer_is_listed_with_its_name_and_switch_all_or_none() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        first = {"publicKey": A, "address": "a:1", "alias": " attic ", "enabled": False}
        plain = {"publicKey": B, "address": "b:1"}
        answer = await client.post("/manualpeering/peers", json=[first, plain])
        assert (answer.status_code, answer.content) == (204, b"")
        says_nothing = {**plain, "alias": None, "enabled": None}
        assert (await client.post("/manualpeering/peers", json=[says_nothing])).status_code == 204
        unsaid = PeerEntry(KEY_B, "b:1", None, None)
        assert node.added == [PeerEntry(KEY_A, "a:1", "attic", False), unsaid, unsaid]
        node.added.clear()
        for bad, part in BAD_MARKS:
            answer = await client.post("/manualpeering/peers", json=[first, {**plain, **bad}])
            assert_error(answer, 400, "Nothing was changed: entry 1: ", part)
        assert node.added == []

    talk(conversation)


def test_peers_get_names_and_are_switched_off_all_or_none() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        node.known = {KEY_A: "a:1", KEY_B: "b:1"}
        marks = [{"publicKey": A, "alias": " attic "}, {"publicKey": B, "enabled": False}]
        answer = await client.patch("/manualpeering/peers", json=marks)
        assert (answer.status_code, answer.content) == (204, b"")
        assert node.marks == [PeerMark(KEY_A, "attic"), PeerMark(KEY_B, None, False)]
        node.marks.clear()
        for bad, part in (*BAD_MARKS, ({"publicKey": None}, "publicKey is missing")):
            entry = {"publicKey": B, **bad}
            answer = await client.patch("/manualpeering/peers", json=[marks[0], entry])
            assert_error(answer, 400, "Nothing was changed: entry 1: ", part)
        stranger = {"publicKey": base58_encode(bytes([9]) * 32), "alias": "x"}
        assert_error(await client.patch("/manualpeering/peers", json=[stranger]), 400)
        assert node.marks == []

    talk(conversation)


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        ({"publicKey": A[:-1], "address": "a:1"}, "bytes"),
        ({"publicKey": "0" + A[1:], "address": "a:1"}, "base58"),
        ({"publicKey": "1" * 5000, "address": "a:1"}, "too long"),
        ({"publicKey": A, "address": "a"}, "host:port"),
        ({"publicKey": A, "address": "a:0"}, "from 1 to 65535"),
        ({"publicKey": A, "address": ""}, "host:port"),
        ({"publicKey": A}, "address is missing"),
        ({"address": "a:1"}, "publicKey is missing"),
        ({"publicKey": None, "address": "a:1"}, "publicKey is missing"),
        ({"publicKey": 5, "address": "a:1"}, "must be text"),
        ({"publicKey": A, "address": ["a:1"]}, "must be text"),
        ({"publicKey": B, "address": "b:2"}, "stands in entry 0 too"),
        ([], "not an object"),
        (None, "not an object"),
    ],
)
def test_one_bad_entry_changes_nothing(bad: object, part: str) -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        body = [{"publicKey": B, "address": "b:1"}, bad]
        answer = await client.post("/manualpeering/peers", json=body)
        assert_error(answer, 400, "Nothing was changed: entry 1: ", part)
        assert node.known == {}
        if "address" not in part and "host:port" not in part and "65535" not in part:
            node.known = {KEY_A: "a:1", KEY_B: "b:1"}
            if part not in ("must be text", "stands in entry 0 too"):
                assert_error(await delete(client, [{"publicKey": B}, bad]), 400, "entry 1: ")
                assert len(node.known) == 2

    talk(conversation)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"peers", "line 1, column 1"),
        (b'[{"publicKey": }]', "column 16"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"\xc3\x28", "not UTF-8"),
        (b"{}", "not a list"),
        (b"5", "not a list"),
        (b"null", "not a list"),
        (b"[" * 200_000, "nested too deep"),
        (b"[" + b"9" * 10_000 + b"]", "number"),
    ],
)
def test_a_body_that_is_not_what_it_should_be_gets_a_sentence(body: bytes, part: str) -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for method in ("POST", "DELETE"):
            answer = await client.request(method, "/manualpeering/peers", content=body)
            assert_error(answer, 400, part)
        assert_error(await client.post("/messages", content=body), 400)

    talk(conversation)


def test_the_content_type_does_not_matter() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        body = json.dumps([{"publicKey": A, "address": "a:1"}]).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
            headers = {"Content-Type": kind}
            answer = await client.post("/manualpeering/peers", content=body, headers=headers)
            assert answer.status_code == 204

    talk(conversation)


def test_what_the_node_refuses_becomes_an_answer() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        path = "/manualpeering/peers"
        own = [{"publicKey": base58_encode(OWN_KEY), "address": "a:1"}]
        assert_error(await client.post(path, json=own), 400, "our own key")
        node.fault = StoreError("The disk is full.")
        good = [{"publicKey": A, "address": "a:1"}]
        assert_error(await client.post(path, json=good), 500, "The disk is full.")
        node.fault = RuntimeError("secret detail")
        answer = await client.post(path, json=good)
        assert_error(answer, 500, "its log says why")
        assert "secret" not in answer.text
        node.fault = None
        assert (await client.post(path, json=good)).status_code == 204

    talk(conversation)


def test_unknown_paths_and_methods_have_the_same_error_model() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        assert_error(await client.get("/nothing"), 404, "/nothing")
        assert_error(await client.get("/info/"), 404)
        answer = await client.post("/info")
        assert_error(answer, 405, "/info takes GET, not POST")
        assert answer.headers["allow"] == "GET"
        answer = await client.put("/manualpeering/peers", json=[])
        assert_error(answer, 405, "not PUT")

    talk(conversation)


def test_pending_peers_are_listed() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        assert (await client.get("/manualpeering/pending")).json() == [
            {
                "publicKey": B,
                "remoteIP": "192.0.2.9",
                "firstSeen": 10,
                "lastSeen": 20,
                "attempts": 3,
            }
        ]

    talk(conversation)


def test_neighbors_look_as_existing_clients_read_them() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        short = base58_encode(bytes(range(8)))
        verified = {
            "id": short,
            "publicKey": A,
            "services": [
                {"id": "peering", "address": "192.0.2.9:14626"},
                {"id": "gossip", "address": "192.0.2.9:14666"},
            ],
        }
        chosen = {
            "id": base58_encode(bytes(8)),
            "publicKey": B,
            "services": [{"id": "peering", "address": "[2001:db8::1]:14626"}],
        }
        for query, known in (("", []), ("?known=0", []), ("?known=1", [verified])):
            answer = (await client.get(f"/autopeering/neighbors{query}")).json()
            assert answer == {"known": known, "chosen": [chosen], "accepted": [verified]}
        assert_error(await client.get("/autopeering/neighbors?known=2"), 400, "known is")

    talk(conversation)


def test_info_and_health_answer() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        assert (await client.get("/info")).json() == {
            "publicKey": base58_encode(OWN_KEY),
            "identityID": base58_encode(bytes(range(8))),
            "nodeID": base58_encode(bytes(range(32))),
            "version": "1.2.3",
            "profile": "spec",
            "gossipAddress": "0.0.0.0:14666",
            "uptime": 12.346,
            "unixTime": 99,
            "interfaces": ["192.0.2.7/24"],
            "addresses": ["192.0.2.8:14666"],
            "refusals": {base58_encode(OWN_KEY): "expired"},
            "timeServer": {
                "address": "0.0.0.0:14123",
                "answered": 3,
                "ignored": 2,
                "limited": 1,
            },
            "autoPeering": {
                "address": "0.0.0.0:14626",
                "known": 4,
                "verified": 3,
                "received": 7,
                "sent": 6,
                "unsent": 1,
                "refusals": {"expired": 2},
                "version": 0,
                "networkVersion": 40,
                "externalAddress": "192.0.2.9",
                "seenAs": {"192.0.2.9": 2},
                "entryNodes": [
                    {
                        "publicKey": base58_encode(OWN_KEY),
                        "address": "a:1",
                        "resolved": "192.0.2.1:1",
                        "lastAnswer": None,
                        "lastError": "no-answer",
                    }
                ],
                "neighborhood": {
                    "places": 8,
                    "chosen": 2,
                    "accepted": 1,
                    "candidates": 7,
                    "similar": 7,
                    "inRange": 6,
                    "refused": 3,
                    "silent": 0,
                },
                "failedLinks": [
                    {
                        "publicKey": base58_encode(OWN_KEY),
                        "address": "192.0.2.1:2",
                        "connectionDirection": "outbound",
                        "lastError": "connect-timeout",
                    }
                ],
            },
            "reachability": [
                {
                    "service": "gossip",
                    "protocol": "TCP",
                    "address": "192.0.2.9:1",
                    "result": "refused",
                    "sentence": "No.",
                }
            ],
        }
        assert (await client.get("/healthz")).json() == {"status": "ok"}

    talk(conversation)


def test_messages_are_published_and_listed_newest_first() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        raw = bytes([255, 0, 254])
        in_base64 = base64.b64encode(raw).decode()
        first = await client.post("/messages", json={"payload": "grüße"})
        second = await client.post("/messages", json={"payloadBase64": in_base64})
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == {"id": base58_encode(bytes(32))}
        assert [m.data for m in node.stored] == ["grüße".encode(), raw]
        newest, oldest = (await client.get("/messages?limit=5")).json()
        assert newest == {
            "id": second.json()["id"],
            "payload": None,
            "payloadBase64": in_base64,
            "received": 100.5,
            "source": "local",
            "alias": "",
        }
        assert oldest["payload"] == "grüße"
        assert len((await client.get("/messages?limit=1")).json()) == 1
        for bad in ("0", "1001", "-1", "x", "", "1.5", "9" * 5000, "\u0661"):
            answer = await client.get("/messages", params={"limit": bad})
            assert_error(answer, 400, "1 to 1000")

    talk(conversation)


def test_messages_that_cannot_be_are_refused_with_a_sentence() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for body, part in (
            ({}, "either"),
            ({"payload": "a", "payloadBase64": "YQ=="}, "only one"),
            ({"payload": 5}, "must be text"),
            ({"payload": None}, "must be text"),
            ({"payloadBase64": "a"}, "not valid base64"),
            ({"payloadBase64": "ä"}, "not valid base64"),
            ({"payload": ""}, "empty"),
            ({"payload": "x" * (MAX_MESSAGE + 1)}, str(MAX_MESSAGE)),
            ([], "object"),
        ):
            assert_error(await client.post("/messages", json=body), 400, part)
        half_a_pair = b'{"payload": "\\ud800"}'
        assert_error(await client.post("/messages", content=half_a_pair), 400, "Unicode")
        assert node.stored == []
        largest = {
            "payload": "\x01" * MAX_MESSAGE
        }  # JSON writes each of these with six characters
        assert (await client.post("/messages", json=largest)).status_code == 201

    talk(conversation)


def test_a_large_body_gets_413_over_a_real_socket() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        async def pieces() -> Any:
            for _ in range(40):
                yield b"x" * 65_536

        for content in (
            json.dumps({"payload": "x" * MAX_BODY}).encode(),
            b"x" * (MAX_BODY + 1),
            b"x" * (MAX_BODY * 7),
            pieces(),
        ):
            assert_error(await client.post("/messages", content=content), 413, str(MAX_BODY))
        just_fits = await client.post("/messages", content=b" " * (MAX_BODY - 2) + b"{}")
        assert_error(just_fits, 400, "either")
        assert (await client.get("/healthz")).status_code == 200

    serve(conversation)


def test_a_web_page_of_another_site_is_refused() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for origin in ("http://evil.example", "null", "http://node.evil.example"):
            answer = await client.post("/messages", json={}, headers={"Origin": origin})
            assert_error(answer, 403, "another site")
        own = await client.post(
            "/messages", json={"payload": "x"}, headers={"Origin": "http://node"}
        )
        assert own.status_code == 201

    talk(conversation)


def test_a_domain_name_that_points_to_loopback_is_refused() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
            answer = await client.get("/info", headers={"Host": host})
            assert_error(answer, 403, "localhost")
        for host in ("127.0.0.1:8080", "[::1]:8080", "localhost:8080", "node"):
            assert (await client.get("/info", headers={"Host": host})).status_code == 200

    talk(conversation)


def test_events_are_streamed_until_the_node_stops() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        async with client.stream("GET", "/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == ": open"
            await client.post("/messages", json={"payload": "news"})
            node.known[KEY_A] = "a:1"
            node.hub.publish("peer", node.peers()[0])
            found = node.neighbors(known=False).chosen[0]
            node.hub.publish("neighbor", NeighborChange("dropped", found, "link-lost"))
            node.hub.close()
            rest = [line async for line in lines]
        events = [line for line in rest if line]
        assert events[0] == "event: message"
        assert json.loads(events[1].removeprefix("data: "))["payload"] == "news"
        assert events[2] == "event: peer"
        assert json.loads(events[3].removeprefix("data: "))["publicKey"] == A
        assert events[4] == "event: neighbor"
        change = json.loads(events[5].removeprefix("data: "))
        assert (change["change"], change["why"]) == ("dropped", "link-lost")
        assert change["neighbor"]["publicKey"] == B
        assert len(node.hub) == 0
        assert_error(await client.get("/events"), 503, "stopping")

    serve(conversation)


def test_event_streams_are_bounded_in_number_and_given_back() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        held = [node.subscribe() for _ in range(MAX_LISTENERS - 1)]
        async with client.stream("GET", "/events") as answer:
            await anext(answer.aiter_lines())
            assert_error(await client.get("/events"), 503, str(MAX_LISTENERS))
        async with asyncio.timeout(5):
            await node.hub.given_back.wait()
        assert len(node.hub) == len(held)

    serve(conversation)


def test_a_slow_listener_loses_the_oldest_news_and_is_told() -> None:
    async def listen() -> tuple[list[object], int]:
        hub = EventHub()
        news = hub.subscribe()
        for number in range(QUEUE_LENGTH + 5):
            hub.publish("message", number)
        hub.close()
        assert hub.dropped == 5
        return [event.record async for event in news], news.dropped

    records, dropped = asyncio.run(listen())
    assert records == list(range(5, QUEUE_LENGTH + 5))
    assert dropped == 5


def test_large_news_are_bounded_in_bytes() -> None:
    async def listen() -> int:
        hub = EventHub()
        news = hub.subscribe()
        for _ in range(200):
            hub.publish("message", bytes(65_536), 65_536)
        hub.close()
        return sum([event.size async for event in news])

    assert 3_000_000 < asyncio.run(listen()) <= 4 * 1024 * 1024


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        server = WebServer(create_app(RecordingNode()), "127.0.0.1", port)
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}: Address already in use"):
            server.listen()
    server = WebServer(create_app(RecordingNode()), "no-such-host.invalid", 1)
    with pytest.raises(ServeError, match=r"no-such-host\.invalid:1"):
        server.listen()


def test_the_server_ends_in_time_whatever_clients_do() -> None:
    async def run() -> float:
        node = RecordingNode()
        server = WebServer(create_app(node), "127.0.0.1", 0)
        await server.start()
        talks = [await asyncio.open_connection(*server.address) for _ in range(4)]
        for (_, writer), text in zip(
            talks,
            (
                b"",  # silent
                b"GET /info HTTP/1.1\r\nHost",  # half a head
                b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",  # half a body
                b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n",  # an event stream
            ),
            strict=True,
        ):
            writer.write(text)
            await writer.drain()
        assert b"text/event-stream" in await talks[3][0].readuntil(b": open")
        began = time.monotonic()
        await server.stop()  # the hub is still open: the worst case
        took = time.monotonic() - began
        for _, writer in talks:
            writer.close()
        await server.stop()
        return took

    assert asyncio.run(run()) < 3.5


def test_a_served_url_can_be_called() -> None:
    async def run() -> str:
        server = WebServer(create_app(RecordingNode()), "0.0.0.0", 0)
        await server.start()
        async with httpx.AsyncClient() as client:
            answer = await client.get(server.url + "/healthz")
        await server.stop()
        assert answer.status_code == 200
        return server.url

    assert asyncio.run(run()).startswith("http://127.0.0.1:")
