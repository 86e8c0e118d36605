"""Runs tests on the emulated Cortex-M3: run_mpy.py on a bare machine, a fresh one for each file.

    python tests/rungs/run_m3.py [FILES ...]

No files: the crypto's tests, and those of the core that need no asyncio, which this machine lacks.
The tests are compiled here, with their asserts; our modules come from build/mpy. Out: a line a
file, failures with their traceback, and `N passed, N failed, N skipped`; the exit status is 1 when
one failed or none passed. Called by `make test-baremetal`.
"""

import io
import re
import sys
from pathlib import Path

from count_m3 import BOARD, ROOT, BoardError, compiled, files_for_board, run

CORE = ["gossip", "handshake", "identity", "link_frames", "link_handshake", "manual", "no_alloc"]
CORE += ["outbox", "packet", "pending", "reasons", "recent", "ticks", "wire"]
CRYPTO = [
    path
    for path in sorted(ROOT.glob("tests/light/test_*.py"))
    if "from shimlet_crypto" in path.read_text()
]
TESTS = [str(path.relative_to(ROOT)) for path in CRYPTO]
TESTS += [f"tests/core/test_{name}.py" for name in CORE]
HELPERS = ["helpers.py", "pretend.py", "random_cases.py", "run_mpy.py"]
START = "import sys\nsys.path.append('tests')\nimport run_mpy\nrun_mpy.main(['{}'])"


def everything() -> dict[str, bytes]:
    """What each run finds on the board: our modules, the tests' helpers and vectors."""
    files = files_for_board(
        [f"{ROOT}/build/mpy/{BOARD['processor']}", f"tests/vectors={ROOT}/tests/vectors"]
    )
    for name in HELPERS:
        module = name.removesuffix(".py")
        files[f"tests/{module}.mpy"] = compiled(ROOT / "tests" / name, module)
    return files


def run_file(path: str, files: dict[str, bytes]) -> list[int]:
    """Run one file of tests, print what it says; answer how many passed, failed, were skipped."""
    test = {path.removesuffix(".py") + ".mpy": compiled(ROOT / path, Path(path).stem)}
    heard = io.BytesIO()
    error = ""
    try:
        run(START.format(path), {**files, **test}, heard)
    except BoardError as problem:
        error = f"\n{problem}"
    *said, last = heard.getvalue().decode(errors="replace").rstrip("\n").split("\n")
    print("\n".join([*said, f"{path} on Cortex-M3: {last}{error}"]), flush=True)
    found = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    return [int(count) for count in found.groups()] if found and not error else [0, 1, 0]


def main(paths: list[str]) -> int:
    """Run the files; answer the exit status."""
    files = everything()
    counts = [run_file(path, files) for path in paths or TESTS]
    passed, failed, skipped = (sum(column) for column in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
