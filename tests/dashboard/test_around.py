"""The dashboard beside a real virtual board and neighbors that found each other, in a browser.

Leaves pictures in build/; that of the README, cpython_host/dashboard.png, is build/dashboard.png.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard.browser import DESKTOP, PHONE, Browser
from dashboard.friends import LARGE, SMALL, friend, key_of, row
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from shimlet_host.board.deploy import deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import wait_for_node

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build"
LARGEST_PICTURE = 300_000  # bytes: one of them stands in the README
READINGS = 12  # of the board, so that a line is seen


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
        names = {key: "greenhouse", cellar.public_key: "cellar", key_of(b"\x09" * 32): "attic"}
        addresses = (address, cellar.gossip, "127.0.0.1:9")
        entries = [
            {"publicKey": each, "address": where}
            for each, where in zip(names, addresses, strict=True)
        ]
        assert node.ask("POST", "/manualpeering/peers", entries)[0] == 204
        marks = [{"publicKey": each, "alias": name} for each, name in names.items()]
        assert node.ask("PATCH", "/manualpeering/peers", marks)[0] == 204
        yield {"board": key, "cellar": cellar, "others": others}


def _sensor(board: VirtualBoard, node: AutoProcess) -> tuple[str, str]:
    """Put the light node and the sensor on the board; its key and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    known = [{"publicKey": node.public_key, "address": node.gossip}]
    config = {"name": "greenhouse", "knownPeers": known, "gossip": {"bindAddress": address}}
    sensor = (ROOT / "firmware" / "examples" / "sensor" / "app.py").read_text()
    assert "INTERVAL_S = 10" in sensor
    app = sensor.replace("INTERVAL_S = 10", "INTERVAL_S = 1").encode()
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
    _let_some_time_pass(around["cellar"], page, node)
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


def _let_some_time_pass(cellar: NodeProcess, page: Browser, node: AutoProcess) -> None:
    """Some readings and words, so that the picture shows what a page is like."""

    def readings() -> int:
        found = node.ask("GET", "/messages?limit=1000")[1]
        return sum("bytes free" in message["payload"] for message in found)

    cellar.ask("POST", "/messages", {"payload": "anna: is the light in the cellar on?"})
    eventually(lambda: readings() >= READINGS, "too few readings come")
    node.ask("POST", "/messages", {"payload": "lamp off #17"})
    page.await_text(".messages", "lamp off #17")


def _ground(page: Browser) -> str:
    color = page.run("return getComputedStyle(document.body).backgroundColor")
    return "dark" if sum(map(int, color[4:-1].split(","))) < 200 else "light"
