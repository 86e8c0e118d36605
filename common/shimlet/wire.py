"""Protobuf wire format in place: a Reader over received bytes and a Writer over a buffer of ours.

In go a buffer and offsets, out come small ints and offsets into the same buffer: nothing is copied
and nothing is allocated, also on a 32-bit board, where every int at or above 2**30 would be. A
Reader never raises: an overrun or a malformed tag clears `ok`, and the caller looks once, at the
end. Called by packet.py, handshake.py and gossip.py.

Rules (protocol.md, "Encodings"): fields in any order, unknown ones skipped, the last occurrence of
a scalar wins. Groups (wire types 3 and 4) are no part of proto3 and count as malformed.
"""

try:
    from micropython import const as const  # the others import it from here

    def move_down(buf: bytearray, start: int, end: int) -> None:
        """Move buf[start:end] to the front of the buffer; a slice would be a copy on the heap."""
        at = 0
        while start < end:
            buf[at] = buf[start]
            at += 1
            start += 1

    def copy_into(buf: bytearray, at: int, content: bytes) -> None:
        """Copy `content` to buf[at:]; assigning to a slice makes a slice object on the heap."""
        for byte in content:
            buf[at] = byte
            at += 1

except ImportError:

    def const(value: int) -> int:
        """On CPython a constant is only a name."""
        return value

    def move_down(buf: bytearray, start: int, end: int) -> None:
        """Move buf[start:end] to the front of the buffer; on CPython the slice is the fast way."""
        buf[: end - start] = buf[start:end]

    def copy_into(buf: bytearray, at: int, content: bytes) -> None:
        """Copy `content` to buf[at:]; on CPython the slice is the fast way."""
        buf[at : at + len(content)] = content


_VARINT = const(0)
_FIXED64 = const(1)
_BYTES = const(2)
_FIXED32 = const(5)

# What tag() answers for a field number that none of our messages has: only its wire type matters,
# to skip it.
_FOREIGN_FIELD = const(0x0FFFFFF8)


class Reader:
    """Reads varints, tags and byte fields from `buf[pos:end]`.

    `ok` is False after an overrun (bytes missing) or a malformed field; `malformed` tells the two
    apart.
    """

    def __init__(self) -> None:
        self.buf: bytes | bytearray = b""
        self.pos = 0
        self.end = 0
        self.ok = True
        self.malformed = False
        self.high = 0  # bits 28..55 of the last varint
        self.top = 0  # bits 56..63 of the last varint
        self.length = 0  # length of the last byte field

    def over(self, buf: "bytes | bytearray", start: int, end: int) -> None:
        """Start reading buf[start:end]."""
        self.buf = buf
        self.pos = start
        self.end = end
        self.ok = True
        self.malformed = False

    def _overrun(self) -> int:
        self.ok = False
        self.pos = self.end
        return 0

    def _refuse(self) -> int:
        self.malformed = True
        return self._overrun()

    def varint(self) -> int:
        """The low 28 bits of a varint of up to 64 bits; the others are in `high` and `top`."""
        self.high = self.top = low = shift = 0
        pos = self.pos
        while pos < self.end:
            byte = self.buf[pos]
            pos += 1
            if shift < 28:
                low |= (byte & 127) << shift
            elif shift < 56:
                self.high |= (byte & 127) << (shift - 28)
            elif shift == 63 and byte > 1:
                return self._refuse()
            else:
                self.top |= (byte & 127) << (shift - 56)
            if byte < 128:
                self.pos = pos
                return low
            shift += 7
        return self._overrun()

    def tag(self) -> int:
        """The next field's tag (number * 8 + wire type); a field number of 2**25 or more reads as
        a foreign one.
        """
        tag = self.varint()
        if self.top or self.high > 15 or (self.ok and tag < 8 and not self.high):
            return self._refuse()
        return _FOREIGN_FIELD | (tag & 7) if self.high else tag

    def field(self) -> int:
        """Offset of a byte field's content; its length is in `length`."""
        length = self.varint()
        if not self.ok or self.high or self.top or length > self.end - self.pos:
            self.length = 0
            return self._overrun()
        start = self.pos
        self.pos += length
        self.length = length
        return start

    def field_of(self, length: int) -> int:
        """Offset of a byte field that must have this length; any other is malformed."""
        start = self.field()
        if self.ok and self.length != length:
            return self._refuse()
        return start

    def text(self) -> int:
        """Offset of a byte field that must be UTF-8; anything else is malformed."""
        start = self.field()
        return start if is_utf8(self.buf, start, self.length) else self._refuse()

    def skip(self, tag: int) -> None:
        """Pass over the content of a field that nobody asked for."""
        wire_type = tag & 7
        if wire_type == _VARINT:
            self.varint()
        elif wire_type == _BYTES:
            self.field()
        elif wire_type == _FIXED64:
            self._advance(8)
        elif wire_type == _FIXED32:
            self._advance(4)
        else:
            self._refuse()

    def _advance(self, count: int) -> None:
        if count > self.end - self.pos:
            self._overrun()
        else:
            self.pos += count


class Writer:
    """Writes into `buf` from `pos` on; what does not fit clears `ok` and is not written."""

    def __init__(self) -> None:
        self.buf = bytearray()
        self.pos = 0
        self.ok = True

    def over(self, buf: bytearray, start: int) -> None:
        """Start writing at buf[start]."""
        self.buf = buf
        self.pos = start
        self.ok = True

    def byte(self, value: int) -> None:
        """One byte, 0..255."""
        if self.pos < len(self.buf):
            self.buf[self.pos] = value
            self.pos += 1
        else:
            self.ok = False

    def varint(self, value: int) -> None:
        """A varint below 2**30."""
        while value > 127:
            self.byte(value & 127 | 128)
            value >>= 7
        self.byte(value)

    def varint_halves(self, low: int, high: int) -> None:
        """A varint of 28 + 28 bits: low in 0..2**28-1, high in 0..2**28-1."""
        if not high:
            self.varint(low)
            return
        for shift in range(0, 28, 7):
            self.byte(low >> shift & 127 | 128)
        self.varint(high)

    def copy(self, content: bytes) -> None:
        """A whole bytes object."""
        end = self.pos + len(content)
        if end <= len(self.buf):
            copy_into(self.buf, self.pos, content)
            self.pos = end
        else:
            self.ok = False

    def field(self, tag: int, content: bytes) -> None:
        """A byte field with its tag and length; left out when empty (proto3)."""
        if content:
            self.varint(tag)
            self.varint(len(content))
            self.copy(content)


def is_utf8(buf: "bytes | bytearray", at: int, length: int) -> bool:
    """Whether buf[at:at+length] is UTF-8 as protobuf demands: shortest form, no surrogates, at
    most U+10FFFF.
    """
    end = at + length
    while at < end:
        first = buf[at]
        at += 1
        if first < 0x80:
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if at + more > end or not _second_byte_fits(first, buf[at]):
            return False
        for _ in range(more):
            if buf[at] & 0xC0 != 0x80:
                return False
            at += 1
    return True


def _second_byte_fits(first: int, second: int) -> bool:
    if first == 0xE0:
        return second >= 0xA0  # shorter forms exist below
    if first == 0xED:
        return second < 0xA0  # surrogates above
    if first == 0xF0:
        return second >= 0x90
    return first != 0xF4 or second < 0x90
