"""The table of `shimlet status` on terminals of several widths, without any node."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from shimlet_host.cli.overview import overview

KEY = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"
INFO = {"publicKey": KEY, "profile": "spec", "version": "1.2.3", "uptime": 3725.0}
INFO |= {"gossipAddress": "0.0.0.0:14666", "reachability": None}
NOW = 1_700_000_000.0
WHY = "Nothing listens at this address: is the peer running, and is this its gossip port?"


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


def peer(**told: Any) -> dict[str, Any]:
    return {
        "publicKey": KEY,
        "alias": "",
        "connectionDirection": "outbound",
        "state": "backing-off",
        "lastConnected": None,
        "counters": {},
        "lastError": None,
        "rtt": None,
        "nextAttempt": None,
    } | told


BUSY = peer(
    alias="greenhouse",
    state="connected",
    lastConnected=NOW - 59 * 60 - 40,
    counters={"bytesIn": 999_949, "bytesOut": 3_900_000_000},
    rtt=0.024,
)
LOST = peer(
    alias="a very long name of a peer in the attic of the old mill",
    lastError="closed-before-response",
    lastErrorText=WHY,
    nextAttempt=NOW + 59 * 60 + 31,
)


def shown(columns: int, *peers: dict[str, Any], pending: int = 0) -> list[str]:
    """The lines on a terminal of so many columns."""
    console = Console(width=columns, file=io.StringIO(), highlight=False)
    console.print(overview(INFO, peers, [{}] * pending, columns))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [line.rstrip() for line in lines]


def test_80_columns_show_every_state_and_figure_whole_and_the_errors_as_sentences() -> None:
    lines = shown(80, BUSY, LOST)
    text = "\n".join(lines)
    assert all(cell_len(line) <= 80 for line in lines)
    row = next(line for line in lines if line.startswith("greenhouse"))
    assert " ".join(row.split()) == "greenhouse connected we 59 min ago < 0.1 ms 1000 kB 3.9 GB"
    row = next(line for line in lines if line.startswith("a very long nam…"))
    assert "backing-off" in row and "never" in row and row.endswith("in 59 min")
    assert WHY in " ".join(text.split())


def test_a_wide_terminal_has_a_column_for_the_last_error() -> None:
    lines = shown(120, BUSY, LOST)
    assert lines[2].endswith("LAST ERROR")
    assert lines[3].endswith("closed-before-response")
    assert WHY not in " ".join(lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_trouble_stands_first_since_a_screen_may_not_hold_all(columns: int) -> None:
    many = [peer(alias=f"good{number}", state="connected") for number in range(50)]
    assert shown(columns, *many, LOST)[3].startswith("a very long")


def test_who_knows_nobody_is_told_how_to_begin() -> None:
    assert shown(80)[-1] == "No peer is known: shimlet peers add KEY@HOST:PORT"


def test_callers_that_wait_are_counted() -> None:
    assert "1 caller waits to be listed: shimlet peers pending" in shown(80, pending=1)
    assert "2 callers wait to be listed: shimlet peers pending" in shown(80, pending=2)
