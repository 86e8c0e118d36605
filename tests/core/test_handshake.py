"""HandshakeRequest and HandshakeResponse: recorded bytes, strange bytes, and what Rules demand."""

from hashlib import sha256

from helpers import MICROPYTHON, row_named, rows_of, unhex
from shimlet.handshake import (
    EXPIRATION_S,
    RETRY_MS,
    Request,
    Rules,
    decode_response,
    digest_of,
    encode_request,
    encode_response,
    hash_data,
    validate_response,
)
from shimlet.reasons import (
    BAD_MESSAGE,
    EXPIRED,
    IN_THE_FUTURE,
    REPLAYED,
    RESPONSE_MISMATCH,
    WRONG_ADDRESS,
    WRONG_VERSION,
)
from shimlet.wire import Reader, Writer

CHANGES = (1, 2, 4, 128, 255) if MICROPYTHON else range(1, 256)
T = 1637000000
TO = b"127.0.0.1:14666"
LONG = b"\xff" * 9 + b"\x01"  # the largest varint


def requests():
    """The recorded requests."""
    return [row for row in rows_of("tcp_handshake") if "to" in row]


def decoded(data):
    """Version, to and timestamp of a request, or the reason why not; surrounded by other bytes."""
    request = Request()
    buf = bytearray(b"\xff" + data + b"\xff")
    reason = request.decode(buf, 1, len(data))
    to = bytes(buf[request.to_at : request.to_at + request.to_length])
    return reason or (request.version, to, request.timestamp())


def written(timestamp, to=TO):
    """A request of ours."""
    writer = Writer()
    writer.over(bytearray(256), 0)
    encode_request(writer, to, timestamp & 0xFFFFFFF, timestamp >> 28)
    assert writer.ok
    return bytes(writer.buf[: writer.pos])


def verdict(rules, data, unix_time, local=TO):
    """What the Rules say to a request."""
    request = Request()
    buf = bytearray(data)
    assert request.decode(buf, 0, len(buf)) == 0
    return rules.validate_request(request, buf, local, unix_time)


# Requests


def test_recorded_request_is_decoded():
    for row in requests():
        expected = (row["version"], row["to"].encode(), row["timestamp"])
        assert decoded(unhex(row["data"])) == expected, row["name"]


def test_encoded_request_equals_the_recorded_one():
    for row in requests():
        if row["version"] == 0:  # ours is never another
            data = written(row["timestamp"], row["to"].encode())
            assert data == unhex(row["data"]), row["name"]


def test_request_hash_is_the_recorded_one():
    for row in rows_of("tcp_handshake"):
        assert hash_data(unhex(row["data"])) == unhex(row["packet_hash"]), row["name"]


def test_timestamps_of_all_sizes_survive_a_round_trip():
    for bit in range(56):
        for timestamp in ((1 << bit) - 1, 1 << bit):
            assert decoded(written(timestamp)) == (0, TO, timestamp), timestamp


def test_timestamp_is_a_signed_number_of_64_bits():
    assert decoded(b"\x18" + LONG) == (0, b"", -1)
    assert decoded(b"\x18" + b"\x80" * 9 + b"\x01") == (0, b"", -(1 << 63))
    assert decoded(b"\x18" + b"\xff" * 8 + b"\x7f") == (0, b"", (1 << 63) - 1)
    assert decoded(b"\x18\x00") == (0, b"", 0)


def test_version_keeps_only_its_lower_32_bits():
    def is_0(data):
        return decoded(data)[0] == 0

    assert is_0(b"\x08\x00")
    assert is_0(b"\x08\x80\x80\x80\x80\x10")  # 2**32
    assert is_0(b"\x08" + b"\x80" * 9 + b"\x01")  # 2**63
    for bit in range(32):
        value = 1 << bit
        data = bytes((value >> shift & 127) | 128 for shift in range(0, 28, 7))
        assert not is_0(b"\x08" + data + bytes((value >> 28,))), bit
    assert not is_0(b"\x08" + LONG)


def test_request_fields_come_in_any_order_and_the_last_one_counts():
    version, to, time = b"\x08\x01", b"\x12\x03abc", b"\x18\x05"
    for data in (version + to + time, time + to + version, to + time + version):
        assert decoded(data) == (1, b"abc", 5), data
    earlier = b"\x08\x07\x12\x05other" + b"\x18" + LONG
    assert decoded(earlier + version + to + time) == (1, b"abc", 5)
    assert decoded(version + to + time + b"\x08\x00\x12\x00\x18\x00") == (0, b"", 0)


def test_unknown_fields_of_a_request_are_skipped():
    known = b"\x08\x01\x12\x03abc\x18\x05"
    unknown = b"\x20\x01" + b"\x79" + bytes(8) + b"\x7a\x02\xff\xff" + b"\x7d" + bytes(4)
    # Fields 1, 2 and 3 with wire types that are not theirs.
    unknown += b"\x0a\x01a" + b"\x10\x07" + b"\x1a\x01a" + b"\x0d" + bytes(4) + b"\x11" + bytes(8)
    assert decoded(unknown + known) == (1, b"abc", 5)
    assert decoded(known + unknown) == (1, b"abc", 5)


