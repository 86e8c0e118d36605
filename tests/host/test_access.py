"""Who may do what at the web API: secrets, sites, rates; HTTP and WebSocket alike."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from host.processes import NodeProcess, running
from host.shell import process, shimlet, without_variables
from host.test_web import A, RecordingNode, assert_error
from shimlet.identity import base58_encode
from shimlet_host.access import TOKEN_FILE, announced, load_token, read_token
from shimlet_host.config import ConfigError, load_config
from shimlet_host.files import create_once
from shimlet_host.model import ServeError, StoreError
from shimlet_host.web import create_app
from shimlet_host.web.access import Access
from shimlet_host.web.callers import REQUESTS_AT_ONCE, WRONG_AT_ONCE, Callers
from shimlet_host.web.limits import MAX_BODY
from shimlet_host.web.rates import MAX_SOURCES, Rates

TOKEN = "t" * 43
WORLD = Access(loopback=False, token=TOKEN, hosts=frozenset({"node.example"}))
WITH_PASSWORD = Access(token=TOKEN, basic=("operator", "correct horse"))
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PEERS = "/manualpeering/peers"

Talk = Callable[[httpx.AsyncClient, RecordingNode], Awaitable[None]]


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_variables(monkeypatch)


def basic(name: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def talk(access: Access, conversation: Talk, source: str = "192.0.2.9") -> None:
    """Runs a conversation with the app, as a caller from `source`."""

    async def run() -> None:
        node = RecordingNode()
        transport = httpx.ASGITransport(create_app(node, access), client=(source, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            await conversation(client, node)

    asyncio.run(run())


# Secrets


def test_every_change_beyond_loopback_needs_the_token() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        entry = [{"publicKey": A, "address": "a:1"}]
        changes: list[tuple[str, str, Any]] = [
            ("POST", PEERS, entry),
            ("PATCH", PEERS, [{"publicKey": A, "alias": "x"}]),
            ("POST", "/messages", {"payload": "x"}),
            ("DELETE", PEERS, [{"publicKey": A}]),
        ]
        paths = (await client.get("/openapi.json")).json()["paths"]
        documented = {(m.upper(), path) for path, each in paths.items() for m in each}
        changing = {each for each in documented if each[0] != "GET"}
        assert changing == {(method, path) for method, path, _ in changes}
        for method, path, body in changes:
            answer = await client.request(method, path, json=body)
            assert_error(answer, 401, "webapi.token")
            assert "Basic" in answer.headers["WWW-Authenticate"]
        assert node.known == {} and node.stored == []
        for method, path, body in changes:
            answer = await client.request(method, path, json=body, headers=BEARER)
            assert answer.status_code < 300, answer.text
        assert (await client.get("/info")).status_code == 200, "to look is free"

    talk(WORLD, conversation)


@pytest.mark.parametrize(
    "given",
    [
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Token {TOKEN}",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "\u00fc",
    ],
)
def test_a_wrong_token_is_refused(given: str) -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        header = [(b"authorization", given.encode("latin-1"))]
        answer = await client.post("/messages", json={"payload": "x"}, headers=header)
        assert_error(answer, 401)
        assert node.stored == []

    talk(WORLD, conversation)


def test_the_token_is_the_password_in_a_browser() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for name in ("", "me"):
            answer = await client.post(
                "/messages", json={"payload": "x"}, headers=basic(name, TOKEN)
            )
            assert answer.status_code == 201
        assert (await client.get("/dashboard")).status_code == 401
        assert (await client.get("/dashboard/x", headers=basic("", TOKEN))).status_code == 404

    talk(WORLD, conversation)


def test_on_loopback_no_secret_is_needed() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        assert (await client.post("/messages", json={"payload": "x"})).status_code == 201

    talk(Access(token=TOKEN), conversation, "127.0.0.1")


def test_basic_auth_of_existing_configs_guards_everything() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for path in ("/info", "/events", "/docs", PEERS, "/nothing"):
            assert_error(await client.get(path), 401)
        for path in ("/livez", "/readyz", "/healthz"):
            assert (await client.get(path)).status_code == 200
        for good in (basic("operator", "correct horse"), BEARER):
            assert (await client.get("/info", headers=good)).status_code == 200
        for bad in (basic("operator", ""), basic("", "correct horse"), basic("operator", "x")):
            assert_error(await client.get("/info", headers=bad), 401, "wrong")

    talk(WITH_PASSWORD, conversation, "127.0.0.1")


def test_an_empty_secret_fits_nobody() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for given in (basic("operator", ""), basic("", ""), {"Authorization": "Bearer "}):
            assert_error(await client.get("/info", headers=given), 401)

    talk(Access(token="", basic=("operator", "correct horse")), conversation, "127.0.0.1")


def test_without_a_secret_nothing_is_open_to_the_world() -> None:
    with pytest.raises(ServeError, match=r"webapi\.bindAddress"):
        Access(loopback=False)


def test_passwords_cannot_be_guessed_fast_and_the_token_still_works() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for _ in range(WRONG_AT_ONCE):
            assert_error(await client.get("/info", headers=basic("operator", "no")), 401)
        good = basic("operator", "correct horse")
        refused = await client.get("/info", headers=good)
        assert_error(refused, 429, "wait")
        assert refused.headers["Retry-After"] == "60"
        assert (await client.get("/info", headers=BEARER)).status_code == 200

    talk(WITH_PASSWORD, conversation, "127.0.0.1")


def test_tokens_cannot_be_guessed_fast_either() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        wrong = {"Authorization": f"Bearer {TOKEN[:-1]}x"}
        for _ in range(WRONG_AT_ONCE):
            assert_error(await client.post("/messages", json={}, headers=wrong), 401)
        assert_error(await client.post("/messages", json={}, headers=wrong), 429, "wait")
        answer = await client.post("/messages", json={"payload": "x"}, headers=BEARER)
        assert answer.status_code == 201

    talk(WORLD, conversation)


# Rates


def test_a_source_elsewhere_is_held_to_its_rate() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        answers = [await client.get("/livez") for _ in range(REQUESTS_AT_ONCE * 2)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert limited, "twice as many as may come at once"
        assert_error(limited[0], 429, "Too many requests")
        assert limited[0].headers["Retry-After"] == "1"
        assert answers[0].status_code == 200

    talk(WORLD, conversation)


def test_this_machine_is_not_held_to_a_rate() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for _ in range(REQUESTS_AT_ONCE * 2):
            assert (await client.get("/livez")).status_code == 200

    talk(WORLD, conversation, "::1")


def test_rates_refill_over_time_and_are_those_of_networks() -> None:
    rates = Rates(per_s=2.0, burst=3)
    assert [rates.take("192.0.2.1", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rates.take("192.0.2.2", 0.0), "another source"
    assert not rates.take("192.0.2.1", 0.4) and rates.take("192.0.2.1", 0.6)
    assert rates.left("192.0.2.1", 1000.0) == 3
    assert [rates.take(f"2001:db8::{n}", 0.0) for n in range(4)][-1] is False, "one /64"
    assert rates.take("2001:db8:0:1::1", 0.0)
    for number in range(2 * MAX_SOURCES):
        rates.take(f"source {number}", 1.0)
    assert len(rates._left) == MAX_SOURCES
    assert rates.left("192.0.2.1", 1.0) == 3, "the quiet ones are forgotten"


# Sites


def test_names_of_the_config_may_be_used_and_no_others() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for host in ("node.example", "Node.Example:8080", "192.0.2.7", "[2001:db8::1]:8080"):
            assert (await client.get("/info", headers={"Host": host})).status_code == 200
        for host in ("evil.example", "node.example.evil.example", "x.node.example"):
            assert_error(await client.get("/info", headers={"Host": host}), 403, "webapi.hosts")

    talk(WORLD, conversation)


def test_a_web_page_of_another_site_is_refused_although_the_browser_sends_the_secret() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        evil = {"Origin": "http://evil.example", **basic("", TOKEN)}
        for method, path in (("POST", "/messages"), ("GET", "/info"), ("GET", "/livez")):
            assert_error(await client.request(method, path, headers=evil), 403, "another site")

    talk(WORLD, conversation)


def connect(access: Access, *, extensions: bool, **headers: str) -> list[dict[str, Any]]:
    """What a WebSocket caller is sent; [] if it reached the app."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/dashboard/socket",
        "client": ("192.0.2.9", 5),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}} if extensions else {},
    }
    asyncio.run(Callers(app, access)(scope, receive, send))
    return sent


def test_a_websocket_is_refused_like_a_request() -> None:
    own = {"host": "node", "origin": "http://node"}
    for access, headers, status in (
        (WORLD, {"host": "node", "origin": "http://evil.example"}, 403),
        (Access(), {"host": "node", "origin": "http://evil.example"}, 403),
        (Access(), {"host": "evil.example", "origin": "http://evil.example"}, 403),
        (WORLD, own, 401),
        (WITH_PASSWORD, own, 401),
    ):
        start, body, *_ = connect(access, extensions=True, **headers)
        assert start["type"] == "websocket.http.response.start" and start["status"] == status
        assert list(json.loads(body["body"])) == ["error"]
        (closed,) = connect(access, extensions=False, **headers)
        assert closed == {"type": "websocket.close", "code": 1008}
    assert connect(Access(), extensions=True, **own) == []
    right = {"authorization": basic("", TOKEN)["Authorization"]}
    assert connect(WORLD, extensions=True, **own, **right) == []


# What every path says


def test_unknown_methods_get_405_in_json_with_all_that_are_taken() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        document = (await client.get("/openapi.json")).json()["paths"]
        for path, known in document.items():
            taken = {method.upper() for method in known}
            for method in {"BREW", "PUT", "TRACE", "POST", "PATCH", "DELETE"} - taken:
                answer = await client.request(method, path)
                assert_error(answer, 405, path, method)
                assert set(answer.headers["Allow"].split(", ")) == taken, path
        assert_error(await client.request("BREW", "/nothing"), 404)
        assert_error(await client.request("BREW", "/docs"), 405)

    talk(Access(), conversation, "127.0.0.1")


def test_ready_is_told_apart_from_alive() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        for path in ("/livez", "/readyz"):
            assert (await client.get(path)).json() == {"status": "ok"}
        node.trouble = "The clock of this machine is not set."
        assert_error(await client.get("/readyz"), 503, "clock")
        assert (await client.get("/livez")).status_code == 200

    talk(Access(), conversation, "127.0.0.1")


def test_ten_thousand_peers_at_once_are_refused_with_the_limit() -> None:
    async def conversation(client: httpx.AsyncClient, node: RecordingNode) -> None:
        entries = [{"publicKey": A, "address": "a:1"}] * 10_000
        for method in ("POST", "PATCH", "DELETE"):
            answer = await client.request(method, PEERS, json=entries)
            assert_error(answer, 400, "10000 entries", "1000")
        assert node.known == {}

    talk(Access(), conversation, "127.0.0.1")


def test_a_real_node_takes_as_many_peers_as_it_can_hold_and_says_when_it_is_full(
    tmp_path: Path,
) -> None:
    node = NodeProcess(tmp_path / "node")

    def entries(numbers: range) -> list[dict[str, str]]:
        keys = [base58_encode(number.to_bytes(32, "big")) for number in numbers]
        return [{"publicKey": key, "address": "192.0.2.7:14666"} for key in keys]

    with running(node):
        status, answer = node.ask("POST", PEERS, entries(range(1, 10_001)))
        assert status == 400 and "10000 entries" in answer["error"]
        status, answer = node.ask("POST", PEERS, entries(range(1, 30_001)))
        assert status == 413 and str(MAX_BODY) in answer["error"]
        assert node.ask("GET", PEERS) == (200, [])
        assert node.ask("POST", PEERS, entries(range(1, 1001)))[0] == 204
        status, answer = node.ask("POST", PEERS, entries(range(1001, 1002)))
        assert status == 400 and "1000 peers" in answer["error"]
        assert len(node.ask("GET", PEERS)[1]) == 1000
        assert node.ask("DELETE", PEERS, entries(range(1, 1001)))[0] == 204


# The token file


