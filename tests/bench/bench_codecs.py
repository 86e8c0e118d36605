"""Encode and decode of a handshake request in microseconds, beside the official protobuf package.

Both read the same bytes to the same three values and write the same bytes. The package is compiled
code (upb); its pure-Python twin, which is what a board could run, is measured in a process of its
own. Run by `make bench`.
"""

import os
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from google.protobuf.internal import api_implementation
from host import official
from shimlet.handshake import Request, encode_request
from shimlet.wire import Writer

TO = "127.0.0.1:14666"
TIMESTAMP = 1637000000
LOOPS, ROUNDS = 5000, 9
TWIN = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


def our_encode() -> bytes:
    """As link.py does it, but for the new buffer."""
    _writer.over(_buffer, 0)
    encode_request(_writer, _to, TIMESTAMP & 0xFFFFFFF, TIMESTAMP >> 28)
    return bytes(_buffer[: _writer.pos])


def our_decode() -> tuple[int, bytes, int]:
    """All three values, as validate_request wants them."""
    _request.decode(_received, 0, len(_received))
    to = bytes(_received[_request.to_at : _request.to_at + _request.to_length])
    return _request.version, to, _request.timestamp()


def their_encode() -> bytes:
    """The package's way."""
    message = official.HandshakeRequest(to=TO, timestamp=TIMESTAMP)
    return bytes(message.SerializeToString())


def their_decode() -> tuple[int, bytes, int]:
    """The package's way, to the same three values."""
    message = official.HandshakeRequest.FromString(_wire)
    return message.version, message.to.encode(), message.timestamp


_writer, _request = Writer(), Request()
_buffer, _to = bytearray(256), TO.encode()
_wire = their_encode()
_received = bytearray(_wire)


def microseconds(*functions: Callable[[], object]) -> list[float]:
    """The best time of each; they take turns, so that all meet the same weather."""
    best = [float("inf")] * len(functions)
    for _ in range(ROUNDS):
        for i, function in enumerate(functions):
            best[i] = min(best[i], timeit.timeit(function, number=LOOPS) / LOOPS * 1e6)
    return best


def main() -> None:
    """Print one line for each direction."""
    assert our_encode() == their_encode()
    assert our_decode() == their_decode()
    kind = api_implementation.Type()
    for name, ours, theirs in (
        ("encode", our_encode, their_encode),
        ("decode", our_decode, their_decode),
    ):
        our_us, their_us = microseconds(ours, theirs)
        print(
            f"{name} a handshake request: {our_us:5.2f} us; "
            f"protobuf ({kind}): {their_us:5.2f} us; ratio {our_us / their_us:.2f}"
        )


if __name__ == "__main__":
    main()
    if TWIN not in os.environ:
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__], env={**os.environ, TWIN: "python"}, check=True)
