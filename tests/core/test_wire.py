"""The protobuf wire format: what a Reader takes and refuses, what a Writer writes."""

from helpers import MICROPYTHON, skip
from shimlet.wire import Reader, Writer, copy_into, is_utf8, move_down


def reader_over(data):
    """A Reader of all of `data`, with a byte of somebody else on either side."""
    reader = Reader()
    reader.over(bytearray(b"\x08" + data + b"\x01"), 1, 1 + len(data))
    return reader


def number(reader):
    """The next varint in full."""
    low = reader.varint()
    return low | reader.high << 28 | reader.top << 56


def encoded(value, padding=0):
    """A varint by the book, with `padding` bytes more than needed."""
    out = []
    while value > 127 or padding:
        if value < 128:
            padding -= 1
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


EDGES = sorted({0, 1} | {(1 << n) + d for n in range(7, 64) for d in (-1, 0, 1)})
EDGES.append((1 << 64) - 1)


# Reading numbers


def test_varint_is_read_in_three_parts():
    for value in EDGES:
        reader = reader_over(encoded(value))
        assert number(reader) == value, value
        assert reader.ok
        assert reader.pos == reader.end


def test_varint_may_be_longer_than_needed():
    for value, padding in ((0, 1), (0, 9), (1, 3), (1 << 27, 6), ((1 << 63) - 1, 1)):
        reader = reader_over(encoded(value, padding))
        assert number(reader) == value, value
        assert reader.ok


def test_varint_of_more_than_64_bits_is_malformed():
    for data in (b"\xff" * 9 + b"\x02", b"\x80" * 9 + b"\x7f", b"\x80" * 10 + b"\0"):
        reader = reader_over(data)
        assert reader.varint() == 0
        assert not reader.ok
        assert reader.malformed


def test_varint_cut_off_is_an_overrun_and_not_malformed():
    for value in EDGES:
        data = encoded(value)
        for length in range(len(data)):
            reader = reader_over(data[:length])
            assert reader.varint() == 0, (value, length)
            assert not reader.ok
            assert not reader.malformed
            assert reader.pos == reader.end


def test_nothing_is_read_after_an_overrun():
    reader = reader_over(b"\x0a\x05abc")
    assert reader.tag() == 10
    reader.field()
    assert (reader.ok, reader.pos, reader.length) == (False, reader.end, 0)
    assert (reader.varint(), reader.tag(), reader.field(), reader.length) == (0, 0, 0, 0)
    assert not reader.ok


def test_reader_forgets_its_past_when_it_starts_over():
    reader = reader_over(b"\x00")
    reader.tag()
    assert reader.malformed
    reader.over(bytearray(b"\x08\x01"), 0, 2)
    assert (reader.ok, reader.malformed, reader.tag(), reader.varint()) == (True, False, 8, 1)


# Reading tags


def test_tag_is_field_number_and_wire_type():
    for field in (1, 2, 15, 16, 2047, 1 << 20, (1 << 25) - 1):
        for wire_type in range(8):
            assert reader_over(encoded(field << 3 | wire_type)).tag() == field << 3 | wire_type


def test_large_field_number_keeps_its_wire_type_and_is_none_of_ours():
    for field in (1 << 25, 1 << 28, (1 << 29) - 1):
        for wire_type in range(8):
            reader = reader_over(encoded(field << 3 | wire_type))
            tag = reader.tag()
            assert reader.ok
            assert tag & 7 == wire_type
            assert tag >> 3 > 1000000


def test_field_number_0_and_tags_above_32_bits_are_malformed():
    for tag in (0, 1, 2, 7, 1 << 32, 1 << 35, 1 << 56, (1 << 64) - 1):
        reader = reader_over(encoded(tag))
        assert reader.tag() == 0, tag
        assert reader.malformed, tag
    padded = reader_over(b"\x82\x80\x00")
    padded.tag()
    assert padded.malformed


# Reading and skipping content


def test_field_is_found_in_place():
    reader = reader_over(b"\x03abc\x00")
    start = reader.field()
    assert reader.buf[start : start + reader.length] == b"abc"
    assert reader.field() == reader.end
    assert reader.length == 0
    assert reader.ok


def test_field_longer_than_what_is_there_is_an_overrun():
    for length in (4, 127, 1 << 14, 1 << 28, 1 << 31, 1 << 32, 1 << 56, (1 << 64) - 1):
        reader = reader_over(encoded(length) + b"abc")
        assert reader.field() == 0
        assert not reader.ok, length
        assert reader.length == 0


