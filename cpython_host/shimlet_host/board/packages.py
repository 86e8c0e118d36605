"""The lists by which mip installs our sources from a copy of this project: package.json files.

    python -m shimlet_host.board.packages

In: boards/manifest.py. Out: firmware/package.json, all packages that ship, and
firmware/shimlet_crypto/package.json, the signatures alone. mip finds a file beside the list, so
the paths in it are relative; it takes no other package from elsewhere. A test compares the files
with what this makes. `build` makes such a list of the compiled modules.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from shimlet import __version__

from .shipped import LIBRARY, MANIFEST, shipped

FIRMWARE = MANIFEST.parents[1] / "firmware"
LISTS = {
    FIRMWARE / "package.json": "",
    FIRMWARE / "shimlet_crypto" / "package.json": "shimlet_crypto/",
}


def package_list(at: Path, below: str) -> str:
    """The text of the list at this path, with what ships in the library `below` a folder."""
    files = {
        path.removeprefix(f"{LIBRARY}/"): local
        for path, local in sorted(shipped(compiled=False).items())
        if path.startswith(f"{LIBRARY}/{below}") and isinstance(local, Path)
    }
    return listed({name: os.path.relpath(local, at.parent) for name, local in files.items()})


def listed(files: Mapping[str, str]) -> str:
    """The text of a list of {module below the library: path from the list's folder}."""
    lines = [f"    {json.dumps([name, Path(path).as_posix()])}" for name, path in files.items()]
    urls = ",\n".join(lines)
    return f'{{\n  "urls": [\n{urls}\n  ],\n  "deps": [],\n  "version": "{__version__}"\n}}\n'


def main() -> None:
    """Write both lists."""
    for path, below in LISTS.items():
        path.write_text(package_list(path, below))
        print(path)


if __name__ == "__main__":
    main()
