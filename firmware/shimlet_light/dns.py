"""DNS messages (RFC 1035), as much as a node needs: one question out, the first address of an
answer in.

Nothing here does I/O; resolver.py calls it. An answer may hold anything: every length is checked,
names are stepped over and never followed, so that no compression pointer can lead in a circle.
"""

A = 1
AAAA = 28

# What read_answer() says when there is no address.
NOT_OURS = 1  # another answer than ours, or no DNS message: go on waiting
NO_ADDRESS = 2  # the name has no address of this kind
NO_NAME = 3  # there is no such name
FAILED = 4  # the server could not answer

_HEADER = 12
_MAX_RECORDS = 32
_INTERNET = 1


class Answer:
    """What read_answer() found: `ip` as text with `ttl_s`, or "" and why, in `failure`."""

    def __init__(self, failure: int, ip: str = "", ttl_s: int = 0) -> None:
        self.failure = failure
        self.ip = ip
        self.ttl_s = ttl_s


def query(number: bytes, name: str, kind: int) -> bytes:
    """A question for A or AAAA records; `number`: 2 random bytes. ValueError: no host name."""
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    if sum(len(label) + 1 for label in labels) > 254 or not all(0 < len(x) < 64 for x in labels):
        raise ValueError("no host name")
    message = bytearray(number)
    message += b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"  # recursion desired, one question
    for label in labels:
        message.append(len(label))
        message += label
    message += bytes((0, 0, kind, 0, _INTERNET))
    return bytes(message)


def read_answer(data: bytes, asked: bytes) -> Answer:
    """What `data` answers to the query `asked`."""
    if not _is_answer_to(data, asked):
        return Answer(NOT_OURS)
    code = data[3] & 15
    if code == 3:
        return Answer(NO_NAME)
    if code:
        return Answer(FAILED)
    return _first_address(data, len(asked), asked[-3])


def _is_answer_to(data: bytes, asked: bytes) -> bool:
    """Same number, a response of opcode 0, one question and that is ours."""
    if len(data) < len(asked) or data[:2] != asked[:2] or data[2] & 0xF8 != 0x80:
        return False
    if data[4] or data[5] != 1:
        return False
    return bytes(data[_HEADER : len(asked)]).lower() == asked[_HEADER:].lower()


def _first_address(data: bytes, at: int, kind: int) -> Answer:
    """The first record of `kind` from `at` on, whatever its name: aliases stand in front."""
    size = 4 if kind == A else 16
    for _ in range(min(data[6] << 8 | data[7], _MAX_RECORDS)):
        at = _after_name(data, at)
        if at < 0 or at + 10 > len(data):
            return Answer(FAILED)
        length = data[at + 8] << 8 | data[at + 9]
        start = at + 10
        if start + length > len(data):
            return Answer(FAILED)
        if data[at + 1] == kind and not data[at] and data[at + 3] == _INTERNET and length == size:
            return Answer(0, ip_text(data[start : start + size]), _ttl_s(data, at + 4))
        at = start + length
    return Answer(NO_ADDRESS)


def _after_name(data: bytes, at: int) -> int:
    """Offset behind the name at `at`, -1 if it is cut."""
    while at < len(data):
        length = data[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at
    return -1


def _ttl_s(data: bytes, at: int) -> int:
    """A time to live, cut to 16 bits: whoever asks caps it lower."""
    return 0xFFFF if data[at] or data[at + 1] else data[at + 2] << 8 | data[at + 3]


def ip_text(raw: bytes) -> str:
    """Text of 4 or 16 bytes, an IPv6 address in its shortest form (RFC 5952)."""
    if len(raw) == 4:
        return ".".join(str(octet) for octet in raw)
    groups = [raw[i] << 8 | raw[i + 1] for i in range(0, 16, 2)]
    start, length = _longest_zeros(groups)
    if length < 2:
        return _hex(groups)
    return _hex(groups[:start]) + "::" + _hex(groups[start + length :])


def _hex(groups: "list[int]") -> str:
    return ":".join(f"{group:x}" for group in groups)


def _longest_zeros(groups: "list[int]") -> "tuple[int, int]":
    """Start and length of the first longest run of zeros."""
    best = (0, 0)
    start = 0
    for i, group in enumerate(groups):
        if group:
            start = i + 1
        elif i + 1 - start > best[1]:
            best = (start, i + 1 - start)
    return best
