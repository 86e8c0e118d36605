"""The messages of the TCP link as the official protobuf package knows them.

In go the field tables below, out come message classes, made at run time: there is no .proto file
and no generated code. Called by tests/host/test_codecs_against_protobuf.py and by
tests/bench/bench_codecs.py.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_UINT32 = descriptor_pb2.FieldDescriptorProto.TYPE_UINT32
_INT64 = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES

# protocol.md, "Signed packet" and "TCP: handshake, then gossip".
_MESSAGES = {
    "Packet": {
        "type": (1, _UINT32),
        "data": (2, _BYTES),
        "public_key": (3, _BYTES),
        "signature": (4, _BYTES),
    },
    "HandshakeRequest": {"version": (1, _UINT32), "to": (2, _STRING), "timestamp": (3, _INT64)},
    "HandshakeResponse": {"req_hash": (1, _BYTES)},
    "Message": {"data": (1, _BYTES)},
    "MessageRequest": {"id": (1, _BYTES)},
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="shimlet.proto", package="shimlet", syntax="proto3"
    )
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            message.field.add(name=field_name, number=number, type=kind, label=label)
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"shimlet.{name}"))


Packet = _class("Packet")
HandshakeRequest = _class("HandshakeRequest")
HandshakeResponse = _class("HandshakeResponse")
Message = _class("Message")
MessageRequest = _class("MessageRequest")
