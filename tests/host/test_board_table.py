"""The table of boards/README.md says what is built, measured and described now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shimlet_host.board import table as module
from shimlet_host.board.catalogue import all_boards, load
from shimlet_host.board.table import HEAD, code_bytes, main, row, table, written

CODE = HEAD.index("code")
TOLERANCE = 0.1  # of the size of code: it changes with every module, and the table need not


def cells(text: str) -> dict[str, list[str]]:
    """{board: its cells}."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return {cell[0]: cell for cell in rows}


def test_table_has_every_board_as_it_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code_bytes", lambda spec: 0)  # that is the next test's
    without_code = [
        {board: [*cell[:CODE], *cell[CODE + 1 :]] for board, cell in cells(text).items()}
        for text in (written(), table())
    ]
    assert without_code[0] == without_code[1], (
        "`.venv/bin/python -m shimlet_host.board.table` writes the table anew."
    )
    assert len(without_code[0]) == len(all_boards()) + 2


def test_sizes_in_the_table_are_those_of_what_is_built() -> None:
    said = {board: cell[CODE] for board, cell in cells(written()).items()}
    for spec in all_boards():
        kilobytes = int(said[f"`{spec.id}`: {spec.name}"].removesuffix(" KB"))
        built = code_bytes(spec) / 1024
        assert kilobytes == pytest.approx(built, rel=TOLERANCE), (
            f"{spec.id}: `.venv/bin/python -m shimlet_host.board.table` writes the table anew."
        )


def test_board_that_nothing_has_run_says_so_and_reckons_its_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "code_bytes", lambda spec: 0)
    counted = load("qemu_mps2")
    cell = dict(zip(HEAD, row(load("rpi_pico_w"), [counted]), strict=True))
    assert cell["tested on"] == "only compiled; never run on hardware"
    instructions = counted.measured.handshake.instructions
    assert cell["handshake"] == f"about {instructions * 1.5 / 125_000:.0f} ms at 125 MHz"
    cell = dict(zip(HEAD, row(load("esp32_generic_c3"), all_boards()), strict=True))
    assert re.match(r"its machine code on `qemu_\w+`; never run on hardware", cell["tested on"])


def test_table_is_written_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{module.BEGIN}| old |\n{module.END}after\n")
    monkeypatch.setattr(module, "README", readme)
    monkeypatch.setattr(module, "table", lambda: "| new |\n")
    main()
    assert readme.read_text() == f"before\n{module.BEGIN}| new |\n{module.END}after\n"
