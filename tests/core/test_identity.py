"""Keys and addresses as people write them, and what each fault is called."""

from helpers import identity, rows_of, unhex
from shimlet.identity import (
    base58_decode,
    base58_encode,
    decode_key,
    format_address,
    parse_address,
    shorten,
)

KEY_TEXT = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"


def sentence(fn, text):
    """What the ValueError says; fails when there is none."""
    try:
        answer = fn(text)
    except ValueError as error:
        return str(error)
    raise AssertionError("accepted as %r" % (answer,))


def test_recorded_identities_have_the_recorded_keys_and_signatures():
    for index, row in enumerate(rows_of("identities")):
        signer = identity(index)
        assert signer.public_key == unhex(row["public_key"]), index
        buf = bytearray(70)
        buf[1:4] = b"abc"
        signer.sign(buf, 1, 3, buf, 5)
        assert buf[5:69] == unhex(row["sign_abc"]), index


def test_node_id_is_blake2b_256_of_the_public_key():
    node_id = identity(0).node_id
    assert node_id == unhex("689dae2f77b048dcc08e14d73104ea14222b5be14cc31f34a16a1221f944c1e3")


# Base58


def test_recorded_keys_have_the_recorded_base58_form():
    for row in rows_of("identities"):
        key = unhex(row["public_key"])
        assert base58_encode(key) == row["public_key_base58"]
        assert base58_decode(row["public_key_base58"]) == key
        assert decode_key(row["public_key_base58"]) == key


def test_base58_keeps_zero_bytes_in_front():
    for raw, text in (
        (b"", ""),
        (b"\0", "1"),
        (b"\0\0\x01", "112"),
        (b"\x39", "z"),
        (b"\x3a", "21"),
        (b"\xff\xff", "LUv"),
        (bytes(32), "1" * 32),
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
    ):
        assert base58_encode(raw) == text, raw
        assert base58_decode(text) == raw, text


def test_base58_round_trip():
    for length in range(40):
        raw = bytes([(i * 151 + length) & 255 for i in range(length)])
        assert base58_decode(base58_encode(raw)) == raw, raw


def test_character_outside_base58_is_named():
    for character in ("0", "O", "I", "l", " ", "-", "\n", "\u00e4"):
        text = "2g" + character + "a"
        assert repr(character) in sentence(base58_decode, text), text


def test_too_long_base58_is_refused_before_any_work():
    assert base58_decode("1" * 128) == bytes(128)
    assert "129" in sentence(base58_decode, "1" * 129)
    assert "10000" in sentence(decode_key, "2" * 10000)


def test_key_of_another_length_is_refused_with_its_length():
    assert "has 31 bytes" in sentence(decode_key, "1" * 31)
    assert "has 33 bytes" in sentence(decode_key, "1" * 33)
    assert "has 0 bytes" in sentence(decode_key, "")
    assert "has 33 bytes" in sentence(decode_key, "1" + KEY_TEXT)
    assert "bytes instead of 32" in sentence(decode_key, KEY_TEXT[:-2])


def test_wrong_key_is_quoted_but_never_at_full_length():
    assert "'" + KEY_TEXT + "0'" in sentence(decode_key, KEY_TEXT + "0")
    assert len(sentence(decode_key, "0" * 10000)) < 200
    assert shorten("a" * 50) == "'" + "a" * 50 + "'"
    assert shorten("a" * 51) == "'" + "a" * 50 + "...'"


# Addresses


def test_addresses_are_taken_apart():
    for text, host, port in (
        ("127.0.0.1:14666", "127.0.0.1", 14666),
        ("[::1]:14666", "::1", 14666),
        ("[2001:db8::1]:1", "2001:db8::1", 1),
        ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535),
        ("[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80),
        ("name.example:14666", "name.example", 14666),
        ("name.example.:14666", "name.example.", 14666),
        ("my_board-2.local:80", "my_board-2.local", 80),
        ("x:00080", "x", 80),
    ):
        assert parse_address(text) == (host, port), text


def test_address_is_written_as_it_is_read():
    for host in ("127.0.0.1", "::1", "name.example"):
        assert parse_address(format_address(host, 14666)) == (host, 14666)
    assert format_address("::1", 1) == "[::1]:1"
    assert format_address("127.0.0.1", 1) == "127.0.0.1:1"


def test_address_without_host_or_port_is_told_the_form():
    for text in ("", "127.0.0.1", "name", ":14666", "14666", ":"):
        assert "host:port" in sentence(parse_address, text), text


def test_port_outside_1_to_65535_is_named():
    for port in ("", "0", "00000", "65536", "99999", "100000", "-1", "+1", "1.5", "http", " 80"):
        assert "port" in sentence(parse_address, "name:" + port), port
    for port in ("80 ", "0x50", "8_0", "\u0661", "\uff18\uff10"):
        assert "1 to 65535" in sentence(parse_address, "name:" + port), port


def test_ipv6_address_without_brackets_is_told_to_use_them():
    for text in ("::1:14666", "2001:db8::1:14666", "[::1:14666", "::1]:14666", "[::1]"):
        assert "[address]:port" in sentence(parse_address, text), text


def test_host_that_is_no_name_is_refused():
    bad = ("a b", "http//x", "a..b", ".a", ".", "..", "a" * 64, "a@b", "[]", "[name]", "\u00fc")
    for host in bad:
        assert "host part" in sentence(parse_address, host + ":14666"), host
    longest = "a." * 126 + "a"
    assert parse_address(longest + ":1") == (longest, 1)
    assert "host part" in sentence(parse_address, longest + "a:1")
    assert parse_address("a" * 63 + ":1") == ("a" * 63, 1)


def test_wrong_address_is_quoted_but_never_at_full_length():
    assert "'nonsense'" in sentence(parse_address, "nonsense")
    assert len(sentence(parse_address, "a" * 10000)) < 200