def test_malformed_requests_are_refused():
    cut_off = (b"\x08", b"\x08\x80", b"\x12\x03ab", b"\x12", b"\x18\xff", b"\x7d\0\0\0", b"\x80")
    malformed = (b"\x00\x00", b"\x0b\x0c", b"\x0e", b"\x0f", b"\x08" + b"\xff" * 9 + b"\x02")
    for data in cut_off + malformed:
        assert decoded(data) == BAD_MESSAGE, data
        assert decoded(b"\x18\x05" + data) == BAD_MESSAGE, data


def test_an_address_that_is_not_utf8_is_refused_even_when_a_good_one_follows():
    assert decoded(b"\x12\x02\xc3\xa4") == (0, b"\xc3\xa4", 0)
    assert decoded(b"\x12\x02\xc3\x28") == BAD_MESSAGE
    assert decoded(b"\x12\x02\xc3\x28\x12\x03abc") == BAD_MESSAGE
    assert decoded(b"\x12\x01\xc3\xa4\x01") == BAD_MESSAGE  # ends inside a character


def test_request_object_forgets_the_last_request():
    request = Request()
    data = bytearray(b"\x08\x01\x12\x03abc\x18" + LONG)
    assert request.decode(data, 0, len(data)) == 0
    assert request.decode(data, 0, 0) == 0
    assert (request.version, request.to_length, request.timestamp()) == (0, 0, 0)


def test_every_truncation_and_change_of_a_recorded_message_gives_an_answer():
    request, reader = Request(), Reader()
    for row in rows_of("tcp_handshake"):
        buf = bytearray(unhex(row["data"]))
        for length in range(len(buf)):
            check_both(request, reader, buf, length, row["name"])
        for at in range(len(buf)):
            for change in CHANGES:
                buf[at] ^= change
                check_both(request, reader, buf, len(buf), row["name"])
                buf[at] ^= change


def check_both(request, reader, buf, length, name):
    """Whatever the bytes: no exception, and what is found lies inside them."""
    answer = request.decode(buf, 0, length)
    assert answer in (0, BAD_MESSAGE), (name, bytes(buf))
    if answer == 0:
        assert request.to_at + request.to_length <= length, (name, bytes(buf))
        assert request.timestamp() >> 63 in (0, -1)
    hash_at = decode_response(reader, buf, 0, length)
    assert hash_at == BAD_MESSAGE or 0 < hash_at <= length - 32, (name, bytes(buf))


# Responses


def response_to(data):
    """Offset of the hash in a response, or the reason why not."""
    return decode_response(Reader(), bytearray(b"\xff" + data + b"\xff"), 1, len(data))


HASH = bytes(range(32))
F_HASH = b"\x0a\x20" + HASH


def test_recorded_response_is_decoded_and_written_the_same():
    row = row_named("tcp_handshake", "handshake_response")
    data = unhex(row["data"])
    assert response_to(data) == 3
    assert validate_response(bytearray(data), 2, unhex(row["req_hash"])) == 0
    writer = Writer()
    writer.over(bytearray(64), 0)
    encode_response(writer, unhex(row["req_hash"]))
    assert writer.buf[: writer.pos] == data


def test_last_hash_of_a_response_counts_and_unknown_fields_do_not():
    assert response_to(F_HASH) == 3
    assert response_to(b"\x0a\x20" + bytes(32) + F_HASH) == 37
    assert response_to(b"\x0a\x01a" + F_HASH) == 6
    assert response_to(b"\x08\x05\x12\x01a" + F_HASH + b"\x7d" + bytes(4)) == 8


def test_responses_without_a_whole_hash_are_refused():
    short, long = b"\x0a\x1f" + bytes(31), b"\x0a\x21" + bytes(33)
    for data in (b"", b"\x0a\x00", short, long, F_HASH + short, F_HASH + b"\x0a\x00", b"\x08\x01"):
        assert response_to(data) == BAD_MESSAGE, data
    for data in (F_HASH + b"\x00", F_HASH + b"\x08", F_HASH + b"\x0b", b"\x0a\xff\xff\xff\x7f"):
        assert response_to(data) == BAD_MESSAGE, data


def test_response_to_another_request_is_a_mismatch():
    buf = bytearray(F_HASH)
    assert validate_response(buf, 2, HASH) == 0
    for at in range(32):
        buf[2 + at] ^= 1
        assert validate_response(buf, 2, HASH) == RESPONSE_MISMATCH, at
        buf[2 + at] ^= 1


# Rules


def test_request_expires_when_20_seconds_old_and_may_be_20_seconds_ahead():
    rules = Rules("spec", [], 4)
    for age in (0, 1, 19, -1, -20):
        assert verdict(rules, written(T), T + age) == 0, age
    for age in (20, 21, 100000, T):
        assert verdict(rules, written(T), T + age) == EXPIRED, age
    for age in (-21, -100000, -T):
        assert verdict(rules, written(T), T + age) == IN_THE_FUTURE, age


