"""Runs a program on the emulated Cortex-M3 of rung 3, where one instruction takes 1 ns.

    python tests/rungs/count_m3.py PROGRAM.py [FILES ...]

FILES are on the board, modules importable: a folder stands for all files below it (as
build/mpy/armv7m), a file for itself, and NAME=FILE gives it a place, as in
shimlet_crypto/sha512.mpy=x.mpy. A later one replaces an earlier one of the same name. A `.py`
among them is compiled on the board; the program itself is compiled here, with its asserts, and is
the module `program`. What it prints is printed; the exit status is 1 if it raised. On the board
m3count counts instructions and heap: tests/rungs/on_board/m3count.py. tests/rungs/get_rung3 builds
the firmware. Imported by tests/rungs/run_m3.py and tests/bench/bench_crypto.py.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from shimlet_host.board.compiler import compile_module

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "build/rung3/firmware.elf"
BOARD = json.loads((ROOT / "boards/qemu_mps2/board.json").read_text())

TIME_LIMIT_S = 540
MOUNT = f"import m3files\nfiles = m3files.use({BOARD['free_memory']})\n"
PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


class BoardError(Exception):
    """The program raised or did not end; the text is what the board printed."""


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
    """All files as one block, in the format that m3files reads; each starts at a word."""
    lines, content = [], b""
    for name, data in files.items():
        lines.append(f"{len(content)} {len(data)} {name}\n")
        content += data + bytes(-len(data) % 4)
    table = "".join(lines).encode()
    return len(table).to_bytes(4, "little") + table + content


@contextlib.contextmanager
def machine(firmware: Path, block: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The emulated board, its serial line on our pipes; it is killed at the end."""
    command = ["qemu-system-arm", "-machine", BOARD["machine"], "-kernel", str(firmware)]
    command += ["-display", "none", "-monitor", "none", "-serial", "stdio", "-semihosting"]
    command += ["-icount", "shift=0,sleep=off"]
    command += ["-device", f"loader,file={block},addr={BOARD['free_memory']},force-raw=on"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def answer_of(process: subprocess.Popen[bytes], program: str, heard: IO[bytes]) -> str:
    """Run a program in the raw REPL, its output written to `heard`; answer its traceback."""
    assert process.stdin and process.stdout
    process.stdin.write(b"\x01")
    process.stdin.flush()
    received = read_until(process, PROMPT)
    process.stdin.write(program.encode() + b"\x04")
    process.stdin.flush()
    received = read_until(process, b"OK", received.split(PROMPT)[-1])
    received = read_until(process, b"\x04", received.split(b"OK", 1)[1], heard)
    received = read_until(process, b"\x04", received.split(b"\x04", 1)[1])
    return received.split(b"\x04")[0].decode(errors="replace").replace("\r\n", "\n")


def read_until(
    process: subprocess.Popen[bytes], end: bytes, data: bytes = b"", heard: IO[bytes] | None = None
) -> bytes:
    """Read on after `data` until `end` is there; show what comes before it."""
    assert process.stdout
    shown = 0
    while True:
        found = data.find(end)
        if heard:
            heard.write(data[shown : found if found >= 0 else None].replace(b"\r", b""))
            heard.flush()
            shown = len(data)
        if found >= 0:
            return data
        more = os.read(process.stdout.fileno(), 4096)
        if not more:
            raise BoardError(data.decode(errors="replace") + "\nThe emulated board has gone.")
        data += more


def compiled(source: Path, name: str) -> bytes:
    """A module of tests as .mpy, with its asserts."""
    code = compile_module(source, name, BOARD["processor"], for_tests=True)
    assert code is not None  # it is only for an unknown processor
    return code


def run(
    statements: str, files: dict[str, bytes], heard: IO[bytes], firmware: Path = FIRMWARE
) -> None:
    """Run statements on a board with these files, its output to `heard`. Raises BoardError."""
    with tempfile.NamedTemporaryFile() as block:
        block.write(archive(files))
        block.flush()
        with machine(firmware, Path(block.name)) as process:
            limit = threading.Timer(TIME_LIMIT_S, process.kill)
            limit.start()
            try:
                error = answer_of(process, MOUNT + statements, heard)
            finally:
                limit.cancel()
    if error:
        raise BoardError(error)


def main(arguments: list[str]) -> int:
    """Run as the command line says; answer the exit status."""
    try:
        files = files_for_board(arguments[1:])
        files["program.mpy"] = compiled(Path(arguments[0]), "program")
        run("import program", files, sys.stdout.buffer)
    except BoardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
