"""Messages to bytes: fields in ascending order, defaults left out, service maps sorted by name.

In go messages, out comes `data`: the type byte and the protobuf message, equal byte for byte to
what existing nodes send. Called by discovery.py and selection.py.
"""

from __future__ import annotations

from shimlet_host.autopeering.messages import (
    DiscoveryRequest,
    DiscoveryResponse,
    PeerEntry,
    PeeringDrop,
    PeeringRequest,
    PeeringResponse,
    Ping,
    Pong,
    Service,
    Services,
)


def encode_ping(ping: Ping) -> bytes:
    """The data of a Ping."""
    return b"\x0a" + b"".join(
        (
            _number(1, ping.version),
            _number(2, ping.network_id),
            _number(3, ping.timestamp),
            _text(4, ping.src_addr),
            _number(5, ping.src_port),
            _text(6, ping.dst_addr),
        )
    )


def encode_pong(pong: Pong) -> bytes:
    """The data of a Pong."""
    services = b"" if pong.services is None else encode_services(pong.services)
    return pong_around(
        services, pong.req_hash, pong.dst_addr, has_services=pong.services is not None
    )


def pong_around(
    services: bytes, req_hash: bytes, dst_addr: str, *, has_services: bool = True
) -> bytes:
    """The data of a Pong around a ServiceMap that was encoded before: ours never changes."""
    field = _nested(2, services) if has_services else b""
    return b"\x0b" + _bytes(1, req_hash) + field + _text(3, dst_addr)


def encode_discovery_request(request: DiscoveryRequest) -> bytes:
    """The data of a DiscoveryRequest."""
    return b"\x0c" + _number(1, request.timestamp)


def encode_discovery_response(response: DiscoveryResponse) -> bytes:
    """The data of a DiscoveryResponse; its size is the caller's business."""
    peers = b"".join(encode_peer(peer) for peer in response.peers)
    return b"\x0d" + _bytes(1, response.req_hash) + peers


def encode_peer(peer: PeerEntry) -> bytes:
    """One `peers` field of a DiscoveryResponse."""
    services = _nested(3, encode_services(peer.services))
    return _nested(2, _bytes(1, peer.public_key) + _text(2, peer.ip) + services)


def encode_peering_request(request: PeeringRequest) -> bytes:
    """The data of a PeeringRequest."""
    salt = b""
    if request.salt is not None:
        expiration = request.expiration_time
        fixed = b"\x11" + expiration.to_bytes(8, "little") if expiration else b""
        salt = _nested(2, _bytes(1, request.salt) + fixed)
    return b"\x14" + _number(1, request.timestamp) + salt


def encode_peering_response(response: PeeringResponse) -> bytes:
    """The data of a PeeringResponse."""
    return b"\x15" + _bytes(1, response.req_hash) + _number(2, response.status)


def encode_peering_drop(drop: PeeringDrop) -> bytes:
    """The data of a PeeringDrop."""
    return b"\x16" + _number(1, drop.timestamp)


def encode_services(services: Services) -> bytes:
    """A ServiceMap: entries sorted by name, key and value always written."""
    return b"".join(
        _nested(1, _nested(1, name.encode()) + _nested(2, _address(services[name])))
        for name in sorted(services)
    )


def _address(service: Service) -> bytes:
    return _text(1, service.network) + _number(2, service.port)


_ONE_BYTE = tuple(bytes((value,)) for value in range(128))


def varint(value: int) -> bytes:
    """A varint of up to 64 bits; negative numbers take ten bytes."""
    if 0 <= value < 128:
        return _ONE_BYTE[value]
    value &= (1 << 64) - 1
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def _nested(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def _bytes(field: int, content: bytes) -> bytes:
    return _nested(field, content) if content else b""


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
