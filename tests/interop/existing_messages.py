"""The messages over UDP as the official protobuf package knows them, for the stand-in of an
existing node; made at run time from the tables below.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_STRING, _MESSAGE, _BYTES, _UINT32, _INT64, _FIXED64, _BOOL = 9, 11, 12, 13, 3, 6, 8
_REPEATED = 3

_Fields = dict[str, tuple[int, int | str]]
_MESSAGES: dict[str, _Fields] = {
    "Packet": {"type": (1, _UINT32), "data": (2, _BYTES), "key": (3, _BYTES), "sig": (4, _BYTES)},
    "NetworkAddress": {"network": (1, _STRING), "port": (2, _UINT32)},
    "ServiceMap": {"map": (1, "ServiceMap.MapEntry")},
    "Peer": {"key": (1, _BYTES), "ip": (2, _STRING), "services": (3, "ServiceMap")},
    "Salt": {"bytes": (1, _BYTES), "exp_time": (2, _FIXED64)},
    "Ping": {
        "version": (1, _UINT32),
        "network_id": (2, _UINT32),
        "timestamp": (3, _INT64),
        "src_addr": (4, _STRING),
        "src_port": (5, _UINT32),
        "dst_addr": (6, _STRING),
    },
    "Pong": {"req_hash": (1, _BYTES), "services": (2, "ServiceMap"), "dst_addr": (3, _STRING)},
    "DiscoveryRequest": {"timestamp": (1, _INT64)},
    "DiscoveryResponse": {"req_hash": (1, _BYTES), "peers": (2, "Peer")},
    "PeeringRequest": {"timestamp": (1, _INT64), "salt": (2, "Salt")},
    "PeeringResponse": {"req_hash": (1, _BYTES), "status": (2, _BOOL)},
    "PeeringDrop": {"timestamp": (1, _INT64)},
}
TYPES = {
    10: "Ping",
    11: "Pong",
    12: "DiscoveryRequest",
    13: "DiscoveryResponse",
    20: "PeeringRequest",
    21: "PeeringResponse",
    22: "PeeringDrop",
}
_LISTS = {("ServiceMap", "map"), ("DiscoveryResponse", "peers")}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="udp.proto", package="u", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            label = _REPEATED if (name, field_name) in _LISTS else 1
            field = message.field.add(name=field_name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _MESSAGE, f".u.{kind}"
            else:
                field.type = kind  # type: ignore[assignment]
        if name == "ServiceMap":
            _add_map_entry(message)
    return file


def _add_map_entry(message: descriptor_pb2.DescriptorProto) -> None:
    entry = message.nested_type.add(name="MapEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=1, type=_STRING)  # type: ignore[arg-type]
    value = entry.field.add(name="value", number=2, label=1, type=_MESSAGE)  # type: ignore[arg-type]
    value.type_name = ".u.NetworkAddress"


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"u.{name}"))
        for name in _MESSAGES
    }


UDP = _classes()
