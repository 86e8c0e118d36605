"""The time server: what it answers to a client that others wrote, and to whom not at all."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import ntplib
import pytest
from host.processes import NodeProcess, running
from shimlet_host.config import ConfigError, load_config
from shimlet_host.model import ServeError
from shimlet_host.sntp import BURST, MAX_SOURCES, SourceLimit, TimeServer, answer, is_question

VECTORS = Path(__file__).parents[1] / "vectors/sntp.json"
QUESTION = bytes((0x23,)) + bytes(39) + b"\xde\xad\xbe\xef\x01\x02\x03\x04"
NOON = 1_790_000_000.25


def read(data: bytes) -> ntplib.NTPStats:
    """A packet as ntplib reads it."""
    packet = ntplib.NTPStats()
    packet.from_data(data)
    return packet


@contextmanager
def serving(
    host: str = "127.0.0.1", unix_clock: Callable[[], float] = time.time
) -> Iterator[TimeServer]:
    """A time server on a thread of its own."""
    server = TimeServer(host, 0, unix_clock)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def port_of(server: TimeServer) -> int:
    return int(server.address.rpartition(":")[2])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_another_ones_client_gets_the_time(host: str, version: int) -> None:
    with serving(host) as server:
        ask_at = "127.0.0.1" if host == "::" else host
        stats = ntplib.NTPClient().request(ask_at, version=version, port=port_of(server))
    assert abs(stats.offset) < 0.05
    assert (stats.version, stats.mode, stats.leap) == (version, 4, 0)


def test_it_does_not_pose_as_a_reference_clock() -> None:
    packet = read(answer(QUESTION, NOON, NOON + 0.5))
    assert packet.stratum == 10
    assert ntplib.ref_id_to_text(packet.ref_id, packet.stratum) == "127.127.1.0"
    assert packet.root_dispersion == 1.0
    assert ntplib.ntp_to_system_time(packet.recv_timestamp) == NOON
    assert ntplib.ntp_to_system_time(packet.tx_timestamp) == NOON + 0.5
    assert answer(QUESTION, NOON, NOON)[24:32] == QUESTION[40:]


def test_a_clock_that_is_plainly_not_set_is_told_as_such() -> None:
    packet = read(answer(QUESTION, 5000.0, 5000.0))
    assert (packet.leap, packet.stratum) == (3, 0)
    assert packet.ref_id.to_bytes(4, "big") == b"INIT"


def test_seconds_start_again_in_2036() -> None:
    # As RFC 5905 has it: 8 Feb 2036 is 63,104 s after the start of era 1.
    data = answer(QUESTION, 2_086_041_600.0, 2_086_041_600.0)
    assert data[40:] == (63_104).to_bytes(4, "big") + bytes(4)


def test_only_questions_of_clients_are_answered_and_never_by_more_bytes() -> None:
    assert is_question(QUESTION)
    for length in range(48):
        assert not is_question(QUESTION[:length])
    assert not is_question(QUESTION + b"x")
    assert not is_question(QUESTION + bytes(20)), "signed ones, too"
    for first in range(256):
        mode, version = first & 7, first >> 3 & 7
        expected = mode == 3 and 1 <= version <= 4
        assert is_question(bytes((first,)) + QUESTION[1:]) == expected, first
    assert len(answer(QUESTION, NOON, NOON)) == 48


def test_the_boards_vectors_are_as_ntplib_reads_them() -> None:
    rows = json.loads(VECTORS.read_text())
    assert len(rows) == 2
    for row in rows:
        packet = read(bytes.fromhex(row["answer"]))
        sent_ms = round(ntplib.ntp_to_system_time(packet.tx_timestamp) * 1000)
        assert (packet.mode, sent_ms) == (4, row["sent_ms"])
        assert row["answer"][48:64] == row["number"]


def test_rubbish_is_counted_and_a_question_behind_it_is_answered() -> None:
    chance = random.Random(4)
    with serving() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port_of(server)))
        for _ in range(60):
            sock.send(chance.randbytes(chance.choice((0, 1, 47, 49, 68, 1400))))
        sock.send(answer(QUESTION, NOON, NOON))  # another server's: they must not talk for ever
        sock.send(QUESTION)
        assert len(sock.recv(2000)) == 48
    assert (server.answered, server.ignored, server.limited) == (1, 61, 0)


def test_a_source_that_asks_too_often_is_not_answered_and_others_are() -> None:
    with serving() as server:
        for source, expected in (("127.0.0.1", 60), ("127.0.0.2", 1)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((source, 0))
                sock.settimeout(5)
                sock.connect(("127.0.0.1", port_of(server)))
                for _ in range(expected):
                    sock.send(QUESTION)
                sock.recv(100)
    assert BURST < server.answered <= BURST + 2
    assert server.answered + server.limited == 61


def test_the_limit_gives_one_question_in_two_seconds_after_the_burst() -> None:
    limit = SourceLimit()
    allowed = [second for second in range(100) if limit.allows("192.0.2.1", second)]
    assert allowed[:BURST] == list(range(BURST))
    assert 50 <= len(allowed) <= 50 + BURST
    assert all(limit.allows("192.0.2.1", 1000.0) for _ in range(BURST))
    assert not limit.allows("192.0.2.1", 1000.0)
    assert limit.allows("192.0.2.2", 1000.0)


def test_the_limit_keeps_the_newest_sources_only() -> None:
    limit = SourceLimit()
    for number in range(10 * MAX_SOURCES):
        assert limit.allows(f"source {number}", number / 1000)
        limit.allows("regular", number / 1000)
        assert len(limit) <= MAX_SOURCES
    assert not limit.allows("regular", number / 1000), "forgotten among strangers"
    assert [limit.allows("new", 0.0) for _ in range(BURST + 1)] == [True] * BURST + [False]


def test_an_address_that_cannot_be_had_is_named() -> None:
    with serving() as server:
        host, _, port = server.address.rpartition(":")
        with pytest.raises(ServeError, match=rf"{port} \(sntp\.bindAddress\): another program"):
            TimeServer(host, int(port))
    with pytest.raises(ServeError, match=r"no such address"):
        TimeServer("192.0.2.1", 14123)
    TimeServer(host, int(port)).close()


def test_a_node_serves_the_time_only_where_it_is_told_to(tmp_path: Path) -> None:
    assert load_config(None, environment={}).sntp.bind_address is None
    with pytest.raises(ConfigError, match=r"sntp\.bindAddress.*leave the key out"):
        load_config(None, environment={}, overrides=["sntp.bindAddress=here"])
    silent = NodeProcess(tmp_path / "silent")
    serving_node = NodeProcess(tmp_path / "serving", {"sntp.bindAddress": "127.0.0.1:0"})
    with running(silent, serving_node):
        address = serving_node.await_log("time server listens")["address"]
        port = int(address.rpartition(":")[2])
        assert abs(ntplib.NTPClient().request("127.0.0.1", port=port).offset) < 0.5
        told = serving_node.ask("GET", "/info")[1]["timeServer"]
        assert told == {"address": address, "answered": 1, "ignored": 0, "limited": 0}
        assert silent.ask("GET", "/info")[1]["timeServer"] is None
        assert serving_node.stop() == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", port))
