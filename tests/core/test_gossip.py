"""Gossip frames byte for byte, and what becomes of messages and requests."""

from hashlib import sha256

from helpers import MICROPYTHON, NotEd25519, hexed, row_named, rows_of, unhex
from shimlet.gossip import (
    ID_LENGTH,
    KEEP_ALIVE,
    MAX_FRAME_HEADER,
    MAX_MESSAGE,
    MESSAGE,
    MESSAGE_REQUEST,
    Content,
    Gossip,
    Neighbor,
    Store,
    frame_header,
)
from shimlet.outbox import Outbox

CHANGES = (1, 2, 4, 128, 255) if MICROPYTHON else range(1, 256)
ME = NotEd25519(b"me")


def frame(packet_type, content):
    """A whole frame of ours."""
    header = bytearray(MAX_FRAME_HEADER)
    length = frame_header(header, packet_type, len(content))
    return bytes(header[:length]) + content


def decoded(packet):
    """Packet type and content of a packet that lies between other bytes."""
    buf = bytearray(b"\xff" + packet + b"\xff")
    content = Content()
    packet_type = content.decode(buf, 1, len(packet))
    return packet_type, bytes(buf[content.at : content.at + content.length])


# The codec


def test_recorded_frames_are_written_the_same():
    for row in rows_of("gossip_frames"):
        if "frame" in row:
            written = frame(row["type"], unhex(row["content"]))
            assert written == unhex(row["frame"]), row["name"]


def test_recorded_frames_are_decoded():
    for row in rows_of("gossip_frames"):
        if "frame" in row:
            expected = (row["type"], unhex(row["content"]))
            assert decoded(unhex(row["frame"])[4:]) == expected, row["name"]


def test_largest_frame_equals_the_recorded_one():
    row = row_named("gossip_frames", "message_max")
    assert row["content_zeros"] == MAX_MESSAGE
    header = bytearray(MAX_FRAME_HEADER)
    length = frame_header(header, MESSAGE, MAX_MESSAGE)
    head = unhex(row["frame_head"])
    assert header[:length] == head[:length]
    assert length + MAX_MESSAGE == row["frame_length"]
    digest = sha256(bytes(header[:length]))
    for at in range(0, MAX_MESSAGE, 1000):
        digest.update(bytes(min(1000, MAX_MESSAGE - at)))
    assert hexed(digest.digest()) == row["frame_sha256"]


def test_keep_alive_is_a_frame_of_length_0():
    assert frame(KEEP_ALIVE, b"") == b"\0\0\0\0"
    assert KEEP_ALIVE not in (MESSAGE, MESSAGE_REQUEST)


def test_frame_header_is_written_over_what_was_there():
    for packet_type, length, expected in (
        (KEEP_ALIVE, 0, b"\0\0\0\0"),
        (MESSAGE, 0, b"\0\0\0\x01\x14"),
        (MESSAGE_REQUEST, 32, b"\0\0\0\x23\x15\x0a\x20"),
    ):
        header = bytearray(b"\xff" * MAX_FRAME_HEADER)
        size = frame_header(header, packet_type, length)
        assert header[:size] == expected, packet_type


def test_frame_header_fits_lengths_of_all_sizes():
    for length in (0, 1, 127, 128, 16383, 16384, MAX_MESSAGE):
        header = bytearray(MAX_FRAME_HEADER)
        size = frame_header(header, MESSAGE, length)
        body = header[0] << 24 | header[1] << 16 | header[2] << 8 | header[3]
        assert size + length == body + 4, length
        content = Content()
        if length < 200:
            whole = header[:size] + bytearray(length)
            assert content.decode(whole, 4, len(whole) - 4) == MESSAGE, length
            assert content.length == length, length


def test_unknown_packet_types_are_ignored():
    for packet_type in range(256):
        expected = packet_type if packet_type in (MESSAGE, MESSAGE_REQUEST) else 0
        assert decoded(bytes((packet_type,)) + b"\x0a\x01a")[0] == expected, packet_type


def test_last_content_counts_and_unknown_fields_do_not():
    assert decoded(b"\x14\x0a\x01a\x0a\x02bc") == (MESSAGE, b"bc")
    assert decoded(b"\x14\x0a\x01a\x0a\x00") == (MESSAGE, b"")
    assert decoded(b"\x14\x10\x05\x0a\x01a\x1a\x01z\x7d\0\0\0\0") == (MESSAGE, b"a")
    assert decoded(b"\x14\x08\x05\x0d\0\0\0\0") == (MESSAGE, b"")  # field 1, other wire types


def test_bad_protobuf_is_ignored():
    for bad in (b"\x0a", b"\x0a\x02a", b"\x00", b"\x0b", b"\x0f", b"\x0a\xff\xff\xff\xff\x0f"):
        assert decoded(b"\x14" + bad)[0] == 0, bad
        assert decoded(b"\x14\x0a\x01a" + bad)[0] == 0, bad


