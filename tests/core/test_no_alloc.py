"""Encoding, decoding and the frame loop of an open link allocate nothing.

Means something on MicroPython alone, and all of it only on a 32-bit one, where every int from
2**30 on would be an allocation.
"""

from helpers import (
    MICROPYTHON,
    NotEd25519,
    Presigned,
    no_alloc,
    row_named,
    rows_of,
    skip,
    unhex,
)
from shimlet.gossip import MESSAGE, MESSAGE_REQUEST, Content, frame_header
from shimlet.handshake import (
    Request,
    Rules,
    decode_response,
    encode_request,
    encode_response,
    validate_response,
)
from shimlet.link import FRAME, Link
from shimlet.packet import HEADROOM, NEED_DATA, Packet, seal
from shimlet.recent import Recent
from shimlet.ticks import after, since
from shimlet.wire import Reader, Writer, is_utf8

NOW = 5


def allocates(fn, a):
    """Whether no_alloc() objects."""
    try:
        no_alloc(fn, a)
    except (MemoryError, AssertionError):
        return True
    return False


# The proof itself


def keep(box):
    box[0] = [1]


def slice_of(buf):
    len(buf[1:])


def add_up_to_a_big_int(buf):
    buf[0] + (1 << 30)


def raise_and_catch(box):
    try:
        raise ValueError
    except ValueError:
        box[0] = None


def use_many_variables(box):
    a = b = c = d = e = f = g = h = i = j = k = m = box[0]
    box[0] = a or b or c or d or e or f or g or h or i or j or k or m


def do_nothing(box):
    box[0] = 5


def test_proof_fails_for_what_allocates_and_passes_for_what_does_not():
    if not MICROPYTHON:
        skip("CPython has no heap to lock")
    assert not allocates(do_nothing, [0])
    for fn in (keep, raise_and_catch, use_many_variables):
        assert allocates(fn, [0]), fn
    assert allocates(slice_of, bytearray(10))
    import sys

    if sys.maxsize < 1 << 32:
        assert allocates(add_up_to_a_big_int, bytearray(10))


# Codecs


def write_request(writer, buf, to):
    writer.over(buf, HEADROOM)
    encode_request(writer, to, 0x8A19340, 6)


def test_encoding_a_request_allocates_nothing():
    no_alloc(write_request, Writer(), bytearray(256), b"127.0.0.1:14666")


def write_response(writer, buf, req_hash):
    writer.over(buf, HEADROOM)
    encode_response(writer, req_hash)


def test_encoding_a_response_allocates_nothing():
    no_alloc(write_response, Writer(), bytearray(256), bytes(32))


def decode_request(request, data):
    assert request.decode(data, 0, len(data)) == 0


def test_decoding_a_request_allocates_nothing():
    for row in rows_of("tcp_handshake"):
        if "to" in row:
            no_alloc(decode_request, Request(), bytearray(unhex(row["data"])))


def test_decoding_the_largest_numbers_allocates_nothing():
    most = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    data = bytearray(b"\x08" + most + b"\x18" + most + b"\xf8\xff\xff\xff\x0f" + most)
    no_alloc(decode_request, Request(), data)


def refuse_request(request, data):
    assert request.decode(data, 0, len(data)) < 0


def test_refusing_a_request_allocates_nothing():
    for bad in (b"\x08", b"\x12\x05a", b"\x12\x02\xc3\x28", b"\x00", b"\x0b\x0c", b"\x08" * 99):
        no_alloc(refuse_request, Request(), bytearray(bad))


def read_response(reader, data, req_hash):
    at = decode_response(reader, data, 0, len(data))
    assert at > 0
    assert validate_response(data, at, req_hash) == 0


def test_decoding_a_response_allocates_nothing():
    row = row_named("tcp_handshake", "handshake_response")
    no_alloc(read_response, Reader(), bytearray(unhex(row["data"])), unhex(row["req_hash"]))


def parse(packet, data, expected):
    assert packet.parse(data, 0, len(data)) == expected


def test_parsing_a_packet_allocates_nothing():
    for row in rows_of("tcp_handshake"):
        data = bytearray(unhex(row["packet"]))
        no_alloc(parse, Packet(), data, len(data) if row["data"] else NEED_DATA)
        no_alloc(parse, Packet(), data[:-1], NEED_DATA)


def write_and_seal(writer, buf, signer):
    writer.over(buf, HEADROOM)
    encode_request(writer, b"127.0.0.1:14666", 0x8A19340, 6)
    assert seal(signer, writer, HEADROOM) == 1
    assert writer.ok


