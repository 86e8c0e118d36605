"""Requests that Schemathesis makes of the served OpenAPI document, right ones and wrong ones, to
real nodes: none may end in a fault, in a status or a body that is not documented, and what is
wrong by its schema must be refused. `/events` is left out: it has no end.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from host.auto_nodes import AutoProcess
from host.processes import NodeProcess, eventually, running
from host.test_web import RecordingNode
from shimlet_host.access import read_token
from shimlet_host.web import WebServer, create_app

# The same requests every time; another number makes others.
SEED = os.environ.get("SHIMLET_SEED", "1")
EXAMPLES = 30  # of each operation, beside those that try every corner of its schema
LIMIT_S = 300  # some 15 s where the machine has nothing else to do
REQUEST_S = 60  # where it has, a fault takes seconds to be printed
TESTS = Path(__file__).parent.parent

# A schema cannot say all: that a key has 32 bytes, that it is listed, and stands there once.
CONFIG = """
[[operations]]
include-operation-id = ["addPeers", "markPeers", "removePeers"]
[operations.checks]
positive_data_acceptance = { expected-statuses = ["2xx", "400"] }
"""

Show = Callable[[str], None]


def search(folder: Path, url: str, *arguments: str) -> tuple[int, str]:
    """Exit status and report of one run."""
    folder.mkdir(exist_ok=True)
    (folder / "schemathesis.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--exclude-path", "/events", "--checks", "all", "--continue-on-failure"]
    command += ["--request-timeout", str(REQUEST_S), "--no-color"]
    command += ["--seed", SEED, "--max-examples", str(EXAMPLES), *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "SCHEMATHESIS_HOOKS": "host.schemathesis_hooks",
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout + done.stderr


def generated(report: str) -> int:
    """How many requests were made."""
    found = re.search(r"(\d+) generated", report)
    return int(found[1]) if found else 0


def test_no_request_brings_a_node_to_an_answer_that_is_not_documented(
    tmp_path: Path, show_in_summary: Show
) -> None:
    a, b = AutoProcess(tmp_path / "a"), NodeProcess(tmp_path / "b")
    with running(a, b):
        a.add(b)
        b.add(a)
        eventually(lambda: a.peer(b.public_key)["state"] == "connected", "no link came up")
        a.ask("POST", "/messages", {"payloadBase64": "AP8="})
        status, report = search(tmp_path / "run", a.url)
        assert status == 0, report
        assert generated(report) > 300, report
        assert a.ask("GET", "/readyz")[0] == 200
        assert not [record for record in a.log if record.get("level") == "error"]
    show_in_summary(f"Schemathesis: {generated(report)} requests, seed {SEED} (SHIMLET_SEED)")


def test_beyond_loopback_no_change_is_made_without_the_token(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", {"webapi.bindAddress": "0.0.0.0:0"})
    with running(node):
        token = read_token(node.folder / "shimletdb")
        status, report = search(
            tmp_path / "run",
            node.url,
            *("--header", f"Authorization: Bearer {token}", "--phases", "examples,coverage"),
        )
        assert status == 0, report
        assert generated(report) > 100, report
        assert token not in report


@pytest.mark.parametrize("fault", ["a fault", "a lie"])
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    class Faulty(RecordingNode):
        def unready(self) -> str:
            raise RuntimeError

    async def run() -> tuple[int, str]:
        app = create_app(Faulty() if fault == "a fault" else RecordingNode())
        if fault == "a lie":
            app.openapi()["paths"]["/livez"]["get"]["responses"] = {"204": {"description": "no"}}
        server = WebServer(app, "127.0.0.1", 0)
        await server.start()
        try:
            few = ("--include-path-regex", "livez|readyz", "--phases", "coverage")
            return await asyncio.to_thread(search, tmp_path / "run", server.url, *few)
        finally:
            await server.stop()

    status, report = asyncio.run(run())
    assert status == 1, report
    assert ("[500]" if fault == "a fault" else "Received: 200") in report
