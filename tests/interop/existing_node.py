"""A stand-in for an existing node: not its code, but its behaviour towards a peer, as it was
observed.

What matters to whoever talks to it, each quirk as the running nodes have it:
- a handshake packet is taken with exactly ONE read of at most 256 bytes under a deadline of 500
  ms: split, longer or
  coalesced with anything else, it fails;
- handshakes are read one after the other inside the accept loop;
- packets are made and read with the official protobuf package and PyNaCl, so nothing of ours
  judges itself;
- a failed dial is repeated once after 500 ms, with the same bytes if the second has not changed;
- frames: a header above 65 KiB closes the connection; length 0, unknown types and bad protobuf are
  ignored.

Blocking sockets on threads: it shares nothing with the code under test.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from nacl.signing import SigningKey, VerifyKey

READ_S = 0.5
BODY_S = 4.0
MAX_HANDSHAKE = 256
MAX_FRAME = 65 * 1024
MESSAGE = 20

_STRING, _BYTES, _UINT32, _INT64 = 9, 12, 13, 3


def _messages() -> dict[str, Any]:
    """Packet, HandshakeRequest and HandshakeResponse as classes of the official package."""
    file = descriptor_pb2.FileDescriptorProto(name="existing.proto", syntax="proto3")
    for name, fields in {
        "Packet": [
            (1, "type", _UINT32),
            (2, "data", _BYTES),
            (3, "key", _BYTES),
            (4, "sig", _BYTES),
        ],
        "HandshakeRequest": [
            (1, "version", _UINT32),
            (2, "to", _STRING),
            (3, "timestamp", _INT64),
        ],
        "HandshakeResponse": [(1, "req_hash", _BYTES)],
        "Message": [(1, "data", _BYTES)],
    }.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            message.field.add(name=field, number=number, type=kind, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(message.name))
        for message in file.message_type
    }


PROTO = _messages()


class ExistingNode:
    """One such node. `handshake_errors` lists what went wrong, as its debug log would."""

    def __init__(self, seed: bytes) -> None:
        self._signing = SigningKey(seed)
        self.public_key = bytes(self._signing.verify_key)
        self.handshake_errors: list[str] = []

    def _pack(self, message: Any) -> bytes:
        data = message.SerializeToString()
        packet = PROTO["Packet"](
            data=data, key=self.public_key, sig=self._signing.sign(data).signature
        )
        return bytes(packet.SerializeToString())

    def _unpack(self, sock: socket.socket) -> Any:
        """The one read. Raises ValueError with what its log would say."""
        sock.settimeout(READ_S)
        content = sock.recv(MAX_HANDSHAKE)
        packet = PROTO["Packet"]()
        packet.ParseFromString(content)  # DecodeError is a ValueError here
        if packet.SerializeToString() != content:
            raise ValueError(f"{len(content)} bytes are not one packet")
        if len(packet.key) != 32 or len(packet.sig) != 64:
            raise ValueError("short key or signature")
        VerifyKey(packet.key).verify(packet.data, packet.sig)
        return packet

    def dial(self, host: str, port: int) -> socket.socket:
        """Connect and shake hands, with the one retry; raises OSError when both fail."""
        for _ in range(2):
            sock = socket.create_connection((host, port), timeout=1.0)
            try:
                self._shake(sock, f"{host}:{port}")
                return sock
            except Exception as error:
                self.handshake_errors.append(repr(error))
                time.sleep(0.5)  # the old socket stays open, as with an existing node
        raise ConnectionError(self.handshake_errors)

    def _shake(self, sock: socket.socket, to: str) -> None:
        request = PROTO["HandshakeRequest"](version=0, to=to, timestamp=int(time.time()))
        sock.sendall(self._pack(request))
        packet = self._unpack(sock)
        response = PROTO["HandshakeResponse"]()
        response.ParseFromString(packet.data)
        if response.req_hash != hashlib.sha256(request.SerializeToString()).digest():
            raise ValueError("the response is for another request")

    def accept(self, listener: socket.socket, wanted: bytes) -> socket.socket:
        """Take connections one after the other until the wanted key shakes hands."""
        while True:
            sock, _ = listener.accept()
            try:
                packet = self._unpack(sock)
                if packet.key != wanted:
                    raise ValueError("nobody waits for this key")
                request = PROTO["HandshakeRequest"]()
                request.ParseFromString(packet.data)
                if request.version != 0:
                    raise ValueError("wrong version")
                digest = hashlib.sha256(packet.data).digest()
                sock.sendall(self._pack(PROTO["HandshakeResponse"](req_hash=digest)))
                return sock
            except Exception as error:
                self.handshake_errors.append(repr(error))
                sock.close()


def frame(data: bytes) -> bytes:
    """A Message on the wire."""
    body = bytes([MESSAGE]) + PROTO["Message"](data=data).SerializeToString()
    return struct.pack(">I", len(body)) + body


def read_message(sock: socket.socket) -> bytes:
    """The data of the next Message; other frames are passed over as an existing node does."""
    while True:
        sock.settimeout(20)
        (length,) = struct.unpack(">I", _exactly(sock, 4))
        if length > MAX_FRAME:
            raise ConnectionError("header too large")
        sock.settimeout(BODY_S)
        body = _exactly(sock, length)
        if body[:1] == bytes([MESSAGE]):
            message = PROTO["Message"]()
            message.ParseFromString(body[1:])
            return bytes(message.data)


def _exactly(sock: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        piece = sock.recv(count - len(content))
        if not piece:
            raise ConnectionError("closed")
        content += piece
    return content


def in_background(work: Any, *arguments: Any) -> threading.Thread:
    """Run on a thread of its own."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread
