"""What the documents show as the answer of a command is what it says. Answers of boards are held
against the virtual board by test_board_journey.py, JSON by test_web_examples.py.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from docs.documents import document
from host.shell import process
from shimlet_host.doctor.table import TABLE

BOARDS = document("boards/README.md")


def shown(first_words: str) -> list[str]:
    """The lines of the block that begins so."""
    (block,) = (block.text for block in BOARDS.blocks if block.text.startswith(first_words))
    return block.splitlines()


def test_all_that_is_missing_for_a_firmware_is_said_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No tool of any board; make is named, too, where it is missing.
    (tmp_path / "make").symlink_to(shutil.which("make") or "/usr/bin/make")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("IDF_PATH", "PICO_SDK_PATH", "MICROPYTHON_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    done = process(tmp_path, "board", "firmware", "esp32_generic")
    assert done.status == 1
    assert done.err.removeprefix("shimlet: ").splitlines() == shown("A firmware for")


def test_a_port_that_is_closed_is_said_as_shown() -> None:
    who_dials, finding, what_to_do, remedy = shown("The board dials, because")
    assert re.fullmatch(
        r"The board dials, because its key is smaller: .+; the full node waits.", who_dials
    )
    (row,) = (row for row in TABLE if row.cause == "closed-port")
    sentence = re.sub(r"\\\{\w+\\\}", ".+", re.escape(f"{row.cause}: {row.sentence}"))
    assert re.fullmatch(sentence, finding), (sentence, finding)
    assert what_to_do == "What to do:" and remedy.startswith(
        "  shimlet run --set gossip.bindAddress="
    )
