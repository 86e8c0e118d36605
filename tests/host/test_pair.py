"""`shimlet board pair`: a running full node and a running virtual board, paired by one command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from host.couples import (
    HOST_ELSEWHERE,
    SOMEBODY,
    Couple,
    command,
    couple,
    flash,
    listed,
    pair,
    run_shell,
)
from shimlet.identity import base58_encode
from shimlet_host.board.dial_from import PairError, refuse_rare

LARGEST = base58_encode(b"\xff" * 32)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    """A host and a board; the host dials, and can be dialled at two addresses."""
    folder = tmp_path_factory.mktemp("together")
    with couple(folder, host_dials=True, gossip__bindAddress="0.0.0.0:0") as both:
        yield both


@pytest.fixture
def strangers(together: Couple) -> Couple:
    """The same, not known to each other."""
    together.board_knows_nobody()
    together.host_knows_nobody()
    return together


def test_one_command_lists_both_links_them_and_proves_it_by_a_message_each_way(
    strangers: Couple,
) -> None:
    done = run_shell(command(strangers))
    assert done.returncode == 0, done
    assert "They are linked: The full node dials, because its key is smaller" in done.stdout
    assert "A message to the board arrived." in done.stdout
    assert "A message to the full node arrived." in done.stdout
    of_host, of_board = listed(strangers)
    assert of_host == [(strangers.board_key, strangers.board_address)]
    assert of_board == [(strangers.node.public_key, f"127.0.0.1:{strangers.host_port}")]
    texts = {m["source"]: m["payload"] for m in strangers.api.messages(10)}
    assert texts["local"].startswith("Shimlet pairing, to the board")
    assert texts[strangers.board_key].startswith("Shimlet pairing, to the full node")
    assert strangers.ask("status")["received"] >= 1


def test_pairing_again_changes_nothing_and_keeps_the_link(strangers: Couple) -> None:
    first = pair(strangers)
    lists = listed(strangers)
    ups = [r for r in strangers.node.log if r.get("event") == "link up"]
    assert pair(strangers) == first
    assert listed(strangers) == lists
    assert [r for r in strangers.node.log if r.get("event") == "link up"] == ups
    assert first["linked"] and first["to_board"] and first["to_host"] and not first["finding"]


def test_a_wished_address_is_used_and_kept(strangers: Couple) -> None:
    assert pair(strangers, "--host-address", "127.0.0.9")["host_address"] == (
        f"127.0.0.9:{strangers.host_port}"
    )
    done = run_shell(command(strangers, "--host-address", "nowhere:70000"))
    assert done.returncode == 1 and "nowhere:70000 is no address" in done.stderr


def test_looking_changes_nothing(strangers: Couple) -> None:
    done = run_shell(command(strangers, "--check"))
    assert done.returncode == 1
    assert "key-not-listed: The board does not list" in done.stdout
    assert f"What to do:\n  shimlet board peers add {strangers.board.device}" in done.stdout
    assert listed(strangers) == ([], [])
    pair(strangers)
    assert run_shell(command(strangers, "--check")).returncode == 0


def test_doctor_asks_the_board_at_its_serial_line(strangers: Couple) -> None:
    words = f"shimlet doctor --board {strangers.board.device} --api {strangers.node.url}"
    done = run_shell(words)
    assert done.returncode == 1 and "key-not-listed" in done.stdout, done
    assert strangers.board_key in done.stdout and "because its key is smaller" in done.stdout
    pair(strangers)
    done = run_shell(f"{words} {strangers.board_key}")
    assert done.returncode == 0 and "connected: They are connected." in done.stdout
    done = run_shell(f"{words} {strangers.node.public_key}")
    assert done.returncode == 1 and "none of these peers" in done.stderr


def test_without_a_link_it_says_who_must_dial_why_not_and_what_to_do(strangers: Couple) -> None:
    nowhere = f"--board-address 239.255.9.9:{flash().port} --host-address {HOST_ELSEWHERE}"
    done = run_shell(command(strangers, nowhere, "--timeout 0.5"))
    assert done.returncode == 1
    assert "The full node dials, because its key is smaller" in done.stdout
    assert "changed-address: The full node dials the board at 239.255.9.9" in done.stdout
    assert "What to do:\n  shimlet peers add " in done.stdout
    assert run_shell(done.stdout.splitlines()[-1]).returncode == 0
    strangers.await_link()


def test_keys_that_either_had_before_at_its_address_are_forgotten(strangers: Couple) -> None:
    strangers.host_knows(strangers.board_address, LARGEST)
    strangers.board_knows(f"127.0.0.1:{strangers.host_port}", LARGEST)
    done = run_shell(command(strangers))
    assert done.returncode == 0, done
    for side in ("The full node", "The board"):
        assert f"{side} forgets {LARGEST}, which it listed at that address." in done.stdout
    assert LARGEST not in str(listed(strangers))


def test_a_full_list_of_the_board_is_said(strangers: Couple) -> None:
    for number in range(8):
        strangers.board_knows("192.0.2.1:14666", base58_encode(bytes([number + 1]) * 32))
    done = run_shell(command(strangers))
    assert done.returncode == 1
    assert "The board says: a board knows at most 8 peers: remove one first." in done.stderr


def test_a_full_node_that_does_not_run_and_a_board_that_is_not_there_are_said(
    strangers: Couple,
) -> None:
    done = run_shell(f"shimlet board pair {strangers.board.device} --api http://127.0.0.1:9")
    assert done.returncode == 1
    assert "No full node answers at http://127.0.0.1:9" in done.stderr
    assert "Start one (`shimlet run`), or name its web API by --api." in done.stderr
    done = run_shell(f"shimlet board pair /dev/nowhere --api {strangers.node.url}")
    assert done.returncode == 1 and "There is no device /dev/nowhere." in done.stderr
    assert run_shell(command(strangers, "--dial-from", "nobody")).returncode == 2


def test_a_key_that_hardly_exists_is_not_looked_for() -> None:
    smallest, largest = base58_encode(bytes(31) + b"\x01"), base58_encode(b"\xff" * 32)
    for key, side in ((smallest, "board"), (largest, "host")):
        with pytest.raises(PairError, match="Hardly any key is"):
            refuse_rare(key, side)
    for key, side in ((smallest, "host"), (largest, "board"), (SOMEBODY, "board")):
        refuse_rare(key, side)
