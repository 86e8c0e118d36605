"""Writes all generated modules below a folder: `PYTHONPATH=firmware python -m generator FOLDER`.

A file that is as it should be is left alone; one that nothing makes any more is removed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import sources


def write(folder: Path) -> None:
    """Make the folder hold just the generated modules; others may read it meanwhile."""
    made = {folder / path: source for path, source in sources().items()}
    for path, source in made.items():
        if not path.exists() or path.read_text() != source:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(f".new{os.getpid()}")
            new.write_text(source)
            new.replace(path)
    for path in set(folder.rglob("*.py")) - set(made):
        path.unlink()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
