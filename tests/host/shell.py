"""The command line for tests: in this process for speed, or as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shimlet_host.cli import app
from typer.testing import CliRunner


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON on standard output."""
        return json.loads(self.out)


def shimlet(*words: object, stdin: bytes = b"") -> Answer:
    """Run a command in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Answer(done.exit_code, done.stdout, done.stderr)


def process(folder: Path, *words: object) -> Answer:
    """Run a command as users do."""
    done = subprocess.run(
        [sys.executable, "-m", "shimlet_host", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the tester's own shell counts."""
    for name in ("SHIMLET_CONFIG", "SHIMLET_API", "SHIMLET_TOKEN"):
        monkeypatch.delenv(name, raising=False)
