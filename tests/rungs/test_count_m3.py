"""How files get to the emulated Cortex-M3, and what its programs say; the rest needs the firmware
of rung 3 (`make test-baremetal`), and is skipped without it.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rungs.count_m3 import FIRMWARE, BoardError, archive, compiled, files_for_board, run


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


@pytest.fixture
def board() -> None:
    """Skip where there is no emulated board."""
    if not FIRMWARE.exists() or not shutil.which("qemu-system-arm"):
        pytest.skip("there is no firmware of rung 3: make build/rung3/firmware.elf")


def said(tmp_path: Path, program: str) -> str:
    """What a program prints on the board."""
    heard = io.BytesIO()
    code = compiled(write(tmp_path, "program.py", program), "program")
    run("import program", {"program.mpy": code, "data/text": b"one\ntwo"}, heard)
    return heard.getvalue().decode()


@pytest.mark.usefixtures("board")
def test_programs_read_files_line_by_line_and_as_bytes(tmp_path: Path) -> None:
    program = "import os\nprint(os.listdir('data'), list(open('data/text')))\n"
    program += "print(open('data/text', 'rb').read(), open('data/text', 'rb').read(2))\n"
    assert said(tmp_path, program) == "['text'] ['one\\n', 'two']\nb'one\\ntwo' b'on'\n"


@pytest.mark.usefixtures("board")
def test_counts_are_the_same_each_time_and_grow_with_the_work(tmp_path: Path) -> None:
    program = "from m3count import count, allocated\ndef f(n):\n    for i in range(n): pass\n"
    program += "print(count(f, 10), count(f, 1010), allocated(f, 10), allocated(bytes, 100))\n"
    first = said(tmp_path, program)
    short, long, none, some = [int(word) for word in first.split()]
    assert 1000 * 10 < long - short < 1000 * 300
    assert none == 0
    assert 100 < some < 150
    assert said(tmp_path, program) == first


@pytest.mark.usefixtures("board")
def test_a_failing_program_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"line 2(.|\n)*AssertionError: odd"):
        said(tmp_path, "print('so far')\nassert 1 == 2, 'odd'\n")
