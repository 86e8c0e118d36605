"""Pairing of nodes that need a start of their own: clocks, addresses, who dials."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host.couples import Couple, command, couple, flash, listed, pair, run_shell, shell
from host.processes import NodeProcess, eventually, running
from shimlet.identity import decode_key
from shimlet_host.board.dial_at import with_port
from shimlet_host.board.dial_from import PairError
from shimlet_host.doctor.api import NodeApiClient
from shimlet_host.doctor.diagnose import diagnose
from shimlet_host.doctor.evidence import Side
from shimlet_host.doctor.gather import gather

# Several addresses


@pytest.fixture
def two_addresses(tmp_path: Path) -> Iterator[Couple]:
    """A full node that says it is at a second address, too."""
    port = flash().port + 1
    settings = {"gossip__bindAddress": f"0.0.0.0:{port}"}
    second = {"gossip__addresses": [f"127.0.0.5:{port}"]}
    with couple(tmp_path, host_dials=False, **settings, **second) as both:
        yield both


def test_several_addresses_are_asked_for_on_a_terminal_and_else_named(
    two_addresses: Couple,
) -> None:
    port = two_addresses.host_port
    done = run_shell(command(two_addresses, "--json"))
    assert done.returncode == 1
    assert "Under which address does the board reach the full node?" in done.stderr
    assert f"127.0.0.1:{port}, 127.0.0.5:{port}. Name one by --host-address" in done.stderr
    assert listed(two_addresses) == ([], [])
    said = on_a_terminal(command(two_addresses), b"7\n2\n")
    assert "Write a number from 1 to 2." in said and "They are linked: The board dials" in said
    assert listed(two_addresses)[1] == [(two_addresses.node.public_key, f"127.0.0.5:{port}")]


def on_a_terminal(pasted: str, typed: bytes) -> str:
    """What the command shows to somebody at a terminal who types this."""
    terminal, slave = pty.openpty()
    words = [sys.executable, "-m", "shimlet_host", *pasted.split()[1:]]
    process = subprocess.Popen(words, stdin=slave, stdout=subprocess.PIPE, text=True)
    os.close(slave)
    os.write(terminal, typed)
    said, _ = process.communicate(timeout=60)
    os.close(terminal)
    return said


@pytest.mark.parametrize("wrong", ["300.1.1.1", "10.0.0.256:14666", "1.2.3", "a b", "x:70000"])
def test_an_address_that_is_none_is_refused_before_anybody_lists_it(wrong: str) -> None:
    with pytest.raises(PairError, match=f"^{wrong} is no address: "):
        with_port(wrong, Side("the board", "key", bind="0.0.0.0:14700"))


def test_an_address_without_a_port_gets_that_of_its_side() -> None:
    side = Side("the board", "key", bind="0.0.0.0:14700")
    for wish, address in (
        ("192.0.2.1", "192.0.2.1:14700"),
        ("192.0.2.1:1", "192.0.2.1:1"),
        ("2001:db8::1", "[2001:db8::1]:14700"),
        ("[2001:db8::1]", "[2001:db8::1]:14700"),
        ("[2001:db8::1]:1", "[2001:db8::1]:1"),
        ("board.example", "board.example:14700"),
    ):
        assert with_port(wish, side) == address


# The clock


def test_a_board_without_time_gets_it_from_the_full_nodes_time_server(tmp_path: Path) -> None:
    settings = {"sntp__bindAddress": "127.0.0.1:0"}
    with couple(tmp_path, host_dials=False, clock="unset", **settings) as both:
        done = run_shell(command(both))
        assert done.returncode == 0, done
        server = both.api.info()["timeServer"]["address"]
        assert f"The board asks the full node for the time now, {server}" in done.stdout
        assert both.ask("status")["ntp"] == [server]
        assert both.ask("status")["clock"]["source"] == "desktop"


def test_without_a_time_server_the_clock_is_set_over_the_serial_line(tmp_path: Path) -> None:
    with couple(tmp_path, host_dials=False, clock="-7200") as both:
        done = run_shell(command(both))
        assert done.returncode == 0, done
        assert "The board's clock is set, over the serial line." in done.stdout
        assert both.ask("status")["clock"]["source"] == "serial"


# Who dials


def test_dial_from_gives_the_board_a_key_for_either_side_and_only_when_it_is_needed(
    tmp_path: Path,
) -> None:
    with couple(tmp_path, host_dials=False) as both:
        keys = [both.board_key]
        for side in ("board", "host", "board"):
            answer = pair(both, "--dial-from", side)
            assert answer["dialler"] == side and answer["linked"]
            (peer,) = both.api.peers()
            assert peer["publicKey"] == answer["board_key"]
            outbound = "outbound" if side == "host" else "inbound"
            assert peer["connectionDirection"] == outbound
            keys.append(answer["board_key"])
        assert keys[0] == keys[1], "a new key without need"
        assert len(set(keys)) == 3
        both.board.kill()
        both.board.start()
        eventually(lambda: both.ask("status")["publicKey"] == keys[-1], "the key is not kept")


# The doctor with a peer that is no board: nothing but the full node can be asked


def test_a_full_node_that_is_off_and_one_that_is_not_listed_are_found_from_the_other_side(
    tmp_path: Path,
) -> None:
    nodes = [NodeProcess(tmp_path / "one"), NodeProcess(tmp_path / "two")]
    with running(*nodes):
        dialler, waiter = sorted(nodes, key=lambda node: decode_key(node.public_key))
        dialler.add(waiter)
        api, other_api = NodeApiClient(dialler.url), NodeApiClient(waiter.url)

        def linked() -> bool:
            return dialler.peer(waiter.public_key)["state"] == "connected"

        eventually(lambda: other_api.pending() != [], "nobody calls")
        seen_by_dialler = diagnose(gather(api, waiter.public_key))
        assert "key-not-listed" in seen_by_dialler.candidates
        finding = diagnose(gather(other_api, dialler.public_key))
        assert finding.cause == "key-not-listed"
        assert run_shell(finding.remedy).returncode == 0
        eventually(linked, "the remedy brings no link")
        waiter.stop()
        eventually(lambda: not linked(), "the link stays up")
        finding = diagnose(gather(api, waiter.public_key))
        assert finding.cause == "closed-port"
        with shell(finding.remedy, waiter.folder):
            eventually(linked, "the remedy brings no link")