def test_extreme_timestamps_are_expired_or_in_the_future():
    for profile in ("spec", "goshimmer"):
        rules = Rules(profile, [], 4)
        assert verdict(rules, b"", T) == EXPIRED
        assert verdict(rules, b"\x18" + LONG, T) == EXPIRED  # -1
        assert verdict(rules, b"\x18" + b"\x80" * 9 + b"\x01", T) == EXPIRED  # -2**63
        assert verdict(rules, b"\x18" + b"\xff" * 8 + b"\x7f", T) == IN_THE_FUTURE  # 2**63 - 1


def test_request_of_another_version_is_refused_first():
    data = unhex(row_named("tcp_handshake", "handshake_request_version1")["data"])
    for profile in ("spec", "goshimmer"):
        assert verdict(Rules(profile, [], 4), data, T) == WRONG_VERSION
        assert verdict(Rules(profile, [], 4), data, 0, b"") == WRONG_VERSION


def test_profile_spec_demands_an_address_of_ours():
    rules = Rules("spec", [b"192.0.2.1:14666", b"[2001:db8::1]:1"], 4)
    assert verdict(rules, written(T, b"192.0.2.1:14666"), T) == 0
    assert verdict(rules, written(T, b"[2001:db8::1]:1"), T) == 0
    assert verdict(rules, written(T), T) == 0  # the socket's own
    for to in (b"127.0.0.1:14667", b"127.0.0.1", b"192.0.2.1:1466", b"192.0.2.1:146666", b""):
        assert verdict(rules, written(T, to), T) == WRONG_ADDRESS, to
    assert verdict(rules, written(T), T, b"") == WRONG_ADDRESS


def test_who_knows_no_address_of_its_own_cannot_judge():
    assert verdict(Rules("spec", [], 4), written(T, b"anything"), T, b"") == 0
    assert verdict(Rules("spec", [], 4), written(T, b"anything"), T) == WRONG_ADDRESS


def test_profile_goshimmer_ignores_the_address():
    rules = Rules("goshimmer", [b"192.0.2.1:14666"], 4)
    assert verdict(rules, written(T, b"anything"), T) == 0
    assert verdict(rules, written(T, b""), T) == 0
    assert verdict(rules, written(T), T + EXPIRATION_S) == EXPIRED


# Replays

A, B = b"a" * 32, b"b" * 32


def test_accepted_request_is_a_replay_as_long_as_it_is_fresh():
    rules = Rules("spec", [], 4)
    assert rules.is_replay(A, "192.0.2.1", 0, T) == 0
    rules.remember(A, T, "192.0.2.1", 0)
    assert rules.is_replay(A, "192.0.2.1", 0, T) == REPLAYED
    assert rules.is_replay(A, "192.0.2.2", 19000, T + 19) == REPLAYED
    assert rules.is_replay(B, "192.0.2.1", 0, T) == 0


def test_request_from_ahead_is_remembered_until_it_expires():
    rules = Rules("spec", [], 4)
    rules.remember(A, T + 20, "192.0.2.1", 0)
    assert rules.is_replay(A, "192.0.2.1", 39000, T + 39) == REPLAYED


def test_refused_requests_are_not_remembered():
    rules = Rules("spec", [], 4)
    for _ in range(3):
        assert rules.is_replay(A, "192.0.2.1", 0, T) == 0


def test_profile_goshimmer_lets_a_retry_from_the_same_address_pass_for_2_seconds():
    rules = Rules("goshimmer", [], 4)
    rules.remember(A, T, "192.0.2.1", 1000)
    assert rules.is_replay(A, "192.0.2.1", 1000 + RETRY_MS, T) == 0
    assert rules.is_replay(A, "192.0.2.1", 1001 + RETRY_MS, T) == REPLAYED
    assert rules.is_replay(A, "192.0.2.2", 1001, T) == REPLAYED


def test_a_retry_does_not_extend_the_time_for_retries():
    rules = Rules("goshimmer", [], 4)
    rules.remember(A, T, "192.0.2.1", 1000)
    rules.remember(A, T, "192.0.2.1", 2500)
    assert rules.is_replay(A, "192.0.2.1", 3001, T) == REPLAYED


def test_ring_of_replays_forgets_the_oldest():
    rules = Rules("spec", [], 2)
    for digest in (A, B, b"c" * 32):
        rules.remember(digest, T, "192.0.2.1", 0)
    assert rules.is_replay(A, "192.0.2.1", 0, T) == 0
    assert rules.is_replay(B, "192.0.2.1", 0, T) == REPLAYED


def test_digest_covers_key_and_data_and_nothing_else():
    buf = bytearray(b"x" + A + b"yz" + b"data" + b"x")
    assert digest_of(buf, 1, 35, 4) == sha256(A + b"data").digest()
    whole = digest_of(buf, 1, 35, 4)
    buf[0] = buf[33] = buf[39] = 0
    assert digest_of(buf, 1, 35, 4) == whole
    buf[1] ^= 1
    assert digest_of(buf, 1, 35, 4) != whole
