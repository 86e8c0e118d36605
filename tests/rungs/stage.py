"""Lays out what ships for freezing: the sources, generated modules in place of rolled ones.

    python tests/rungs/stage.py FOLDER

Out: FOLDER with each module where it is imported from; what has not changed is left alone. For the
frozen rung 2, so with what an x86 gets. Called by get_frozen.
"""

import sys
from pathlib import Path

from shimlet_host.board.firmware import lay_out
from shimlet_host.board.shipped import shipped

if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), shipped(compiled=False, arch="x86"))
