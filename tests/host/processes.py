"""Full nodes as real processes for tests: `shimlet run` in a folder of its own, asked over its web
API.

Every port is chosen by the system. The log is JSON, so a test waits for what it needs to see
instead of sleeping.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0


class NodeProcess:
    """One `shimlet run`. `settings` are merged over free ports on loopback."""

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.config = folder / "config.json"
        self.command = [sys.executable, "-m", "shimlet_host", "run", "--config", str(self.config)]
        self.before: Callable[[], None] | None = None  # in the new process, before the command
        self.log: list[dict[str, Any]] = []
        self._news = threading.Condition()
        content = {
            "gossip.bindAddress": "127.0.0.1:0",
            "webapi.bindAddress": "127.0.0.1:0",
            "manualPeering.reconnectInterval": "200ms",
            "logger.encoding": "json",
            **(settings or {}),
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(content))

    def start(self) -> NodeProcess:
        """Start and wait until both ports listen."""
        self.log.clear()
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self.before,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.gossip = self.await_log("gossip listens")["address"]
        self.url = self.await_log("web API listens")["url"]
        self.public_key = self.ask("GET", "/info")[1]["publicKey"]
        return self

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                record = json.loads(line)
            except ValueError:
                record = {"event": line.rstrip()}
            with self._news:
                self.log.append(record)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def await_log(self, event: str, **fields: object) -> dict[str, Any]:
        """The first log record with this event and these fields."""

        def found() -> dict[str, Any] | None:
            for record in self.log:
                if record.get("event") == event and fields.items() <= record.items():
                    return record
            return None

        with self._news:
            self._news.wait_for(lambda: found() or self.process.poll() is not None, PATIENCE_S)
            record = found()
        assert record is not None, (event, fields, self.process.poll(), self.log)
        return record

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded JSON of one request; bytes go as they are."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        return status, json.loads(content) if content else None

    def add(self, other: NodeProcess) -> None:
        """List another node as a known peer."""
        entry = {"publicKey": other.public_key, "address": other.gossip}
        status, answer = self.ask("POST", "/manualpeering/peers", [entry])
        assert status == 204, (status, answer)

    def peer(self, public_key: str) -> dict[str, Any]:
        """How a known peer stands."""
        _, peers = self.ask("GET", "/manualpeering/peers")
        return next(peer for peer in peers if peer["publicKey"] == public_key)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=PATIENCE_S)
        return status

    def kill(self) -> None:
        """Pull the plug."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)


@contextmanager
def running(*nodes: NodeProcess) -> Iterator[None]:
    """Start nodes, and end those that still run."""
    started: list[NodeProcess] = []
    try:
        for node in nodes:
            started.append(node.start())
        yield
    finally:
        for node in started:
            if node.process.poll() is None:
                node.kill()


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something observable becomes true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
