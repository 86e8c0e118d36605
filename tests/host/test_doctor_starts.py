"""Rows of the doctor's table whose cause lies in how the two sides were started.

As in test_doctor_rows.py, each with a full node and a virtual board of its own.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from host.couples import (
    BOARD_ELSEWHERE,
    HOST_ELSEWHERE,
    command,
    couple,
    flash,
    found,
    mends,
    run_shell,
    shell,
)
from host.processes import eventually
from shimlet_host.doctor.diagnose import CONNECTED, diagnose


def test_a_clock_that_nobody_has_set(tmp_path: Path) -> None:
    with couple(tmp_path, host_dials=True, clock="unset") as both:
        both.host_knows(both.board_address)
        both.board_knows(both.node.gossip)
        finding = found(both, "clock-not-set")
        assert finding.sentence.startswith("The clock of the board is not set")
        mends(both, finding)


def test_a_port_that_is_closed_because_the_full_node_listens_elsewhere(tmp_path: Path) -> None:
    with couple(tmp_path, host_dials=False) as both:
        both.host_knows(both.board_address)
        both.board_knows(f"127.0.0.2:{both.host_port}")
        finding = found(both, "closed-port")
        assert f"TCP port {both.host_port} of 127.0.0.2" in finding.sentence
        assert both.node.gossip in finding.sentence
        both.node.stop()
        with shell(finding.remedy, both.node.folder):  # `shimlet run ...`, which goes on
            eventually(both.answers, "the node does not start")
            both.await_link()
            assert diagnose(both.evidence()).cause == CONNECTED


def test_a_port_that_a_board_cannot_listen_on(tmp_path: Path) -> None:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", flash().port))
        thief.listen()
        with couple(tmp_path, host_dials=True) as both:
            both.host_knows(both.board_address)
            both.board_knows(both.node.gossip)
            finding = found(both, "closed-port")
            assert "the board does not listen at all" in finding.sentence
            assert run_shell(finding.remedy).returncode == 0
            (peer,) = both.api.peers()
            assert (peer["state"], peer["connectionDirection"]) == ("connected", "inbound")


def test_a_board_that_dials_the_wrong_way_is_given_a_key_by_which_the_host_dials(
    tmp_path: Path,
) -> None:
    with couple(tmp_path, host_dials=False) as both:
        both.host_knows(both.board_address)
        both.board_knows(f"{HOST_ELSEWHERE}:{both.host_port}")
        finding = found(both, "wrong-direction")
        assert finding.sentence.startswith("The board must dial and cannot reach 239.")
        assert finding.remedy.endswith("--dial-from host")
        assert run_shell(finding.remedy).returncode == 0
        (peer,) = both.api.peers()
        assert peer["publicKey"] != flash().board_key
        assert (peer["state"], peer["connectionDirection"]) == ("connected", "outbound")


def test_a_host_that_dials_the_wrong_way_has_the_board_take_a_key_by_which_it_dials(
    tmp_path: Path,
) -> None:
    with couple(tmp_path, host_dials=True) as both:
        both.host_knows(f"{BOARD_ELSEWHERE}:{flash().port}")
        both.board_knows(both.node.gossip)
        finding = found(both, "wrong-direction")
        assert finding.sentence.startswith("The full node must dial and cannot reach 239.")
        assert finding.remedy.endswith("--dial-from board")
        assert run_shell(finding.remedy).returncode == 0
        (peer,) = both.api.peers()
        assert (peer["state"], peer["connectionDirection"]) == ("connected", "inbound")


# Pairing waits 20 s for a link, or as long as it is told, but not for a port that is closed.
LONG = "--timeout 3600 --json"


def test_pairing_does_not_wait_for_a_board_that_cannot_listen(tmp_path: Path) -> None:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", flash().port))
        thief.listen()
        with couple(tmp_path, host_dials=True) as both:
            done = run_shell(command(both, LONG))
            assert done.returncode == 1, done
            assert json.loads(done.stdout)["finding"]["cause"] == "closed-port"


def test_pairing_does_not_wait_for_a_full_node_that_listens_elsewhere(tmp_path: Path) -> None:
    with couple(tmp_path, host_dials=False) as both:
        done = run_shell(command(both, LONG, "--host-address 127.0.0.2"))
        assert done.returncode == 1, done
        assert json.loads(done.stdout)["finding"]["cause"] == "closed-port"