def test_field_of_another_length_than_demanded_is_malformed():
    assert reader_over(b"\x02ab").field_of(2) == 2
    for data in (b"\x01a", b"\x00", b"\x03abc"):
        reader = reader_over(data)
        reader.field_of(2)
        assert reader.malformed, data
    cut = reader_over(b"\x02a")
    cut.field_of(2)
    assert (cut.ok, cut.malformed) == (False, False)


def test_unknown_fields_of_every_wire_type_are_skipped():
    contents = {0: b"\xff" * 9 + b"\x01", 1: bytes(8), 2: b"\x03abc", 5: bytes(4)}
    for wire_type, content in contents.items():
        reader = reader_over(content + b"\x2a")
        reader.skip(15 << 3 | wire_type)
        assert reader.ok
        assert reader.varint() == 42
        for length in range(len(content)):
            cut = reader_over(content[:length])
            cut.skip(15 << 3 | wire_type)
            assert (cut.ok, cut.malformed) == (False, False), (wire_type, length)


def test_groups_and_unused_wire_types_are_malformed():
    for wire_type in (3, 4, 6, 7):
        reader = reader_over(bytes(20))
        reader.skip(15 << 3 | wire_type)
        assert reader.malformed, wire_type


# Writing


def writer_over(size):
    writer = Writer()
    writer.over(bytearray(size), 0)
    return writer


def test_varint_is_written_as_short_as_possible():
    for value in EDGES:
        if value < 1 << 30:
            writer = writer_over(10)
            writer.varint(value)
            assert writer.buf[: writer.pos] == encoded(value), value


def test_varint_halves_are_written_as_short_as_possible():
    for value in EDGES:
        if value < 1 << 56:
            writer = writer_over(10)
            writer.varint_halves(value & 0xFFFFFFF, value >> 28)
            assert writer.buf[: writer.pos] == encoded(value), value


def test_field_is_written_with_tag_and_length_and_left_out_when_empty():
    writer = writer_over(400)
    writer.field(16 << 3 | 2, b"abc")
    writer.field(10, b"")
    writer.field(10, bytes(200))
    assert writer.buf[: writer.pos] == b"\x82\x01\x03abc\x0a\xc8\x01" + bytes(200)
    assert writer.ok


def test_what_does_not_fit_is_not_written():
    for size in range(6):
        writer = writer_over(size)
        writer.field(10, b"abcd")
        assert not writer.ok, size
        assert len(writer.buf) == size
        assert writer.pos <= size
    writer = writer_over(6)
    writer.field(10, b"abcd")
    assert writer.ok
    writer.byte(1)
    assert not writer.ok
    assert writer.buf == b"\x0a\x04abcd"


def test_bytes_move_to_the_front_and_in_between():
    buf = bytearray(b"0123456789")
    move_down(buf, 4, 9)
    assert buf == b"4567856789", buf
    copy_into(buf, 2, b"ab")
    copy_into(buf, 9, b"")
    assert buf == b"45ab856789", buf


# UTF-8

GOOD_TEXTS = (
    b"",
    b"127.0.0.1:1",
    b"\x00\x7f",
    b"\xc2\x80\xdf\xbf",
    b"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
    b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
)
BAD_TEXTS = (
    b"\x80",
    b"a\xbf",
    b"\xc0\x80",  # not the shortest form
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # above U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xff",
    b"\xc3",  # cut off
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xc3\x28",  # not continued
    b"\xe2\x28\xa1",
    b"\xe2\x82\x28",
    b"\xf0\x9f\x98\x28",
)


def test_utf8_is_told_from_other_bytes():
    for text in GOOD_TEXTS:
        assert is_utf8(bytearray(b"\xff" + text + b"\x80"), 1, len(text)), text
    for text in BAD_TEXTS:
        # What follows could complete a character, but is not part of the field.
        assert not is_utf8(bytearray(text + b"\x80\x80\x80"), 0, len(text)), text


def decodes(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_utf8_agrees_with_cpython_at_every_border():
    if MICROPYTHON:
        skip("its decode() is not strict")
    borders = b"\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf"
    borders += b"\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf4\xf5\xff"
    texts = [b""]
    for length in range(1, 5):
        # A fourth byte matters only behind the first byte of four.
        texts = [t + bytes([b]) for t in texts for b in borders if length < 4 or t[0] > 0xEF]
        for text in texts:
            assert is_utf8(bytearray(text), 0, len(text)) == decodes(text), text


def test_text_that_is_not_utf8_is_malformed():
    good = reader_over(b"\x02\xc3\xa4")
    assert (good.text(), good.length, good.ok) == (2, 2, True)
    bad = reader_over(b"\x02\xc3\x28")
    bad.text()
    assert bad.malformed
    cut = reader_over(b"\x02\xc3")
    cut.text()
    assert (cut.ok, cut.malformed) == (False, False)
