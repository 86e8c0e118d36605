"""A peer with an alias is called by it wherever a peer is named."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from host.processes import NodeProcess, eventually, running
from host.shell import shimlet, without_variables
from shimlet_host.cli.tables import show_neighbors
from shimlet_host.roster import STAYS_AWAY


def test_an_alias_of_the_config_is_in_logs_answers_events_and_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_variables(monkeypatch)
    here, there = NodeProcess(tmp_path / "here"), NodeProcess(tmp_path / "there")
    with running(there):
        entry = {"publicKey": there.public_key, "address": there.gossip, "alias": "attic"}
        content = json.loads(here.config.read_text()) | {"manualPeering.knownPeers": [entry]}
        here.config.write_text(json.dumps(content))
        with running(here):
            alias = {"peer": there.public_key, "alias": "attic"}
            here.await_log("known peer", **alias)
            there.add(here)
            here.await_log("link up", **alias)
            said = watched(here, there)
            assert " attic    from there" in said and "attic is " in said, said
            told = here.ask("GET", "/messages")[1]
            assert {(m["source"], m["alias"]) for m in told} == {(there.public_key, "attic")}
            for command in ("status", "peers list", "doctor"):
                answer = shimlet(*command.split(), "--api", here.url)
                assert "attic" in answer.out, (command, answer)
            removed = shimlet("peers", "remove", "attic", "--config", here.config)
            assert removed.out == f"{there.public_key} (attic) is forgotten.\n"
            here.await_log(STAYS_AWAY, **alias)
            here.await_log("link down")
            here.stop()
            here.start()
            here.await_log(STAYS_AWAY, peer=there.public_key)
            assert here.ask("GET", "/manualpeering/peers")[1] == []


def test_a_neighbor_that_is_listed_too_is_called_by_its_alias(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {"publicKey": "4zvw", "services": [{"id": "gossip", "address": "192.0.2.7:14666"}]}
    lists = {"chosen": [], "accepted": [], "known": [found, {"publicKey": "8Ebv"}]}
    show_neighbors(lists, {"4zvw": "[attic]"})
    shown = capsys.readouterr().out
    assert re.search(r"known +4zvw +\[attic\] +gossip 192.0.2.7:14666", shown), shown


def watched(here: NodeProcess, there: NodeProcess) -> str:
    """What `shimlet watch --peers` says of one message of the other, and of a change of it."""
    words = ["watch", "--peers", "--count", "3", "--api", here.url]
    child = subprocess.Popen(
        [sys.executable, "-m", "shimlet_host", *words], stdout=subprocess.PIPE, text=True
    )
    numbers = itertools.count()

    def another_message() -> bool:
        there.ask("POST", "/messages", {"payload": f"from there {next(numbers)}"})
        peer = {"publicKey": there.public_key, "enabled": True}
        here.ask("PATCH", "/manualpeering/peers", [peer])
        return child.poll() is not None

    eventually(another_message, "nothing is watched")
    assert child.stdout is not None
    return child.stdout.read()
