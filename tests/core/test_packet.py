"""The signed packet: recorded ones byte for byte, in any order, cut, changed, and too long."""

from helpers import (
    MICROPYTHON,
    NotEd25519,
    Presigned,
    identity,
    row_named,
    rows_of,
    unhex,
)
from shimlet.packet import (
    HEADROOM,
    MAX_HANDSHAKE_DATA,
    MAX_HANDSHAKE_PACKET,
    NEED_DATA,
    Packet,
    seal,
)
from shimlet.reasons import BAD_PACKET, PACKET_TOO_LARGE
from shimlet.wire import Writer

# A board tries some of the other values of a byte, a PC all of them.
CHANGES = (1, 2, 4, 128, 255) if MICROPYTHON else range(1, 256)


def golden():
    """The recorded packets that have data: those that are complete by our rules."""
    return [(row["name"], unhex(row["packet"])) for row in rows_of("tcp_handshake") if row["data"]]


def parse(data):
    """What parse() answers for all of `data`, and the Packet."""
    packet = Packet()
    return packet.parse(bytearray(data), 0, len(data)), packet


def parts(data):
    """Data, key and signature of a complete packet."""
    length, packet = parse(data)
    assert length > 0, length
    buf = bytes(data)
    return (
        buf[packet.data_at : packet.data_at + packet.data_length],
        buf[packet.key_at : packet.key_at + 32],
        buf[packet.signature_at : packet.signature_at + 64],
    )


def field(number, content):
    """A byte field of up to 16,383 bytes."""
    length = len(content)
    size = bytes((length,)) if length < 128 else bytes((length & 127 | 128, length >> 7))
    return bytes((number << 3 | 2,)) + size + content


DATA, KEY, SIGNATURE = b"data", b"k" * 32, b"s" * 64
F_DATA, F_KEY, F_SIGNATURE = field(2, DATA), field(3, KEY), field(4, SIGNATURE)
EVERYTHING = (DATA, KEY, SIGNATURE)


def sealed(signer, data, room=MAX_HANDSHAKE_PACKET):
    """The packet that seal() makes around `data`, None if it says that it does not fit."""
    writer = Writer()
    writer.over(bytearray(room), HEADROOM)
    writer.copy(data)
    start = seal(signer, writer, HEADROOM)
    return bytes(writer.buf[start : writer.pos]) if writer.ok else None


# Recorded packets


def test_recorded_packet_is_taken_apart_and_verified():
    signers = [identity(0), identity(1)]
    for row in rows_of("tcp_handshake"):
        if row["data"]:
            data = bytearray(unhex(row["packet"]))
            signer = signers[row["signer"]]
            content, key, _ = parts(data)
            assert content == unhex(row["data"]), row["name"]
            assert key == signer.public_key, row["name"]
            assert parse(data)[1].verify(signer, data), row["name"]


def test_sealed_packet_equals_the_recorded_one():
    signers = [identity(0), identity(1)]
    for row in rows_of("tcp_handshake"):
        packet = sealed(signers[row["signer"]], unhex(row["data"]))
        assert packet == unhex(row["packet"]), row["name"]


def test_every_truncation_of_a_recorded_packet_needs_data():
    for name, data in golden():
        buf = bytearray(data)
        for length in range(len(data)):
            assert Packet().parse(buf, 0, length) == NEED_DATA, (name, length)


def test_packet_without_data_is_never_complete():
    data = unhex(row_named("tcp_handshake", "handshake_request_default")["packet"])
    for length in range(len(data) + 1):
        assert parse(data[:length])[0] == NEED_DATA, length


def test_every_changed_byte_of_a_recorded_packet_gives_an_answer():
    packet = Packet()
    for name, data in golden():
        buf = bytearray(data)
        for at in range(len(data)):
            for change in CHANGES:
                buf[at] ^= change
                answer = packet.parse(buf, 0, len(buf))
                assert answer in (len(buf), NEED_DATA, BAD_PACKET, PACKET_TOO_LARGE) or (
                    0 < answer < len(buf)
                ), (name, at, change, answer)
                buf[at] ^= change


def test_no_changed_packet_verifies():
    signer = identity(0)
    buf = bytearray(unhex(row_named("tcp_handshake", "handshake_request")["packet"]))
    packet = Packet()
    step = 29 if MICROPYTHON else 1  # a signature takes a board tens of milliseconds
    for at in range(0, len(buf), step):
        buf[at] ^= 1 << at % 8
        if packet.parse(buf, 0, len(buf)) > 0:
            assert not packet.verify(signer, buf), at
        buf[at] ^= 1 << at % 8
    assert packet.parse(buf, 0, len(buf)) == len(buf)
    assert packet.verify(signer, buf)


def test_packet_verifies_what_existing_nodes_accept_and_refuses_what_they_refuse():
    signer = identity(0)
    for row in rows_of("signature_edge_cases"):
        key, signature = unhex(row["public_key"]), unhex(row["signature"])
        data = bytearray(field(2, unhex(row["message"])) + field(3, key) + field(4, signature))
        assert parse(data)[1].verify(signer, data) == row["valid"], row["name"]


# Streams


def test_packet_is_complete_exactly_at_its_end_and_leaves_the_rest_alone():
    for name, data in golden():
        for rest in (b"\0", b"\0\0\0\x01\x14", b"\x12\xff", bytes(300)):
            assert parse(data + rest)[0] == len(data), (name, rest)


