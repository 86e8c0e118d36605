"""A log that nobody reads: it stops nobody, what is lost is counted and told, and what was said
before the end is there, in order.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from host.processes import PATIENCE_S, NodeProcess, eventually, running
from host.test_metrics import Scrape
from shimlet.identity import base58_encode
from shimlet_host import log_pipe
from shimlet_host.access import announced
from shimlet_host.config.seeds import format_seed
from shimlet_host.identity import HostIdentity
from shimlet_host.log_pipe import LogPipe
from shimlet_host.logs import LOST


class Reader:
    """A pipe with a LogPipe at one end."""

    def __init__(self) -> None:
        self.out, self.descriptor = os.pipe()
        self.log = LogPipe(self.descriptor, lambda count: f"lost {count}")

    def fill(self) -> int:
        """Leave no room in the pipe; how many bytes are in it."""
        written = 0
        os.set_blocking(self.descriptor, False)
        with suppress(BlockingIOError):
            while True:
                written += os.write(self.descriptor, bytes(4096))
        os.set_blocking(self.descriptor, True)
        return written

    def lines(self) -> list[str]:
        """All lines up to the end of the log."""
        self.log.close()
        threading.Thread(target=self._end, daemon=True).start()
        with os.fdopen(self.out, closefd=False) as stream:
            return stream.read().splitlines()

    def _end(self) -> None:
        while self.log._lines or self.log._writing:
            self.log.flush()
        os.close(self.descriptor)


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    os.close(made.out)


def record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text})


def test_lines_come_out_in_order(reader: Reader) -> None:
    for number in range(1000):
        reader.log.handle(record(str(number)))
    reader.log.say("beside \udc80 the log")
    expected = [*map(str, range(1000)), "beside \\udc80 the log"]
    assert reader.lines() == expected
    assert reader.log.lost == 0


def test_what_nobody_reads_is_counted_and_told_in_its_place(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pipe, "QUEUED_BYTES", 1000)
    full = reader.fill()
    reader.log.say("the first")
    eventually(lambda: not reader.log._lines, "nothing is written")
    for number in range(100, 200):
        reader.log.say(f"{number} {'x' * 95}")
    assert reader.log.lost == 90
    os.read(reader.out, full)  # the reader goes on
    first, told, *kept = reader.lines()
    assert (first, told) == ("the first", "lost 90")
    assert [int(line.split()[0]) for line in kept] == list(range(190, 200))


def test_a_line_longer_than_the_queue_is_said_alone(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pipe, "QUEUED_BYTES", 10)
    reader.log.say("a" * 1000)
    assert reader.lines() == ["a" * 1000]


def test_a_pipe_that_somebody_made_non_blocking_takes_everything(reader: Reader) -> None:
    os.set_blocking(reader.descriptor, False)
    for number in range(5000):
        reader.log.say(f"{number} {'x' * 100}")
    assert [int(line.split()[0]) for line in reader.lines()] == list(range(5000))


def test_a_reader_that_has_gone_is_no_fault(reader: Reader) -> None:
    gone, descriptor = os.pipe()
    os.close(gone)
    log = LogPipe(descriptor, lambda count: f"lost {count}")
    log.say("nobody hears this")
    eventually(lambda: log.lost == 1, "it is not noticed")
    os.dup2(reader.descriptor, descriptor)  # somebody is there again
    log.say("hello")
    log.flush()
    log.close()
    os.close(descriptor)
    assert reader.lines() == ["lost 1", "hello"]


def test_a_record_that_cannot_be_made_is_told(reader: Reader) -> None:
    reader.log.handle(logging.makeLogRecord({"msg": "%d", "args": ("SECRET",)}))
    assert reader.lines() == ["A line of the log could not be made: TypeError."]


TALKS = """
import structlog
from shimlet_host.logs import configure_logging, say
configure_logging("info", "json")
for number in range(8000):
    structlog.get_logger().info("x" * 100, number=number)
say("the end")
{last}
"""


@pytest.mark.parametrize("last", ["", "raise RuntimeError"])
def test_a_full_pipe_does_not_hold_up_the_end(last: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TALKS.format(last=last)], stderr=subprocess.PIPE
    )
    assert process.wait(PATIENCE_S) == bool(last)
    assert process.stderr is not None
    with process.stderr as stream:
        assert b'"number": 0,' in stream.readline()


def test_all_is_said_before_the_end_if_somebody_reads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TALKS.format(last="raise RuntimeError('why')")],
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
    )
    *_, end, fault = done.stderr.splitlines()
    assert end == b"the end" and b"RuntimeError: why" in fault


class Unread(NodeProcess):
    """A node whose log nobody reads until `read`, and who soon has more to tell than fits."""

    def __init__(self, folder: Path) -> None:
        small = "import shimlet_host.log_pipe; shimlet_host.log_pipe.QUEUED_BYTES = 30_000\n"
        settings = {"node.dataDirectory": str(folder), "node.seed": format_seed(LOW.seed)}
        super().__init__(folder, settings)
        (folder / "sitecustomize.py").write_text(small)

    def start(self) -> Unread:
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        eventually(lambda: bool(announced(self.folder)), "the web API does not listen")
        self.url = announced(self.folder)
        assert self.ask("POST", "/manualpeering/peers", NOT_THERE)[0] == 204
        eventually(lambda: self.lost() > 100, "nothing was lost")
        return self

    def lost(self) -> float:
        """Lines, as it counts them."""
        answer = httpx.get(f"{self.url}/metrics", timeout=PATIENCE_S)
        return Scrape(answer.text).value("shimlet_log_lines_lost_total")

    def told(self) -> float:
        """Lines that its log says are missing."""
        return float(sum(record["lines"] for record in self.log if record.get("event") == LOST))

    def read(self) -> None:
        """From now on somebody reads."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()


IDENTITIES = [HostIdentity(number.to_bytes(32, "big")) for number in range(1, 901)]
LOW = min(IDENTITIES, key=lambda identity: identity.public_key)  # it dials all others
NOT_THERE = [
    {"publicKey": base58_encode(identity.public_key), "address": "127.0.0.1:9"}
    for identity in IDENTITIES
    if identity is not LOW
]


def test_a_node_whose_log_nobody_reads_goes_on_and_tells_what_was_lost(tmp_path: Path) -> None:
    node = Unread(tmp_path)
    with running(node):
        assert node.ask("GET", "/readyz") == (200, {"status": "ok"})
        assert node.ask("DELETE", "/manualpeering/peers", NOT_THERE)[0] == 204
        node.read()
        told = node.await_log(LOST)
        assert told["level"] == "warning"
        # Some more may be lost until the pipe is empty.
        eventually(lambda: node.told() == node.lost(), "lines were lost that nobody told of")
        assert node.stop() == 0
        assert node.log[-1]["event"] == "stopping"


def test_a_node_whose_log_nobody_reads_ends_when_it_is_told_to(tmp_path: Path) -> None:
    node = Unread(tmp_path)
    with running(node):
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(PATIENCE_S) == 0
