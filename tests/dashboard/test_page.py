"""The dashboard in a real browser: what an operator does and sees, with real nodes and a real
virtual board around. Leaves pictures of it in build/.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard.browser import DESKTOP, PHONE, Browser, browser, is_of
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from shimlet.identity import base58_encode
from shimlet_host.board.deploy import deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import wait_for_node
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build"
LARGEST_PICTURE = 300_000  # bytes: one of them stands in the README
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
# Three identities in the order of their keys.
SMALL, MIDDLE, LARGE = sorted(
    (bytes([number]) * 32 for number in (1, 2, 3)), key=lambda seed: HostIdentity(seed).public_key
)


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One window for all tests."""
    with browser(tmp_path_factory.mktemp("profile")) as window:
        window.resize(*DESKTOP)
        yield window


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AutoProcess]:
    """The node whose dashboard is looked at."""
    node = AutoProcess(tmp_path_factory.mktemp("node"))
    content = json.loads(node.config.read_text()) | {"node.seed": str(format_seed(MIDDLE))}
    node.config.write_text(json.dumps(content))
    with running(node):
        yield node


@pytest.fixture
def page(chrome: Browser, node: AutoProcess) -> Iterator[Browser]:
    """Its dashboard; at the end nothing of it came from elsewhere, and nothing went wrong."""
    chrome.open(f"{node.url}/dashboard/")
    yield chrome
    assert [url for url in chrome.calls() if not is_of(url, node.url)] == []
    assert chrome.complaints() == []
    assert chrome.run("return window.hacked") is None


def friend(folder: Path, seed: bytes, node: NodeProcess) -> NodeProcess:
    """Another node, which lists this one."""
    entry = {"publicKey": node.public_key, "address": node.gossip}
    seeds = {"node.seed": str(format_seed(seed))}
    return NodeProcess(folder, {**seeds, "manualPeering.knownPeers": [entry]})


def row(key: str, part: str) -> str:
    return f'[data-id="{key}"] {part}'


def forget_all(node: NodeProcess) -> None:
    """Of the known peers."""
    listed = [
        {"publicKey": peer["publicKey"]} for peer in node.ask("GET", "/manualpeering/peers")[1]
    ]
    node.ask("DELETE", "/manualpeering/peers", listed)


def test_a_peer_is_added_renamed_disabled_enabled_and_removed(
    page: Browser, node: AutoProcess, tmp_path: Path
) -> None:
    other = friend(tmp_path, LARGE, node)
    with running(other):
        key = other.public_key
        page.type(".one-string-input input", f"{key}@{other.gossip}")
        page.type(".add .narrow input", "attic")
        page.click(".add .go")
        page.await_text(row(key, ".chip"), "connected")
        page.await_text(row(key, ".title"), "attic")
        assert node.peer(key)["alias"] == "attic"
        assert page.run("return document.querySelector('.one-string-input input').value") == ""

        page.click(".rename", within=key)
        page.type(".dialog input", "cellar")
        page.click(".dialog .go")
        page.await_text(row(key, ".title"), "cellar")
        assert node.peer(key)["alias"] == "cellar"

        page.click(".disable", within=key)
        page.await_text(row(key, ".chip"), "disabled")
        assert node.peer(key)["enabled"] is False
        page.click(".enable", within=key)
        page.await_text(row(key, ".chip"), "connected")

        page.click(".remove", within=key)
        page.await_text(".dialog", "Forget cellar")
        page.click(".dialog .go")
        page.until(lambda: key not in page.run("return document.body.innerHTML"), "it stays")
        assert node.ask("GET", "/manualpeering/peers")[1] == []


def test_what_is_not_right_is_told_in_a_sentence_and_changes_nothing(
    page: Browser, node: AutoProcess
) -> None:
    for typed, told in (
        ("hello", "A node is written KEY@HOST:PORT"),
        (f"{node.public_key}@192.0.2.1", "192.0.2.1"),
        (f"{node.public_key}@{node.gossip}", node.public_key),
    ):
        page.type(".one-string-input input", typed)
        page.click(".add .go")
        page.await_text(".q-notification", told)
        assert node.ask("GET", "/manualpeering/peers")[1] == []


def test_a_pending_peer_is_accepted(page: Browser, node: AutoProcess, tmp_path: Path) -> None:
    """The caller has the smaller key, so it is the one that dials."""
    caller = friend(tmp_path, SMALL, node)
    with running(caller):
        page.await_text(row(caller.public_key, ".chip"), "pending")
        page.click(".accept", within=caller.public_key)
        page.await_text(row(caller.public_key, ".chip"), "connected")
        eventually(lambda: caller.peer(node.public_key)["state"] == "connected", "no link")
    forget_all(node)


