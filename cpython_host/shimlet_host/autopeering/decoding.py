"""Bytes to messages: fields in any order, unknown ones skipped, the last scalar wins.

In goes `data`, the type byte and the protobuf message; out comes the message, or None if anything
in it is malformed. Nested messages that come twice are merged. Nothing is judged here. Called by
protocol.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from shimlet.wire import Reader

from shimlet_host.autopeering.messages import (
    DISCOVERY_REQUEST,
    DISCOVERY_RESPONSE,
    PEERING_DROP,
    PEERING_REQUEST,
    PEERING_RESPONSE,
    PING,
    PONG,
    DiscoveryRequest,
    DiscoveryResponse,
    Message,
    PeerEntry,
    PeeringDrop,
    PeeringRequest,
    PeeringResponse,
    Ping,
    Pong,
    Service,
    Services,
)
from shimlet_host.autopeering.usual import usual_ping

_U32 = 0xFFFFFFFF
_SIGN = 1 << 63
_USUAL_SERVICES = 128  # bytes; larger maps are not worth remembering
_M = TypeVar("_M")


def decode(data: bytes) -> Message | None:
    """The message that the type byte announces; None if it is malformed or of no known type."""
    usual = usual_ping(data)
    if usual is not None:
        return usual
    decoder = _DECODERS.get(data[0]) if data else None
    if decoder is None:
        return None
    try:
        return _read(data, 1, len(data), *decoder)
    except UnicodeDecodeError:
        return None


def is_known(message_type: int) -> bool:
    """Whether there is such a message."""
    return message_type in _DECODERS


def _read(
    data: bytes | bytearray, start: int, end: int, make: Callable[[], _M], take: _Take[_M]
) -> _M | None:
    """Hand each field to `take`, which reads those that the message has."""
    reader = Reader()
    reader.over(data, start, end)
    message = make()
    while reader.pos < reader.end:
        tag = reader.tag()
        if reader.ok and not take(message, tag, reader):
            reader.skip(tag)
    return message if reader.ok else None


_Take = Callable[[_M, int, Reader], bool]


def _u32(reader: Reader) -> int:
    low = reader.varint()
    return (low | reader.high << 28) & _U32


def _i64(reader: Reader) -> int:
    low = reader.varint()
    value = low | reader.high << 28 | reader.top << 56
    return value - (1 << 64) if value & _SIGN else value


def _content(reader: Reader) -> bytes:
    start = reader.field()
    return bytes(reader.buf[start : start + reader.length])


def _string(reader: Reader) -> str:
    """Text; the strict decoder of Python refuses what protobuf refuses."""
    return _content(reader).decode()


def _hash(reader: Reader) -> bytes:
    start = reader.field_of(32)
    return bytes(reader.buf[start : start + 32])


def _take_ping(ping: Ping, tag: int, reader: Reader) -> bool:
    if tag == 3 << 3:
        ping.timestamp = _i64(reader)
    elif tag == 2 << 3:
        ping.network_id = _u32(reader)
    elif tag == 4 << 3 | 2:
        ping.src_addr = _string(reader)
    elif tag == 5 << 3:
        ping.src_port = _u32(reader)
    elif tag == 6 << 3 | 2:
        ping.dst_addr = _string(reader)
    elif tag == 1 << 3:
        ping.version = _u32(reader)
    else:
        return False
    return True


def _take_pong(pong: Pong, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        pong.req_hash = _hash(reader)
    elif tag == 2 << 3 | 2:
        pong.services = _merged(pong.services, reader)
    elif tag == 3 << 3 | 2:
        pong.dst_addr = _string(reader)
    else:
        return False
    return True


def _take_timestamp(message: DiscoveryRequest | PeeringDrop, tag: int, reader: Reader) -> bool:
    if tag != 1 << 3:
        return False
    message.timestamp = _i64(reader)
    return True


def _take_discovery_response(response: DiscoveryResponse, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        response.req_hash = _hash(reader)
    elif tag == 2 << 3 | 2:
        peer = _within(reader, _Peer, _take_peer)
        if peer is not None:
            entry = PeerEntry(peer.public_key, peer.ip, peer.services or {})
            response.peers = (*response.peers, entry)
    else:
        return False
    return True


@dataclass(slots=True)
class _Peer:
    public_key: bytes = b""
    ip: str = ""
    services: Services | None = None


def _take_peer(peer: _Peer, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        peer.public_key = _content(reader)
    elif tag == 2 << 3 | 2:
        peer.ip = _string(reader)
    elif tag == 3 << 3 | 2:
        peer.services = _merged(peer.services, reader)
    else:
        return False
    return True


def _take_peering_request(request: PeeringRequest, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3:
        request.timestamp = _i64(reader)
    elif tag == 2 << 3 | 2:
        request.salt = request.salt or b""
        _within(reader, lambda: request, _take_salt)
    else:
        return False
    return True


def _take_salt(request: PeeringRequest, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        request.salt = _content(reader)
    elif tag == 2 << 3 | 1:
        start = reader.pos
        reader.skip(tag)
        request.expiration_time = int.from_bytes(reader.buf[start : start + 8], "little")
    else:
        return False
    return True


def _take_peering_response(response: PeeringResponse, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        response.req_hash = _hash(reader)
    elif tag == 2 << 3:
        response.status = bool(_i64(reader))
    else:
        return False
    return True


def _merged(services: Services | None, reader: Reader) -> Services:
    """These services and those of the ServiceMap that comes next."""
    content = _content(reader)
    usual = len(content) <= _USUAL_SERVICES
    found = (_services if usual else _services.__wrapped__)(content) if reader.ok else None
    if found is None:
        reader.ok = False
        reader.pos = reader.end
        return {}
    return {**services, **found} if services else found


@lru_cache(1024)
def _services(content: bytes) -> Services | None:
    """A ServiceMap. Nearly all nodes offer the same, and tell of it again and again."""
    found: dict[str, Service] = {}
    return _read(content, 0, len(content), lambda: found, _take_entry)


def _take_entry(services: dict[str, Service], tag: int, reader: Reader) -> bool:
    if tag != 1 << 3 | 2:
        return False
    entry = _within(reader, _Entry, _take_entry_field)
    if entry is not None:
        services[entry.name] = Service(entry.network, entry.port)
    return True


@dataclass(slots=True)
class _Entry:
    name: str = ""
    network: str = ""
    port: int = 0


def _take_entry_field(entry: _Entry, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        entry.name = _string(reader)
    elif tag == 2 << 3 | 2:
        _within(reader, lambda: entry, _take_address)
    else:
        return False
    return True


def _take_address(entry: _Entry, tag: int, reader: Reader) -> bool:
    if tag == 1 << 3 | 2:
        entry.network = _string(reader)
    elif tag == 2 << 3:
        entry.port = _u32(reader)
    else:
        return False
    return True


def _within(reader: Reader, make: Callable[[], _M], take: _Take[_M]) -> _M | None:
    """A nested message; a malformed one spoils the reader."""
    start = reader.field()
    if not reader.ok:
        return None
    nested = _read(reader.buf, start, start + reader.length, make, take)
    if nested is None:
        reader.ok = False
        reader.pos = reader.end
    return nested


_DECODERS: dict[int, tuple[Callable[[], Message], _Take[Message]]] = {
    PING: (Ping, _take_ping),  # type: ignore[dict-item]  # each pair is of one message
    PONG: (Pong, _take_pong),  # type: ignore[dict-item]
    DISCOVERY_REQUEST: (DiscoveryRequest, _take_timestamp),  # type: ignore[dict-item]
    DISCOVERY_RESPONSE: (DiscoveryResponse, _take_discovery_response),  # type: ignore[dict-item]
    PEERING_REQUEST: (PeeringRequest, _take_peering_request),  # type: ignore[dict-item]
    PEERING_RESPONSE: (PeeringResponse, _take_peering_response),  # type: ignore[dict-item]
    PEERING_DROP: (PeeringDrop, _take_timestamp),  # type: ignore[dict-item]
}
