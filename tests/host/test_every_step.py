"""Every write of a full node, cut off or refused at every single call that changes a file.

A library under the process (faults/faults.c) kills it at the n-th such call, after half of it, or
fails that call and all that follow as a full, a failing or a read-only disk would. Whatever n is:
what was confirmed is there, nothing is half there, no draft with a secret stays, and the next
start works. An error is a sentence with the file and the way out, and once the disk works again
the same process does what it refused.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from host.faults import at_every_step

AMID = -1
# At least so many calls that change a file, as counted on Linux: fewer would prove nothing.
LEAST_STEPS = {
    "identity": 7,
    "token": 7,
    "url": 6,
    "init": 14,
    "peers": 10,
    "new-peers": 60,
    "messages": 20,
    "autopeering": 40,
    "memory": 10,
    "backup": 20,
    "restore": 150,
}
LONG = {
    "new-peers": 3,
    "restore": 7,
    "node": 5,
}  # elsewhere than at the kills: every so many calls
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)


@pytest.mark.parametrize("scenario", LEAST_STEPS)
def test_a_kill_in_the_middle_of_any_write_costs_nothing_that_was_confirmed(
    tmp_path: Path, scenario: str
) -> None:
    tries = at_every_step(scenario, AMID, tmp_path / "tries")
    assert len(tries) > LEAST_STEPS[scenario], tries
    assert "through" in tries[-1] and all("killed" in line for line in tries[:-1]), tries


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("scenario", LEAST_STEPS)
def test_a_disk_that_refuses_any_write_is_told_and_costs_nothing(
    tmp_path: Path, scenario: str, error: int
) -> None:
    stride = LONG.get(scenario, 1)
    tries = at_every_step(scenario, error, tmp_path / "tries", stride)
    assert len(tries) > LEAST_STEPS[scenario] // stride, tries
    assert "through" in tries[-1] and all("refused" in line for line in tries[:-1]), tries


def test_a_file_that_is_written_carelessly_would_be_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="half written"):
        at_every_step("careless", AMID, tmp_path / "tries")


def test_a_first_start_that_is_killed_anywhere_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    tries = at_every_step("node", AMID, tmp_path / "tries", LONG["node"])
    assert len(tries) > 100 // LONG["node"] and "through" in tries[-1], tries


def test_a_first_start_on_a_full_disk_says_so_and_works_once_there_is_room(tmp_path: Path) -> None:
    tries = at_every_step("node", errno.ENOSPC, tmp_path / "tries", 3 * LONG["node"])
    assert len(tries) > 100 // (3 * LONG["node"]) and "through" in tries[-1], tries