def test_why_a_peer_is_not_connected_and_the_next_attempt_are_shown(
    page: Browser, node: AutoProcess
) -> None:
    key = _key(LARGE)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    node.ask("POST", "/manualpeering/peers", [{"publicKey": key, "address": address}])
    page.await_text(row(key, ".chip"), "backing-off")
    page.await_text(row(key, ".note"), "Nothing listens at this address")
    page.await_text(row(key, ".note"), "Next attempt in")
    forget_all(node)


def test_what_strangers_write_is_shown_as_text(
    page: Browser, node: AutoProcess, tmp_path: Path
) -> None:
    other = friend(tmp_path, LARGE, node)
    with running(other):
        node.add(other)
        named = [{"publicKey": other.public_key, "alias": HOSTILE[:64]}]
        assert node.ask("PATCH", "/manualpeering/peers", named)[0] == 204
        page.await_text(row(other.public_key, ".chip"), "connected")
        page.await_text(row(other.public_key, ".title"), HOSTILE[:64])
        reading = {"name": HOSTILE[:38], "value": 1, "unit": "<b>x"}
        for text in (HOSTILE, "\u202e${7*7}`{{ 7 * 7 }}", json.dumps(reading)):
            other.ask("POST", "/messages", {"payload": text})
        page.await_text(".messages", HOSTILE)
        page.await_text(".messages", "${7*7}`{{ 7 * 7 }}")
        page.await_text(".readings", "<b>x")
        # The same from the start: what the page holds when it is made.
        page.open(f"{node.url}/dashboard/")
        page.await_text(".messages", HOSTILE)
        page.await_text(".readings", HOSTILE[:38])
        page.await_text(".graph", "<img src=x")
        assert (
            page.run("return document.querySelectorAll('img:not(.qr), main script').length") == 0
        )
    forget_all(node)


def test_who_this_node_is_can_be_copied_and_scanned(page: Browser, node: AutoProcess) -> None:
    one_string = f"{node.public_key}@{node.gossip}"
    page.await_text(".one-string", one_string)
    assert page.run("return document.querySelector('.qr').naturalWidth") > 20
    page.run("window.copied = []; shimlet.copyTheOldWay = (text) => copied.push(text)")
    page.run("navigator.clipboard.writeText = async (text) => { copied.push(text); }")
    page.click(".one-string")
    page.until(lambda: page.run("return copied") == [one_string], "nothing was copied")


def test_a_browser_gets_in_with_the_token_as_its_password(chrome: Browser, tmp_path: Path) -> None:
    """Beyond loopback: page, assets and socket, by what the browser itself remembers."""
    chrome.forget()
    guarded = NodeProcess(tmp_path, {"webapi.bindAddress": "0.0.0.0:0"})
    with running(guarded):
        token = (tmp_path / "shimletdb" / "webapi.token").read_text().strip()
        with_password = guarded.url.replace("://", f"://:{token}@")
        chrome.driver.get(f"{with_password}/dashboard/")  # as if typed into its dialog
        chrome.open(f"{guarded.url}/dashboard/")
        transport = chrome.run("return window.socket.io.engine.transport.name")
        assert transport == "websocket"
        chrome.await_text(".one-string", guarded.public_key)
        assert [url for url in chrome.calls() if not is_of(url, guarded.url)] == []
        chrome.forget()


def test_many_peers_are_shown_in_parts_and_can_be_searched(
    page: Browser, node: AutoProcess
) -> None:
    from shimlet_host.dashboard.lists import FIRST_ROWS

    keys = [_key(number.to_bytes(32, "big")) for number in range(100, 140)]
    entries = [{"publicKey": key, "address": "127.0.0.1:9"} for key in keys]
    assert node.ask("POST", "/manualpeering/peers", entries)[0] == 204
    page.await_text(".peers .more", f"{len(keys) - FIRST_ROWS} are left")
    count = "return document.querySelectorAll('.peers .row-item').length"
    assert page.run(count) == FIRST_ROWS
    page.click(".peers .more")
    page.until(lambda: page.run(count) == len(keys), "they are not shown")
    page.type(".search input", keys[7][:12])
    page.until(lambda: page.run(count) == 1, "the search finds not one")
    forget_all(node)


