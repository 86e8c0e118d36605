"""The tables of common/protocol.md are true: the recorded packets of existing nodes are read by
message classes that are made of the tables alone, and so is what our codecs write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from docs.documents import ROOT, document, names_in, table, tables
from docs.wire import PROTOCOL, check_sizes, classes, kinds_of, messages, plain, read
from google.protobuf.json_format import MessageToDict
from shimlet import gossip, sentences
from shimlet_host.autopeering import decoding, encoding
from shimlet_host.autopeering.messages import (
    DiscoveryRequest,
    DiscoveryResponse,
    PeerEntry,
    PeeringDrop,
    PeeringRequest,
    PeeringResponse,
    Ping,
    Pong,
    Service,
)
from shimlet_host.autopeering.reasons import Reason


def rows(name: str) -> list[dict[str, Any]]:
    """Recorded packets."""
    found: list[dict[str, Any]] = json.loads((ROOT / f"tests/vectors/{name}.json").read_text())
    return found


def recorded(row: dict[str, Any]) -> Any:
    """The fields of a row; JSON has the largest numbers as text."""
    return json.loads(re.sub(r'"(\d{19,20})"', r"\1", json.dumps(row["fields"])))


@pytest.mark.parametrize("row", rows("udp_messages"), ids=lambda row: row["name"])
def test_the_table_of_udp_messages_reads_what_existing_nodes_sent(row: dict[str, Any]) -> None:
    name = row["message"]
    data = bytes.fromhex(row["data"])
    assert data[0] == row["type"] == messages()[name][0]
    message = read(name, data[1:])
    assert plain(message) == {**plain(classes()[name]()), **recorded(row)}
    if row["name"] != "peering_request_salt19":  # recorded for its wrong size
        check_sizes(message)
    ours = decoding.decode(data)
    assert type(ours).__name__ == name


HASH, KEY, SALT = bytes(range(32)), bytes(range(1, 33)), bytes(range(20))
SERVICES = {"gossip": Service("tcp", 14666), "peering": Service("udp", 14626)}
OURS = [  # every field has a value of its own
    (encoding.encode_ping, Ping(1, 40, 1_800_000_000, "0.0.0.0", 14626, "192.0.2.1")),
    (encoding.encode_pong, Pong(HASH, SERVICES, "192.0.2.1")),
    (encoding.encode_discovery_request, DiscoveryRequest(1_800_000_000)),
    (
        encoding.encode_discovery_response,
        DiscoveryResponse(HASH, [PeerEntry(KEY, "192.0.2.7", SERVICES)]),
    ),
    (encoding.encode_peering_request, PeeringRequest(1_800_000_000, SALT, 1_800_007_200)),
    (encoding.encode_peering_response, PeeringResponse(HASH, True)),
    (encoding.encode_peering_drop, PeeringDrop(1_800_000_000)),
]


@pytest.mark.parametrize(("encode", "ours"), OURS, ids=lambda each: type(each).__name__)
def test_the_table_reads_what_our_codecs_write(encode: Callable[[Any], bytes], ours: Any) -> None:
    name = type(ours).__name__
    data = encode(ours)
    assert data[0] == messages()[name][0]
    message = read(name, data[1:])
    check_sizes(message)
    assert plain(message) == in_plain(ours)
    assert all(kind is not None for kind in plain(message).values())


def in_plain(value: Any) -> Any:
    """A message of ours as the tables have it: services in a map, the salt as a message."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, PeeringRequest):
        salt = {"bytes": in_plain(value.salt), "exp_time": value.expiration_time}
        return {"timestamp": value.timestamp, "salt": salt}
    if isinstance(value, Service):
        return value._asdict()
    if isinstance(value, dict):
        return {"map": {name: in_plain(service) for name, service in value.items()}}
    if isinstance(value, list):
        return [in_plain(each) for each in value]
    if isinstance(value, PeerEntry):
        return {name: in_plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {each.name: in_plain(getattr(value, each.name)) for each in fields(value)}
    return value


def test_all_messages_that_we_decode_are_in_the_table_and_no_others() -> None:
    listed = {number for number, _ in messages().values() if number is not None}
    known = {number for number in range(256) if decoding.is_known(number)}
    gossip_types = {gossip.MESSAGE, gossip.MESSAGE_REQUEST}
    assert listed == known | gossip_types
    assert messages()["Message"][0] == gossip.MESSAGE
    assert messages()["MessageRequest"][0] == gossip.MESSAGE_REQUEST


@pytest.mark.parametrize("row", rows("tcp_handshake"), ids=lambda row: row["name"])
def test_the_table_of_the_handshake_reads_what_existing_nodes_sent(row: dict[str, Any]) -> None:
    name = "HandshakeRequest" if "to" in row else "HandshakeResponse"
    message = read(name, bytes.fromhex(row["data"]))
    assert plain(message) == {key: row[key] for key in kinds_of(name)}
    check_sizes(message)


@pytest.mark.parametrize("name", ["udp_messages", "tcp_handshake"])
def test_the_table_of_the_envelope_reads_every_recorded_packet(name: str) -> None:
    for row in rows(name):
        packet = read("Packet", bytes.fromhex(row["packet"]))
        assert packet.data.hex() == row["data"] and packet.type == 0
        check_sizes(packet)


def test_the_table_of_gossip_reads_every_recorded_frame() -> None:
    names = {messages()[name][0]: name for name in ("Message", "MessageRequest")}
    for row in rows("gossip_frames"):
        if "frame" not in row:
            continue
        frame = bytes.fromhex(row["frame"])
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4 and frame[4] == row["type"]
        message = read(names[row["type"]], frame[5:])
        assert list(MessageToDict(message)) in ([], ["data"], ["id"])
        check_sizes(message)
        assert next(iter(plain(message).values())) == row["content"]


def test_the_short_form_is_that_of_the_recorded_packets() -> None:
    block = next(b.text for b in document("common/README.md").blocks if "signed packet" in b.text)
    form = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in block.splitlines())
    for name in ("request", "response"):
        row = next(r for r in rows("tcp_handshake") if r["name"] == f"handshake_{name}")
        tags = re.findall(r"\b[0-9a-f]{2}\b(?= (?:len|unix|20))", form[f"{name} data"])
        assert tags and row["data"].startswith(tags[0]), name
        assert all(tag in row["data"] for tag in tags), name
    packet = bytes.fromhex(rows("tcp_handshake")[0]["packet"])
    assert form["signed packet"].startswith("12 len data") and packet[0] == 0x12
    assert "1a 20 public key" in form["signed packet"] and packet[-100:-98].hex() == "1a20"
    assert "22 40 signature" in form["signed packet"] and packet[-66:-64].hex() == "2240"
    for number, word in re.findall(r"\b([0-9a-f]{2}) (Message|MessageRequest|Ping|Pong)\b", block):
        assert messages()[word][0] == int(number, 16), word
    assert bytes.fromhex(form["keep-alive"]) == bytes(4)


# Reasons


def test_every_reason_for_a_datagram_is_in_the_table_of_checks_and_no_other() -> None:
    listed = {
        reason
        for _, _, cell, _ in table(PROTOCOL.text, "step", "message", "reason", "when")
        for reason in names_in(cell)
    }
    assert listed == {str(reason) for reason in Reason}


def test_every_reason_of_the_handshake_exists() -> None:
    section = PROTOCOL.section("TCP: handshake, then gossip")
    listed = {
        reason
        for rows_ in tables(section)
        if rows_[0] == ["reason", "when"]
        for cell, _ in rows_[1:]
        for reason in names_in(cell)
    }
    assert len(listed) > 20, listed
    for reason in listed:
        assert sentences.sentence_of(reason), reason


def test_every_reason_that_any_document_of_the_core_names_exists() -> None:
    known = {str(reason) for reason in Reason}
    for name in ("common/protocol.md", "common/threats.md"):
        for word in names_in(document(name).prose):
            if re.fullmatch(r"[a-z]+(-[a-z]+)+", word):
                assert word in known or sentences.sentence_of(word), (name, word)
