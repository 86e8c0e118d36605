"""How files get to the emulated boards of rung 3, what their programs say, and what is in a whole
firmware.

The firmwares are made by `make test-baremetal` and `make test-rv32`; without one its tests are
skipped.
"""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest
from rungs.bare_metal import (
    EMULATORS,
    M3,
    RV32,
    BoardError,
    archive,
    compiled,
    files_for_board,
    modules,
    plain,
    run,
    whole,
)
from rungs.side_by_side import result
from shimlet_host.board.catalogue import BoardSpec

ROOT = Path(__file__).resolve().parents[2]
STEPS = 2 * 100  # instructions: one at the start, one at the end, of the slower timer
SIGN = """
from binascii import hexlify
import shimlet_board
import shimlet_crypto
print(shimlet_board.NAME, shimlet_crypto.backend)
print(str(hexlify(shimlet_crypto.public_key(bytes(range(32)))[:4]), "ascii"))  # of PyNaCl
"""
IMPORT_ALL = """
imported = 0
for name in {}:
    try:
        __import__(name)
        imported += 1
    except Exception as error:
        print(name + ":" + repr(error))
print(imported)
"""
CORE_AND_CRYPTO = 30  # modules, at least
LACKING = re.compile(r"shimlet.*no module named '(asyncio|time|socket|select|network)'")


def write(folder: Path, name: str, text: str = "") -> Path:
    """A file with its folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_stands_for_its_files_and_a_name_gives_a_place(tmp_path: Path) -> None:
    write(tmp_path, "all/a/b.mpy", "1")
    write(tmp_path, "all/c.json", "2")
    one = write(tmp_path, "one.py", "3")
    found = files_for_board([str(tmp_path / "all"), str(one), f"x/y.py={one}"])
    assert found == {"a/b.mpy": b"1", "c.json": b"2", "one.py": b"3", "x/y.py": b"3"}


def test_a_later_module_replaces_an_earlier_one_of_either_kind(tmp_path: Path) -> None:
    compiled_one = write(tmp_path, "m.mpy", "1")
    source = write(tmp_path, "m.py", "2")
    assert files_for_board([str(compiled_one), str(source)]) == {"m.py": b"2"}
    assert files_for_board([str(source), str(compiled_one)]) == {"m.mpy": b"1"}


def test_the_table_of_an_archive_leads_to_each_file() -> None:
    files = {"a": b"123", "b/c": b"45678"}
    block = archive(files)
    size = int.from_bytes(block[:4], "little")
    rows = [line.split(" ") for line in block[4 : 4 + size].decode().splitlines()]
    content = block[4 + size :]
    assert {name: content[int(at) : int(at) + int(n)] for at, n, name in rows} == files
    assert all(int(at) % 4 == 0 for at, _, _ in rows)


@pytest.fixture(params=[M3, RV32], ids=lambda board: board.id)
def board(request: pytest.FixtureRequest) -> BoardSpec:
    """Each emulated board whose firmware and emulator are there."""
    needed: BoardSpec = request.param
    skip_without(plain(needed), needed)
    return needed


def skip_without(firmware: Path, board: BoardSpec) -> None:
    """Skip where there is no such firmware, or nothing to run it on."""
    if not firmware.exists() or not shutil.which(EMULATORS[board.id][0]):
        pytest.skip(f"`make {firmware.relative_to(ROOT)}` makes the firmware of {board.id}")


def said(tmp_path: Path, program: str, board: BoardSpec) -> str:
    """What a program prints on the board."""
    heard = io.BytesIO()
    code = compiled(write(tmp_path, "program.py", program), "program", board)
    files = {"program.mpy": code, "data/text": b"one\ntwo"}
    run("import program", files, heard, board=board)
    return heard.getvalue().decode()


def test_programs_read_files_line_by_line_and_as_bytes(tmp_path: Path, board: BoardSpec) -> None:
    program = "import os\nprint(os.listdir('data'), list(open('data/text')))\n"
    program += "print(open('data/text', 'rb').read(), open('data/text', 'rb').read(2))\n"
    assert said(tmp_path, program, board) == "['text'] ['one\\n', 'two']\nb'one\\ntwo' b'on'\n"


def test_counts_are_equal_to_a_step_of_the_timer_and_grow_with_the_work(
    tmp_path: Path, board: BoardSpec
) -> None:
    program = "from qemucount import count, allocated\ndef f(n):\n    for i in range(n): pass\n"
    program += "print(count(f, 10), count(f, 1010), allocated(f, 10), allocated(bytes, 100))\n"
    first, second = (
        [int(word) for word in said(tmp_path, program, board).split()] for _ in range(2)
    )
    short, long, none, some = first
    assert 1000 * 10 < long - short < 1000 * 300
    assert none == 0
    assert 100 < some < 150
    assert all(abs(one - other) <= STEPS for one, other in zip(first, second, strict=True))


def test_a_failing_program_is_told_with_its_line(tmp_path: Path, board: BoardSpec) -> None:
    with pytest.raises(BoardError, match=r"line 2(.|\n)*AssertionError: odd"):
        said(tmp_path, "print('so far')\nassert 1 == 2, 'odd'\n", board)


def test_a_whole_firmware_needs_no_file_to_sign_and_says_which_board_it_is() -> None:
    skip_without(whole(M3), M3)
    heard = io.BytesIO()
    run(SIGN, {}, heard, whole(M3))
    assert heard.getvalue().decode().split() == ["qemu_mps2", "viper", "03a107bf"]


def test_every_frozen_module_imports_or_lacks_only_what_this_machine_lacks() -> None:
    skip_without(whole(M3), M3)
    frozen = whole(M3).parent / "frozen"
    names = [
        ".".join(path.relative_to(frozen).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(frozen.glob("shimlet*/**/*.py"))
    ]
    heard = io.BytesIO()
    run(IMPORT_ALL.format(names), {}, heard, whole(M3))
    *problems, imported = heard.getvalue().decode().splitlines()
    assert [line for line in problems if not LACKING.match(line)] == []
    assert int(imported) == len(names) - len(problems) >= CORE_AND_CRYPTO


def test_a_firmware_without_our_code_has_none_of_it(board: BoardSpec) -> None:
    with pytest.raises(BoardError, match="ImportError: no module named 'shimlet_board'"):
        run(SIGN, {}, io.BytesIO(), board=board)


def test_machine_code_of_another_processor_leaves_plain_ints(board: BoardSpec) -> None:
    other = M3 if board is RV32 else RV32
    if not modules(other).exists():
        pytest.skip("`make mpy` makes the modules")
    files = files_for_board([str(modules(other))])
    heard = io.BytesIO()
    run(
        SIGN.replace("import shimlet_board\n", "").replace("shimlet_board.NAME", "0"),
        files,
        heard,
        board=board,
    )
    assert heard.getvalue().decode().split() == ["0", "bigint", "03a107bf"]


def test_a_file_that_stops_without_a_count_is_one_failure() -> None:
    assert result("t", "no\n2 passed, 0 failed, 1 skipped\n").counts == [2, 0, 1]
    assert result("t", "no\n2 passed, 0 failed, 1 skipped\n", "it broke") == (
        "no\nt: 2 passed, 0 failed, 1 skipped\nit broke",
        [0, 1, 0],
    )
    assert result("t", "").counts == [0, 1, 0]
    assert result("t", "Traceback\nit broke\n", "it broke").said == "Traceback\nt: it broke"
