"""Builds an emulated board's firmware without our code, for tests and benchmarks that bring it.

    python tests/rungs/plain.py BOARD

Out: build/rung3/BOARD/firmware.elf, with what tests/rungs/on_board/manifest.py names frozen in.
MicroPython's source is that of get_source. Called by the Makefile; `shimlet board firmware` builds
the one with our code.
"""

import sys
from pathlib import Path

from shimlet_host.board.catalogue import load
from shimlet_host.board.firmware import FETCHED, build_image, source_for
from shimlet_host.board.shipped import shipped
from shimlet_host.model import HostError

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "tests/rungs/on_board/manifest.py"


def main(name: str) -> int:
    """Build it; answer the exit status."""
    try:
        board = load(name)
        source = source_for(board, ROOT / FETCHED)
        files = shipped(HELPERS, compiled=False)
        print(build_image(board, source, files, ROOT / "build/rung3" / name))
    except HostError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
