"""Runs a program on an emulated board of rung 3, where one instruction takes 1 ns.

    python tests/rungs/bare_metal.py BOARD PROGRAM.py [FILES ...]

BOARD is qemu_mps2 or qemu_virt_rv32. FILES are on the board, modules importable: a folder stands
for all files below it (as build/mpy/armv7m), a file for itself, and NAME=FILE gives it a place, as
in shimlet_crypto/sha512.mpy=x.mpy. A later one replaces an earlier one of the same name. A `.py`
among them is compiled on the board; the program itself is compiled here, with its asserts, and is
the module `program`. What it prints is printed; the exit status is 1 if it raised. mpremote drives
the board, by a serial line that QEMU makes. On the board qemucount counts instructions and heap:
tests/rungs/on_board/qemucount.py. tests/rungs/plain.py builds the firmware, and
`shimlet board firmware` the one with our code. Imported by tests/rungs/run_bare_metal.py and
tests/bench/bench_crypto.py.
"""

import contextlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from shimlet_host.board.catalogue import BoardSpec, load
from shimlet_host.board.compiler import compile_module

ROOT = Path(__file__).resolve().parents[2]
M3 = load("qemu_mps2", ROOT / "boards")
RV32 = load("qemu_virt_rv32", ROOT / "boards")
EMULATORS = {
    M3.id: ["qemu-system-arm"],
    RV32.id: ["qemu-system-riscv32", "-bios", "none"],
}

TIME_LIMIT_S = 540
MOUNT = "import qemufiles\nfiles = qemufiles.use({})\n"
SERIAL_LINE = re.compile(r"/dev/\S+")
TRACEBACK = "Traceback (most recent call last):"


class BoardError(Exception):
    """The program raised or did not end; the text is what the board printed of it."""


def plain(board: BoardSpec) -> Path:
    """The firmware without our code."""
    return ROOT / "build/rung3" / board.id / "firmware.elf"


def whole(board: BoardSpec) -> Path:
    """The firmware with all that ships frozen in."""
    return ROOT / "build" / board.id / "firmware.elf"


def modules(board: BoardSpec) -> Path:
    """What `make mpy` compiled for this board."""
    return ROOT / "build/mpy" / board.processor


def named(argument: str) -> Iterator[tuple[str, Path]]:
    """The files of one argument, each with its path on the board."""
    name, _, path = argument.rpartition("=")
    given = Path(path)
    if not given.is_dir():
        yield name or given.name, given
        return
    for file in sorted(given.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            yield str(Path(name) / file.relative_to(given)), file


def files_for_board(arguments: list[str]) -> dict[str, bytes]:
    """{path on the board: content}; a module is there once, as .py or as .mpy."""
    chosen: dict[str, tuple[str, Path]] = {}
    for argument in arguments:
        for name, path in named(argument):
            module = name.endswith((".py", ".mpy"))
            chosen[str(Path(name).with_suffix("")) if module else name] = (name, path)
    return {name: path.read_bytes() for name, path in chosen.values()}


def archive(files: dict[str, bytes]) -> bytes:
    """All files as one block, in the format that qemufiles reads; each starts at a word."""
    lines, content = [], b""
    for name, data in files.items():
        lines.append(f"{len(content)} {len(data)} {name}\n")
        content += data + bytes(-len(data) % 4)
    table = "".join(lines).encode()
    return len(table).to_bytes(4, "little") + table + content


@contextlib.contextmanager
def machine(board: BoardSpec, firmware: Path, block: Path) -> Iterator[str]:
    """The emulated board; its serial line. It is killed at the end."""
    command = [*EMULATORS[board.id], "-machine", str(board.machine), "-kernel", str(firmware)]
    command += ["-display", "none", "-monitor", "none", "-serial", "pty", "-semihosting"]
    command += ["-icount", "shift=0,sleep=off"]
    command += ["-device", f"loader,file={block},addr={board.free_memory},force-raw=on"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            told = process.stdout.readline()
            line = SERIAL_LINE.search(told)
            if not line:
                raise BoardError(f"QEMU does not start: {told}{process.stdout.read()}")
            yield line[0]
        finally:
            process.kill()


def execute(device: str, statements: str, heard: IO[bytes]) -> None:
    """Run statements by mpremote, their output to `heard` as it comes. Raises BoardError."""
    command = [sys.executable, "-m", "mpremote", "connect", device, "exec", statements]
    said = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        limit = threading.Timer(TIME_LIMIT_S, process.kill)
        limit.start()
        assert process.stdout
        for line in process.stdout:
            said += line.replace(b"\r", b"")
            heard.write(line.replace(b"\r", b""))
            heard.flush()
        limit.cancel()
    if process.returncode:
        text = said.decode(errors="replace")
        raise BoardError(text[max(0, text.rfind(TRACEBACK)) :])


def compiled(source: Path, name: str, board: BoardSpec = M3) -> bytes:
    """A module of tests as .mpy, with its asserts."""
    code = compile_module(source, name, board.processor, for_tests=True)
    assert code is not None  # it is only for an unknown processor
    return code


def run(
    statements: str,
    files: dict[str, bytes],
    heard: IO[bytes],
    firmware: Path | None = None,
    board: BoardSpec = M3,
) -> None:
    """Run statements on a board with these files, its output to `heard`. Raises BoardError."""
    with tempfile.NamedTemporaryFile() as block:
        block.write(archive(files))
        block.flush()
        with machine(board, firmware or plain(board), Path(block.name)) as device:
            execute(device, MOUNT.format(board.free_memory) + statements, heard)


def main(arguments: list[str]) -> int:
    """Run as the command line says; answer the exit status."""
    board = load(arguments[0], ROOT / "boards")
    files = files_for_board(arguments[2:])
    files["program.mpy"] = compiled(Path(arguments[1]), "program", board)
    try:
        run("import program", files, sys.stdout.buffer, board=board)
    except BoardError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
