"""Our codecs beside the official protobuf package: same verdict, same values, same bytes.

Three differences are on purpose, and `fields` below raises OnPurpose for them. Groups: malformed
for us (proto3 has none), skipped by the package. A number of more than 64 bits: malformed for us
and for existing nodes, cut by the package. A tag or length written with more than 5 bytes though
fewer would do: read by us and by existing nodes, refused by the package.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from helpers import rows_of, unhex
from host import official
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from shimlet.gossip import MESSAGE, MESSAGE_REQUEST, Content, frame_header
from shimlet.handshake import Request, decode_response, encode_request, encode_response
from shimlet.packet import NEED_DATA, Packet
from shimlet.reasons import BAD_MESSAGE, BAD_PACKET, PACKET_TOO_LARGE
from shimlet.wire import Reader, Writer

ROWS = list(rows_of("tcp_handshake"))
REQUESTS = [unhex(row["data"]) for row in ROWS if "to" in row]
RESPONSES = [unhex(row["data"]) for row in ROWS if "req_hash" in row]
PACKETS = [unhex(row["packet"]) for row in ROWS]
GOSSIP = [unhex(row["frame"])[5:] for row in rows_of("gossip_frames") if "frame" in row]


# What the two see differently


class OnPurpose(Exception):
    """Here the two disagree, and should."""


class Corrupt(Exception):
    """Neither reads on here."""


def _varint(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number of up to `most` bytes, and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if i >= most or value >> 64:
                raise OnPurpose
            return value, at + i + 1
    raise Corrupt


def fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, wire type and raw content of each field, up to where both give up."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at, 5)
        end = at
        if tag & 7 == 0:
            _, end = _varint(data, at, 10)
        elif tag & 7 == 1:
            end = at + 8
        elif tag & 7 == 2:
            length, at = _varint(data, at, 5)
            end = at + length
        elif tag & 7 == 5:
            end = at + 4
        elif tag & 7 in (3, 4):
            raise OnPurpose
        if end > len(data) or tag & 7 > 5 or not 0 < tag >> 3 < 1 << 29:
            raise Corrupt
        yield tag >> 3, tag & 7, data[at:end]
        at = end


def differs_on_purpose(data: bytes) -> bool:
    try:
        list(fields(data))
    except OnPurpose:
        return True
    except Corrupt:
        pass
    return False


# Bytes to try


def _encoded(value: int, padding: int) -> bytes:
    out = []
    while value > 127 or padding:
        padding -= value < 128
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@st.composite
def field(draw: st.DrawFn) -> bytes:
    """One field of any wire type, mostly of a number that means something."""
    number = draw(st.sampled_from([1, 2, 3, 4, 5, 15, 16, 1 << 25, (1 << 29) - 1]))
    padding = draw(st.sampled_from([0, 0, 0, 1]))
    kind = draw(st.sampled_from([0, 0, 1, 2, 2, 2, 5]))
    if kind == 0:
        edges = st.sampled_from([1 << n for n in range(64)] + [(1 << 64) - 1])
        content = _encoded(draw(edges | st.integers(0, (1 << 64) - 1)), padding)
    elif kind == 2:
        sizes = st.sampled_from([0, 1, 31, 32, 33, 63, 64])
        raw = draw(st.binary(max_size=8) | st.text(max_size=8).map(str.encode) | sizes.map(bytes))
        content = _encoded(len(raw), padding) + raw
    else:
        size = 8 if kind == 1 else 4
        content = draw(st.binary(min_size=size, max_size=size))
    return _encoded(number << 3 | kind, padding) + content


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A recorded message with a few bytes changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.binary(max_size=2))
        data[at : at + draw(st.integers(0, 2))] = new
    return bytes(data)


def anything(originals: list[bytes]) -> st.SearchStrategy[bytes]:
    """Random bytes, well-formed fields, and near misses of recorded messages."""
    well_formed = st.lists(field(), max_size=6).map(b"".join)
    return st.binary(max_size=40) | well_formed | mutated(originals)


many = settings(max_examples=1000, deadline=None)


# Decoding


def parsed(message_class: Any, data: bytes) -> Any:
    """What the package reads, None if it refuses."""
    try:
        return message_class.FromString(data)
    except DecodeError:
        return None


def compare_request(data: bytes) -> None:
    request = Request()
    buf = bytearray(data)
    verdict = request.decode(buf, 0, len(buf))
    expected = parsed(official.HandshakeRequest, data)
    assert verdict == (BAD_MESSAGE if expected is None else 0)
    if expected is not None:
        to = buf[request.to_at : request.to_at + request.to_length].decode()
        ours = (request.version == 0, to, request.timestamp())
        assert ours == (expected.version == 0, expected.to, expected.timestamp)


def compare_response(data: bytes) -> None:
    hash_at = decode_response(Reader(), bytearray(data), 0, len(data))
    expected = parsed(official.HandshakeResponse, data)
    if expected is None or len(expected.req_hash) != 32:
        assert hash_at == BAD_MESSAGE
    else:
        assert data[hash_at : hash_at + 32] == expected.req_hash


def compare_gossip(data: bytes) -> None:
    content = Content()
    for kind, name in ((MESSAGE, "Message"), (MESSAGE_REQUEST, "MessageRequest")):
        buf = bytearray((kind,)) + data
        packet_type = content.decode(buf, 0, len(buf))
        expected = parsed(getattr(official, name), data)
        assert packet_type == (0 if expected is None else kind)
        if expected is not None:
            ours = buf[content.at : content.at + content.length]
            assert ours == (expected.data if kind == MESSAGE else expected.id)


def compare_packet(data: bytes) -> None:
    """Ours ends where the last of its three parts does; the package reads to the end."""
    packet = Packet()
    length = packet.parse(bytearray(data), 0, len(data))
    if length > 0:
        expected = parsed(official.Packet, data[:length])
        assert data[packet.data_at : packet.data_at + packet.data_length] == expected.data
        assert data[packet.key_at : packet.key_at + 32] == expected.public_key
        assert data[packet.signature_at : packet.signature_at + 64] == expected.signature
        return
    seen = set()
    try:
        for number, kind, content in fields(data[:256]):
            if kind == 2 and (number, len(content)) in ((2, len(content)), (3, 32), (4, 64)):
                seen.add(number)
            elif kind == 2 and number in (3, 4):
                assert length == BAD_PACKET
                return
        assert seen < {2, 3, 4}
        assert length == (PACKET_TOO_LARGE if len(data) >= 256 else NEED_DATA)
    except Corrupt:
        assert parsed(official.Packet, data[:256]) is None


@many
@given(anything(REQUESTS))
@example(b"\x12\x01\xff\x12\x01a")
@example(b"\x08\x80\x80\x80\x80\x10")
def test_requests_are_read_alike(data: bytes) -> None:
    assume(not differs_on_purpose(data))
    compare_request(data)


@many
@given(anything(RESPONSES))
def test_responses_are_read_alike(data: bytes) -> None:
    assume(not differs_on_purpose(data))
    compare_response(data)


@many
@given(anything(GOSSIP))
def test_gossip_packets_are_read_alike(data: bytes) -> None:
    assume(not differs_on_purpose(data))
    compare_gossip(data)


@many
@given(anything(PACKETS))
def test_signed_packets_are_read_alike(data: bytes) -> None:
    assume(not differs_on_purpose(data[:256]))
    compare_packet(data)


def test_every_change_and_truncation_of_a_recorded_message_is_read_alike() -> None:
    for compare, originals in (
        (compare_request, REQUESTS),
        (compare_response, RESPONSES),
        (compare_gossip, [data for data in GOSSIP if len(data) < 50]),
    ):
        for data in originals:
            for changed in changes(data):
                if not differs_on_purpose(changed):
                    compare(changed)


def changes(data: bytes) -> Iterator[bytes]:
    """Every truncation and every one-byte change."""
    for length in range(len(data)):
        yield data[:length]
    for at in range(len(data)):
        for value in range(256):
            yield data[:at] + bytes((value,)) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "ours", "theirs"),
    [
        (b"\x23\x24", BAD_MESSAGE, True),
        (b"\x08" + b"\xff" * 9 + b"\x02", BAD_MESSAGE, True),
        (b"\x92\x80\x80\x80\x80\x00\x01a", 0, False),
        (b"\x12\x81\x80\x80\x80\x80\x00a", 0, False),
    ],
)
def test_differences_on_purpose_are_these(data: bytes, ours: int, theirs: bool) -> None:
    assert differs_on_purpose(data)
    assert Request().decode(bytearray(data), 0, len(data)) == ours
    assert (parsed(official.HandshakeRequest, data) is not None) == theirs


# Encoding


@many
@given(st.text(max_size=100).map(str.encode), st.integers(0, (1 << 56) - 1))
def test_requests_are_written_alike(to: bytes, timestamp: int) -> None:
    writer = Writer()
    writer.over(bytearray(500), 0)
    encode_request(writer, to, timestamp & 0xFFFFFFF, timestamp >> 28)
    expected = official.HandshakeRequest(to=to.decode(), timestamp=timestamp)
    assert writer.buf[: writer.pos] == expected.SerializeToString()


def test_responses_are_written_alike() -> None:
    writer = Writer()
    writer.over(bytearray(64), 0)
    encode_response(writer, bytes(range(32)))
    expected = official.HandshakeResponse(req_hash=bytes(range(32)))
    assert writer.buf[: writer.pos] == expected.SerializeToString()


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 66555])
def test_gossip_packets_are_written_alike(length: int) -> None:
    header = bytearray(12)
    end = frame_header(header, MESSAGE, length)
    body = official.Message(data=bytes(length)).SerializeToString()
    frame = (1 + len(body)).to_bytes(4, "big") + bytes((MESSAGE,)) + body
    assert header[:end] + bytes(length) == frame
