"""Logging: one line a record, in two forms, at the level asked for, and never a secret."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from shimlet_host.config.seeds import format_seed
from shimlet_host.logs import HIDDEN, configure_logging, flush_logs

SEED = bytes(range(32))
SEED_TEXT = format_seed(SEED)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(level: str, encoding: str) -> str:
    """What a node and a library log, a failure with its trace included."""
    with tempfile.TemporaryFile() as file:
        configure_logging(level, encoding, file.fileno())
        say_everything()
        flush_logs()
        file.seek(0)
        return file.read().decode()


def say_everything() -> None:
    """What `logged` is about."""
    log = structlog.get_logger()
    log.debug("small step", peer="A")
    log.info("node started", peer="B", seed=SEED, text=f"node.seed is {SEED_TEXT} today")
    log.warning("nested", settings={"node_seed": SEED_TEXT, "list": [SEED_TEXT]})
    logging.getLogger("uvicorn.error").error("library %s", SEED_TEXT)
    try:
        raise ValueError(SEED_TEXT)
    except ValueError as error:
        log.error("fault", exc_info=error)


@pytest.mark.parametrize("encoding", ["console", "json"])
def test_a_seed_is_in_no_log(encoding: str) -> None:
    text = logged("debug", encoding)
    assert SEED_TEXT[7:] not in text and repr(SEED) not in text, text
    assert text.count(HIDDEN) >= 5, text
    assert "ValueError" in text and "library" in text, text


def test_json_logs_have_one_object_a_line() -> None:
    records = [json.loads(line) for line in logged("info", "json").splitlines()]
    assert [record["event"] for record in records[:2]] == ["node started", "nested"]
    assert [record["level"] for record in records] == ["info", "warning", "error", "error"]
    assert records[0]["peer"] == "B"


def test_the_level_decides_what_is_logged() -> None:
    assert "small step" in logged("debug", "console")
    assert "small step" not in logged("info", "console")
    assert "node started" not in logged("warning", "console")
    assert "library" in logged("error", "console")
    assert logged("critical", "console") == ""


CRASHES = """
import asyncio, logging, sys, threading, warnings
from shimlet_host.logs import configure_logging

SECRET = {seed!r}
configure_logging("info", {encoding!r})
warnings.warn("an old call with " + SECRET)
logging.getLogger("uvicorn.error").error("uvicorn with %s", SECRET)
logging.getLogger("uvicorn.error").warning("a line for each client that sends nonsense")
logging.getLogger("somebody.else").warning("two\\nlines with %s", SECRET)

def fail():
    raise RuntimeError("fault with " + SECRET)

class Leaves:
    def __del__(self):
        fail()

async def loop():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.01)
    task = asyncio.create_task(asyncio.to_thread(fail))
    while not task.done():
        await asyncio.sleep(0.01)
    del task

asyncio.run(loop())
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Leaves()
fail()
"""


@pytest.mark.parametrize("encoding", ["console", "json"])
def test_whatever_a_process_says_goes_the_same_way(encoding: str) -> None:
    program = CRASHES.format(seed=SEED_TEXT, encoding=encoding)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert SEED_TEXT[7:] not in done.stderr and done.stderr.count(HIDDEN) >= 8, done.stderr
    for words in (
        "an old call",
        "uvicorn with",
        "lines with",
        "a fault of our own ended the node",
        "a fault of our own ended a thread",
        "a fault that nobody could be told",
        "Exception in callback fail",
        "Task exception was never retrieved",
    ):
        assert words in done.stderr, words
    assert "nonsense" not in done.stderr, "whoever likes could fill a disk"
    if encoding == "json":
        records = [json.loads(line) for line in done.stderr.splitlines()]
        assert len(records) == 8
        assert all({"event", "level", "timestamp"} <= record.keys() for record in records)


def test_ctrl_c_is_no_fault() -> None:
    program = (
        "from shimlet_host.logs import configure_logging; configure_logging('info', 'json')\n"
        "raise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "fault" not in done.stderr and "KeyboardInterrupt" in done.stderr


FAULT = """
import shimlet_host.service

def fail(path):
    raise RuntimeError("no such thing")

shimlet_host.service.open_folder = fail
"""


def run_node(folder: Path, *words: str, **variables: str) -> list[dict[str, object]]:
    """The records of a `shimlet run --json` that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "shimlet_host", "run", "--json", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )
    assert done.returncode == 1 and done.stdout == "", done
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_what_keeps_a_node_from_starting_is_json_too_if_the_log_is(tmp_path: Path) -> None:
    (wrong,) = run_node(tmp_path, "--set", "profile=strict")
    assert wrong["level"] == "critical" and "profile" in str(wrong["event"])
    (tmp_path / "shimletdb").touch()
    (in_the_way,) = run_node(tmp_path)
    assert in_the_way["level"] == "critical" and "not a folder" in str(in_the_way["event"])
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    (fault,) = run_node(tmp_path, PYTHONPATH=str(tmp_path))
    assert fault["event"] == "a fault of our own ended the node"
    assert "no such thing" in str(fault["exception"])