def test_sealing_a_packet_allocates_nothing_but_its_signature():
    signer = Presigned(bytes(32), bytes(64))
    no_alloc(write_and_seal, Writer(), bytearray(256), signer)


def decode_content(content, frame, packet_type):
    assert content.decode(frame, 4, len(frame) - 4) == packet_type


def test_decoding_a_gossip_packet_allocates_nothing():
    for row in rows_of("gossip_frames"):
        if "frame" in row:
            no_alloc(decode_content, Content(), bytearray(unhex(row["frame"])), row["type"])
    strange = bytearray(b"\0\0\0\x08\x14\x10\xff\xff\xff\xff\xff\x01")
    no_alloc(decode_content, Content(), strange, MESSAGE)


def write_header(out, length):
    frame_header(out, MESSAGE, length)
    frame_header(out, MESSAGE_REQUEST, 32)
    frame_header(out, 0, 0)


def test_writing_a_frame_header_allocates_nothing():
    no_alloc(write_header, bytearray(12), 66555)
    no_alloc(write_header, bytearray(12), 127)


def count_time(now):
    assert since(after(now, 1000), now) == 1000


def test_counting_time_allocates_nothing():
    no_alloc(count_time, 0)
    no_alloc(count_time, (1 << 29) - 1)


def look_at_text(buf, length):
    assert is_utf8(buf, 0, length)


def test_looking_at_text_allocates_nothing():
    text = "a\u00e4\u20ac\U0001f600".encode()
    no_alloc(look_at_text, bytearray(text), len(text))


# The frame loop


def open_link(buffer):
    """An accepted link, open, that reads into `buffer`."""
    dialler = Link(NotEd25519(b"dialler"), Rules("spec", [], 4), NOW)
    link = Link(NotEd25519(b"acceptor"), Rules("spec", [], 4), NOW)
    request = dialler.request(link.identity.public_key, b"127.0.0.1:14666", 1637000000, NOW)
    link.buf[: len(request)] = request
    link.received(len(request), NOW)
    assert link.next_event(NOW, 1637000000) == 1
    link.accept(NOW)
    link.adopt(buffer)
    return link


class Wire:
    """Bytes that arrive in pieces of `piece`."""

    def __init__(self, data, piece):
        self.data = data
        self.piece = piece
        self.at = 0
        self.bytes = 0

    def next_piece(self, room):
        """How many bytes arrive now."""
        return min(self.piece, len(self.data) - self.at, room)


def receive_all(link, wire):
    """The shell's loop, without its awaits."""
    wire.at = 0
    while wire.at < len(wire.data):
        receive_piece(link, wire, wire.next_piece(len(link.buf) - link.end))
        event = FRAME
        while event > 0:  # frames with and without content
            event = link.next_event(NOW, 0)
            if event == FRAME:
                wire.bytes += link.frame_length
        assert event == NEED_DATA


def receive_piece(link, wire, count):
    """Copied byte by byte: a slice would be an allocation."""
    assert count
    for i in range(count):
        link.buf[link.end + i] = wire.data[wire.at + i]
    wire.at += count
    link.received(count, NOW)


def frame(length):
    return bytes((0, 0, length >> 8, length & 255)) + bytes(length)


def test_frame_loop_of_an_open_link_allocates_nothing():
    data = frame(1) + frame(30) + frame(0) + frame(60) + frame(61) + frame(700) + frame(59)
    for piece in (1, 3, 4, 5, 7, 64):
        link = open_link(bytearray(64))
        wire = Wire(data * 3, piece)
        no_alloc(receive_all, link, wire)
        runs = link.frames_received // 12
        assert runs in (1, 3, 4), link.frames_received
        assert link.frames_skipped == 6 * runs, link.frames_skipped
        assert wire.bytes == 450 * runs, wire.bytes


def ask_about_time(link):
    assert not link.overdue(NOW + 1)
    assert not link.keep_alive_due(NOW + 1)
    assert link.quiet_ms(NOW + 1) == 99


def test_watching_the_time_of_a_link_allocates_nothing():
    no_alloc(ask_about_time, open_link(bytearray(64)))


def look_up(recent, key):
    assert recent.get(key) is None
    assert key not in recent


def test_asking_whether_a_message_was_seen_allocates_nothing():
    no_alloc(look_up, Recent(4), bytes(32))