def test_every_truncation_and_change_of_a_recorded_packet_gives_an_answer():
    content = Content()
    for row in rows_of("gossip_frames"):
        if "frame" not in row:
            continue
        buf = bytearray(unhex(row["frame"]))
        for length in range(1, len(buf) - 4):
            check(content, buf, length, row["name"])
        for at in range(4, len(buf)):
            for change in CHANGES:
                buf[at] ^= change
                check(content, buf, len(buf) - 4, row["name"])
                buf[at] ^= change


def check(content, buf, length, name):
    """Whatever the bytes: no exception, and the content lies inside them."""
    packet_type = content.decode(buf, 4, length)
    assert packet_type in (0, MESSAGE, MESSAGE_REQUEST), name
    if packet_type:
        assert content.at >= 4, (name, bytes(buf))
        assert content.at + content.length <= 4 + length, (name, bytes(buf))


# What becomes of frames


class DictStore(Store):
    """Keeps everything, and who it came from."""

    def __init__(self):
        self.messages = {}
        self.sources = []

    def put(self, message_id, data, source):
        """See Store."""
        self.messages[message_id] = data
        self.sources.append(source)

    def get(self, message_id):
        """See Store."""
        return self.messages.get(message_id)


def gossip_and_neighbor(seen=8, outbox_bytes=1000):
    """A Gossip and one link of it."""
    neighbor = Neighbor(Outbox(outbox_bytes))
    neighbor.public_key = b"n" * 32
    return Gossip(ME, DictStore(), seen, True), neighbor


def receive(gossip, neighbor, packet):
    """Hand in one frame, as the shell does."""
    return gossip.on_frame(neighbor, bytearray(b"xx" + packet + b"yy"), 2, len(packet))


def message(data):
    """A Message packet."""
    return frame(MESSAGE, data)[4:]


def request(message_id):
    """A MessageRequest packet."""
    return frame(MESSAGE_REQUEST, message_id)[4:]


def test_new_message_is_handed_out_once_with_its_id_and_kept():
    gossip, neighbor = gossip_and_neighbor()
    assert receive(gossip, neighbor, message(b"hello")) == b"hello"
    assert gossip.last_id == ME.blake2b(b"hello")
    assert receive(gossip, neighbor, message(b"hello")) is None
    assert (neighbor.messages_in, neighbor.duplicates, neighbor.ignored) == (2, 1, 0)
    store = gossip._store
    assert store.messages == {ME.blake2b(b"hello"): b"hello"}
    assert store.sources == [b"n" * 32]


def test_message_survives_the_reuse_of_the_buffer():
    gossip, neighbor = gossip_and_neighbor()
    packet = message(b"hello")
    buf = bytearray(packet)
    data = gossip.on_frame(neighbor, buf, 0, len(packet))
    for at in range(len(buf)):
        buf[at] = 0
    assert data == b"hello"
    assert isinstance(data, bytes)


def test_message_of_ours_is_a_duplicate_when_it_comes_back():
    gossip, neighbor = gossip_and_neighbor()
    message_id = gossip.publish(b"mine")
    assert message_id == ME.blake2b(b"mine")
    assert receive(gossip, neighbor, message(b"mine")) is None
    assert neighbor.duplicates == 1
    assert gossip._store.sources == [b""]


def test_publishing_a_known_message_again_keeps_it_once():
    gossip, neighbor = gossip_and_neighbor()
    receive(gossip, neighbor, message(b"hello"))
    assert gossip.publish(b"hello") == gossip.publish(b"hello") == ME.blake2b(b"hello")
    assert gossip._store.sources == [b"n" * 32]


def test_seen_ring_is_bounded():
    gossip, neighbor = gossip_and_neighbor(seen=2)
    for data in (b"a", b"b", b"c"):
        assert receive(gossip, neighbor, message(data)) == data
    assert receive(gossip, neighbor, message(b"c")) is None
    assert receive(gossip, neighbor, message(b"a")) == b"a"


def test_request_is_answered_from_the_store():
    gossip, neighbor = gossip_and_neighbor()
    message_id = gossip.publish(b"mine")
    assert receive(gossip, neighbor, request(message_id)) is None
    assert neighbor.outbox.pop() == (MESSAGE, b"mine")
    assert len(neighbor.outbox) == 0


def test_request_for_what_we_do_not_have_gets_no_answer():
    gossip, neighbor = gossip_and_neighbor()
    receive(gossip, neighbor, request(bytes(ID_LENGTH)))
    assert len(neighbor.outbox) == 0
    assert neighbor.ignored == 0


def test_request_that_does_not_fit_the_outbox_is_dropped_and_counted():
    gossip, neighbor = gossip_and_neighbor(outbox_bytes=20)
    receive(gossip, neighbor, request(gossip.publish(bytes(100))))
    assert (len(neighbor.outbox), neighbor.outbox.dropped) == (0, 1)


def test_what_is_neither_message_nor_request_is_counted_as_ignored():
    gossip, neighbor = gossip_and_neighbor()
    strange = (b"\x05abc", b"\x14\x0a\x09a", b"\x15", b"\x15\x0a\x01a", b"\0")
    for count, packet in enumerate(strange):
        assert receive(gossip, neighbor, packet) is None, packet
        assert neighbor.ignored == count + 1, packet
    assert neighbor.messages_in == 0
