"""The messages of common/protocol.md as classes of the official protobuf package.

In: the tables of that page, and nothing else. Out: classes that read what was sent, and the sizes
that the page names. Called by test_wire_tables.py.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from docs.documents import document, tables
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTOCOL = document("common/protocol.md")
HEAD = ("message", "no.", "field", "kind", "what")
FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "uint32": FIELD.TYPE_UINT32,
    "int64": FIELD.TYPE_INT64,
    "fixed64": FIELD.TYPE_FIXED64,
    "string": FIELD.TYPE_STRING,
    "bool": FIELD.TYPE_BOOL,
    "bytes": FIELD.TYPE_BYTES,
}


@cache
def messages() -> dict[str, tuple[int | None, list[tuple[int, str, str]]]]:
    """Each message of the tables: its type byte, if it has one, and number, name, kind of each
    field.
    """
    found: dict[str, tuple[int | None, list[tuple[int, str, str]]]] = {}
    name = ""
    for rows in tables(PROTOCOL.text):
        if tuple(rows[0]) != HEAD:
            continue
        for message, number, field, kind, _ in rows[1:]:
            if message:
                match = re.fullmatch(r"(\w+)(?: \((\d+)\))?", message)
                assert match is not None, message
                name = match[1]
                found[name] = (int(match[2]) if match[2] else None, [])
            found[name][1].append((int(number), field, kind))
    return found


def _add_field(message: Any, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=FIELD.LABEL_OPTIONAL)
    scalar = SCALARS.get(kind.partition(",")[0])
    if scalar is not None:
        field.type = scalar
        return
    field.type = FIELD.TYPE_MESSAGE
    if kind.startswith("map of string to "):
        entry = message.nested_type.add(name="MapEntry")
        entry.options.map_entry = True
        _add_field(entry, 1, "key", "string")
        _add_field(entry, 2, "value", kind.removeprefix("map of string to "))
        field.type_name = f".page.{message.name}.MapEntry"
    else:
        field.type_name = f".page.{kind.removeprefix('repeated ')}"
    if kind.startswith(("map", "repeated")):
        field.label = FIELD.LABEL_REPEATED


@cache
def classes() -> dict[str, Any]:
    """Message classes of the official protobuf package, made of the page's tables."""
    file = descriptor_pb2.FileDescriptorProto(name="page.proto", package="page", syntax="proto3")
    for name, (_, rows_) in messages().items():
        message = file.message_type.add(name=name)
        for number, field, kind in rows_:
            _add_field(message, number, field, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"page.{name}"))
        for name in messages()
    }


def read(name: str, data: bytes) -> Any:
    """By the class of the table, which must know every field."""
    message = classes()[name]()
    message.ParseFromString(data)
    known = classes()[name]()
    known.ParseFromString(data)
    known.DiscardUnknownFields()
    # In length only: entries of a map may come in any order.
    assert len(known.SerializeToString()) == len(data), (name, data.hex())
    return message


def plain(value: Any) -> Any:
    """A parsed field as the recorded rows spell it; None for a nested message that is absent."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "DESCRIPTOR"):
        return {each.name: plain_field(value, each.name) for each in value.DESCRIPTOR.fields}
    if hasattr(value, "items"):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value]


def plain_field(message: Any, name: str) -> Any:
    value = getattr(message, name)
    absent = hasattr(value, "DESCRIPTOR") and not message.HasField(name)
    return None if absent else plain(value)


def kinds_of(name: str) -> dict[str, str]:
    return {field: kind for _, field, kind in messages()[name][1]}


def check_sizes(message: Any) -> None:
    """Fields whose size the page names have it."""
    for field, kind in kinds_of(message.DESCRIPTOR.name).items():
        value = getattr(message, field)
        if kind.startswith("bytes, ") and value:
            assert len(value) == int(kind.removeprefix("bytes, ")), (field, value)
        elif hasattr(value, "DESCRIPTOR"):
            check_sizes(value)
