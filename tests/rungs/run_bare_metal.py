"""Runs tests on an emulated board of rung 3: run_mpy.py on a bare machine, a fresh one a file.

    python tests/rungs/run_bare_metal.py BOARD [--frozen] [FILES ...]

With --frozen our modules are those of the board's own firmware; otherwise they come from
build/mpy, as files. No files: the crypto's tests, and those of the core and the light node that
need no asyncio, time or writable files, which these machines lack. The tests are compiled here,
with their asserts, and mpremote runs them. Out: a line a file, failures with their traceback, and
`N passed, N failed, N skipped`; the exit status is 1 when one failed or none passed. Called by
`make test-baremetal` and `make test-rv32`.
"""

import io
import sys
from pathlib import Path
from typing import NamedTuple

from bare_metal import ROOT, BoardError, compiled, files_for_board, modules, plain, run, whole
from shimlet_host.board.catalogue import BoardSpec, load
from side_by_side import Result, result, run_all

CORE = ["gossip", "handshake", "identity", "link_frames", "link_handshake", "manual", "no_alloc"]
CORE += ["outbox", "packet", "pending", "reasons", "recent", "ticks", "wire"]
CRYPTO = [
    str(path.relative_to(ROOT))
    for path in sorted(ROOT.glob("tests/light/test_*.py"))
    if "from shimlet_crypto" in path.read_text() and "import asyncio" not in path.read_text()
]
LIGHT = ["tests/light/test_dns.py", "tests/light/test_jsontext.py"]
TESTS = CRYPTO + LIGHT + [f"tests/core/test_{name}.py" for name in CORE]
HELPERS = ["helpers.py", "pretend.py", "random_cases.py", "run_mpy.py"]
START = "import sys\nsys.path.append('tests')\nimport run_mpy\nrun_mpy.main(['{}'])"


class Run(NamedTuple):
    """Where the tests run: the board, its firmware, and what is on it for all of them."""

    board: BoardSpec
    firmware: Path
    files: dict[str, bytes]


def prepared(board: BoardSpec, frozen: bool) -> Run:
    """The tests' helpers and vectors, and our modules unless they are in the firmware."""
    ours = [] if frozen else [str(modules(board))]
    files = files_for_board([*ours, f"tests/vectors={ROOT}/tests/vectors"])
    for name in HELPERS:
        module = name.removesuffix(".py")
        files[f"tests/{module}.mpy"] = compiled(ROOT / "tests" / name, module, board)
    return Run(board, whole(board) if frozen else plain(board), files)


def run_file(path: str, where: Run) -> Result:
    """Run one file of tests."""
    code = compiled(ROOT / path, Path(path).stem, where.board)
    files = {**where.files, path.removesuffix(".py") + ".mpy": code}
    heard = io.BytesIO()
    error = ""
    try:
        run(START.format(path), files, heard, where.firmware, where.board)
    except BoardError as problem:
        error = str(problem)
    output = heard.getvalue().decode(errors="replace")
    return result(f"{path} on {where.board.id}", output, error)


def main(arguments: list[str]) -> int:
    """Run the files; answer the exit status."""
    frozen = "--frozen" in arguments
    name, *paths = [argument for argument in arguments if argument != "--frozen"]
    where = prepared(load(name, ROOT / "boards"), frozen)
    return run_all(lambda path: run_file(path, where), paths or TESTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
