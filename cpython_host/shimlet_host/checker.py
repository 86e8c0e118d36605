"""The process that checks signatures on a second core.

In: chunks of signed packets over a socket that keeps messages apart, its standard input. Out: one
byte for each packet, 1 if its signature holds, in the same order. It knows no secret and keeps no
state. It ends when the other side closes, and leaves signals to the node. Started by verifier.py,
which also makes the chunks.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable
from contextlib import suppress

from shimlet_host.autopeering.envelope import Envelope
from shimlet_host.autopeering.parameters import MAX_PACKET
from shimlet_host.identity import KEY_LENGTH, SIGNATURE_LENGTH, signature_holds

CHUNK = 8  # packets: the first answers are back while the last are still checked
MAX_CHUNK = CHUNK * (2 + KEY_LENGTH + SIGNATURE_LENGTH + MAX_PACKET)  # bytes
READY = b"ready"  # said once; no answer is as long as the time that starting takes
_MESSAGE_AT = KEY_LENGTH + SIGNATURE_LENGTH


def chunk_of(envelopes: Iterable[Envelope]) -> bytes:
    """At most CHUNK of them: each a length of two bytes, key, signature and what is signed."""
    parts: list[bytes] = []
    for envelope in envelopes:
        parts += (
            (_MESSAGE_AT + envelope.data_length).to_bytes(2, "little"),
            envelope.public_key,
            envelope.signature,
            envelope.data,
        )
    return b"".join(parts)


def answer_to(chunk: bytes) -> bytes:
    """Check all of a chunk."""
    answer = bytearray()
    at = 0
    while at < len(chunk):
        length = int.from_bytes(chunk[at : at + 2], "little")
        signed = chunk[at + 2 : at + 2 + length]
        key, signature = signed[:KEY_LENGTH], signed[KEY_LENGTH:_MESSAGE_AT]
        answer.append(signature_holds(key, signature, signed[_MESSAGE_AT:]))
        at += 2 + length
    return bytes(answer)


def main() -> None:
    """Answer until the other side closes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # It is closed with what was not read, or not answered, once nobody wants it any more.
    with socket.socket(fileno=0) as sock, suppress(ConnectionError):
        sock.send(READY)
        while chunk := sock.recv(MAX_CHUNK):
            sock.send(answer_to(chunk))


if __name__ == "__main__":
    main()