def test_packet_is_found_at_any_offset():
    data = F_DATA + F_KEY + F_SIGNATURE
    for at in (1, 7, 300):
        buf = bytearray(b"\xff" * at + data)
        packet = Packet()
        assert packet.parse(buf, at, len(buf)) == len(data)
        assert buf[packet.data_at : packet.data_at + packet.data_length] == DATA
        assert packet.key_at == at + len(F_DATA) + 2
        assert packet.parse(buf, at, len(buf) - 1) == NEED_DATA, at


def test_packet_object_forgets_the_last_packet():
    packet = Packet()
    data = bytearray(F_DATA + F_KEY + F_SIGNATURE)
    assert packet.parse(data, 0, len(data)) == len(data)
    assert packet.parse(data, 0, len(F_DATA)) == NEED_DATA
    assert (packet.key_at, packet.signature_at) == (-1, -1)


# Other senders


def test_fields_may_come_in_any_order():
    fields = (F_DATA, F_KEY, F_SIGNATURE)
    for a, b, c in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        assert parts(fields[a] + fields[b] + fields[c]) == EVERYTHING, (a, b, c)


def test_unknown_fields_and_the_unused_type_are_skipped():
    strange = (
        b"\x08\x05",  # type = 5
        b"\x78" + b"\xff" * 9 + b"\x01",
        b"\x79" + bytes(8),
        field(15, b"abc"),
        b"\x7d" + bytes(4),
        b"\xf8\xff\xff\xff\x0f\x01",  # the largest field number
        b"\x10\x05",  # fields 2, 3 and 4 with a wire type that is not theirs
        b"\x18\x05",
        b"\x25" + bytes(4),
    )
    for extra in strange:
        assert parts(extra + F_DATA + F_KEY + F_SIGNATURE) == EVERYTHING, extra
        assert parts(F_DATA + extra + F_KEY + F_SIGNATURE) == EVERYTHING, extra
        assert parts(F_DATA + F_KEY + extra + F_SIGNATURE) == EVERYTHING, extra
    every = b"".join(strange)
    assert parts(every + F_DATA + F_KEY + F_SIGNATURE) == EVERYTHING


def test_last_of_repeated_fields_wins():
    first = field(2, b"first") + field(3, b"f" * 32)
    assert parts(first + F_DATA + F_KEY + F_SIGNATURE) == EVERYTHING
    assert parts(field(4, b"f" * 64) + F_SIGNATURE + F_KEY + F_DATA) == EVERYTHING
    assert parts(F_KEY + F_SIGNATURE + field(2, b"")) == (b"", KEY, SIGNATURE)


def test_lengths_may_be_written_longer_than_needed():
    padded = b"\x12\x84\x00data" + b"\x9a\x00\x20" + KEY + b"\xa2\x80\x00\xc0\x80\x00" + SIGNATURE
    assert parts(padded) == EVERYTHING


def test_key_and_signature_of_another_length_are_refused():
    for length in (0, 1, 31, 33, 64):
        assert parse(F_DATA + field(3, bytes(length)) + F_SIGNATURE)[0] == BAD_PACKET, length
    for length in (0, 1, 32, 63, 65):
        assert parse(F_DATA + F_KEY + field(4, bytes(length)))[0] == BAD_PACKET, length


def test_what_is_no_protobuf_is_refused_at_once():
    for bad in (b"\0", b"\x02", b"\x0b", b"\x0c", b"\x13", b"\x1e", b"\x27", b"\x80" * 10):
        assert parse(bad)[0] == BAD_PACKET, bad
        assert parse(F_DATA + bad + F_KEY + F_SIGNATURE)[0] == BAD_PACKET, bad


def test_packet_of_256_bytes_is_the_largest():
    rest = F_KEY + F_SIGNATURE
    largest = field(2, bytes(MAX_HANDSHAKE_DATA)) + rest
    assert len(largest) == 256
    assert parse(largest)[0] == 256
    too_long = field(2, bytes(MAX_HANDSHAKE_DATA + 1)) + rest
    assert parse(too_long[:255])[0] == NEED_DATA
    assert parse(too_long[:256])[0] == PACKET_TOO_LARGE
    assert parse(too_long)[0] == PACKET_TOO_LARGE


def test_endless_packets_are_too_large_after_256_bytes():
    for data in (b"\x08\x01" * 200, b"\x12\xff\xff\xff\xff\x0f" + bytes(300), F_KEY * 20):
        assert parse(data[:255])[0] == NEED_DATA
        assert parse(data)[0] == PACKET_TOO_LARGE


# Sealing


def test_sealed_packets_of_every_length_are_taken_apart_again():
    signer = NotEd25519(b"signer")
    for length in range(1, MAX_HANDSHAKE_DATA + 1):
        data = bytes(length)
        packet = bytearray(sealed(signer, data))
        assert parts(packet)[:2] == (data, signer.public_key), length
        assert parse(packet)[1].verify(signer, packet), length
        assert len(packet) == length + (102 if length < 128 else 103), length


def test_packet_that_does_not_fit_is_not_sealed():
    signer = Presigned(KEY, SIGNATURE)
    whole = HEADROOM + len(DATA) + len(F_KEY) + len(F_SIGNATURE)
    assert sealed(signer, DATA, whole) == F_DATA + F_KEY + F_SIGNATURE
    for room in range(HEADROOM, whole):
        assert sealed(signer, DATA, room) is None, room
