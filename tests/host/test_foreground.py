"""Ctrl-C on a pseudo-terminal: the program ends in its own way, and make with exit status 0."""

import os
import pty
import subprocess
import sys
from pathlib import Path

POLITE = """
import os, sys, time
try:
    print("leads its group:", os.getpgrp() == os.getpid(), "- ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("goodbye", flush=True)
"""


def make_on_a_terminal(folder: Path, recipe: str) -> tuple[int, int]:
    """Start make as a session of its own on a new terminal; its process id and our side."""
    (folder / "polite.py").write_text(POLITE)
    (folder / "Makefile").write_text(f"run:\n\t@{recipe}\n")
    process, terminal = pty.fork()
    if not process:
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(folder)
        os.execvp("sh", ["sh", "-c", "make run; echo status $?"])
    return process, terminal


def read_until(terminal: int, text: bytes) -> bytes:
    """All output up to a text; less when the other side ends first."""
    seen = b""
    while text not in seen:
        try:
            more = os.read(terminal, 1024)
        except OSError:
            break
        if not more:
            break
        seen += more
    return seen


def test_ctrl_c_ends_the_program_and_make_is_content(tmp_path: Path) -> None:
    recipe = f"exec {sys.executable} -m shimlet_host.foreground polite"
    process, terminal = make_on_a_terminal(tmp_path, recipe)
    assert b"leads its group: True" in read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    seen = read_until(terminal, b"status 0")
    os.close(terminal)
    os.waitpid(process, 0)
    assert b"goodbye" in seen
    assert b"status 0" in seen, seen


def test_without_a_terminal_the_program_stays_in_the_group_it_was_started_in(
    tmp_path: Path,
) -> None:
    (tmp_path / "polite.py").write_text(POLITE.replace("60", "0"))
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m shimlet_host.foreground polite; true"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"leads its group: False - ready\n"
