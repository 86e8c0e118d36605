"""What requests may say, as JSON Schema for `/docs` and for clients that are generated from it.

In: nothing. Out: the pieces of the document that FastAPI cannot read off the routes. The real
check is in `bodies.py`, which makes a sentence of every mistake; both say the same. Used by
`routes.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from shimlet_host.config.peers import LONGEST_ALIAS
from shimlet_host.web.bodies import (
    DEFAULT_LISTED_MESSAGES,
    MAX_ENTRIES,
    MAX_LISTED_MESSAGES,
)

_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$"

PublicKey = Annotated[
    str,
    Field(
        description="32 bytes in base58.",
        min_length=32,
        max_length=44,
        pattern="^[1-9A-HJ-NP-Za-km-z]+$",
        json_schema_extra={"format": "public-key"},
    ),
]
Address = Annotated[
    str,
    Field(
        description="`host:port`; an IPv6 address stands in brackets.",
        max_length=261,
        pattern=r"^\S+:[0-9]{1,5}$",
        json_schema_extra={"format": "host-port"},
    ),
]


Alias = Annotated[
    str | None,
    Field(
        description="A name of characters that can be printed; empty for none.",
        max_length=LONGEST_ALIAS,
    ),
]
Switch = Annotated[
    bool | None, Field(description="A disabled peer is neither dialled nor accepted.")
]


class PeerToAdd(BaseModel):
    """A node that lists us, too. An alias or a switch that is left out or null stays as it is; a
    new peer has no alias, and is enabled.
    """

    publicKey: PublicKey
    address: Address
    alias: Alias = None
    enabled: Switch = None


class PeerToRemove(BaseModel):
    """A known peer."""

    publicKey: PublicKey


class PeerToMark(BaseModel):
    """A known peer; what is left out or null stays as it is."""

    publicKey: PublicKey
    alias: Alias = None
    enabled: Switch = None


MESSAGE = {
    "title": "MessageToPublish",
    "type": "object",
    "description": "One of the two; at most 66555 bytes.",
    "properties": {
        "payload": {"type": "string", "description": "Text.", "minLength": 1},
        "payloadBase64": {"type": "string", "description": "Bytes.", "pattern": _BASE64},
    },
    "oneOf": [{"required": ["payload"]}, {"required": ["payloadBase64"]}],
}

LIMIT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_LISTED_MESSAGES,
    "default": DEFAULT_LISTED_MESSAGES,
}
FLAG = {"type": "boolean", "default": False}
# Of the event stream, whose class does not tell.
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def list_of(shape: type[BaseModel]) -> dict[str, Any]:
    """A route's body: a list, as long as one request may bring it."""
    items = shape.model_json_schema()
    return body({"type": "array", "maxItems": MAX_ENTRIES, "items": items})


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """A route's body."""
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    """A route's one parameter."""
    return {"parameters": [{"name": name, "in": "query", "description": text, "schema": schema}]}
