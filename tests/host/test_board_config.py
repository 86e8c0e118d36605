"""Configs that a board cannot use: the node on a virtual board says so, and goes on with the last
one that it could.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from host.ports import free_port
from shimlet.identity import base58_encode
from shimlet_host.board.deploy import deploy, deploy_node
from shimlet_host.board.emulator.virtual_board import VirtualBoard
from shimlet_host.board.line import ask, wait_for_node

GOSSIP = {"bindAddress": f"127.0.0.1:{free_port()}"}


def peers(count: int) -> list[dict[str, str]]:
    """So many entries that are in order."""
    keys = [base58_encode(bytes([number + 1]) * 32) for number in range(count)]
    return [{"publicKey": key, "address": "127.0.0.1:1"} for key in keys]


def content(**more: Any) -> bytes:
    """A config with two peers, and more."""
    config = {"name": "good", "knownPeers": peers(2), "gossip": GOSSIP, **more}
    return json.dumps(config, indent=1).encode()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board that has run with a good config."""
    with VirtualBoard(tmp_path_factory.mktemp("board") / "flash.img") as board:
        deploy_node(board.device, {"/config.json": content()})
        assert wait_for_node(board.device)["problems"] == []
        yield board


def status_with(board: VirtualBoard, config: bytes) -> dict[str, Any]:
    """The node's status after a restart with this config."""
    deploy(board.device, {"/config.json": config})
    return wait_for_node(board.device)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b" " * 100_000, "longer than 4096 bytes"),
        (content()[:-2], "is not JSON: line 15, column 3: a comma or } is missing"),
        (content(network={"dns": "x"}), 'line 17: network.dns: "x" is refused'),
    ],
    ids=["100 KB", "cut", "a wrong value"],
)
def test_with_a_config_that_has_a_mistake_the_previous_one_is_used(
    board: VirtualBoard, config: bytes, said: str
) -> None:
    status = status_with(board, config)
    assert status["name"] == "good" and status["knownPeers"] == 2 and status["listening"]
    used, mistake = status["problems"]
    assert "kept as config.good.json, is used" in used
    assert said in mistake
    key = peers(1)[0]["publicKey"]
    answer = ask(board.device, {"cmd": "peers-remove", "publicKey": key})
    assert "nothing has changed: " in answer["error"] and "Mend this first" in answer["error"]


def test_a_list_of_40_peers_is_cut_at_the_limit_which_is_named(board: VirtualBoard) -> None:
    status = status_with(board, json.dumps({"knownPeers": peers(40), "gossip": GOSSIP}).encode())
    assert status["knownPeers"] == 8
    assert status["problems"] == [
        "config.json line 1: knownPeers[8]: left out to [39]: a board knows at most 8 peers."
    ]
