"""Where mana comes from: a file that changes and breaks, and an existing node's web API."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from shimlet.identity import base58_encode
from shimlet_host import mana_sources
from shimlet_host.mana_sources import (
    Mana,
    ManaError,
    ManaFile,
    ManaOfNode,
    ManaSource,
    mana_source,
)

KEY_A, KEY_B = bytes([1]) * 32, bytes([2]) * 32
A, B = base58_encode(KEY_A), base58_encode(KEY_B)


def read(source: ManaSource) -> Mana | None:
    return asyncio.run(source.read())


def why(source: ManaSource) -> str:
    with pytest.raises(ManaError) as caught:
        read(source)
    return str(caught.value)


def test_the_config_chooses_between_nothing_a_file_and_a_node() -> None:
    assert mana_source(None) is None
    assert isinstance(mana_source("/a/mana.json"), ManaFile)
    assert isinstance(mana_source("http://192.0.2.7:8080"), ManaOfNode)
    assert isinstance(mana_source("HTTPS://node.example/"), ManaOfNode)


def test_a_file_is_read_when_it_has_changed_and_not_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mana.json"
    path.write_text(json.dumps({A: 5, B: 0}))
    source = ManaFile(path)
    assert read(source) == {KEY_A: 5, KEY_B: 0}
    assert read(source) is None
    path.write_text(json.dumps({A: 2**64 - 1}))
    assert read(source) == {KEY_A: 2**64 - 1}
    path.write_text("{}")
    assert read(source) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xff", "not JSON"),
        (b"[1]", "not an object"),
        (b"[" * 100_000, "not JSON|nested too deep"),
        (json.dumps({"x0": 1}).encode(), "x0: "),
        (json.dumps({A: -1}).encode(), A),
        (json.dumps({A: 1.5}).encode(), A),
        (json.dumps({A: True}).encode(), A),
        (json.dumps({A: 2**64}).encode(), A),
        (b'{"%s": %s}' % (A.encode(), b"9" * 5000), "not JSON"),
    ],
)
def test_a_broken_file_is_named_once_and_read_again_when_it_is_mended(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "mana.json"
    path.write_bytes(content)
    source = ManaFile(path)
    sentence = why(source)
    assert str(path) in sentence
    assert any(part in sentence for part in told.split("|")), sentence
    assert sentence.endswith(".") and len(sentence) < 500
    assert read(source) is None, "it has not changed"
    path.write_text(json.dumps({A: 7, B: 1}))
    assert read(source) == {KEY_A: 7, KEY_B: 1}


def test_a_missing_file_is_named_until_it_is_there(tmp_path: Path) -> None:
    source = ManaFile(tmp_path / "mana.json")
    assert "No such file" in why(source)
    assert "No such file" in why(source)
    (tmp_path / "mana.json").write_text(json.dumps({A: 1}))
    assert read(source) == {KEY_A: 1}


def test_a_path_that_no_system_has_is_one_sentence() -> None:
    assert "cannot be read" in why(ManaFile(Path("mana\0.json")))


def test_a_file_that_is_too_large_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mana_sources, "MAX_BYTES", 50)
    (tmp_path / "mana.json").write_text(json.dumps({A: 1, B: 2}))
    assert "larger than 50 bytes" in why(ManaFile(tmp_path / "mana.json"))


@contextmanager
def existing_node(content: bytes, status: int = 200) -> Iterator[str]:
    """A web API that answers /mana/all with these bytes; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/mana/all" else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def entry(key: bytes, mana: object) -> dict[str, object]:
    """As an existing node writes it."""
    node_id = sha256(key).digest()
    return {"shortNodeID": "x", "nodeID": base58_encode(node_id), "mana": mana}


def test_an_existing_node_tells_consensus_mana_by_the_hash_of_the_key_rounded_down() -> None:
    answer = {
        "access": [entry(KEY_A, 1000.0)],
        "consensus": [entry(KEY_A, 5.99), entry(KEY_B, 1e300)],
        "consensusTimestamp": 1,
    }
    with existing_node(json.dumps(answer).encode()) as url:
        for written in (url, url + "/", url + "/mana/all"):
            mana = read(ManaOfNode(written))
            assert mana is not None
            assert (mana.get(KEY_A, 0), mana.get(KEY_B, 0)) == (5, 2**64 - 1)
            assert mana.get(bytes(32), 0) == 0
            assert len(mana) == 2


def test_an_existing_node_without_mana_says_null() -> None:
    with existing_node(b'{"consensus": null}') as url:
        assert read(ManaOfNode(url)) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "not the answer of an existing node"),
        (b'{"error": "not in sync"}', "not the answer of an existing node"),
        (b'{"consensus": 5}', "not the answer of an existing node"),
        (b'{"consensus": [5]}', "no nodeID"),
        (json.dumps({"consensus": [{"nodeID": "abc", "mana": 1}]}).encode(), "32 bytes"),
        (json.dumps({"consensus": [{"nodeID": "1" * 9999, "mana": 1}]}).encode(), "32 bytes"),
        (json.dumps({"consensus": [entry(KEY_A, "5")]}).encode(), "not a number"),
        (b'{"consensus": [{"nodeID": "%s", "mana": NaN}]}' % A.encode(), "not a number"),
    ],
)
def test_a_wrong_answer_is_one_sentence(content: bytes, told: str) -> None:
    with existing_node(content) as url:
        sentence = why(ManaOfNode(url))
    assert told in sentence and url in sentence and len(sentence) < 500


def test_an_error_status_and_a_closed_port_are_named() -> None:
    with existing_node(b"", 500) as url:
        assert "status 500" in why(ManaOfNode(url))
    assert "refused" in why(ManaOfNode(url))


def test_an_endless_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mana_sources, "MAX_BYTES", 50)
    with existing_node(bytes(10_000)) as url:
        assert "larger than 50 bytes" in why(ManaOfNode(url))
    monkeypatch.setattr(mana_sources, "MAX_BYTES", 10**6)
    monkeypatch.setattr(mana_sources, "TOTAL_TIMEOUT_S", -1)
    with existing_node(bytes(10_000)) as url:
        assert "too long" in why(ManaOfNode(url))
