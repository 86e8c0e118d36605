"""The tables of common/protocol.md are true: the recorded packets of existing nodes are read by
message classes that are made of the tables alone, and so is what our codecs write.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from docs.documents import ROOT, document, names_in, table, tables
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict
from shimlet import gossip, sentences
from shimlet_host.autopeering import decoding
from shimlet_host.autopeering.reasons import Reason

PROTOCOL = document("common/protocol.md")
HEAD = ("message", "no.", "field", "kind", "what")
FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "uint32": FIELD.TYPE_UINT32,
    "int64": FIELD.TYPE_INT64,
    "fixed64": FIELD.TYPE_FIXED64,
    "string": FIELD.TYPE_STRING,
    "bool": FIELD.TYPE_BOOL,
    "bytes": FIELD.TYPE_BYTES,
}


@cache
def messages() -> dict[str, tuple[int | None, list[tuple[int, str, str]]]]:
    """Each message of the tables: its type byte, if it has one, and number, name, kind of each
    field.
    """
    found: dict[str, tuple[int | None, list[tuple[int, str, str]]]] = {}
    name = ""
    for rows in tables(PROTOCOL.text):
        if tuple(rows[0]) != HEAD:
            continue
        for message, number, field, kind, _ in rows[1:]:
            if message:
                match = re.fullmatch(r"(\w+)(?: \((\d+)\))?", message)
                assert match is not None, message
                name = match[1]
                found[name] = (int(match[2]) if match[2] else None, [])
            found[name][1].append((int(number), field, kind))
    return found


def _add_field(message: Any, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=FIELD.LABEL_OPTIONAL)
    scalar = SCALARS.get(kind.partition(",")[0])
    if scalar is not None:
        field.type = scalar
        return
    field.type = FIELD.TYPE_MESSAGE
    if kind.startswith("map of string to "):
        entry = message.nested_type.add(name="MapEntry")
        entry.options.map_entry = True
        _add_field(entry, 1, "key", "string")
        _add_field(entry, 2, "value", kind.removeprefix("map of string to "))
        field.type_name = f".page.{message.name}.MapEntry"
    else:
        field.type_name = f".page.{kind.removeprefix('repeated ')}"
    if kind.startswith(("map", "repeated")):
        field.label = FIELD.LABEL_REPEATED


@cache
def classes() -> dict[str, Any]:
    """Message classes of the official protobuf package, made of the page's tables."""
    file = descriptor_pb2.FileDescriptorProto(name="page.proto", package="page", syntax="proto3")
    for name, (_, fields) in messages().items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            _add_field(message, number, field, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"page.{name}"))
        for name in messages()
    }


def rows(name: str) -> list[dict[str, Any]]:
    """Recorded packets."""
    found: list[dict[str, Any]] = json.loads((ROOT / f"tests/vectors/{name}.json").read_text())
    return found


def read(name: str, data: bytes) -> Any:
    """By the class of the table, which must know every field."""
    message = classes()[name]()
    message.ParseFromString(data)
    known = classes()[name]()
    known.ParseFromString(data)
    known.DiscardUnknownFields()
    # In length only: entries of a map may come in any order.
    assert len(known.SerializeToString()) == len(data), (name, data.hex())
    return message


def plain(value: Any) -> Any:
    """A parsed field as the recorded rows spell it; None for a nested message that is absent."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "DESCRIPTOR"):
        return {each.name: plain_field(value, each.name) for each in value.DESCRIPTOR.fields}
    if hasattr(value, "items"):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value]


def plain_field(message: Any, name: str) -> Any:
    value = getattr(message, name)
    absent = hasattr(value, "DESCRIPTOR") and not message.HasField(name)
    return None if absent else plain(value)


def recorded(row: dict[str, Any]) -> Any:
    """The fields of a row; JSON has the largest numbers as text."""
    return json.loads(re.sub(r'"(\d{19,20})"', r"\1", json.dumps(row["fields"])))


def kinds_of(name: str) -> dict[str, str]:
    return {field: kind for _, field, kind in messages()[name][1]}


def check_sizes(message: Any) -> None:
    """Fields whose size the page names have it."""
    for field, kind in kinds_of(message.DESCRIPTOR.name).items():
        value = getattr(message, field)
        if kind.startswith("bytes, ") and value:
            assert len(value) == int(kind.removeprefix("bytes, ")), (field, value)
        elif hasattr(value, "DESCRIPTOR"):
            check_sizes(value)


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