def test_the_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    assert read_token(tmp_path) == ""
    token = load_token(tmp_path, pytest.fail)
    file = tmp_path / TOKEN_FILE
    assert len(token) >= 43 and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_token(tmp_path, pytest.fail) == token == read_token(tmp_path)
    assert load_token(_folder(tmp_path / "b"), pytest.fail) != token
    file.chmod(0o644)
    said: list[str] = []
    assert load_token(tmp_path, said.append) == token
    assert "0644" in said[0] and token not in said[0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40, b"a" * 20 + b"\n" + b"b" * 20])
def test_a_damaged_token_file_lets_nobody_in(tmp_path: Path, content: bytes) -> None:
    create_once(tmp_path / TOKEN_FILE, content)
    with pytest.raises(StoreError, match="Remove it"):
        load_token(tmp_path, pytest.fail)


def test_a_token_file_that_is_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).mkdir(mode=0o700)
    with pytest.raises(StoreError, match="cannot be used"):
        load_token(tmp_path, pytest.fail)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


# The config


def test_basic_auth_of_a_config_needs_both_words(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    content: dict[str, Any] = {"webapi": {"basicAuth": {"enabled": True, "username": "op"}}}
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"webapi\.basicAuth\.password"):
        load_config(file, environment={})
    content["webapi"]["basicAuth"]["password"] = "correct horse"
    file.write_text(json.dumps(content))
    config = load_config(file, environment={})
    assert (config.webapi.username, config.webapi.password) == ("op", "correct horse")
    assert config.warnings == () and "correct horse" not in repr(config)
    shown = shimlet("config", "show", "--config", file).out
    assert "correct horse" not in shown and 'webapi.basicAuth.username = "op"' in shown
    content["webapi"]["basicAuth"]["enabled"] = False
    file.write_text(json.dumps(content))
    assert not load_config(file, environment={}).webapi.basic_auth


# The whole node


def test_a_node_beyond_loopback_is_changed_by_who_can_read_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = NodeProcess(tmp_path / "node", {"webapi.bindAddress": "0.0.0.0:0"})
    with running(node):
        folder = node.folder / "shimletdb"
        token = read_token(folder)
        assert announced(folder) == node.url
        warned = node.await_log(
            "the web API listens beyond loopback: everybody may look, changes need its token"
        )
        assert warned["file"] == str(folder / TOKEN_FILE)
        assert node.ask("POST", "/messages", {"payload": "x"})[0] == 401
        assert shimlet("publish", "a", "--config", node.config).status == 0, "it finds the token"
        elsewhere = ("--api", node.url, "--config", tmp_path / "none.json")
        monkeypatch.chdir(tmp_path)
        done = shimlet("publish", "b", "--api", node.url)
        assert done.status == 1 and "webapi.token" in done.err
        assert shimlet("publish", "c", *elsewhere[:2], "--token", token).status == 0
        monkeypatch.setenv("SHIMLET_TOKEN", token)
        assert shimlet("publish", "d", "--api", node.url).status == 0
        monkeypatch.setenv("SHIMLET_TOKEN", token + "x")
        done = shimlet("publish", "e", "--api", node.url)
        assert done.status == 1 and "is wrong" in done.err
        assert [m["payload"] for m in node.ask("GET", "/messages")[1]] == ["d", "c", "a"]
        assert not any(token in json.dumps(record) for record in node.log)
        assert node.stop() == 0
        assert announced(folder) == ""
    (folder / TOKEN_FILE).write_text("short")
    done = process(node.folder, "run", "--config", node.config)
    assert done.status == 1 and "Remove it to get a new one" in done.err


def test_the_folders_token_goes_to_no_other_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shimlet_host.cli.common import node_api

    monkeypatch.chdir(tmp_path)
    token = load_token(_folder(tmp_path / "shimletdb"), pytest.fail)
    assert node_api("", "", None)._token == token
    assert node_api("http://127.0.0.1:8080/", "", None)._token == token
    assert node_api("http://192.0.2.1:8080", "", None)._token == ""
    assert node_api("http://192.0.2.1:8080", "given", None)._token == "given"
