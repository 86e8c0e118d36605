"""Rows of the doctor's table whose cause can be made and mended while both sides run.

A real full node and a virtual board: that row alone is shown, and the remedy, pasted into a shell
as it is printed, brings the link up.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from host.couples import (
    BOARD_ELSEWHERE,
    HOST_ELSEWHERE,
    SOMEBODY,
    Couple,
    couple,
    flash,
    found,
    mends,
)
from host.processes import eventually
from shimlet_host.doctor.diagnose import shown_causes
from shimlet_host.doctor.gather import gather


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    """A host and a board; the board dials."""
    with couple(tmp_path_factory.mktemp("together"), host_dials=False) as both:
        yield both


@pytest.fixture
def linked(together: Couple) -> Couple:
    """The same, known to each other as they should be, and linked."""
    together.board_knows_nobody()
    together.host_knows_nobody()
    together.host_knows(together.board_address)
    together.board_knows(together.node.gossip)
    together.await_link()
    return together


def test_key_not_listed_on_the_board(linked: Couple) -> None:
    linked.board_knows_nobody()
    finding = found(linked, "key-not-listed")
    assert finding.sentence.startswith(f"The board does not list {linked.node.public_key}")
    mends(linked, finding)


def test_key_not_listed_on_the_full_node(linked: Couple) -> None:
    linked.host_knows_nobody()
    finding = found(linked, "key-not-listed")
    assert finding.sentence.startswith(f"The full node does not list {linked.board_key}")
    mends(linked, finding)


def test_swapped_key_on_the_full_node(linked: Couple) -> None:
    linked.host_knows_nobody()
    linked.host_knows(linked.board_address, SOMEBODY)
    finding = found(linked, "swapped-key")
    assert SOMEBODY in finding.sentence and linked.board_key in finding.sentence
    mends(linked, finding)
    assert SOMEBODY not in str(linked.api.peers())


def test_swapped_key_on_the_board(linked: Couple) -> None:
    linked.board_knows_nobody()
    linked.board_knows(linked.node.gossip, SOMEBODY)
    finding = found(linked, "swapped-key")
    assert finding.sentence.startswith(f"The board lists the key {SOMEBODY}")
    mends(linked, finding)


def test_changed_address_of_a_full_node_that_has_another_port_now(linked: Couple) -> None:
    linked.board_knows(f"127.0.0.1:{linked.host_port + 1}")
    linked.host_knows_nobody()  # cuts the link, as the restart with another port would
    linked.host_knows(linked.board_address)
    finding = found(linked, "changed-address")
    assert linked.node.gossip in finding.sentence
    mends(linked, finding)


def test_skewed_clock_seen_from_both_sides_and_from_the_full_node_alone(linked: Couple) -> None:
    linked.ask("time", unixTime=int(time.time()) - 3600)
    linked.host_knows_nobody()
    linked.host_knows(linked.board_address)
    finding = found(linked, "skewed-clock")
    assert re.search(r" (359\d|360\d) s;", finding.sentence), finding.sentence
    eventually(lambda: linked.api.info()["refusals"] != {}, "the board does not call")
    alone = gather(linked.api, linked.board_key)
    assert shown_causes(alone) == ["skewed-clock"]
    mends(linked, finding)


def test_wrong_network_when_neither_has_a_way_to_the_other(linked: Couple) -> None:
    linked.host_knows(f"{BOARD_ELSEWHERE}:{flash().port}")
    linked.board_knows_nobody()
    linked.board_knows(f"{HOST_ELSEWHERE}:{linked.host_port}")
    finding = found(linked, "wrong-network")
    assert f"{HOST_ELSEWHERE}:{linked.host_port} (no route)" in finding.sentence
    mends(linked, finding)
