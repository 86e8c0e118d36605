"""The MicroPython side of `make test`: launches tests/run_mpy.py under rung 1, and tries it out.

MICROPYTHON names the binary; without it the one of .venv is taken. Where there is none these tests
are skipped and say how to name one; in CI, which sets CI, they fail instead.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 540

# As `make test-micropython`: the tests' own code is compiled there and takes as much as the node.
HEAP = "heapsize=512k"

LONG = [f"tests/light/test_{name}.py" for name in ("random_signatures", "wifi", "power_loss")]


def _micropython() -> str:
    named = os.environ.get("MICROPYTHON") or str(ROOT / ".venv/bin/micropython")
    found = shutil.which(named)
    if found is None:
        sentence = f"There is no MicroPython at {named}: set MICROPYTHON=/path/to/micropython."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found


def run(*paths: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the runner over files and folders, its two outputs in one."""
    command = [_micropython(), "-X", HEAP, "tests/run_mpy.py", *map(str, paths)]
    return subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )


def parts() -> dict[str, list[str]]:
    """What runs at once: the long files of tests/light each apart, so that workers share them."""
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/light/test_*.py"))
    others = [path for path in files if path not in LONG]
    return {"tests/core": ["tests/core"], "tests/light": others, **{path: [path] for path in LONG}}


@pytest.mark.long
@pytest.mark.parametrize("part", parts())
def test_core_and_light_tests_pass_under_micropython(
    part: str, show_in_summary: Callable[[str], None]
) -> None:
    done = run(*parts()[part])
    lines = done.stdout.strip().splitlines() or ["no output"]
    show_in_summary(f"{part} under MicroPython: {lines[-1]}")
    assert done.returncode == 0, done.stdout


SKIP = "class Skip(Exception):\n    pass\n"


def write(folder: Path, name: str, *lines: str) -> Path:
    """A test file for the runner."""
    path = folder / name
    path.write_text(SKIP + "\n".join(lines) + "\n")
    return path


def test_runner_names_what_failed_and_exits_with_1(tmp_path: Path) -> None:
    path = write(tmp_path, "test_a.py", "def test_b(): pass", "def test_c(): assert 1 == 2, 'odd'")
    done = run(path)
    assert done.returncode == 1
    assert "test_a.py::test_c" in done.stdout
    assert "AssertionError: odd" in done.stdout
    assert done.stdout.endswith("1 passed, 1 failed, 0 skipped\n")


def test_runner_counts_a_skip_with_its_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path, "test_a.py", "def test_b(): raise Skip('no radio')", "def test_c(): pass"
    )
    done = run(path)
    assert done.returncode == 0
    assert "no radio" in done.stdout
    assert done.stdout.endswith("1 passed, 0 failed, 1 skipped\n")


def test_runner_fails_when_nothing_passed(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 1
    done = run(write(tmp_path, "test_a.py", "raise Skip('whole file')"))
    assert done.returncode == 1
    assert done.stdout.endswith("0 passed, 0 failed, 1 skipped\n")


def test_runner_goes_on_after_a_file_that_cannot_be_imported(tmp_path: Path) -> None:
    write(tmp_path, "test_a.py", "import no_such_module")
    write(tmp_path, "test_b.py", "def test_c(): pass")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "ImportError" in done.stdout
    assert done.stdout.endswith("1 passed, 1 failed, 0 skipped\n")


def test_runner_unloads_a_file_before_the_next(tmp_path: Path) -> None:
    write(tmp_path, "test_a.py", "import shimlet", "shimlet.mark = 1", "def test_b(): pass")
    write(
        tmp_path,
        "test_b.py",
        "import shimlet",
        "def test_c(): assert not hasattr(shimlet, 'mark')",
    )
    done = run(tmp_path)
    assert done.stdout.endswith("2 passed, 0 failed, 0 skipped\n"), done.stdout


def test_runner_has_no_more_heap_than_we_say(tmp_path: Path) -> None:
    path = write(tmp_path, "test_a.py", "def test_b(): bytearray(1 << 19)")
    done = run(path)
    assert "MemoryError" in done.stdout
