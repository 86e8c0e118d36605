"""DNS messages: questions as they must be, and answers that may hold anything."""

from shimlet_light import dns
from shimlet_light.numeric import is_ip

ASKED = dns.query(b"\x12\x34", "board.example", dns.A)
NAME = b"\xc0\x0c"  # a pointer to the question's name


def answer(*records, flags=b"\x81\x80", asked=ASKED):
    """A response to `asked` with these answer records."""
    counts = b"\x00\x01" + bytes([0, len(records)]) + bytes(4)
    return asked[:2] + flags + counts + asked[12:] + b"".join(records)


def record(kind, data, name=NAME, ttl=60, length=None):
    """One record of the class IN."""
    size = len(data) if length is None else length
    return name + bytes([0, kind, 0, 1, 0, 0, ttl >> 8, ttl & 255, 0, size]) + data


def failure(data):
    """The failure of an answer without an address."""
    found = dns.read_answer(data, ASKED)
    assert found.ip == ""
    return found.failure


def test_a_question_has_the_form_of_the_rfc():
    expected = (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05board\x07example\x00\x00\x01\x00\x01"
    )
    assert expected == ASKED
    assert dns.query(b"\x12\x34", "board.example.", dns.AAAA)[-4:] == b"\x00\x1c\x00\x01"


def test_names_that_no_host_can_have_are_refused():
    for name in ("", ".", "a..b", "x" * 64, ".".join(["abcdefg"] * 40)):
        try:
            dns.query(b"\x00\x00", name, dns.A)
        except ValueError:
            continue
        raise AssertionError(name)


def test_an_address_is_found_with_its_time_to_live():
    found = dns.read_answer(answer(record(dns.A, b"\xc0\x00\x02\x07", ttl=300)), ASKED)
    assert (found.ip, found.ttl_s, found.failure) == ("192.0.2.7", 300, 0)


def test_aliases_are_stepped_over():
    alias = record(5, b"\x01b\xc0\x0c")
    found = dns.read_answer(answer(alias, record(dns.A, b"\x01\x02\x03\x04")), ASKED)
    assert found.ip == "1.2.3.4"


def test_an_ipv6_address_has_its_shortest_text():
    asked = dns.query(b"\x00\x01", "a.b", dns.AAAA)
    raw = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"
    assert dns.read_answer(answer(record(dns.AAAA, raw), asked=asked), asked).ip == "2001:db8::1"
    assert dns.ip_text(bytes(16)) == "::"
    assert dns.ip_text(bytes(15) + b"\x01") == "::1"
    assert dns.ip_text(b"\x00\x01" * 8) == "1:1:1:1:1:1:1:1"
    assert dns.ip_text(b"\x00\x01\x00\x00" * 4) == "1:0:1:0:1:0:1:0"
    assert (
        dns.ip_text(b"\x00\x01" + bytes(4) + b"\x00\x02" + bytes(6) + b"\x00\x03") == "1:0:0:2::3"
    )


def test_failures_are_told_apart():
    assert failure(answer()) == dns.NO_ADDRESS
    assert failure(answer(record(dns.AAAA, bytes(16)))) == dns.NO_ADDRESS
    assert failure(answer(flags=b"\x81\x83")) == dns.NO_NAME
    assert failure(answer(flags=b"\x81\x82")) == dns.FAILED


def test_answers_to_other_questions_are_not_ours():
    good = answer(record(dns.A, bytes(4)))
    other = dns.query(b"\x12\x34", "board.examplf", dns.A)
    for data in (
        b"",
        b"\x12\x35" + good[2:],
        answer(record(dns.A, bytes(4)), flags=b"\x01\x00"),  # a question
        answer(record(dns.A, bytes(4)), flags=b"\x91\x80"),  # another opcode
        answer(record(dns.A, bytes(4)), asked=other),
        good[:5] + b"\x02" + good[6:],
    ):
        assert failure(data) == dns.NOT_OURS
    shouted = good[:12] + good[12 : len(ASKED)].replace(b"board", b"BOARD") + good[len(ASKED) :]
    assert dns.read_answer(shouted, ASKED).ip == "0.0.0.0"


def test_no_truncation_and_no_changed_byte_is_more_than_a_failure():
    whole = answer(record(5, b"\x01b\xc0\x0c"), record(dns.A, b"\x01\x02\x03\x04"))
    for end in range(len(whole)):
        assert failure(whole[:end]) in (dns.NOT_OURS, dns.FAILED)
    for at in range(len(whole)):
        for value in (0, 0x3F, 0xC0, 0xFF):
            changed = bytearray(whole)
            changed[at] = value
            found = dns.read_answer(bytes(changed), ASKED)
            assert found.ip or found.failure


def test_pointers_in_circles_and_records_without_end_are_stepped_over():
    circle = b"\xc0" + bytes([len(ASKED)])  # points to itself
    assert dns.read_answer(answer(record(dns.A, b"\x01\x02\x03\x04", name=circle)), ASKED).ip
    assert failure(answer(record(dns.A, b"\x01\x02\x03\x04", length=200))) == dns.FAILED
    assert failure(answer(record(dns.A, b"\x01", length=1))) == dns.NO_ADDRESS
    endless = bytearray(answer() + record(5, b"") * 40)
    endless[6:8] = b"\xff\xff"
    assert failure(bytes(endless)) == dns.NO_ADDRESS


def test_numeric_addresses_are_told_from_names():
    for host in ("1.2.3.4", "255.255.255.255", "::1", "fe80::1%3"):
        assert is_ip(host), host
    for host in (
        "1.2.3",
        "1.2.3.256",
        "1.2.3.4.5",
        "1.2.3.",
        "a.b.c.d",
        "localhost",
        "1.2.3.4444",
    ):
        assert not is_ip(host), host