@pytest.fixture(scope="module")
def around(
    node: AutoProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A virtual board with a sensor, neighbors that found each other, and peers of all kinds."""
    folder = tmp_path_factory.mktemp("around")
    others = [AutoProcess(folder / f"auto{number}", node) for number in range(5)]
    cellar, gate = friend(folder / "cellar", LARGE, node), friend(folder / "gate", SMALL, node)
    with VirtualBoard(folder / "flash.img") as board, running(cellar, gate, *others):
        key, address = _sensor(board, node)
        names = {key: "greenhouse", cellar.public_key: "cellar", _key(b"\x09" * 32): "attic"}
        addresses = (address, cellar.gossip, "127.0.0.1:9")
        entries = [
            {"publicKey": each, "address": where}
            for each, where in zip(names, addresses, strict=True)
        ]
        assert node.ask("POST", "/manualpeering/peers", entries)[0] == 204
        marks = [{"publicKey": each, "alias": name} for each, name in names.items()]
        assert node.ask("PATCH", "/manualpeering/peers", marks)[0] == 204
        yield {"board": key, "cellar": cellar, "gate": gate, "others": others}
    forget_all(node)


def _sensor(board: VirtualBoard, node: AutoProcess) -> tuple[str, str]:
    """Put the light node and the sensor on the board; its key and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    known = [{"publicKey": node.public_key, "address": node.gossip}]
    config = {"name": "greenhouse", "knownPeers": known, "gossip": {"bindAddress": address}}
    app = ROOT / "firmware" / "examples" / "sensor" / "app.py"
    deploy_node(board.device, {"/config.json": json.dumps(config).encode(), "/app.py": app})
    return str(wait_for_node(board.device)["publicKey"]), address


def test_a_boards_message_arrives_and_becomes_a_chart(
    page: Browser, node: AutoProcess, around: dict[str, Any]
) -> None:
    page.await_text(row(around["board"], ".chip"), "connected")
    page.await_text(".messages", '"unit": "bytes free"')
    page.await_text(".reading .what", "greenhouse")
    page.await_text(".reading .unit", "bytes free")
    page.await_text(".graph", "greenhouse")
    page.until(lambda: page.run("return !!document.querySelector('.spark svg path')"), "no line")


def test_neighbors_are_drawn_by_kind_and_verified_peers_are_listed(
    page: Browser, node: AutoProcess, around: dict[str, Any]
) -> None:
    others = {other.public_key for other in around["others"]}
    eventually(lambda: others <= node.neighbors()["known"], "not all are verified")
    eventually(lambda: others == node.linked(), "not all are neighbors")
    for other in others:
        kind = "chosen" if other in node.neighbors()["chosen"] else "accepted"
        page.await_text(f".verified {row(other, '.chip')}", kind)
        page.await_text(".graph", f"{other[:6]}…{other[-6:]}")


def test_the_page_fits_a_phone_and_a_desktop_in_light_and_dark(
    page: Browser, node: AutoProcess, around: dict[str, Any]
) -> None:
    page.await_text(".reading .unit", "bytes free")
    _let_some_time_pass(around["cellar"], page)
    try:
        for name, size, phone in (("", DESKTOP, False), ("-phone", PHONE, True)):
            page.resize(*size, phone=phone)
            for scheme in ("dark", "light"):
                page.prefer(scheme)
                page.until(lambda scheme=scheme: _ground(page) == scheme, f"it is not {scheme}")
                width = page.run("return document.documentElement.scrollWidth")
                assert width == size[0], (name, scheme)
                mark = "-dark" if scheme == "dark" else ""
                page.picture(PICTURES / f"dashboard{name}{mark}.png")
    finally:
        page.resize(*DESKTOP)
    assert (PICTURES / "dashboard.png").stat().st_size < LARGEST_PICTURE


def _let_some_time_pass(cellar: NodeProcess, page: Browser) -> None:
    """Some readings and words, so that the picture shows what a page is like."""
    for number in range(24):
        reading = {"name": "cellar", "value": 61 + number % 7 - number / 5, "unit": "% humidity"}
        cellar.ask("POST", "/messages", {"payload": json.dumps(reading)})
    cellar.ask("POST", "/messages", {"payload": "anna: is the light in the cellar still on?"})
    page.await_text(".messages", "still on?")


def _ground(page: Browser) -> str:
    color = page.run("return getComputedStyle(document.body).backgroundColor")
    return "dark" if sum(map(int, color[4:-1].split(","))) < 200 else "light"


def _key(seed: bytes) -> str:
    return base58_encode(HostIdentity(seed).public_key)
