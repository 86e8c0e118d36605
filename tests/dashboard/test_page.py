"""What an operator does and sees on the dashboard, in a real browser, with real nodes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from dashboard.browser import Browser, is_of
from dashboard.friends import LARGE, SMALL, forget_all, friend, key_of, row
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


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
        (f"{node.public_key}@{HOSTILE}:1", "<img src=x"),
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
    key = key_of(LARGE)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    node.ask("POST", "/manualpeering/peers", [{"publicKey": key, "address": address}])
    page.await_text(row(key, ".chip"), "backing-off")
    page.await_text(row(key, ".note"), "Nothing listens at this address")
    page.await_text(row(key, ".note"), "Next attempt")
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


def test_light_and_dark_follow_the_system_until_the_operator_chooses(
    page: Browser, node: AutoProcess
) -> None:
    dark = "return document.body.classList.contains('body--dark')"
    for scheme in ("dark", "light"):
        page.prefer(scheme)
        page.until(lambda scheme=scheme: page.run(dark) == (scheme == "dark"), f"not {scheme}")
    page.click("header .action")
    page.until(lambda: page.run(dark), "it stays light")
    page.open(f"{node.url}/dashboard/")
    page.until(lambda: page.run(dark), "the choice is forgotten")
    page.run("localStorage.clear()")


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

    keys = [key_of(number.to_bytes(32, "big")) for number in range(100, 140)]
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
