"""The curl commands of the documents, run against a real node, and the answers that they show.

Only what a reader would replace is replaced: the address of the web API, the keys, and PORTs. With
curl installed it is curl that asks; else a reader of its few options.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.commands import commands, in_pages
from docs.documents import Block, document, documents, names_in, table
from host.processes import PATIENCE_S, NodeProcess, running
from host.shell import process
from shimlet_host.config.schema import REMEDIES

API = "http://127.0.0.1:8080"
ENDLESS = ("/events",)
HOST = "cpython_host/README.md"
METRIC = r"(?:shimlet|process|python)_(?!crypto|light|host|board)[a-z_.]+$"


def runs() -> list[str]:
    """The commands that this file runs: every curl command of every document."""
    return list(dict.fromkeys(each.text for each in commands() if each.text.startswith("curl ")))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with all its parts, that autopeers with nobody."""
    settings = {
        "autoPeering.enabled": True,
        "autoPeering.bindAddress": "127.0.0.1:0",
        "sntp.bindAddress": "127.0.0.1:0",
    }
    full = NodeProcess(tmp_path_factory.mktemp("web"), settings)
    with running(full):
        yield full


def at(node: NodeProcess, command: str) -> list[str]:
    """The words of a command, for this node."""
    key = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"
    return shlex.split(command.replace(API, node.url).replace("5jQW...", key))


def ask(words: list[str]) -> tuple[int, str]:
    """Status and body."""
    if shutil.which("curl"):
        return _ask_curl(words)
    return _ask_without_curl(words)


def _ask_curl(words: list[str]) -> tuple[int, str]:
    endless = any(path in word for word in words for path in ENDLESS)
    limit = ["-m", "2" if endless else "20"]
    done = subprocess.run(
        [*words, "-s", "-w", "\n%{http_code}", *limit], capture_output=True, text=True
    )
    assert done.returncode in ((0, 28) if endless else (0,)), (words, done)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def _ask_without_curl(words: list[str]) -> tuple[int, str]:
    """What curl would do with -X, -d, -N, -H and one URL."""
    method, data, url, headers = None, None, "", {}
    options = iter(words[1:])
    for word in options:
        if word == "-X":
            method = next(options)
        elif word == "-d":
            data = next(options).encode()
        elif word == "-H":
            name, _, value = next(options).partition(": ")
            headers[name] = value
        elif word != "-N":
            url = word
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        if any(path in url for path in ENDLESS):
            return answer.status, answer.readline().decode()
        return answer.status, answer.read().decode()


def each_page() -> list[list[str]]:
    """The curl commands of each document, in its order."""
    pages = dict.fromkeys(each.page for each in commands())
    found = [[text for text in in_pages(page) if text.startswith("curl ")] for page in pages]
    return [lines for lines in found if lines]


def test_every_curl_command_succeeds_in_the_order_of_its_document(node: NodeProcess) -> None:
    for lines in each_page():
        for command in lines:
            status, body = ask(at(node, command))
            assert 200 <= status < 300, (command, status, body)


def test_without_curl_the_same_is_asked(node: NodeProcess) -> None:
    for lines in each_page():
        for command in lines:
            status, body = _ask_without_curl(at(node, command))
            assert 200 <= status < 300, (command, status, body)


# Answers


def shape(value: Any) -> Any:
    """What keys a JSON value has, all the way down; of a list the first entry."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def is_config(block: Block) -> bool:
    """Whether a JSON block is a config of a full node."""
    value = json.loads(block.text)
    sections = {key.partition(".")[0] for key in REMEDIES}
    return isinstance(value, dict) and {key.partition(".")[0] for key in value} <= sections


def shown_answers() -> list[tuple[str, Any]]:
    """Each JSON block behind a block with a curl command, with the first of those commands."""
    found = []
    for page in documents():
        before = ""
        for block in page.blocks:
            if block.language == "json" and before and not is_config(block):
                found.append((before, json.loads(block.text)))
            curls = [line for line in block.text.splitlines() if line.startswith("curl ")]
            before = curls[0] if curls else ""
    return found


def test_the_answers_that_a_document_shows_have_the_keys_of_real_ones(node: NodeProcess) -> None:
    answers = shown_answers()
    assert len(answers) >= 2, answers
    add = next(each for each in in_pages(HOST) if each.startswith("curl -X POST"))
    assert ask(at(node, add))[0] == 204
    for command, shown in answers:
        status, body = ask(at(node, command))
        assert status == 200, (command, body)
        check_shape(shown, json.loads(body), command)


def check_shape(shown: Any, real: Any, where: str) -> None:
    """The same keys; what is shown filled may be empty in the real answer."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if real or not shown:
            assert list(shown) == list(real) or not shown, (where, list(shown), list(real))
        for key in set(shown) & set(real):
            check_shape(shown[key], real[key], f"{where}: {key}")
    elif isinstance(shown, list) and isinstance(real, list) and shown and real:
        check_shape(shown[0], real[0], where)


def test_every_config_that_a_document_shows_is_taken(tmp_path: Path) -> None:
    answers = [shown for _, shown in shown_answers()]
    blocks = [b for page in documents() for b in page.blocks if b.language == "json"]
    configs = [b.text for b in blocks if json.loads(b.text) not in answers]
    assert len(configs) >= 2
    for text in configs:
        if "publicKey" in json.loads(text):  # one entry of the list
            text = json.dumps({"manualPeering.knownPeers": [json.loads(text)]})
        (tmp_path / "config.json").write_text(text)
        done = process(tmp_path, "config", "check")
        assert done.status == 0 and "warning" not in done.err.lower(), (text, done)


def test_the_data_folder_holds_what_the_document_lists(node: NodeProcess) -> None:
    rows = table(document(HOST).section("The data folder"), "file", "holds")
    listed = {name for cell, _ in rows for name in names_in(cell)}
    there = {path.name for path in (node.folder / "shimletdb").iterdir()}
    assert {name for name in there if not name.endswith(("-wal", "-shm", "-journal"))} == listed
    secret = [cell for cell, holds in rows if "mode 0600" in holds]
    assert len(secret) >= 2
    for cell in secret:
        mode = (node.folder / "shimletdb" / names_in(cell)[0]).stat().st_mode
        assert mode & 0o777 == 0o600, cell


def test_every_metric_that_a_document_names_is_there(node: NodeProcess) -> None:
    key = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"
    node.ask("POST", "/manualpeering/peers", [{"publicKey": key, "address": "192.0.2.7:1"}])
    status, text = ask(["curl", f"{node.url}/metrics"])
    real = re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
    named = [name for page in documents() for name in page.code if re.match(METRIC, name)]
    assert status == 200 and len(named) > 8, (status, named)
    for name in named:
        pattern = re.escape(name).replace(r"\.\.\.", r"\w+")
        assert any(re.fullmatch(pattern, each) for each in real), (name, real)
