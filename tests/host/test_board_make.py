"""The Makefile's targets for boards: they run the commands, and ask for what they need."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {
    "list": "list",
    "build BOARD=sim": 'build "sim"',
    "flash BOARD=sim PORT=x.tty": 'flash "sim" "x.tty"',
    "micropython BOARD=rpi_pico_w PORT=d IMAGE=a.uf2": 'micropython "rpi_pico_w" "d" "a.uf2"',
    "sim NAME=second": "sim second",
    "shell PORT=x.tty": 'shell "x.tty"',
    "firmware BOARD=rpi_pico_w": 'firmware "rpi_pico_w"',
}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would run in this folder."""
    command = ["make", "-f", str(ROOT / "Makefile"), "-n", "-o", "setup", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("target", TARGETS)
def test_target_runs_the_command_also_where_a_folder_has_its_name(
    target: str, tmp_path: Path
) -> None:
    (tmp_path / target.split()[0]).mkdir()  # build/ and firmware/ are there
    assert f"board {TARGETS[target]}" in make(tmp_path, *target.split()).stdout


@pytest.mark.parametrize(
    ("target", "missing"),
    [("build", "BOARD"), ("flash BOARD=sim", "PORT"), ("shell", "PORT"), ("firmware", "BOARD")],
)
def test_target_says_what_it_needs(target: str, missing: str, tmp_path: Path) -> None:
    done = make(tmp_path, *target.split())
    assert done.returncode == 2
    assert f"Say {missing}=" in done.stderr
